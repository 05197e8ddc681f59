"""From a proposal to an outcome: who answers, which place, what comes too late."""

import datetime as dt

import pytest
from django_scopes import scope

from factories import (
    MONDAY,
    SAINT_VALLIER,
    make_case,
    make_doctor,
    make_offer,
    make_request,
    make_slot,
    professional_actor,
    set_desk,
)
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM, LinkActor
from maillage.availability.actions import SlotClosed, SlotFull, add_absence, take_place
from maillage.availability.models import Absence, Booking, CptsVisibility
from maillage.directory.models import Professional
from maillage.kernel import pulse
from maillage.kernel.errors import DomainError, InvalidTransition, NotAllowed
from maillage.kernel.models import JournalLine
from maillage.snp import actions, queries
from maillage.snp.enums import (
    PROPOSAL_TRANSITIONS,
    TRANSITIONS,
    CareRequestStatus,
    InformState,
    ProposalState,
    RefusalReason,
)
from maillage.snp.management.commands.clock import Command
from maillage.snp.models import Proposal
from maillage.snp.rules import can_see_identity
from people import actor_as, make_cpts

AFTER = dt.timedelta(minutes=15)


def three(cpts, **values):
    """From now on the desk asks up to three at once."""
    return set_desk(cpts, valid_from=MONDAY - dt.timedelta(days=1), live_proposals_max=3, **values)


def offers(cpts, count=3, **about):
    return [make_offer(cpts, 60 + 20 * n, **about) for n in range(count)]


def places(slot):
    return sorted(slot.bookings.exclude(state="released").values_list("state", flat=True))


def propose(desk, care_request, slot):
    return actions.propose(by=desk, care_request=care_request, slot=slot)


def status_of(care_request):
    care_request.refresh_from_db()
    return care_request.status


# The tables


def test_every_status_has_its_exits():
    assert set(TRANSITIONS) == set(CareRequestStatus)
    assert set(PROPOSAL_TRANSITIONS) == set(ProposalState)


def test_the_life_of_a_request_is_the_one_written():
    ends = {"cancelled", "handed_over", "merged"}
    assert {k.value: {v.value for v in to} for k, to in TRANSITIONS.items()} == {
        "new": {"proposed"} | ends,
        "proposed": {"accepted", "new"} | ends,
        "accepted": {"informed", "new"} | ends,
        "informed": {"honoured", "missed", "new"} | ends,
        "missed": {"new"} | ends,
        "merged": {"new"},
        "honoured": set(),
        "cancelled": set(),
        "handed_over": set(),
    }


# Propose


def test_a_proposal_holds_a_place_until_its_time(desk, cpts, clock):
    doctor, slot = make_offer(cpts)
    care_request = make_request(desk)
    before = pulse.version(cpts.pk)
    proposal = propose(desk, care_request, slot)
    assert proposal.state == "sent" and proposal.professional_id == doctor.pk
    assert proposal.expires_at == clock.now + AFTER == proposal.booking.held_until
    assert status_of(care_request) == "proposed" and places(slot) == ["held"]
    assert pulse.version(cpts.pk) > before
    assert JournalLine.objects.get(action="snp.proposed").data == {
        "proposal": proposal.pk,
        "slot": slot.pk,
    }
    assert f"Proposée à {doctor}" in care_request.events.last().text


def test_the_answer_is_awaited_at_most_until_the_slot_begins(desk, cpts):
    _, slot = make_offer(cpts, 6)
    assert propose(desk, make_request(desk), slot).expires_at == slot.starts_at
    _, window = make_offer(cpts, -30, slot_lasts=40, slot_is_window=True)
    assert propose(desk, make_request(desk), window).expires_at == window.ends_at


def test_a_slot_that_begins_now_is_not_proposed(desk, cpts):
    _, slot = make_offer(cpts, 0)
    with pytest.raises(actions.TooLate, match="commence maintenant"):
        propose(desk, make_request(desk), slot)


