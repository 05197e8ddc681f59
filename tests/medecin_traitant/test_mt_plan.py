"""The plan people agreed on: kept, followed with the fewest changes, its price told, forgotten."""

import datetime as dt
from importlib import import_module

import pytest
from django.utils import timezone
from django_scopes import scope, scopes_disabled
from test_mt_matching import weigh, who
from test_mt_pages import at, text

from factories import BLANZY, GENELARD, make_doctor
from maillage.accounts.enums import Role
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import DoctorOffer, PlannedPair
from maillage.medecin_traitant.queries.matching import Why
from maillage.territory.models import Commune
from people import actor_as, make_cpts, sign_in


@pytest.fixture
def run(cpts, settings_mt):
    """The attribution that follows the plan, if one is kept."""

    def found(**said):
        settings, rules = queries.settings_of(cpts), queries.rules_of(cpts)
        said = {"plan": queries.plan_of(cpts)} | said
        return queries.matching_for(cpts, settings, rules, now=timezone.now(), **said)

    return found


@pytest.fixture
def keep(cpts, coordinator, run):
    """Keep what is found, these choices made by hand ({request: doctor})."""

    def kept(choices=None):
        chosen = {one.pk: doctor.pk for one, doctor in (choices or {}).items()}
        pairs = queries.pairs_shown(run(choices=chosen))
        return actions.keep_plan(by=coordinator, cpts=cpts, pairs=pairs)

    return kept


@pytest.fixture
def other(cpts):
    return make_doctor(cpts, insee=BLANZY)


@pytest.fixture
def crossed(take, doctor, other, offers, keep):
    """Two doctors with two places each, three people; by hand, two go to the farther one."""
    offers(doctor, per_month=2)
    offers(other, per_month=2)
    made = [take(), take(), take(commune=Commune.objects.get(pk=BLANZY))]
    assert keep({made[0]: other, made[2]: doctor, made[1]: doctor}) == 3
    return made


def refuse(coordinator, doctor_request, doctor):
    sent = actions.propose_doctor(
        by=coordinator, doctor_request=doctor_request, professional=doctor
    )
    actions.refuse_attribution(by=coordinator, attribution=sent, reason="full")


def test_a_refusal_moves_one_person_and_the_price_is_told(crossed, doctor, other, run, coordinator):
    first, second, third = crossed
    assert who(run()) == {first.pk: other, second.pk: doctor, third.pk: doctor}
    refuse(coordinator, second, doctor)
    found, best = run(), run(plan=None)
    assert who(found) == {first.pk: other, second.pk: other, third.pk: doctor}
    assert who(best) == {first.pk: doctor, second.pk: other, third.pk: other}
    assert found.kept.changes == {second.pk: (doctor, Why.REFUSED)}
    assert (found.kept.moved, found.kept.new) == (1, set())
    assert found.kept.minutes == found.found.cost - best.found.cost > 0
    told = {line.doctor_request.pk: line.change for line in queries.explained(found)[0]}
    assert told[first.pk] == told[third.pk] == "" and "sans suite" in told[second.pk]


def test_nothing_changes_when_nothing_happened(crossed, run):
    kept = run().kept
    assert (kept.changes, kept.moved, kept.new) == ({}, 0, set()) and kept.minutes > 0


def test_a_newcomer_of_a_higher_class_takes_one_place(
    cpts, take, doctor, other, offers, run, keep, coordinator
):
    actions.set_rules(by=coordinator, cpts=cpts, rules=[actions.Rule("ald", 1)], source="bureau")
    offers(doctor, per_month=1)
    offers(other, per_month=1)
    near, far = take(), take(commune=Commune.objects.get(pk=BLANZY))
    keep()
    newcomer = take(ald="yes", commune=Commune.objects.get(pk=GENELARD))
    found = run()
    assert found.found.placed.sum() == 2 and found.kept.new == {newcomer.pk}
    assert len(found.kept.changes) == 1 and found.kept.moved == 0
    (lost,) = found.kept.changes
    assert lost in (near.pk, far.pk) and found.kept.changes[lost][1] == Why.GIVEN
    (line,) = queries.explained(found)[1]
    assert line.doctor_request.pk == lost and "va à quelqu'un d'autre" in line.change


def test_an_offer_that_shrinks_moves_one(take, doctor, other, offers, run, keep):
    offers(doctor, per_month=3)
    offers(other, per_month=3)
    made = [take() for _ in range(3)]
    keep(dict.fromkeys(made, doctor))
    offers(doctor, per_month=2)
    found = run()
    assert sorted(map(str, who(found).values())) == sorted(map(str, [doctor, doctor, other]))
    assert [why for _, why in found.kept.changes.values()] == [Why.FEWER_PLACES]
    assert found.kept.moved == 1


