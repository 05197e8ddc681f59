"""« Pas à cette heure, mais à… »: the professional says it, the desk asks the patient."""

import datetime as dt

import pytest

from factories import MONDAY, make_case, make_offer, make_request, professional_actor, set_desk
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import add_absence, add_period, take_place
from maillage.availability.models import Booking, Opening, Slot
from maillage.kernel.errors import NotAllowed
from maillage.snp import actions, queries
from maillage.snp.management.commands.clock import Command
from people import actor_as

LATER = MONDAY + dt.timedelta(hours=8, minutes=40)  # 17 h 40


def fresh(row):
    row.refresh_from_db()
    return row


@pytest.fixture
def case(desk):
    return make_case(desk, "proposed")


@pytest.fixture
def doctor(cpts, case):
    return professional_actor(cpts, case.doctor)


def offer(by, case, at=LATER):
    return actions.counter_offer(by=by, proposal=case.proposal, starts_at=at)


def take(desk, case):
    return actions.take_counter(by=desk, proposal=case.proposal)


def test_another_hour_frees_the_place_and_calls_the_desk(desk, cpts, case, doctor, clock):
    proposal = offer(doctor, case)
    care_request = fresh(case.care_request)
    assert (proposal.state, proposal.counter_at) == ("countered", LATER)
    assert proposal.expires_at == clock.now + dt.timedelta(minutes=15)
    assert fresh(proposal.booking).state == "released"
    assert (care_request.status, care_request.waiting_since) == ("new", clock.now)
    alert = care_request.alert.replace("\u00a0", " ")
    assert alert == f"{case.doctor} propose aujourd'hui, 17 h 40 : demandez au patient."
    found = queries.board_of(cpts, selected=care_request.pk)
    assert found.countered == [proposal] and found.rows[0].urgency == 3
    told = {each.professional_id: each.left_out for each in found.matching.left_out}
    assert told[case.doctor.pk] == "a proposé une autre heure"


def test_the_link_says_another_hour_too_and_twice_counts_once(case, link_actor):
    by = link_actor(case.proposal)
    offer(by, case)
    assert offer(by, case).answered_via == "link"
    assert case.care_request.events.filter(kind="countered").count() == 1
    with pytest.raises(actions.TooLate):
        offer(by, case, LATER + dt.timedelta(hours=1))


def test_the_desk_takes_the_other_hour(desk, cpts, case, doctor):
    offer(doctor, case)
    proposal = take(desk, case)
    care_request = fresh(case.care_request)
    slot = proposal.booking.slot
    assert (proposal.state, slot.starts_at, slot.ends_at - slot.starts_at) == (
        "accepted",
        LATER,
        dt.timedelta(minutes=20),
    )
    assert (care_request.status, care_request.planned_at) == ("accepted", LATER)
    assert care_request.inform_state == "to_inform" and care_request.alert == ""
    assert Opening.objects.get().professional_id == case.doctor.pk
    assert Slot.objects.with_places_left().get(pk=slot.pk).places_left == 0
    assert Notice.objects.filter(key=f"proposal:{proposal.pk}:counter-taken").exists()
    assert take(desk, case).pk == proposal.pk  # a double click
    assert Booking.objects.filter(state="taken").count() == 1


def test_their_own_slot_at_that_hour_is_taken_rather_than_another_opened(desk, case, doctor):
    own = Slot.objects.create(
        professional=case.doctor,
        place=case.slot.place,
        kind="office",
        mode="on_agreement",
        starts_at=LATER,
        ends_at=LATER + dt.timedelta(minutes=15),
        for_snp=True,
    )
    offer(doctor, case)
    assert take(desk, case).booking.slot_id == own.pk
    assert not Opening.objects.exists()


def test_hours_that_cannot_be(desk, cpts, case, doctor, clock):
    add_absence(
        by=SYSTEM,
        professional=case.doctor,
        starts_at=MONDAY + dt.timedelta(hours=10),
        ends_at=MONDAY + dt.timedelta(hours=12),
    )
    full = Slot.objects.create(
        professional=case.doctor,
        place=case.slot.place,
        kind="office",
        mode="on_agreement",
        starts_at=LATER,
        ends_at=LATER + dt.timedelta(minutes=15),
        for_snp=True,
    )
    take_place(by=desk, cpts=cpts, slot=full)
    for hours, sentence in (
        (-1, "passée"),
        (72, "dans les 48 heures"),
        (1, "acceptez la proposition"),
        (11, "absence"),
        (8 + 40 / 60, "déjà pris"),
    ):
        with pytest.raises(actions.BadHour, match=sentence):
            offer(doctor, case, MONDAY + dt.timedelta(hours=hours))
    assert fresh(case.proposal).state == "sent"