def test_the_reasons_and_the_next_are_kept_on_the_proposal(desk, cpts):
    first, slot = make_offer(cpts, 20)
    second, _ = make_offer(cpts, 40, insee=SAINT_VALLIER)
    proposal = propose(desk, make_request(desk), slot)
    assert "premier créneau à 9\u00a0h\u00a020" in proposal.explanation
    assert "dans la même commune" in proposal.explanation
    assert proposal.runner_up.startswith(f"{second} vient après {first} : ")


def test_one_live_proposal_by_default_three_when_the_setting_says_so(desk, cpts):
    slots = [slot for _, slot in offers(cpts, 4)]
    care_request = make_request(desk)
    propose(desk, care_request, slots[0])
    with pytest.raises(actions.EnoughProposals, match="Une réponse est déjà attendue"):
        propose(desk, care_request, slots[1])
    three(cpts)
    propose(desk, care_request, slots[1])
    propose(desk, care_request, slots[2])
    with pytest.raises(actions.EnoughProposals):
        propose(desk, care_request, slots[3])
    assert [places(slot) for slot in slots] == [["held"], ["held"], ["held"], []]


def test_a_double_click_proposes_or_books_once(desk, cpts):
    _, slot = make_offer(cpts)
    care_request = make_request(desk)
    assert propose(desk, care_request, slot) == propose(desk, care_request, slot)
    _, bookable = make_offer(cpts, slot_mode="bookable")
    other = make_request(desk)
    assert propose(desk, other, bookable) == propose(desk, other, bookable)
    assert Booking.objects.count() == 2 and Proposal.objects.count() == 2


def test_a_bookable_slot_is_booked_at_once(desk, cpts):
    _, slot = make_offer(cpts, slot_mode="bookable")
    care_request = make_request(desk)
    proposal = propose(desk, care_request, slot)
    assert proposal.state == "accepted" and proposal.answered_via == "booked"
    assert status_of(care_request) == "accepted" and places(slot) == ["taken"]
    assert care_request.inform_state == InformState.TO_INFORM
    assert JournalLine.objects.get(action="snp.booked").target.endswith(f":{care_request.pk}")


def test_booking_withdraws_what_was_awaited(desk, cpts):
    _, asked = make_offer(cpts)
    _, bookable = make_offer(cpts, slot_mode="bookable")
    care_request = make_request(desk)
    waiting = propose(desk, care_request, asked)
    propose(desk, care_request, bookable)
    waiting.refresh_from_db()
    assert waiting.state == "withdrawn" and places(asked) == [] and places(bookable) == ["taken"]


@pytest.mark.parametrize(
    ("about", "said", "sentence"),
    [
        ({"profession": "60", "speciality": ""}, {}, "n'exerce pas la profession demandée"),
        ({"age_from": 18}, {"age_band": "6-15"}, "ne reçoit pas à cet âge"),
        ({}, {"kind": "home"}, "ne propose pas ce mode de soin"),
        ({"insee": "71270"}, {}, "trop loin"),
    ],
)
def test_a_form_is_not_a_guard_the_action_refuses_with_the_reason(
    desk, cpts, about, said, sentence
):
    _, slot = make_offer(cpts, **about)
    care_request = make_request(desk, **said)
    with pytest.raises(actions.NotSuitable, match=sentence):
        propose(desk, care_request, slot)
    assert status_of(care_request) == "new" and places(slot) == []


def test_a_slot_of_another_kind_of_care_is_refused(desk, cpts):
    doctor, _ = make_offer(cpts, does_remote=True)
    remote = make_slot(doctor, 90, kind="remote")
    with pytest.raises(actions.NotSuitable, match="téléconsultation.* ne convient pas"):
        propose(desk, make_request(desk), remote)


