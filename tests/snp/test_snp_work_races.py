"""Two people of the desk at the same instant: one act, the other reads why."""

from functools import partial

import pytest
from django_scopes import scope
from test_snp_races import sentences, together
from test_snp_work_counter import LATER

from factories import (
    MONDAY,
    make_case,
    make_desk,
    make_doctor,
    make_intake,
    make_request,
    make_slot,
)
from factories import professional_actor as signed_in
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import add_absence
from maillage.availability.models import Booking, Opening
from maillage.snp import actions
from maillage.snp.models import Call, CareRequest, ShiftHandOver
from people import actor_as

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cpts(transactional_db, clock):
    cpts = make_desk(live_proposals_max=3)
    with scope(cpts=cpts):
        yield cpts


@pytest.fixture
def desk(cpts):
    return actor_as(cpts, Role.DISPATCHER)


@pytest.mark.parametrize("turn", range(4))
def test_two_merges_across_leave_one_open(desk, cpts, turn):
    one, other = make_request(desk), make_request(desk)
    told = together(
        cpts,
        partial(actions.merge, by=desk, care_request=one, into=other),
        partial(actions.merge, by=desk, care_request=other, into=one),
    )
    assert len(sentences(told)) == 1
    assert sorted(CareRequest.objects.values_list("status", flat=True)) == ["merged", "new"]


@pytest.mark.parametrize("turn", range(4))
def test_another_hour_taken_twice_is_one_place(desk, cpts, turn):
    case = make_case(desk, "proposed")
    by = signed_in(cpts, case.doctor)
    actions.counter_offer(by=by, proposal=case.proposal, starts_at=LATER)
    other = actor_as(cpts, Role.DISPATCHER)
    told = together(
        cpts,
        *(partial(actions.take_counter, by=each, proposal=case.proposal) for each in (desk, other)),
    )
    assert sentences(told) == []
    assert Booking.objects.filter(state="taken").count() == 1 == Opening.objects.count()


@pytest.mark.parametrize("turn", range(4))
def test_another_hour_taken_while_somebody_else_is_booked(desk, cpts, turn):
    case = make_case(desk, "proposed")
    by = signed_in(cpts, case.doctor)
    actions.counter_offer(by=by, proposal=case.proposal, starts_at=LATER)
    slot = make_slot(make_doctor(cpts), 30, mode="bookable")
    told = together(
        cpts,
        partial(actions.take_counter, by=desk, proposal=case.proposal),
        partial(actions.propose, by=desk, care_request=case.care_request, slot=slot),
    )
    assert len(sentences(told)) == 1
    assert Booking.objects.filter(state="taken").count() == 1


def test_the_same_call_typed_by_two_is_one_request(desk, cpts):
    other = actor_as(cpts, Role.DISPATCHER)
    calls = [
        partial(
            actions.create_care_request,
            by=by,
            cpts=cpts,
            intake=make_intake(phone="0639980088", double_checked=False),
        )
        for by in (desk, other)
    ]
    (sentence,) = sentences(together(cpts, *calls))
    assert "déjà connu" in sentence and CareRequest.objects.count() == 1


def test_a_double_click_is_one_call_one_shift_and_one_reorientation(desk, cpts):
    doctor = make_doctor(cpts)
    care_request = make_request(desk)
    slot = make_slot(doctor, 60, mode="bookable")
    actions.propose(by=desk, care_request=care_request, slot=slot)
    add_absence(by=SYSTEM, professional=doctor, starts_at=MONDAY, ends_at=LATER)
    again = partial(actions.reorient_absent, by=desk, care_request=care_request)
    assert len(sentences(together(cpts, again, again))) == 1
    note = partial(
        actions.note_call, by=desk, care_request=care_request, to="patient", result="busy"
    )
    assert sentences(together(cpts, note, note)) == [] and Call.objects.count() == 1
    to_seat = actor_as(cpts, Role.DISPATCHER).seat
    give = partial(actions.hand_over_shift, by=desk, cpts=cpts, to_seat=to_seat)
    assert len(sentences(together(cpts, give, give))) == 1
    assert ShiftHandOver.objects.count() == 1
