"""The attribution, run and read: best by the written rules, explained, decided by a person."""

import dataclasses
import datetime as dt
from functools import partial

import pytest
from django.utils import timezone
from test_mt_pages import at, text

from factories import BLANZY, CREUSOT, GENELARD, MACON, MONTCEAU, make_doctor
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.compute.assignment import Demand, Pairs
from maillage.kernel.errors import NotAllowed
from maillage.kernel.words import NBSP
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import Attribution, DoctorRequest, MtSettings
from maillage.territory.models import Commune
from people import sign_in


@pytest.fixture
def rules(cpts, coordinator):
    written = [actions.Rule("ald", 1), actions.Rule("age_from", 2, 70)]
    return actions.set_rules(by=coordinator, cpts=cpts, rules=written, source="bureau")


def weigh(settings, **values):
    MtSettings.objects.filter(pk=settings.pk).update(**values)


def who(matching):
    """{request: professional} of what is proposed."""
    placed, _ = queries.explained(matching)
    return {each.doctor_request.pk: each.professional for each in placed}


def test_the_first_class_first_and_who_is_left_out_is_told_why(take, doctor, offers, run, rules):
    offers(doctor, per_month=1)
    first, second = take(), take(ald="yes")
    placed, left = queries.explained(run())
    assert [(each.doctor_request, each.professional) for each in placed] == [(second, doctor)]
    assert "même commune" in placed[0].why and "Aucun autre" in placed[0].why_not
    assert [each.doctor_request for each in left] == [first]
    assert "passent avant" in left[0].why
    assert left[0].would_do == f"Une place de plus chez {doctor}, au plus."
    offers(doctor, per_month=2)
    assert who(run()) == {first.pk: doctor, second.pk: doctor}


def test_the_nearest_doctor_and_how_far_the_other_is(cpts, take, doctor, offers, run):
    near = make_doctor(cpts, insee=BLANZY)
    offers(doctor)
    offers(near)
    made = take(commune=Commune.objects.get(pk=BLANZY))
    placed, _ = queries.explained(run())
    assert [(each.doctor_request, each.professional) for each in placed] == [(made, near)]
    assert str(doctor) in placed[0].why_not and "min de trajet de plus" in placed[0].why_not
    assert [each.professional for each in placed[0].others] == [doctor]
    whole = queries.whole_of(run(), 1)
    assert (whole.mean_minutes, whole.worst_minutes) == (0, 0)
    assert whole.communes == [("Blanzy", 1, 1)]
    assert queries.whole_of(run(), 3).communes == [("Blanzy", None, None)]


def test_small_counts_of_the_group_are_hidden_with_others(take, doctor, offers, run):
    offers(doctor, per_month=5)
    for insee in (MONTCEAU,) * 6 + (BLANZY,) * 4 + (GENELARD,):
        take(commune=Commune.objects.get(pk=insee))
    told = queries.whole_of(run(), 3).communes
    counted = {name: (waits, has) for name, waits, has in queries.whole_of(run(), 1).communes}
    assert counted["Génelard"][0] == 1
    assert sum(has for _, has in counted.values()) == 5
    hidden = [name for name, waits, _ in told if waits is None]
    assert "Génelard" in hidden and len(hidden) > 1
    for name, waits, has in told:
        assert waits in (None, counted[name][0]) and has in (None, counted[name][1])
        assert not any(n is not None and n < 3 for n in (waits, has))


def test_above_the_limit_the_distance_to_the_best_is_certified(
    cpts, take, doctor, offers, run, rules
):
    other = make_doctor(cpts, insee=BLANZY)
    offers(doctor, per_month=3)
    offers(other, per_month=3)
    for number in range(9):
        insee = (MONTCEAU, BLANZY, GENELARD)[number % 3]
        take(commune=Commune.objects.get(pk=insee), ald="yes" if number % 2 else "")
    best, near = run(exact_max=9), run(exact_max=8)
    assert best.certified is None and queries.proof_of(best) is None
    proof = queries.proof_of(near)
    assert near.found.placed.tolist() == best.found.placed.tolist()
    assert proof.at_least <= best.found.cost <= proof.minutes
    assert proof.minutes == near.certified.assignment.cost
    assert proof.percent is None or proof.percent >= 0
    assert [rank for rank, _ in proof.classes] == [1, 9]
    # Nobody could place more of class 1: the bound never says fewer than what was done.
    assert all(more >= 0 for _, more in proof.classes)
    assert queries.prices_of_rules(near, queries.rules_of(cpts), timezone.localdate()) == []