def test_a_full_slot_and_one_no_longer_given(desk, cpts):
    doctor, slot = make_offer(cpts)
    make_slot(doctor, 200)
    propose(desk, make_request(desk), slot)
    with pytest.raises(SlotFull, match="vient d'être pris"):
        propose(desk, make_request(desk), slot)
    CptsVisibility.objects.update(snp=False, members=False)
    with pytest.raises(actions.NotSuitable, match="aucun créneau ouvert"):
        propose(desk, make_request(desk), slot)
    with pytest.raises(SlotClosed, match="n'est plus proposé à votre CPTS"):
        take_place(by=desk, cpts=cpts, slot=make_slot(doctor, 300))


def test_a_professional_outside_the_directory_is_not_proposed(desk, cpts, neighbour):
    doctor = make_doctor(neighbour)
    slot = make_slot(doctor)
    with pytest.raises(actions.NotSuitable, match="n'est pas dans l'annuaire de votre CPTS"):
        propose(desk, make_request(desk), slot)


@pytest.mark.parametrize("moment", ["accepted", "informed", "honoured", "missed", "cancelled"])
def test_nothing_more_is_proposed_after(desk, cpts, moment):
    case = make_case(desk, moment)
    _, slot = make_offer(cpts)
    with pytest.raises(InvalidTransition, match="elle ne peut pas devenir « proposée »"):
        propose(desk, case.care_request, slot)


# Accept


@pytest.mark.parametrize("who", ["professional", "link", "desk"])
def test_acceptance_takes_the_place(desk, cpts, link_actor, clock, who):
    case = make_case(desk, "proposed")
    professional = professional_actor(cpts, case.doctor)
    by = {"professional": professional, "link": link_actor(case.proposal), "desk": desk}[who]
    now = clock.move(minutes=3)
    proposal = actions.accept_proposal(by=by, proposal=case.proposal)
    assert (proposal.state, proposal.answered_at) == ("accepted", now)
    assert (proposal.answered_by_seat_id, proposal.answered_via) == (by.seat_id, by.kind)
    assert status_of(case.care_request) == "accepted" and places(case.slot) == ["taken"]
    assert case.care_request.inform_state == InformState.TO_INFORM
    line = JournalLine.objects.get(action="snp.accepted")
    assert (line.actor_kind, line.seat_id) == (by.kind, by.seat_id)


def test_acceptance_withdraws_the_others_and_frees_their_places(desk, cpts):
    three(cpts)
    people = offers(cpts)
    care_request = make_request(desk)
    proposals = [propose(desk, care_request, slot) for _, slot in people]
    actions.accept_proposal(by=desk, proposal=proposals[1])
    states = Proposal.objects.order_by("pk").values_list("state", flat=True)
    assert list(states) == ["withdrawn", "accepted", "withdrawn"]
    assert [places(slot) for _, slot in people] == [[], ["taken"], []]


def test_whoever_comes_second_reads_that_another_was_first(desk, cpts):
    three(cpts)
    people = offers(cpts, 2)
    care_request = make_request(desk)
    proposals = [propose(desk, care_request, slot) for _, slot in people]
    first, second = (professional_actor(cpts, doctor) for doctor, _ in people)
    actions.accept_proposal(by=first, proposal=proposals[0])
    with pytest.raises(actions.TooLate, match="Un autre professionnel a répondu avant vous"):
        actions.accept_proposal(by=second, proposal=proposals[1])
    assert actions.accept_proposal(by=first, proposal=proposals[0]).state == "accepted"
    assert Booking.objects.filter(state="taken").count() == 1
    assert JournalLine.objects.filter(action="snp.accepted").count() == 1


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.SECRETARY, Role.PROFESSIONAL])
def test_nobody_else_answers(desk, cpts, role):
    case = make_case(desk, "proposed")
    other = make_doctor(cpts)
    by = professional_actor(cpts, other) if role == Role.PROFESSIONAL else actor_as(cpts, role)
    for answer in (
        lambda: actions.accept_proposal(by=by, proposal=case.proposal),
        lambda: actions.refuse_proposal(by=by, proposal=case.proposal, reason="away"),
    ):
        with pytest.raises(NotAllowed, match="ne vous est pas adressée"):
            answer()
    assert set(Proposal.objects.visible_to(by)) == set()


