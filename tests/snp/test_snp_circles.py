"""The search widens by itself, circle after circle, and never ends in silence."""

import datetime as dt

import pytest
from ladder import agree, coordinator, fresh, make_ring, told, turn

from factories import (
    MONDAY,
    make_case,
    make_desk,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
    set_desk,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.directory.models import CptsProfessional
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.models import OnCall, RingMember, Shortlist
from people import actor_as, make_seat

MINUTE = dt.timedelta(minutes=1)
EACH = {
    "usual_doctor_circle_minutes": 10,
    "ring_circle_minutes": 15,
    "cpts_circle_minutes": 30,
    "neighbours_circle_minutes": 20,
    "duty_circle_minutes": 25,
}
NOT_YET = "cercle pas encore ouvert"


@pytest.fixture
def slow(cpts):
    """Every circle lasts its own time."""
    return set_desk(cpts, valid_from=MONDAY - dt.timedelta(days=1), **EACH)


def put_on_call(cpts, role=Role.DISPATCHER, hours=24):
    seat = make_seat(cpts, role)
    OnCall.objects.create(
        cpts=cpts, seat=seat, starts_at=MONDAY, ends_at=MONDAY + dt.timedelta(hours=hours)
    )
    return seat


def test_each_circle_opens_at_its_minute(desk, cpts, neighbour, clock, slow):
    agree(coordinator(cpts), coordinator(neighbour))
    seat = put_on_call(cpts)
    usual = make_doctor(cpts)
    care_request = make_request(
        desk, usual_doctor=usual, ring=make_ring(cpts, make_doctor(cpts)), channel="sas"
    )
    spans = (10, 15, 30, 20, 25)
    order = ("usual_doctor", "ring", "cpts", "neighbours", "duty", "hand_over")
    assert care_request.circle == "usual_doctor"
    for minutes, before, after in zip(spans, order, order[1:], strict=False):
        assert fresh(care_request).circle_until == clock.now + minutes * MINUTE
        turn(clock, minutes=minutes - 1)
        assert fresh(care_request).circle == before
        turn(clock, minutes=1)
        assert fresh(care_request).circle == after
    assert care_request.circle_until is None and care_request.owner_id == seat.pk
    assert "transmettez au 15" in care_request.alert
    assert len(told(care_request, "widened")) == 5
    lines = JournalLine.objects.filter(action="snp.widened").order_by("pk")
    assert [line.data["circle"] for line in lines] == list(order[1:])
    assert list(Shortlist.objects.values_list("circle", flat=True)) == list(order[1:])


def test_a_circle_with_nobody_is_skipped(desk, cpts, neighbour, clock, slow):
    gone, member = make_doctor(cpts), make_doctor(cpts)
    ring = make_ring(cpts, member)
    RingMember.objects.update(until_on=MONDAY.date() - dt.timedelta(days=1))
    CptsProfessional.objects.filter(professional=gone).update(left_on=MONDAY.date())
    # An agreement for nurses lends no doctor.
    agree(coordinator(cpts), coordinator(neighbour), professions=["60"])
    care_request = make_request(desk, usual_doctor=gone, ring=ring)
    assert care_request.circle == "cpts"
    turn(clock, minutes=30)
    assert fresh(care_request).circle == "duty"


def test_no_minutes_open_with_the_next(desk, cpts, clock):
    set_desk(cpts, valid_from=MONDAY, **EACH | {"usual_doctor_circle_minutes": 0})
    usual, slot = make_offer(cpts)
    care_request = make_request(desk, usual_doctor=usual, ring=make_ring(cpts, make_doctor(cpts)))
    assert care_request.circle == "ring"
    assert actions.propose(by=desk, care_request=care_request, slot=slot).circle == "ring"


def test_only_the_circles_already_open_can_be_asked(desk, cpts, clock, slow):
    (usual, own), (member, hers), (_, far) = (make_offer(cpts) for _ in range(3))
    care_request = make_request(desk, usual_doctor=usual, ring=make_ring(cpts, member))

    def left_out():
        matching = queries.matching_for(fresh(care_request))
        return {c.professional_id: c.left_out for c in matching.left_out}

    assert left_out() == {
        member.pk: NOT_YET,
        far.professional_id: NOT_YET,
    }
    for slot in (hers, far):
        with pytest.raises(actions.NotSuitable, match=NOT_YET):
            actions.propose(by=desk, care_request=care_request, slot=slot)
    actions.widen(by=desk, care_request=care_request)
    assert left_out() == {far.professional_id: NOT_YET}
    assert actions.propose(by=desk, care_request=care_request, slot=hers).circle == "ring"
    # Those before stay open.
    set_desk(cpts, valid_from=MONDAY, live_proposals_max=3)
    actions.propose(by=desk, care_request=care_request, slot=own)
    actions.widen(by=desk, care_request=care_request)
    assert set(left_out().values()) == {"déjà sollicité, réponse attendue"}


def test_the_desk_widens_before_time_and_nobody_else(desk, cpts, clock, slow):
    care_request = make_request(desk)
    before = pulse.version(cpts.pk)
    for by in (actor_as(cpts, Role.READER), coordinator(cpts)):
        with pytest.raises(NotAllowed):
            actions.widen(by=by, care_request=care_request)
    assert actions.widen(by=SYSTEM, care_request=care_request).circle == "cpts"  # not due yet
    assert pulse.version(cpts.pk) == before
    actions.widen(by=desk, care_request=care_request)
    assert fresh(care_request).circle == "duty" and pulse.version(cpts.pk) > before
    assert told(care_request, "widened") == ["Après toute la CPTS : personne d'astreinte."]
    actions.widen(by=desk, care_request=care_request)
    with pytest.raises(actions.TooLate, match="transmettez"):
        actions.widen(by=desk, care_request=care_request)
    accepted = make_case(desk, "accepted").care_request
    with pytest.raises(actions.TooLate):
        actions.widen(by=desk, care_request=accepted)


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ("on_call", "on_call"),
        ("coordinator", "coordinator"),
        ("administrator", "administrator"),
        ("nobody", "received"),
    ],
)
def test_duty_names_somebody(desk, cpts, clock, there, why):
    wanted = desk.seat
    if there == "administrator":
        wanted = make_seat(cpts, Role.ADMINISTRATOR)
    if there in ("coordinator", "on_call"):
        make_seat(cpts, Role.ADMINISTRATOR)
        wanted = make_seat(cpts, Role.COORDINATOR)
    if there == "on_call":
        wanted = put_on_call(cpts)
    care_request = make_request(desk)
    turn(clock, minutes=30)
    assert fresh(care_request).circle == "duty"
    assert (care_request.owner_id, care_request.owner_why) == (wanted.pk, why)
    assert str(wanted.user) in care_request.alert
    mails = Notice.objects.filter(key__contains=f":{care_request.pk}:named:duty:")
    assert [each.recipient for each in mails] == [wanted.user.email]
    assert f"vous répondez de la demande n° {care_request.number}" in mails[0].body
    assert "Fièvre" not in mails[0].body and "0639980001" not in mails[0].body