def test_an_hour_across_their_own_slots_is_refused_with_a_way_out(case, doctor):
    add_period(
        by=SYSTEM,
        professional=case.doctor,
        place=case.slot.place,
        weekday=0,
        starts_minute=17 * 60,
        ends_minute=19 * 60,
        slot_minutes=30,
        from_on=MONDAY.date(),
    )
    with pytest.raises(actions.BadHour, match="le début de l'un d'eux"):
        offer(doctor, case)
    assert offer(doctor, case, LATER - dt.timedelta(minutes=10)).state == "countered"


def test_only_whoever_was_asked_says_another_hour_and_only_the_desk_takes_it(
    desk, cpts, case, doctor, link_actor
):
    stranger, _ = make_offer(cpts)
    other = make_case(desk, "proposed")
    for by in (
        professional_actor(cpts, stranger),
        link_actor(other.proposal),
        actor_as(cpts, Role.COORDINATOR),
    ):
        with pytest.raises(NotAllowed):
            offer(by, case)
    offer(doctor, case)
    for verb in (actions.take_counter, actions.decline_counter):
        with pytest.raises(NotAllowed):
            verb(by=doctor, proposal=case.proposal)


def test_an_hour_declined_is_told_and_the_search_goes_on(desk, cpts, case, doctor):
    offer(doctor, case)
    declined = actions.decline_counter(by=desk, proposal=case.proposal)
    care_request = fresh(case.care_request)
    assert (declined.state, care_request.status, care_request.alert) == ("withdrawn", "new", "")
    assert actions.decline_counter(by=desk, proposal=case.proposal).state == "withdrawn"
    assert Notice.objects.filter(key=f"proposal:{declined.pk}:counter-over").count() == 1
    with pytest.raises(actions.TooLate):
        take(desk, case)


def test_an_hour_nobody_takes_expires_like_a_proposal(desk, case, doctor, clock):
    offer(doctor, case)
    clock.move(minutes=14)
    Command().handle(loop=False)
    actions.expire_counter(by=SYSTEM, proposal=case.proposal)  # a clock that is too quick
    assert fresh(case.proposal).state == "countered"
    clock.move(minutes=1)
    Command().handle(loop=False)
    assert fresh(case.proposal).state == "withdrawn"
    events = case.care_request.events.filter(kind="expired")
    assert "n'a pas été retenue à temps" in events.get().text
    Command().handle(loop=False)
    assert events.count() == 1
    with pytest.raises(NotAllowed):
        actions.expire_counter(by=desk, proposal=case.proposal)


def test_an_hour_after_a_deadline_is_said_late(desk, cpts, clock):
    set_desk(cpts, valid_from=MONDAY - dt.timedelta(days=1), first_deadline_hours=8)
    case = make_case(desk, "proposed")
    proposal = offer(professional_actor(cpts, case.doctor), case)
    assert proposal.late_hours == 8
    assert "après le délai de 8 h" in fresh(case.care_request).alert
    assert "Après le délai de 8 h" in (take(desk, case) and case.care_request.events.last().text)


def test_the_first_to_be_taken_withdraws_what_waits(desk, cpts, doctor, case):
    """Somebody else is booked: the other hour is given back, and told."""
    offer(doctor, case)
    _, slot = make_offer(cpts, 30, slot_mode="bookable")
    actions.propose(by=desk, care_request=case.care_request, slot=slot)
    assert fresh(case.proposal).state == "withdrawn"
    assert Notice.objects.filter(key=f"proposal:{case.proposal.pk}:withdrawn").exists()


def test_another_hour_does_not_keep_the_desk_from_asking_somebody_else(desk, cpts, doctor, case):
    offer(doctor, case)
    _, slot = make_offer(cpts, 30)
    asked = actions.propose(by=desk, care_request=case.care_request, slot=slot)
    assert asked.state == "sent"
    taken = take(desk, case)
    assert (taken.state, fresh(asked).state) == ("accepted", "withdrawn")
    assert fresh(asked.booking).state == "released"


def test_an_absence_said_since_frees_the_desk_from_the_hour(desk, case, doctor, clock):
    offer(doctor, case)
    add_absence(
        by=SYSTEM,
        professional=case.doctor,
        starts_at=clock.now,
        ends_at=clock.now + dt.timedelta(hours=10),
    )
    with pytest.raises(Exception, match="n'est plus"):
        take(desk, case)
    assert fresh(case.proposal).state == "countered" and not Opening.objects.exists()


def test_cancelling_gives_the_other_hour_back(desk, case, doctor):
    offer(doctor, case)
    actions.cancel(by=desk, care_request=case.care_request, cancelled_by="patient")
    assert fresh(case.proposal).state == "withdrawn"
    assert make_request(desk).status == "new"