def test_the_same_person_seated_in_a_neighbour_does_not_answer_here(desk, cpts, neighbour):
    case = make_case(desk, "proposed")
    mine = professional_actor(cpts, case.doctor)
    with scope(cpts=neighbour):
        elsewhere = actor_as(neighbour, Role.PROFESSIONAL, mine.seat.user)
    theirs = actor_as(neighbour, Role.DISPATCHER)
    for by in (elsewhere, theirs):
        with pytest.raises(NotAllowed):
            actions.accept_proposal(by=by, proposal=case.proposal)
        assert not Proposal.objects.visible_to(by).exists()


def test_a_link_answers_its_own_proposal_and_no_other(desk, cpts, neighbour):
    case, other = make_case(desk, "proposed"), make_case(desk, "proposed")
    target = f"proposal:{case.proposal.pk}"
    for actor in (
        LinkActor(cpts_id=cpts.pk, target=f"proposal:{other.proposal.pk}"),
        LinkActor(cpts_id=neighbour.pk, target=target),
        LinkActor(cpts_id=cpts.pk, target=f"request:{case.proposal.pk}"),
    ):
        with pytest.raises(NotAllowed):
            actions.accept_proposal(by=actor, proposal=case.proposal)
    for verb in (actions.cancel, actions.reorient, actions.take_case):
        more = {"cancelled_by": "patient"} if verb is actions.cancel else {}
        with pytest.raises(NotAllowed):
            verb(
                by=LinkActor(cpts_id=cpts.pk, target=target), care_request=case.care_request, **more
            )


def test_an_ended_link_between_account_and_record_answers_nothing(desk, cpts):
    case = make_case(desk, "proposed")
    by = professional_actor(cpts, case.doctor)
    case.doctor.accounts.update(ended_on=MONDAY.date())
    with pytest.raises(NotAllowed):
        actions.accept_proposal(by=by, proposal=case.proposal)


# Refuse, withdraw


def test_refusal_frees_the_place_and_puts_the_request_back_with_an_alert(desk, cpts):
    case = make_case(desk, "proposed")
    by = professional_actor(cpts, case.doctor)
    refused = actions.refuse_proposal(by=by, proposal=case.proposal, reason="too_far")
    assert (refused.state, refused.refusal_reason) == ("refused", "too_far")
    assert status_of(case.care_request) == "new" and places(case.slot) == []
    assert case.care_request.alert == f"Refusée par {case.doctor} : trop loin."
    assert (
        actions.refuse_proposal(by=by, proposal=refused, reason="away").refusal_reason == "too_far"
    )
    with pytest.raises(actions.TooLate, match="Vous avez déjà refusé"):
        actions.accept_proposal(by=by, proposal=refused)
    with pytest.raises(actions.NotSuitable, match="a déjà refusé cette demande"):
        propose(desk, case.care_request, case.slot)


def test_refusal_is_of_a_closed_list_that_says_nothing_of_health(desk):
    case = make_case(desk, "proposed")
    with pytest.raises(DomainError, match="Choisissez une raison dans la liste"):
        actions.refuse_proposal(by=desk, proposal=case.proposal, reason="je suis malade")
    assert set(RefusalReason.values) == {"no_time", "out_of_scope", "too_far", "away", "other"}


def test_one_refusal_among_three_leaves_the_request_proposed(desk, cpts):
    three(cpts)
    people = offers(cpts, 2)
    care_request = make_request(desk)
    first, second = (propose(desk, care_request, slot) for _, slot in people)
    actions.refuse_proposal(by=desk, proposal=first, reason="away")
    assert status_of(care_request) == "proposed" and care_request.alert == ""
    actions.refuse_proposal(by=desk, proposal=second, reason="away")
    assert status_of(care_request) == "new" and "Refusée" in care_request.alert