def test_a_choice_by_hand_is_kept_above_the_limit_too(cpts, take, doctor, offers, run):
    far = make_doctor(cpts, insee=CREUSOT)
    offers(doctor)
    offers(far)
    made = [take(), take()]
    chosen = run(exact_max=0, choices={made[0].pk: far.pk})
    assert who(chosen)[made[0].pk] == far
    assert chosen.certified.cost_at_least <= chosen.certified.assignment.cost
    aside = run(exact_max=0, choices={made[0].pk: queries.ASIDE})
    assert set(who(aside)) == {made[1].pk}


def test_the_page_says_how_far_the_attribution_may_be(
    client, cpts, take, doctor, offers, monkeypatch
):
    offers(doctor, per_month=2)
    for _ in range(3):
        take()
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Attribution approchée" not in text(client.get(at("matching", cpts)))
    monkeypatch.setattr(queries, "matching_for", partial(queries.matching_for, exact_max=2))
    shown = text(client.get(at("matching", cpts)))
    for told in ("Attribution approchée", "Au-delà de 100 000 personnes", "ne coûte moins de"):
        assert told in shown, told
    assert "aucune autre n'en place plus" in shown or "de plus, au mieux" in shown


def test_nobody_within_reach_says_what_would_do(take, doctor, offers, run):
    offers(doctor, age_from=16)
    far = take(commune=Commune.objects.get(pk=MACON))
    child = take(birth_date=dt.date(2020, 1, 1))
    housebound = take(can_travel=False)
    _, left = queries.explained(run())
    told = {each.doctor_request: (each.why, each.would_do) for each in left}
    assert told[far] == (
        f"1 médecin offre des places{NBSP}: 1 trop loin.",
        "Une offre plus proche.",
    )
    assert "1 hors de cet âge" in told[child][0] and "cet âge" in told[child][1]
    assert "1 sans visite à domicile" in told[housebound][0]
    assert told[housebound][1] == "Une offre avec visites à domicile."


def test_a_refusal_is_proposed_to_another_and_never_again_to_that_doctor(
    cpts, take, doctor, offers, run, coordinator
):
    offers(doctor)
    other = make_doctor(cpts, insee=BLANZY)
    offers(other)
    made = take()
    sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
    assert who(run()) == {}
    actions.refuse_attribution(by=coordinator, attribution=sent, reason="full")
    assert who(run()) == {made.pk: other}


def test_a_doctor_who_did_not_answer_is_not_thought_of_again(
    take, doctor, offers, run, coordinator, clock, settings_mt
):
    offers(doctor)
    made = take()
    sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
    clock.move(days=settings_mt.answer_days + 1)
    actions.expire_attribution(by=SYSTEM, attribution=sent)
    _, left = queries.explained(run())
    assert "1 sans suite à une proposition" in left[0].why


def test_what_was_sent_holds_its_place(take, doctor, offers, run, coordinator):
    offers(doctor, per_month=2)
    first = take()
    actions.propose_doctor(by=coordinator, doctor_request=first, professional=doctor)
    take(), take()
    found = run()
    assert len(found.people) == 2 and found.found.placed.sum() == 1
    assert queries.whole_of(found, 1).shares[0].taken == 1


def test_a_household_has_one_doctor_when_it_is_worth_it(
    cpts, take, doctor, offers, run, settings_mt
):
    other = make_doctor(cpts)
    offers(doctor, per_month=3)
    offers(other, per_month=3)
    weigh(settings_mt, load_step_minutes=5)
    first = take(household_size=2)
    take(household=first)
    assert len(set(who(run()).values())) == 2  # the charge is spread
    weigh(settings_mt, household_minutes=20)
    found = run()
    assert len(set(who(found).values())) == 1
    assert (found.gathering.households, found.gathering.together) == (1, 1)
    assert found.gathering.price_minutes > 0
    placed, _ = queries.explained(found)
    assert any("son foyer" in each.why for each in placed)


def test_a_choice_by_hand_is_held_and_its_price_is_told(cpts, take, doctor, offers, run):
    near = make_doctor(cpts, insee=BLANZY)
    offers(doctor)
    offers(near)
    made = take(commune=Commune.objects.get(pk=BLANZY))
    found = run(choices={made.pk: doctor.pk})
    assert who(found) == {made.pk: doctor}
    assert (found.hand.choices, found.hand.fewer) == (1, 0) and found.hand.minutes > 0
    aside = run(choices={made.pk: queries.ASIDE})
    assert who(aside) == {} and aside.hand.fewer == 1
    assert "à la main" in queries.explained(aside)[1][0].why
    unknown = run(choices={made.pk: 987_654, 2: 3})
    assert unknown.hand is None and who(unknown) == {made.pk: near}


