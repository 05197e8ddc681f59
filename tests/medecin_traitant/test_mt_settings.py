"""Dated settings, written rules of priority: what they refuse."""

import pytest
from django.utils import timezone

from factories import MT_VALUES, make_doctor
from maillage.accounts.enums import Role
from maillage.kernel.errors import NotAllowed, Unchanged
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import MtSettings, PriorityRule
from people import actor_as, make_professional

OFF = dict.fromkeys(("asks_ald", "asks_c2s", "asks_language", "asks_last_doctor"), False)
VALUES = MT_VALUES | OFF | {"responsible": None, "cpam_basis": ""}


@pytest.fixture
def administrator(cpts):
    return actor_as(cpts, Role.ADMINISTRATOR)


def put(by, cpts, source="bureau du 3 novembre", **values):
    return actions.set_settings(by=by, cpts=cpts, values=VALUES | values, source=source)


def write(by, cpts, *rules, source="bureau"):
    return actions.set_rules(by=by, cpts=cpts, rules=rules, source=source)


def test_a_change_is_a_new_row(cpts, administrator, clock):
    put(administrator, cpts)
    with pytest.raises(Unchanged):
        put(administrator, cpts, source="autre")
    before = clock.now
    clock.move(days=1)
    put(administrator, cpts, promised_days=90)
    assert MtSettings.objects.count() == 2
    assert queries.settings_of(cpts).promised_days == 90
    assert queries.settings_of(cpts, before).promised_days == 60
    for role in (Role.DISPATCHER, Role.PROFESSIONAL, Role.BUREAU, Role.READER):
        with pytest.raises(NotAllowed):
            put(actor_as(cpts, role), cpts, promised_days=30)


@pytest.mark.parametrize("days", [29, 91])
def test_the_promise_is_of_30_to_90_days(cpts, administrator, days):
    with pytest.raises(actions.BadSettings):
        put(administrator, cpts, promised_days=days)


def test_health_is_asked_only_under_a_professional_of_the_directory(cpts, administrator):
    here, elsewhere = make_doctor(cpts), make_professional()
    for asked in ("asks_ald", "asks_c2s"):
        with pytest.raises(actions.BadSettings, match="responsabilité"):
            put(administrator, cpts, **{asked: True})
        with pytest.raises(actions.BadSettings, match="annuaire"):
            put(administrator, cpts, responsible=elsewhere, **{asked: True})
    assert put(administrator, cpts, responsible=here, asks_ald=True).responsible == here
    with pytest.raises(actions.BadSettings):
        put(administrator, cpts, source=" ")


def test_a_rule_looks_only_at_what_is_asked(cpts, administrator):
    with pytest.raises(queries.MtNotSet):
        write(administrator, cpts, actions.Rule("age_from", 1, 70))
    put(administrator, cpts, responsible=make_doctor(cpts), asks_ald=True)
    with pytest.raises(actions.BadRules, match="ne demande pas"):
        write(administrator, cpts, actions.Rule("c2s", 1))
    write(administrator, cpts, actions.Rule("ald", 1))
    with pytest.raises(actions.BadSettings, match="règle de priorité"):
        put(administrator, cpts)
    assert [each.criterion for each in queries.rules_of(cpts)] == ["ald"]


WRONG = [
    (),
    (actions.Rule("age_from", 1),),
    (actions.Rule("home_bound", 1, 5),),
    (actions.Rule("home_bound", 0),),
    (actions.Rule("home_bound", 9),),
    (actions.Rule("home_bound", 1), actions.Rule("home_bound", 2)),
    (actions.Rule("language", 1),),
]


@pytest.mark.parametrize("rules", WRONG, ids=str)
def test_rules_that_cannot_hold(cpts, administrator, settings_mt, rules):
    with pytest.raises(actions.BadRules):
        write(administrator, cpts, *rules)
    assert not PriorityRule.objects.exists()


def test_a_list_replaces_the_one_before(cpts, coordinator, clock):
    write(coordinator, cpts, actions.Rule("age_from", 1, 70), actions.Rule("age_from", 2, 60))
    with pytest.raises(Unchanged):
        write(coordinator, cpts, actions.Rule("age_from", 2, 60), actions.Rule("age_from", 1, 70))
    before = clock.now
    clock.move(days=1)
    write(coordinator, cpts, actions.Rule("waiting_days", 1, 90))
    assert [each.criterion for each in queries.rules_of(cpts)] == ["waiting_days"]
    assert len(queries.rules_of(cpts, before)) == 2
    assert queries.rules_of(cpts, timezone.now())[0].set_by_id == coordinator.seat_id
    with pytest.raises(NotAllowed):
        write(actor_as(cpts, Role.PROFESSIONAL), cpts, actions.Rule("home_bound", 1))
    with pytest.raises(actions.BadRules):
        write(coordinator, cpts, actions.Rule("home_bound", 1), source="")