def test_the_desk_takes_a_proposal_back(desk):
    case = make_case(desk, "proposed")
    actions.withdraw_proposal(by=desk, proposal=case.proposal)
    assert status_of(case.care_request) == "new" and places(case.slot) == []
    with pytest.raises(actions.TooLate, match="elle a été retirée"):
        actions.accept_proposal(by=desk, proposal=case.proposal)
    for again in (
        lambda: actions.withdraw_proposal(by=desk, proposal=case.proposal),
        lambda: actions.refuse_proposal(by=desk, proposal=case.proposal, reason="away"),
    ):
        with pytest.raises(actions.TooLate, match="n'attend plus de réponse"):
            again()


def test_only_the_desk_withdraws(desk, cpts):
    case = make_case(desk, "proposed")
    with pytest.raises(NotAllowed):
        actions.withdraw_proposal(by=professional_actor(cpts, case.doctor), proposal=case.proposal)


# Time


def test_expiry_frees_the_place_and_puts_the_request_back_on_top(desk, cpts, clock):
    case = make_case(desk, "proposed")
    older = make_request(desk)
    clock.move(minutes=14, seconds=59)
    Command().handle(loop=False)
    assert status_of(case.care_request) == "proposed"
    clock.move(seconds=1)
    Command().handle(loop=False)
    assert status_of(case.care_request) == "new" and places(case.slot) == []
    assert case.care_request.alert == f"Sans réponse de {case.doctor}."
    rows = queries.board_of(cpts, selected=None).rows
    assert [row.id for row in rows] == [case.care_request.pk, older.pk]
    event = case.care_request.events.last()
    assert (event.kind, event.by_kind) == ("expired", "system")


def test_expiry_does_nothing_before_its_time_or_after_an_answer(desk, clock):
    case = make_case(desk, "proposed")
    assert actions.expire_proposal(by=SYSTEM, proposal=case.proposal).state == "sent"
    actions.accept_proposal(by=desk, proposal=case.proposal)
    clock.move(minutes=20)
    assert actions.expire_proposal(by=SYSTEM, proposal=case.proposal).state == "accepted"
    with pytest.raises(NotAllowed, match="passe tout seul"):
        actions.expire_proposal(by=desk, proposal=case.proposal)


def expire(case, clock):
    clock.move(minutes=16)
    actions.expire_proposal(by=SYSTEM, proposal=case.proposal)


def test_a_late_acceptance_counts_while_request_and_place_are_free(desk, link_actor, clock):
    case = make_case(desk, "proposed")
    expire(case, clock)
    late = actions.accept_proposal(by=link_actor(case.proposal), proposal=case.proposal)
    assert late.state == "accepted" and places(case.slot) == ["taken"]
    assert status_of(case.care_request) == "accepted" and case.care_request.alert == ""


def test_too_late_when_another_has_accepted(desk, cpts, link_actor, clock):
    case = make_case(desk, "proposed")
    expire(case, clock)
    _, other = make_offer(cpts, slot_mode="bookable")
    propose(desk, case.care_request, other)
    with pytest.raises(actions.TooLate, match="Un autre professionnel a répondu avant vous"):
        actions.accept_proposal(by=link_actor(case.proposal), proposal=case.proposal)
    assert places(case.slot) == []


def test_too_late_when_the_place_went_elsewhere(desk, link_actor, clock):
    case = make_case(desk, "proposed")
    expire(case, clock)
    propose(desk, make_request(desk), case.slot)
    with pytest.raises(actions.TooLate, match="votre créneau n'est plus libre"):
        actions.accept_proposal(by=link_actor(case.proposal), proposal=case.proposal)
    assert status_of(case.care_request) == "new"


