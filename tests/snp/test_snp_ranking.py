"""Who can answer a request, best first and why; everybody else with the reason."""

import datetime as dt

import pytest
from django_scopes import scope

from factories import (
    BLANZY,
    CREUSOT,
    GENELARD,
    MACON,
    MONDAY,
    SAINT_VALLIER,
    fill_directory,
    give,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    set_desk,
)
from maillage.accounts.enums import Role
from maillage.availability.models import Absence, CptsVisibility, UsualVisibility
from maillage.directory.enums import PlaceRow
from maillage.directory.models import CptsProfessional
from maillage.snp import actions, queries
from people import actor_as


def names(candidates):
    return [candidate.professional_id for candidate in candidates]


def reason_of(care_request, doctor):
    matching = queries.matching_for(care_request)
    found = [c for c in (*matching.ranked, *matching.left_out) if c.professional_id == doctor.pk]
    assert len(found) == 1
    return found[0].left_out


def test_everybody_in_the_directory_is_ranked_or_left_out_with_a_reason(desk, cpts):
    fill_directory(cpts, 40)
    make_doctor(cpts)
    make_doctor(cpts, is_given=False)
    matching = queries.matching_for(make_request(desk, age_band="0-1"))
    everybody = set(CptsProfessional.objects.values_list("professional", flat=True))
    seen = [*names(matching.ranked), *names(matching.left_out)]
    assert len(seen) == len(set(seen)) and set(seen) == everybody
    assert all(c.left_out for c in matching.left_out) and not any(
        c.left_out for c in matching.ranked
    )
    assert [c.rank for c in matching.ranked] == list(range(1, len(matching.ranked) + 1))


@pytest.mark.parametrize(
    ("about", "said", "reason"),
    [
        ({}, {}, ""),
        ({"profession": "60", "speciality": ""}, {}, "n'exerce pas la profession demandée"),
        ({"profession": "60", "speciality": ""}, {"profession": "60"}, ""),
        ({"speciality": "SM04"}, {}, "n'exerce pas la profession demandée"),
        ({"speciality": "SM04"}, {"speciality": "SM04"}, ""),
        ({"speciality": "SM40", "age_to": 15}, {"age_band": "6-15"}, ""),
        ({"speciality": "SM40", "age_to": 15}, {}, "ne reçoit pas à cet âge"),
        ({"age_from": 3}, {"age_band": "2-5"}, "ne reçoit pas à cet âge"),
        ({}, {"kind": "home"}, "ne propose pas ce mode de soin en ce moment"),
        ({"does_home": True, "slot_kind": "home"}, {"kind": "home"}, ""),
        ({"does_home": True, "slot_kind": "home"}, {"can_travel": False}, ""),
        ({"does_home": True}, {"can_travel": False}, "ne propose pas ce mode de soin en ce moment"),
        ({"does_remote": True, "slot_kind": "remote", "insee": MACON}, {"kind": "remote"}, ""),
        ({"insee": MACON}, {}, "trop loin"),
        ({"is_given": False}, {}, "aucun créneau ouvert"),
        ({"slot_capacity": 2}, {}, ""),
    ],
)
def test_each_is_proposed_or_left_out_for_what_they_are(desk, cpts, about, said, reason):
    doctor, _ = make_offer(cpts, **about)
    assert reason_of(make_request(desk, **said), doctor) == reason


def test_absent_closed_full(desk, cpts):
    absent, _ = make_offer(cpts)
    Absence.objects.create(
        professional=absent, starts_at=MONDAY, ends_at=MONDAY + dt.timedelta(days=9)
    )
    closed = make_doctor(cpts)
    full, slot = make_offer(cpts)
    actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    beyond, _ = make_offer(cpts, 49 * 60)
    care_request = make_request(desk)
    assert reason_of(care_request, absent) == "absence déclarée"
    assert reason_of(care_request, closed) == "aucun créneau ouvert"
    assert reason_of(care_request, full) == "plus de place libre"
    assert reason_of(care_request, beyond) == "aucun créneau ouvert"


def test_soonest_first_then_nearest(desk, cpts):
    late, _ = make_offer(cpts, 120)
    far, _ = make_offer(cpts, 30, insee=CREUSOT)
    near, _ = make_offer(cpts, 30, insee=SAINT_VALLIER)
    matching = queries.matching_for(make_request(desk))
    assert names(matching.ranked) == [near.pk, far.pk, late.pk]
    first, second, third = matching.ranked
    assert first.reasons[0].startswith("premier créneau à 9\u00a0h\u00a030 (dans 30\u00a0min)")
    assert second.after.startswith(f"vient après {near} : plus loin de")
    assert third.after == f"vient après {far} : créneau 1\u00a0h\u00a030 plus tard"
    assert first.runner_up == f"{far} {second.after}"
    assert third.travel_text == "même commune"


def test_the_usual_doctor_comes_before(desk, cpts):
    other, _ = make_offer(cpts, 30)
    usual, _ = make_offer(cpts, 90)
    care_request = make_request(desk, usual_doctor=usual)
    matching = queries.matching_for(care_request)
    assert names(matching.ranked) == [usual.pk, other.pk]
    assert "médecin traitant du patient" in matching.ranked[0].reasons
    assert names(queries.matching_for(make_request(desk)).ranked) == [other.pk, usual.pk]