def test_an_offer_that_ends_moves_its_people_only(
    take, doctor, other, offers, run, keep, coordinator
):
    offers(doctor, per_month=2)
    offers(other, per_month=3)
    first, second = take(), take()
    keep({first: doctor, second: other})
    offer = DoctorOffer.objects.get(professional=doctor, ended_at=None)
    actions.withdraw_offer(by=coordinator, offer=offer)
    found = run()
    assert who(found) == {first.pk: other, second.pk: other}
    assert found.kept.changes == {first.pk: (doctor, Why.NO_OFFER)}


def test_who_is_no_longer_there_leaves_a_place(crossed, take, doctor, run, desk, other):
    first, second, third = crossed
    actions.withdraw(by=desk, doctor_request=second)
    newcomer = take()
    found = run()
    assert who(found) == {first.pk: other, third.pk: doctor, newcomer.pk: doctor}
    assert (found.kept.changes, found.kept.new) == ({}, {newcomer.pk})
    told = {line.doctor_request.pk: line.change for line in queries.explained(found)[0]}
    assert told[newcomer.pk] == "Nouvelle, pas dans le plan."


def test_a_choice_by_hand_holds_over_the_plan(crossed, doctor, other, run):
    first, second, third = crossed
    price = run().kept.minutes
    found = run(choices={second.pk: other.pk})
    assert who(found) == {first.pk: other, second.pk: other, third.pk: doctor}
    assert found.kept.changes == {second.pk: (doctor, Why.CHOSEN)}
    assert found.hand.choices == 1 and found.hand.minutes > 0 and found.kept.minutes == price
    aside = run(choices={third.pk: queries.ASIDE})
    assert who(aside) == {first.pk: other, second.pk: doctor} and aside.hand.fewer == 1
    assert aside.kept.changes == {third.pk: (doctor, Why.CHOSEN)}


def test_a_household_of_the_plan_stays_together(
    take, doctor, other, offers, run, keep, settings_mt
):
    offers(doctor, per_month=3)
    offers(other, per_month=3)
    weigh(settings_mt, load_step_minutes=5)
    first = take(household_size=2)
    second = take(household=first)
    keep({first: doctor, second: doctor})
    newcomer = take()
    found = run()
    assert {first.pk: doctor, second.pk: doctor}.items() <= who(found).items()
    assert (found.gathering.households, found.gathering.together) == (1, 1)
    assert found.kept.new == {newcomer.pk}


def test_above_the_limit_no_plan_is_followed(crossed, run):
    found = run(exact_max=0)
    assert found.kept is None and found.certified is not None


# Kept and forgotten


def test_who_keeps_and_forgets(cpts, crossed, desk, coordinator, take, keep, clock):
    with pytest.raises(NotAllowed):
        actions.keep_plan(by=desk, cpts=cpts, pairs={})
    with pytest.raises(NotAllowed):
        actions.forget_plan(by=desk, cpts=cpts)
    with pytest.raises(actions.NothingToKeep):
        actions.keep_plan(by=coordinator, cpts=cpts, pairs={987_654: 1})
    before = queries.plan_of(cpts).kept_at
    clock.move(days=1)
    keep()  # the same: nothing is written
    assert queries.plan_of(cpts).kept_at == before
    take()
    keep()
    assert queries.plan_of(cpts).kept_at == clock.now and PlannedPair.objects.count() == 4
    for _ in range(2):
        actions.forget_plan(by=coordinator, cpts=cpts)
    assert queries.plan_of(cpts) is None
    lines = list(JournalLine.objects.filter(action__startswith="mt.plan_").order_by("number"))
    assert [(line.action, line.data["pairs"]) for line in lines] == [
        *(("mt.plan_kept", 3), ("mt.plan_kept", 4), ("mt.plan_forgotten", 4)),
    ]


def test_a_pair_whose_doctor_is_asked_stays_in_the_plan(
    cpts, crossed, doctor, run, keep, coordinator, take
):
    first, second, third = crossed
    sent = actions.propose_doctor(by=coordinator, doctor_request=second, professional=doctor)
    take()
    keep()
    actions.refuse_attribution(by=coordinator, attribution=sent, reason="full")
    assert run().kept.changes[second.pk] == (doctor, Why.REFUSED)