@pytest.mark.parametrize("end", ["cancelled", "handed_over"])
def test_too_late_when_the_request_is_over(desk, link_actor, clock, end):
    case = make_case(desk, "proposed")
    expire(case, clock)
    if end == "cancelled":
        actions.cancel(by=desk, care_request=case.care_request, cancelled_by="patient")
    else:
        actions.hand_over(by=desk, care_request=case.care_request)
    with pytest.raises(actions.TooLate, match="elle a été retirée"):
        actions.accept_proposal(by=link_actor(case.proposal), proposal=case.proposal)


def test_too_late_when_the_hour_has_passed_even_before_the_clock_said_so(desk, link_actor, clock):
    case = make_case(desk, "proposed", minutes=5)
    clock.move(minutes=6)
    with pytest.raises(actions.TooLate, match="L'heure de ce créneau est passée"):
        actions.accept_proposal(by=link_actor(case.proposal), proposal=case.proposal)


# Re-orient, cancel


@pytest.mark.parametrize("moment", ["proposed", "accepted", "informed", "missed"])
def test_reorient_gives_the_place_back_and_starts_again(desk, cpts, moment):
    case = make_case(desk, moment)
    again = actions.reorient(by=desk, care_request=case.care_request, why="le patient ne peut pas")
    assert again.status == "new" and places(case.slot) == [] and again.closed_at is None
    assert again.alert == "À réorienter : le patient ne peut pas"
    assert again.inform_state == InformState.NOT_YET
    _, slot = make_offer(cpts, slot_mode="bookable")
    assert propose(desk, again, slot).state == "accepted"


@pytest.mark.parametrize("moment", ["new", "honoured", "cancelled", "handed_over"])
def test_the_others_are_not_reoriented(desk, moment):
    case = make_case(desk, moment)
    with pytest.raises(InvalidTransition, match="elle ne peut pas devenir « à traiter »"):
        actions.reorient(by=desk, care_request=case.care_request)


@pytest.mark.parametrize("moment", ["new", "proposed", "accepted", "informed"])
def test_cancel_gives_the_place_back_and_says_by_whom(desk, cpts, clock, moment):
    case = make_case(desk, moment)
    gone = actions.cancel(by=desk, care_request=case.care_request, cancelled_by="professional")
    assert (gone.status, gone.cancelled_by) == ("cancelled", "professional")
    assert gone.closed_at == clock.now and places(case.slot) == []
    assert queries.board_of(cpts, selected=None).rows == []


@pytest.mark.parametrize("moment", ["honoured", "cancelled", "handed_over"])
def test_the_others_are_not_cancelled(desk, moment):
    case = make_case(desk, moment)
    with pytest.raises(InvalidTransition, match="elle ne peut pas devenir « annulée »"):
        actions.cancel(by=desk, care_request=case.care_request, cancelled_by="patient")


def test_a_cancellation_has_an_author_of_the_list(desk):
    with pytest.raises(actions.Incomplete, match="Indiquez qui annule"):
        actions.cancel(by=desk, care_request=make_request(desk), cancelled_by="personne")


# Inform


def inform(desk, care_request, result, means="phone"):
    return actions.inform_patient(by=desk, care_request=care_request, means=means, result=result)


def test_informing_has_its_own_states(desk, clock):
    case = make_case(desk, "accepted")
    seen = []
    for result in ("no_answer", "no_answer", "unreachable", "refused", "reached"):
        clock.move(minutes=1)
        done = inform(desk, case.care_request, result)
        seen.append((done.status, done.inform_state, bool(done.alert)))
    assert seen == [
        ("accepted", "attempted", False),
        ("accepted", "attempted", False),
        ("accepted", "unreachable", True),
        ("accepted", "refused", True),
        ("informed", "informed", False),
    ]
    tries = case.care_request.inform_attempts
    assert tries.count() == 5 and set(tries.values_list("by_seat", flat=True)) == {desk.seat_id}
    assert JournalLine.objects.filter(action="snp.informed").last().data == {
        "means": "phone",
        "result": "reached",
    }
    after = inform(desk, case.care_request, "refused")
    assert (after.status, after.inform_state) == ("informed", "informed") and after.alert