def test_nobody_twice_no_doctor_over_capacity(cpts, take, doctor, offers, run):
    far = make_doctor(cpts, insee=CREUSOT)
    offers(doctor, per_month=2)
    offers(far, per_month=1)
    for insee in (MONTCEAU, BLANZY, CREUSOT, GENELARD, MONTCEAU):
        take(commune=Commune.objects.get(pk=insee))
    found = who(run())
    assert len(found) == 3
    assert list(found.values()).count(doctor) == 2 and list(found.values()).count(far) == 1


def test_the_engine_is_told_of_no_diagnosis(take, doctor, offers, run, rules):
    """A class, a weight, a place, constraints: numbers only."""
    offers(doctor)
    take(ald="yes", c2s="yes", last_doctor="", note="")
    assert {each.name for each in dataclasses.fields(Demand)} == {
        *("priority", "is_heavy", "capacity", "load", "heavy_load")
    }
    assert {each.name for each in dataclasses.fields(Pairs)} == {"patient", "doctor", "minutes"}
    found = run()
    for part in (found.demand, found.pairs):
        for each in dataclasses.fields(part):
            assert getattr(part, each.name).dtype.kind in "ifb"


def test_pairs_are_sent_together_and_what_no_longer_holds_is_told(
    cpts, take, doctor, offers, coordinator, desk
):
    offers(doctor, per_month=1)
    pairs = [(take(), doctor), (take(), doctor)]
    with pytest.raises(NotAllowed):
        actions.propose_pairs(by=desk, cpts=cpts, pairs=pairs)
    done = actions.propose_pairs(by=coordinator, cpts=cpts, pairs=pairs)
    assert [each.doctor_request for each in done.sent] == [pairs[0][0]]
    assert [(each, "place" in why) for each, why in done.refused] == [(pairs[1][0], True)]
    states = DoctorRequest.objects.order_by("number").values_list("state", flat=True)
    assert list(states) == ["proposed", "waiting"]


def test_the_coordination_reads_chooses_and_sends(client, cpts, take, doctor, offers, rules):
    offers(doctor, per_month=2)
    made, other = take(ald="yes"), take(birth_date=dt.date(1940, 1, 1))
    sign_in(client, cpts, Role.COORDINATOR)
    shown = text(client.get(at("matching", cpts)))
    assert "Pourquoi ce médecin ?" in shown and "Pourquoi pas un autre ?" in shown
    assert "affection de longue durée" in shown  # a responsible is named
    assert made.resident.family_name not in shown
    assert "70 ans et plus</span> : ne change pas le total" in text(
        client.get(at("matching", cpts), {"prix": "1"})
    )
    answer = client.post(at("send", cpts), {}, follow=True)
    assert "Cochez au moins une proposition" in text(answer)
    assert not Attribution.objects.exists()
    ticked = {"paire": [f"{made.pk}:{doctor.pk}", "x:1", f"{other.pk}:987654", "1:2"]}
    assert "Proposition envoyée" in text(client.post(at("send", cpts), ticked, follow=True))
    assert Attribution.objects.get().doctor_request == made


def test_without_a_responsible_a_class_is_a_number(client, cpts, take, offers, doctor, rules):
    offers(doctor)
    take(ald="yes")
    MtSettings.objects.update(responsible=None, asks_ald=False, asks_c2s=False)
    sign_in(client, cpts, Role.COORDINATOR)
    shown = text(client.get(at("matching", cpts), {"prix": "1"}))
    assert "priorité 1" in shown and "longue durée" not in shown


def test_a_choice_travels_in_the_address(client, cpts, take, doctor, offers):
    near = make_doctor(cpts, insee=BLANZY)
    offers(doctor)
    offers(near)
    made = take(commune=Commune.objects.get(pk=BLANZY))
    sign_in(client, cpts, Role.COORDINATOR)
    shown = text(client.get(at("matching", cpts), {"choix": ["", f"{made.pk}:{doctor.pk}"]}))
    assert "1 choix à la main" in shown and "de plus (trajets" in shown
    aside = text(client.get(at("matching", cpts), {"choix": f"{made.pk}:0"}))
    assert "1 personne de moins a un médecin" in aside and "Rétablir" in aside


def test_nobody_waits_nobody_offers(client, cpts, take, coordinator):
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Aucune proposition" in text(client.get(at("matching", cpts)))
    take()
    shown = text(client.get(at("matching", cpts)))
    assert "Aucun médecin n'offre de place" in shown and "Une offre d'un médecin" in shown


def test_the_number_of_queries_does_not_follow_the_people(
    client, cpts, take, doctor, offers, django_assert_max_num_queries
):
    offers(doctor, per_month=20)
    sign_in(client, cpts, Role.COORDINATOR)
    for _ in range(12):
        take()
    client.get(at("matching", cpts))
    with django_assert_max_num_queries(22):
        shown = text(client.get(at("matching", cpts)))
    assert shown.count("Pourquoi ce médecin") == 12