def test_the_load_of_thirty_days_is_shared(desk, cpts, clock):
    busy, slot = make_offer(cpts, 60, slot_capacity=3)
    rested, _ = make_offer(cpts, 62)
    assert names(queries.matching_for(make_request(desk)).ranked) == [busy.pk, rested.pk]
    case = make_request(desk)
    proposal = actions.propose(by=desk, care_request=case, slot=slot)
    actions.accept_proposal(by=desk, proposal=proposal)
    care_request = make_request(desk)
    matching = queries.matching_for(care_request)
    assert names(matching.ranked) == [rested.pk, busy.pk]
    assert [c.load for c in matching.ranked] == [0, 1]
    assert "1\u00a0demande acceptée en 30\u00a0jours" in matching.ranked[1].reasons
    later = clock.move(days=31)
    for doctor in (busy, rested):
        make_slot(doctor, start=later + dt.timedelta(hours=1))
    assert {c.load for c in queries.matching_for(care_request).ranked} == {0}


def test_weights_are_dated_and_the_past_stays(desk, cpts, clock):
    sooner, _ = make_offer(cpts, 30, insee=CREUSOT)
    nearer, _ = make_offer(cpts, 50)
    care_request = make_request(desk)
    before = clock.now
    order = names(queries.matching_for(care_request).ranked)
    changed = {"weight_travel": 0.0} if order[0] == nearer.pk else {"weight_travel": 9.0}
    set_desk(cpts, valid_from=MONDAY + dt.timedelta(minutes=1), **changed)
    now = clock.move(minutes=2)
    assert names(queries.matching_for(care_request, now=now).ranked) == order[::-1]
    assert names(queries.matching_for(care_request, now=before).ranked) == order
    assert {sooner.pk, nearer.pk} == set(order)


def test_only_the_slots_given_to_this_cpts(desk, cpts, neighbour):
    doctor, _ = make_offer(cpts, is_given=False)
    care_request = make_request(desk)
    assert reason_of(care_request, doctor) == "aucun créneau ouvert"
    give(doctor, neighbour)
    assert reason_of(care_request, doctor) == "aucun créneau ouvert"
    give(doctor, cpts, snp=False)
    assert reason_of(care_request, doctor) == "aucun créneau ouvert"
    give(doctor, cpts)
    assert reason_of(care_request, doctor) == ""
    CptsVisibility.objects.filter(cpts=cpts).delete()
    assert reason_of(care_request, doctor) == "aucun créneau ouvert"
    UsualVisibility.objects.all().delete()
    assert reason_of(care_request, doctor) == "aucun créneau ouvert"


def test_a_place_taken_through_a_neighbour_is_only_full_here(desk, cpts, neighbour):
    doctor, slot = make_offer(cpts)
    give(doctor, neighbour)
    with scope(cpts=neighbour):
        CptsProfessional.objects.create(
            cpts=neighbour, professional=doctor, joined_on=MONDAY.date()
        )
        theirs = actor_as(neighbour, Role.DISPATCHER)
        actions.propose(by=theirs, care_request=make_request(theirs), slot=slot)
    care_request = make_request(desk)
    assert reason_of(care_request, doctor) == "plus de place libre"
    ours = queries.matching_for(care_request).left_out[0]
    assert (ours.load, ours.slots) == (0, ())


def test_whoever_was_asked_or_refused_is_told_apart(desk, cpts):
    case = make_case(desk, "proposed")
    make_slot(case.doctor, 200)
    assert reason_of(case.care_request, case.doctor) == "déjà sollicité, réponse attendue"
    actions.refuse_proposal(by=desk, proposal=case.proposal, reason="no_time")
    assert reason_of(case.care_request, case.doctor) == "a déjà refusé cette demande"
    assert reason_of(make_request(desk), case.doctor) == ""


def test_somebody_who_left_the_directory_is_not_there(desk, cpts):
    doctor, _ = make_offer(cpts)
    CptsProfessional.objects.update(left_on=MONDAY.date())
    matching = queries.matching_for(make_request(desk))
    assert not matching.ranked and not matching.left_out
    assert queries.candidate_for(make_request(desk), doctor.pk).left_out.startswith("n'est pas")


def test_the_slots_shown_are_free_soonest_first_and_few(desk, cpts):
    doctor, slot = make_offer(cpts, 30)
    actions.propose(by=desk, care_request=make_request(desk), slot=slot)
    others = [make_slot(doctor, 60 + 20 * n) for n in range(6)]
    (candidate,) = queries.matching_for(make_request(desk)).ranked
    assert [s.id for s in candidate.slots] == [s.pk for s in others[:4]]
    assert candidate.slots[0].label == "10\u00a0h"


def test_a_slot_at_a_second_place_is_counted_from_there(desk, cpts):
    doctor = make_doctor(
        cpts, places=(PlaceRow(insee=MACON), PlaceRow(insee=BLANZY, address="2 rue de l'Essai"))
    )
    make_slot(doctor, place=doctor.places.get(commune=BLANZY))
    (candidate,) = queries.matching_for(make_request(desk)).ranked
    assert (candidate.insee, candidate.commune) == (BLANZY, "Blanzy")


@pytest.mark.parametrize("size", [5, 300])
def test_the_number_of_queries_does_not_grow(desk, cpts, size, django_assert_max_num_queries):
    fill_directory(cpts, size)
    care_request = make_request(desk, insee=GENELARD)
    queries.settings_of(care_request.cpts)  # read before counting
    with django_assert_max_num_queries(6):
        matching = queries.matching_for(care_request)
    assert len(matching.ranked) + len(matching.left_out) == size


def test_shown_limits_the_rows_not_the_order(desk, cpts):
    for n in range(5):
        make_offer(cpts, 30 + 10 * n)
    care_request = make_request(desk)
    whole, short = queries.matching_for(care_request), queries.matching_for(care_request, shown=2)
    assert short.ranked == whole.ranked[:2] and short.left_out == whole.left_out