@pytest.mark.parametrize("moment", ["new", "proposed", "cancelled", "honoured"])
def test_there_is_nothing_to_announce_without_an_appointment(desk, moment):
    case = make_case(desk, moment)
    with pytest.raises(actions.TooLate, match="Aucun rendez-vous n'est accepté"):
        inform(desk, case.care_request, "reached")


@pytest.mark.parametrize(
    ("means", "result", "said", "sentence"),
    [
        ("pigeon", "reached", {}, "Indiquez le moyen et le résultat"),
        ("phone", "perhaps", {}, "Indiquez le moyen et le résultat"),
        ("phone", "sent", {"sms_allowed": True}, "va avec le moyen SMS"),
        ("sms", "sent", {}, "l'appelant n'a pas donné son accord"),
        ("sms", "sent", {"sms_allowed": True, "phone": "0353010000"}, "celui d'un portable"),
    ],
)
def test_what_cannot_be_said_of_an_information(desk, means, result, said, sentence):
    case = make_case(desk, "accepted", **said)
    with pytest.raises(actions.Incomplete, match=sentence):
        inform(desk, case.care_request, result, means)
    assert not case.care_request.inform_attempts.exists()


# Outcome


@pytest.mark.parametrize(("honoured", "status"), [(True, "honoured"), (False, "missed")])
def test_the_outcome_ends_the_request_only_when_care_was_given(desk, cpts, clock, honoured, status):
    case = make_case(desk, "informed")
    done = actions.record_outcome(by=desk, care_request=case.care_request, honoured=honoured)
    assert (done.status, done.closed_at) == (status, clock.now if honoured else None)
    again = actions.record_outcome(by=desk, care_request=case.care_request, honoured=honoured)
    assert again.status == status and case.care_request.events.filter(kind="outcome").count() == 1
    shown = [row.id for row in queries.board_of(cpts, selected=None).rows]
    assert shown == ([] if honoured else [case.care_request.pk])
    assert places(case.slot) == ["taken"]
    proposal = case.care_request.proposals.get()
    assert (proposal.outcome, proposal.outcome_at) == (status, clock.now)


def test_a_patient_who_came_was_informed(desk):
    case = make_case(desk, "accepted")
    done = actions.record_outcome(by=desk, care_request=case.care_request, honoured=True)
    assert (done.status, done.inform_state) == ("honoured", "informed")


def test_a_patient_never_told_did_not_miss_anything(desk):
    case = make_case(desk, "accepted")
    with pytest.raises(InvalidTransition, match="ne peut pas devenir « non honorée »"):
        actions.record_outcome(by=desk, care_request=case.care_request, honoured=False)


def test_the_outcome_is_told_by_the_desk_or_whoever_accepted(desk, cpts):
    case = make_case(desk, "informed")
    stranger = professional_actor(cpts, make_doctor(cpts))
    with pytest.raises(NotAllowed, match="par le professionnel qui a accepté"):
        actions.record_outcome(by=stranger, care_request=case.care_request, honoured=True)
    mine = professional_actor(cpts, case.doctor)
    assert actions.record_outcome(by=mine, care_request=case.care_request, honoured=True)


def test_the_outcome_is_asked_by_itself_when_the_time_has_passed(desk, cpts, clock):
    case = make_case(desk, "informed", minutes=30)  # ends at 9:50, asked at 10:50
    clock.move(minutes=109)
    Command().handle(loop=False)
    assert status_of(case.care_request) == "informed" and case.care_request.alert == ""
    clock.move(minutes=1)
    Command().handle(loop=False)
    case.care_request.refresh_from_db()
    assert case.care_request.alert == "L'heure est passée : le patient est-il venu ?"
    lines = JournalLine.objects.filter(action="snp.outcome_asked")
    Command().handle(loop=False)
    assert lines.count() == 1
    with pytest.raises(NotAllowed, match="se pose toute seule"):
        actions.ask_outcome(by=desk, care_request=case.care_request)