def test_a_duty_seat_suspended_since_is_passed_over(desk, cpts, clock):
    seat = put_on_call(cpts)
    wanted = make_seat(cpts, Role.COORDINATOR)
    type(seat).objects.filter(pk=seat.pk).update(state="suspended")
    care_request = make_request(desk)
    turn(clock, minutes=30)
    assert fresh(care_request).owner_id == wanted.pk


def test_nobody_acts_the_owner_is_reminded_then_the_coordination_again_and_again(desk, cpts, clock):
    set_desk(cpts, valid_from=MONDAY, cpts_circle_minutes=1000)
    chief, other = (make_seat(cpts, Role.COORDINATOR) for _ in range(2))
    make_seat(cpts, Role.ADMINISTRATOR)
    care_request = make_request(desk)

    def mails():
        rows = Notice.objects.filter(key__contains=f"request:{care_request.pk}:")
        return sorted(row.recipient for row in rows)

    turn(clock, minutes=29)
    assert mails() == []
    turn(clock, minutes=1)
    assert mails() == [desk.seat.user.email]
    turn(clock, minutes=29)
    assert len(mails()) == 1
    both = sorted([chief.user.email, other.user.email])
    turn(clock, minutes=1)
    assert mails() == sorted([desk.seat.user.email, *both])
    for times in range(2, 5):
        turn(clock, minutes=60)
        assert mails() == sorted([desk.seat.user.email, *(both * times)])
    assert len(told(care_request, "reminded")) == 1 and len(told(care_request, "escalated")) == 4
    # Somebody acts: the wait begins again.
    clock.move(minutes=10)
    actions.take_case(by=actor_as(cpts, Role.DISPATCHER), care_request=care_request)
    assert fresh(care_request).waiting_since == clock.now
    assert care_request.reminded_at is None and care_request.escalated_at is None


def test_a_coordinator_alone_is_told_of_what_they_leave(desk, cpts, clock):
    """Nobody is above the owner: they are told again, not a wall."""
    alone = make_seat(cpts, Role.COORDINATOR)
    care_request = make_request(desk)
    turn(clock, minutes=30)
    assert fresh(care_request).owner_id == alone.pk
    for _ in range(8):
        turn(clock, minutes=60)
    escalated = Notice.objects.filter(key__contains=f":{care_request.pk}:escalate:")
    assert escalated.count() == len(told(care_request, "escalated")) >= 5
    assert {each.recipient for each in escalated} == {alone.user.email}