def test_the_plan_of_another_cpts_is_never_met(cpts, crossed, doctor):
    with scopes_disabled():
        neighbour = make_cpts("voisine")
    with scope(cpts=neighbour):
        abroad = actor_as(neighbour, Role.COORDINATOR)
        assert queries.plan_of(neighbour) is None
        with pytest.raises(actions.NothingToKeep):
            pairs = {crossed[0].pk: doctor.pk}
            actions.keep_plan(by=abroad, cpts=neighbour, pairs=pairs)
        with pytest.raises(NotAllowed):
            actions.forget_plan(by=abroad, cpts=cpts)
    assert len(queries.plan_of(cpts).doctors) == 3


def test_no_plan_is_read_outside_a_scope(db):
    with pytest.raises(Exception, match="scope"):
        PlannedPair.objects.first()


# The page


def fields(page, action):
    """What the form with this address would send."""
    form = next(each for each in page.split("<form ") if f'action="{action}"' in each)
    form = form.partition("</form>")[0]
    found = {}
    for one in form.split("<input ")[1:]:
        if 'name="' in one and "csrf" not in one:
            name = one.partition('name="')[2].partition('"')[0]
            found.setdefault(name, []).append(one.partition('value="')[2].partition('"')[0])
    return found


def test_the_coordination_keeps_a_plan_and_follows_it(
    client, cpts, take, doctor, other, offers, coordinator
):
    offers(doctor, per_month=2)
    offers(other, per_month=2)
    made = take()
    sign_in(client, cpts, Role.COORDINATOR)
    chosen = {"choix": f"{made.pk}:{other.pk}"}
    page = client.get(at("matching", cpts), chosen)
    assert "Garder ce plan" in text(page) and "Repartir de zéro" not in text(page)
    typed = fields(page.content.decode(), at("keep_plan", cpts))
    assert typed["choix"] == [f"{made.pk}:{other.pk}"]
    for _ in range(2):  # pressed twice
        kept = text(client.post(at("keep_plan", cpts), typed, follow=True))
        assert "Plan gardé : 1 proposition. Rien n'est envoyé." in kept
    assert PlannedPair.objects.get().professional == other
    assert JournalLine.objects.filter(action="mt.plan_kept").count() == 1
    for told in ("Plan du 23/11/2026 gardé", "Rien n'y change", "de plus que le meilleur"):
        assert told in kept, told
    assert "Remplacer le plan gardé" not in kept
    take()
    refuse(coordinator, made, other)
    shown = text(client.get(at("matching", cpts)))
    assert "1 personne change de médecin, 1 nouvelle personne." in shown
    assert f"Change : le plan proposait {other}, à qui la proposition est restée" in shown
    anew = text(client.get(at("matching", cpts), {"neuf": "1"}))
    assert "Revenir au plan" in anew and "Change :" not in anew
    assert "Plan oublié" in text(client.post(at("forget_plan", cpts), follow=True))
    assert not PlannedPair.objects.exists()


def test_what_was_not_read_is_not_kept(client, cpts, take, doctor, offers):
    offers(doctor)
    take()
    sign_in(client, cpts, Role.COORDINATOR)
    page = client.get(at("matching", cpts)).content.decode()
    typed = fields(page, at("keep_plan", cpts))
    take()
    said = text(client.post(at("keep_plan", cpts), typed, follow=True))
    assert "a changé pendant votre lecture" in said and not PlannedPair.objects.exists()
    forged = {"lu": "", "paire": "1:2"}
    client.post(at("keep_plan", cpts), forged)
    assert not PlannedPair.objects.exists()


def test_those_left_out_come_by_pages_and_all_on_paper(
    client, cpts, take, offers, doctor, monkeypatch
):
    views = import_module("maillage.medecin_traitant.views.matching")
    monkeypatch.setattr(views, "PAIRS_PER_PAGE", 2)
    offers(doctor, per_month=1)
    made = [take() for _ in range(5)]
    sign_in(client, cpts, Role.COORDINATOR)

    def shown(**asked):
        page = text(client.get(at("matching", cpts), asked))
        assert "4 personnes" in page.partition("Sans médecin pour l'instant")[2][:80]
        return page.count("Ce qui suffirait")

    assert (shown(), shown(attente="2"), shown(imprimer="1")) == (2, 2, 4)
    # A choice about somebody on another page is kept by the next computation.
    page = client.get(at("matching", cpts), {"choix": f"{made[4].pk}:0"}).content.decode()
    form = page.partition('id="recalcul"')[2].partition("</form>")[0]
    assert f'value="{made[4].pk}:0"' in form


def test_the_day_of_the_settings_is_the_day_here(client, cpts, settings_mt, doctor, offers, take):
    offers(doctor)
    take()
    weigh(settings_mt, valid_from=dt.datetime(2026, 11, 2, 23, 30, tzinfo=dt.UTC))
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Réglages du 03/11/2026" in text(client.get(at("matching", cpts)))