# Identity, absence


def test_identity_opens_to_whoever_accepted_and_only_with_the_agreement(desk, cpts, link_actor):
    case = make_case(desk, "proposed")
    mine = professional_actor(cpts, case.doctor)
    stranger = professional_actor(cpts, make_doctor(cpts))

    def seen_by(actor):
        proposal = Proposal.objects.select_related("care_request").get(pk=case.proposal.pk)
        return can_see_identity(actor, proposal)

    assert not seen_by(mine)
    actions.record_agreement(by=desk, care_request=case.care_request, giver="patient")
    assert not seen_by(mine)
    actions.accept_proposal(by=mine, proposal=case.proposal)
    assert seen_by(mine)
    assert not any(seen_by(actor) for actor in (stranger, desk, link_actor(case.proposal)))
    actions.reorient(by=desk, care_request=case.care_request)
    assert not seen_by(mine)


def test_identity_stays_closed_without_the_agreement(desk, cpts):
    case = make_case(desk, "accepted")
    assert not can_see_identity(professional_actor(cpts, case.doctor), case.proposal)


def test_an_absence_over_an_accepted_slot_alerts_the_board(desk, cpts):
    case = make_case(desk, "informed")
    waiting = make_request(desk)
    by = professional_actor(cpts, case.doctor)
    before = pulse.version(cpts.pk)
    absence = add_absence(
        by=by,
        professional=case.doctor,
        starts_at=MONDAY,
        ends_at=MONDAY + dt.timedelta(hours=4),
    )
    assert pulse.version(cpts.pk) > before and places(case.slot) == ["taken"]
    rows = queries.board_of(cpts, selected=None).rows
    assert [row.id for row in rows] == [case.care_request.pk, waiting.pk]
    assert rows[0].alert == "Le professionnel s'est déclaré absent : réorientez."
    assert rows[0].urgency == 3
    Absence.objects.filter(pk=absence.pk).update(ended_at=MONDAY)
    assert not any(row.alert for row in queries.board_of(cpts, selected=None).rows)


# What others must see, and what a person must do by hand


def test_every_board_that_shows_the_slot_follows(desk, cpts):
    neighbour = make_cpts("plaine")
    case = make_case(desk)
    CptsVisibility.objects.create(
        professional=case.doctor, cpts=neighbour, snp=True, chosen_at=MONDAY
    )
    seen = pulse.version(neighbour.pk)
    for act in (
        lambda: actions.propose(by=desk, care_request=case.care_request, slot=case.slot),
        lambda: actions.accept_proposal(by=desk, proposal=case.care_request.proposals.get()),
        lambda: actions.reorient(by=desk, care_request=case.care_request),
    ):
        act()
        assert pulse.version(neighbour.pk) > seen
        seen = pulse.version(neighbour.pk)


def test_nobody_is_asked_in_silence(desk):
    case = make_case(desk)
    Professional.objects.filter(pk=case.doctor.pk).update(phone="0353010000", email="")
    actions.propose(by=desk, care_request=case.care_request, slot=case.slot)
    case.care_request.refresh_from_db()
    assert case.care_request.alert == f"Ni mobile ni courriel connus pour {case.doctor} : appelez."
    assert not Notice.objects.exists()


@pytest.mark.parametrize(("waited", "more"), [(0, ", notée avant l'heure prévue"), (60, "")])
def test_an_outcome_told_before_its_hour_says_so(desk, clock, waited, more):
    care_request = make_case(desk, "informed", minutes=30).care_request
    clock.move(minutes=waited)
    actions.record_outcome(by=desk, care_request=care_request, honoured=True)
    assert care_request.events.last().text == f"Issue : honorée{more}."
