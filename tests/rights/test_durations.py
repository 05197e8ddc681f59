"""Durations: dated, signed, decided CPTS by CPTS; the purge obeys them, counts first, tells its lines."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from factories import MONDAY, make_case, make_desk
from maillage.accounts.enums import Role
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.rights import actions, queries
from maillage.rights.models import PurgedCount, RetentionRule
from maillage.snp.models import CareRequest
from people import actor_as, make_cpts

pytestmark = pytest.mark.django_db
DAY = dt.date(2026, 11, 1)
SIGNED = {"source": "délibération du bureau", "decided_by": "Dr Exemple"}


@pytest.fixture
def at(monkeypatch):
    def go(now):
        monkeypatch.setattr(timezone, "now", lambda: now)

    go(MONDAY)
    return go


@pytest.fixture
def cpts():
    with scopes_disabled():
        return make_desk()


@pytest.fixture
def dpo(cpts):
    return actor_as(cpts, Role.DATA_PROTECTION_OFFICER)


def decide(by, cpts, **about):
    usual = {"kind": "care_request", "step": "erase", "days": 60, "valid_from": DAY}
    return actions.set_duration(by=by, cpts=cpts, **usual | SIGNED | about)


# Who decides, and what comes first


def test_what_is_proposed_is_dated_sourced_and_not_yet_decided(cpts):
    rules = queries.rules_in_force(cpts, DAY)
    assert rules["care_request", "erase"].days == 90
    assert {rule.decided_by for rule in rules.values()} == {""}
    assert all("à confirmer" in rule.source for rule in rules.values())


def test_the_cptss_own_rule_comes_first_from_its_day_on(cpts, dpo):
    mine = decide(dpo, cpts)
    assert queries.rules_in_force(cpts, DAY)["care_request", "erase"] == mine
    assert queries.rules_in_force(cpts, DAY - dt.timedelta(days=1))["care_request", "erase"] != mine
    assert queries.rules_in_force(make_cpts("ailleurs"), DAY)["care_request", "erase"] != mine
    line = JournalLine.objects.get(action="rights.duration_set")
    assert (line.cpts_id, line.data["days"]) == (cpts.pk, 60)


@pytest.mark.parametrize(
    "about",
    [
        {"days": 0},
        {"kind": "notice", "step": "nothing"},
        {"kind": "none"},
        {"source": " "},
        {"decided_by": ""},
        {"contract_ends_on": DAY},
    ],
)
def test_a_duration_that_means_nothing_is_refused(cpts, dpo, about):
    with pytest.raises(actions.BadDuration):
        decide(dpo, cpts, **about)
    decide(dpo, cpts)
    with pytest.raises(actions.BadDuration):
        decide(dpo, cpts)


@pytest.mark.parametrize(
    "role", sorted(set(Role) - {Role.ADMINISTRATOR, Role.DATA_PROTECTION_OFFICER})
)
def test_nobody_else_decides(cpts, role):
    with pytest.raises(NotAllowed):
        decide(actor_as(cpts, role), cpts)


def test_an_officer_decides_for_their_own_cpts_only(cpts, dpo):
    for elsewhere in (make_cpts("ailleurs"), None):
        with pytest.raises(NotAllowed):
            decide(dpo, elsewhere)
    with pytest.raises(NotAllowed):
        actions.purge(by=dpo, cpts=cpts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "unknown"},
        {"step": "keep"},
        {"counted_from": "contract"},
        {"contract_ends_on": DAY},
        {"source": ""},
        {"decided_by": ""},
        {"cpts": None},  # the same common rule a second time
        {"valid_from": DAY},  # the CPTS's own a second time
    ],
)
def test_the_database_refuses_a_rule_that_means_nothing(cpts, wrong):
    row = {"cpts": cpts, "kind": "notice", "step": "erase", "days": 3, "valid_from": DAY} | SIGNED
    RetentionRule.objects.create(**row)
    RetentionRule.objects.create(**row | {"cpts": None})
    row["valid_from"] = DAY + dt.timedelta(days=1) if "cpts" not in wrong else DAY
    with pytest.raises(IntegrityError), transaction.atomic():
        RetentionRule.objects.create(**row | wrong)


def test_a_count_is_written_once(cpts):
    with scope(cpts=cpts):
        row = {"cpts": cpts, "table": "snp.CareRequest", "month": DAY, "said": "10|patient"}
        PurgedCount.objects.create(**row)
        with pytest.raises(IntegrityError), transaction.atomic():
            PurgedCount.objects.create(**row)


# The purge


@pytest.fixture
def closed(cpts, at):
    desk = actor_as(cpts, Role.DISPATCHER)
    with scope(cpts=cpts):
        cases = [make_case(desk, "cancelled", phone=f"063998010{n}") for n in range(3)]
        return [case.care_request for case in cases]


def run(*words):
    told = StringIO()
    call_command("purge", *words, stdout=told)
    return told.getvalue()


def emptied(cpts):
    with scope(cpts=cpts):
        return CareRequest.objects.exclude(erased_at=None).count()


def test_the_command_counts_and_changes_nothing_until_told_to(cpts, closed, at):
    at(MONDAY + dt.timedelta(days=90))
    said = run()
    assert "demandes de soins : vider les colonnes qui identifient : 3 (snp.CareRequest)" in said
    assert "Rien n'est changé" in said and emptied(cpts) == 0
    assert "Fait :" in run("--apply") and emptied(cpts) == 3
    assert "snp.CareRequest" not in run("--apply"), "played again, nothing is left to do"


def test_it_goes_on_where_it_stopped(cpts, closed, at):
    at(MONDAY + dt.timedelta(days=90))
    run("--apply", "--batch", "1", "--batches", "2", "--cpts", cpts.slug)
    assert emptied(cpts) == 2
    run("--apply", "--batch", "1")
    assert emptied(cpts) == 3


def test_the_journal_tells_counts_only(cpts, closed, at):
    at(MONDAY + dt.timedelta(days=90))
    run("--apply")
    line = JournalLine.objects.get(action="rights.purged", data__table="snp.CareRequest")
    assert line.data == {
        "of": "care_request",
        "step": "erase",
        "table": "snp.CareRequest",
        "rows": 3,
        "rule": queries.rules_in_force(cpts, DAY)["care_request", "erase"].pk,
    }
    assert (line.actor_kind, line.target, line.residents) == ("system", "", [])


def test_what_is_deleted_remains_as_counts_by_month(cpts, closed, at):
    at(MONDAY + dt.timedelta(days=2191))
    run("--apply")
    with scope(cpts=cpts):
        assert not CareRequest.objects.exists()
        remains = PurgedCount.objects.get()
    assert (remains.table, remains.month, remains.rows) == (
        "snp.CareRequest",
        dt.date(2026, 11, 1),
        3,
    )
    assert remains.said == "10|patient|cancelled"


def test_a_proof_is_kept_until_a_year_after_its_contract(cpts, dpo, closed, at):
    """The contract ends in 2030: nothing goes before its year is over, whatever its own age."""
    end = dt.date(2030, 12, 31)
    decide(dpo, cpts, step="delete", days=365, contract_ends_on=end)
    last = end + dt.timedelta(days=364)
    for day, left in ((last, 3), (last + dt.timedelta(days=1), 0)):
        at(dt.datetime.combine(day, dt.time(9), tzinfo=MONDAY.tzinfo))
        run("--apply")
        with scope(cpts=cpts):
            assert CareRequest.objects.count() == left


def test_without_a_rule_nothing_goes(cpts, closed, at):
    RetentionRule.objects.all().delete()
    at(MONDAY + dt.timedelta(days=9000))
    assert "Fait : 0" in run("--apply") and emptied(cpts) == 0