def test_a_clock_stopped_for_a_day_catches_up(desk, cpts, clock):
    make_seat(cpts, Role.COORDINATOR)
    care_request = make_request(desk)
    turn(clock, hours=20)
    for _ in range(6):
        turn(clock, hours=1)
    assert fresh(care_request).circle == "hand_over"
    assert told(care_request, "reminded") and told(care_request, "escalated")
    assert told(care_request, "warned")


def test_an_acceptance_stops_the_clock_and_what_undoes_it_goes_on_from_there(desk, cpts, clock):
    case = make_case(desk, "new", minutes=60)
    actions.widen(by=desk, care_request=case.care_request)
    actions.propose(by=desk, care_request=fresh(case.care_request), slot=case.slot)
    by = professional_actor(cpts, case.doctor)
    actions.accept_proposal(by=by, proposal=case.care_request.proposals.get())
    assert fresh(case.care_request).circle_until is None
    turn(clock, minutes=50)
    assert fresh(case.care_request).circle == "duty"
    actions.reorient(by=desk, care_request=case.care_request)
    assert fresh(case.care_request).circle == "duty"
    assert case.care_request.circle_until == clock.now + 30 * MINUTE
    turn(clock, minutes=30)
    assert fresh(case.care_request).circle == "hand_over"


def test_a_refusal_leaves_the_circle_as_it_was(desk, cpts, clock):
    case = make_case(desk, "proposed")
    until = case.care_request.circle_until
    clock.move(minutes=5)
    actions.refuse_proposal(by=desk, proposal=case.proposal, reason="no_time")
    assert fresh(case.care_request).circle == "cpts"
    assert case.care_request.circle_until == until == MONDAY + 30 * MINUTE


def test_an_expired_proposal_and_a_widened_circle_call_the_desk(desk, cpts, clock):
    case = make_case(desk, "proposed")
    turn(clock, minutes=15)
    assert fresh(case.care_request).status == "new"
    assert case.care_request.alert.startswith("Sans réponse") and case.care_request.waiting_since


def test_a_no_show_opens_the_search_where_it_was(desk, cpts, clock):
    case = make_case(desk, "missed")
    assert case.care_request.status == "missed" and case.care_request.waiting_since == clock.now
    assert case.care_request.closed_at is None and case.care_request.planned_at is None
    circle = case.care_request.circle
    actions.reorient(by=desk, care_request=case.care_request)
    assert fresh(case.care_request).circle == circle
    assert case.care_request.circle_until == clock.now + 30 * MINUTE
    assert actions.propose(
        by=desk, care_request=case.care_request, slot=make_slot(make_doctor(cpts), 90)
    )


def test_handed_over_waits_for_the_15_and_is_reminded(desk, cpts, clock):
    make_seat(cpts, Role.COORDINATOR)
    case = make_case(desk, "handed_over")
    assert case.care_request.closed_at is None
    turn(clock, minutes=30)
    assert told(case.care_request, "reminded")
    actions.confirm_hand_over(by=desk, care_request=case.care_request, taken_over_by="ARM")
    assert fresh(case.care_request).watch_at is None


def test_the_board_says_circle_owner_and_deadlines(client, desk, cpts, clock, slow):
    usual = make_doctor(cpts, family_name="Traitant")
    care_request = make_request(desk, usual_doctor=usual)
    row = queries.board_of(cpts, selected=None).rows[0]
    assert (row.circle, row.deadline.hours) == ("médecin traitant", 24)
    client.force_login(desk.seat.user)
    page = client.get(f"/c/{cpts.slug}/snp/").text
    for words in ("médecin traitant", "s'élargit", str(desk.seat.user), "24 h", "48 h"):
        assert words in page
    answer = client.post(f"/c/{cpts.slug}/snp/{care_request.pk}/elargir/", follow=True)
    assert "Cercle ouvert : toute la CPTS." in answer.text


def test_the_sheet_names_the_ring_while_it_is_the_circle_in_hand(client, desk, cpts, clock, slow):
    ring = make_ring(cpts, make_doctor(cpts))
    make_request(desk, usual_doctor=make_doctor(cpts), ring=ring)
    client.force_login(desk.seat.user)
    said = []
    for minutes in (10, 15, 0):
        page = client.get(f"/c/{cpts.slug}/snp/").text
        said.append(page.split("<dt>Recherche</dt><dd>")[1].split(",")[0])
        turn(clock, minutes=minutes)
    assert said == ["médecin traitant", f"cercle choisi ({ring})", "toute la CPTS"]


def test_another_cptss_request_is_no_ones_to_widen(client, desk, cpts, neighbour):
    care_request = make_request(desk)
    client.force_login(coordinator(neighbour).seat.user)
    url = f"/c/{neighbour.slug}/snp/{care_request.pk}/elargir/"
    assert client.post(url).status_code == 404
    assert make_desk("tierce").pk and fresh(care_request).circle == "cpts"
