"""Find who can answer: a person chooses, the professional accepts, nobody is booked twice."""

import datetime as dt

from django.db import transaction
from django.utils import timezone
from django.utils.text import capfirst

from maillage.availability.actions import SlotClosed, SlotFull, hold_place, take_place
from maillage.availability.enums import LIVE, BookingMode
from maillage.availability.models import Booking, Slot
from maillage.directory.enums import CareKind
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.snp.actions.agreements import lender
from maillage.snp.actions.circles import keep_shortlist
from maillage.snp.actions.life import (
    TooLate,
    back_to_new,
    bump_boards,
    check_desk,
    check_sharing,
    end_proposal,
    live_proposals,
    lock,
    lock_slots,
    move,
    save,
    tell,
    withdraw_all,
)
from maillage.snp.actions.notices import tell_asked, tell_booked, tell_withdrawn
from maillage.snp.enums import (
    PROPOSAL_TRANSITIONS,
    CareRequestStatus,
    EventKind,
    InformState,
    ProposalState,
    RefusalReason,
)
from maillage.snp.models import Agreement, CareRequest, DeskSettings, Proposal
from maillage.snp.queries import (
    Candidate,
    candidate_for,
    is_shared_at,
    matching_for,
    settings_of,
    shortlist_of,
    slot_text,
    standing_of,
    wanted_kinds,
)
from maillage.snp.queries.ladder import late_hours
from maillage.snp.rules import answers_as_locum, can_answer

NOT_SHARED = "Cette heure n'est pas partagée par l'accord entre les deux CPTS."
CALL = "Ni mobile ni courriel connus pour {} : appelez."


class NotSuitable(DomainError):
    """The professional may not answer this request; the sentence says why."""


class EnoughProposals(DomainError):
    """As many answers are awaited as the desk allows."""


def _candidate(care_request: CareRequest, slot: Slot, settings: DeskSettings) -> Candidate:
    """The professional of the slot as ranked now: a form's choices are not a guard.

    What the board keeps gives the place in the whole order; of the one chosen nothing is believed
    but the database.
    """
    pk = slot.professional_id
    known = standing_of(care_request, pk, settings)
    matching = matching_for(care_request, settings=settings, only=pk if known else None)
    found = candidate_for(care_request, pk, matching)
    if known is not None and not found.left_out:
        found, kept = known
    else:
        kept = shortlist_of(matching)
    if found.left_out:
        raise NotSuitable(f"{found.name} ne peut pas répondre à cette demande : {found.left_out}.")
    if slot.kind not in wanted_kinds(care_request):
        kind = CareKind(slot.kind).label
        raise NotSuitable(f"Ce créneau ({kind}) ne convient pas à cette demande.")
    if found.agreement_id is not None and not is_shared_at(
        Agreement.objects.select_related("proposed_by_cpts").get(pk=found.agreement_id),
        slot.starts_at,
    ):
        raise NotSuitable(NOT_SHARED)
    keep_shortlist(care_request, kept)
    return found


def _expiry(slot: Slot, settings: DeskSettings, now: dt.datetime) -> dt.datetime:
    wanted = now + dt.timedelta(minutes=settings.proposal_minutes)
    return min(wanted, slot.ends_at if slot.is_window else slot.starts_at)


def planned_start(slot: Slot) -> dt.datetime:
    """When care will have begun at the latest: the start of a slot, the end of a window."""
    return slot.ends_at if slot.is_window else slot.starts_at


def _late_text(proposal: Proposal) -> str:
    """A place after a deadline is said late when it is chosen."""
    return f" Après le délai de {proposal.late_hours} h." if proposal.late_hours else ""


def _new_proposal(
    care_request: CareRequest,
    slot: Slot,
    candidate: Candidate,
    settings: DeskSettings,
    **values,
) -> Proposal:
    return Proposal.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        professional_id=slot.professional_id,
        travel_minutes=candidate.travel_minutes,
        explanation="\n".join(candidate.reasons),
        runner_up=candidate.runner_up[:300],
        circle=care_request.circle,
        agreement_id=candidate.agreement_id,
        late_hours=late_hours(care_request.received_at, planned_start(slot), settings),
        **values,
    )


@transaction.atomic
def propose(*, by: Actor, care_request: CareRequest, slot: Slot) -> Proposal:
    """Offer the request a place: asked of the professional, or booked at once when the slot says so.

    The same slot chosen twice (a double click) counts once.
    Raises NotAllowed, InvalidTransition, EnoughProposals, NotSuitable, SlotFull, SlotClosed.
    """
    check_desk(by, care_request)
    care_request = lock(care_request)
    again = care_request.proposals.filter(
        state__in=[ProposalState.SENT, ProposalState.ACCEPTED], booking__slot=slot
    ).first()
    if again is not None:
        return again
    if care_request.status not in (CareRequestStatus.NEW, CareRequestStatus.PROPOSED):
        move(care_request, CareRequestStatus.PROPOSED)  # raises, with the sentence
    settings = settings_of(care_request.cpts)
    candidate = _candidate(care_request, slot, settings)
    check_sharing(care_request, with_neighbours=candidate.agreement_id is not None)
    if slot.mode == BookingMode.BOOKABLE:
        return _book(by, care_request, slot, candidate, settings)
    return _ask(by, care_request, slot, candidate, settings)


def _ask(
    by: Actor, care_request: CareRequest, slot: Slot, candidate: Candidate, settings: DeskSettings
) -> Proposal:
    if care_request.proposals.live().count() >= settings.live_proposals_max:
        raise EnoughProposals(
            "Une réponse est déjà attendue. Retirez la proposition en cours avant d'en faire une autre."
        )
    now = timezone.now()
    until = _expiry(slot, settings, now)
    if until <= now:
        raise TooLate("Ce créneau commence maintenant : choisissez-en un autre.")
    lent_by = lender(care_request, candidate.agreement_id)
    booking = hold_place(by=by, cpts=care_request.cpts, slot=slot, until=until, lent_by=lent_by)
    proposal = _new_proposal(
        care_request,
        slot,
        candidate,
        settings,
        booking=booking,
        sent_at=now,
        sent_by_id=by.seat_id,
        expires_at=until,
    )
    if care_request.status == CareRequestStatus.NEW:
        move(care_request, CareRequestStatus.PROPOSED)
    care_request.alert = "" if tell_asked(proposal, by=by) else CALL.format(candidate.name)
    save(care_request, by=by)
    tell(
        care_request,
        EventKind.PROPOSED,
        f"Proposée à {candidate.name}, {slot_text(slot)}.{_late_text(proposal)} "
        f"{capfirst(' ; '.join(candidate.reasons))}.",
        by=by,
    )
    journal.record(
        "snp.proposed",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        proposal=proposal.pk,
        slot=slot.pk,
    )
    bump_boards(care_request, proposal)
    return proposal


def _book(
    by: Actor, care_request: CareRequest, slot: Slot, candidate: Candidate, settings: DeskSettings
) -> Proposal:
    others = live_proposals(care_request)
    lock_slots(slot.pk, *(other.booking.slot_id for other in others))
    lent_by = lender(care_request, candidate.agreement_id)
    booking = take_place(by=by, cpts=care_request.cpts, slot=slot, lent_by=lent_by)
    now = timezone.now()
    for other in others:
        end_proposal(other, ProposalState.WITHDRAWN, by=by)
        tell_withdrawn(other, by=by)
    proposal = _new_proposal(
        care_request,
        slot,
        candidate,
        settings,
        booking=booking,
        state=ProposalState.ACCEPTED,
        sent_at=now,
        sent_by_id=by.seat_id,
        expires_at=now,
        answered_at=now,
        answered_by_seat_id=by.seat_id,
        answered_via="booked",
    )
    if care_request.status == CareRequestStatus.NEW:
        move(care_request, CareRequestStatus.PROPOSED)
    mark_accepted(care_request, slot, by=by)
    late = _late_text(proposal)
    text = f"Réservée : {candidate.name}, {slot_text(slot)}.{late}"
    tell(care_request, EventKind.BOOKED, text, by=by)
    tell_booked(proposal, by=by)
    journal.record(
        "snp.booked",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        proposal=proposal.pk,
        slot=slot.pk,
    )
    bump_boards(care_request, proposal, *others)
    return proposal


def mark_accepted(care_request: CareRequest, slot: Slot, *, by: Actor) -> None:
    move(care_request, CareRequestStatus.ACCEPTED)
    care_request.inform_state = InformState.TO_INFORM
    care_request.alert = ""
    care_request.planned_at = planned_start(slot)
    save(care_request, by=by)


def sign_answer(proposal: Proposal, *, by: Actor) -> None:
    """When, by whom and by what way it was answered; the locum, when one answers for who was asked."""
    proposal.answered_at = timezone.now()
    proposal.answered_by_seat_id = by.seat_id
    proposal.answered_via = by.kind
    proposal.locum_id = answers_as_locum(by, proposal)


def answered_by(proposal: Proposal) -> str:
    if proposal.locum_id is None:
        return str(proposal.professional)
    return f"{proposal.locum}, qui remplace {proposal.professional}"


def lock_both(proposal: Proposal) -> tuple[CareRequest, Proposal]:
    care_request = lock(proposal.care_request)
    proposal = (
        Proposal.objects.select_for_update(of=("self",))
        .select_related("booking__cpts", "booking__slot", "professional", "care_request")
        .get(pk=proposal.pk)
    )
    return care_request, proposal


@transaction.atomic
def accept_proposal(*, by: Actor, proposal: Proposal) -> Proposal:
    """Accept: the place is taken, the other proposals withdrawn and their places freed, together.

    Accepted twice by the same professional, it counts once. A late acceptance counts when request
    and place are still free. Raises NotAllowed, TooLate, SlotFull, SlotClosed.
    """
    if not can_answer(by, proposal):
        raise NotAllowed("Cette proposition ne vous est pas adressée.")
    care_request, proposal = lock_both(proposal)
    if proposal.state == ProposalState.ACCEPTED:
        return proposal
    _check_still_wanted(care_request, proposal)
    others = [each for each in live_proposals(care_request) if each.pk != proposal.pk]
    lock_slots(proposal.booking.slot_id, *(other.booking.slot_id for other in others))
    proposal.booking = _taken(care_request, proposal, by=by)
    check_transition(
        PROPOSAL_TRANSITIONS,
        proposal.state,
        ProposalState.ACCEPTED,
        sentence="Cette proposition n'attend plus de réponse.",
    )
    proposal.state = ProposalState.ACCEPTED
    sign_answer(proposal, by=by)
    proposal.save()
    for other in others:
        end_proposal(other, ProposalState.WITHDRAWN, by=by)
        tell_withdrawn(other, by=by)
    if care_request.status == CareRequestStatus.NEW:
        move(care_request, CareRequestStatus.PROPOSED)
    mark_accepted(care_request, proposal.booking.slot, by=by)
    text = f"Acceptée par {answered_by(proposal)}, {slot_text(proposal.booking.slot)}."
    tell(care_request, EventKind.ACCEPTED, text, by=by)
    journal.record(
        "snp.accepted", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    bump_boards(care_request, proposal, *others)
    return proposal


def _taken(care_request: CareRequest, proposal: Proposal, *, by: Actor) -> Booking:
    """The place held for the proposal; another place of its slot when the answer comes late."""
    slot, now = proposal.booking.slot, timezone.now()
    if now >= (slot.ends_at if slot.is_window else slot.starts_at):
        raise TooLate("L'heure de ce créneau est passée. Merci de votre réponse.")
    if proposal.booking.state in LIVE:
        return take_place(by=by, cpts=care_request.cpts, booking=proposal.booking)
    try:
        lent_by = lender(care_request, proposal.agreement_id)
        return take_place(by=by, cpts=care_request.cpts, slot=slot, lent_by=lent_by)
    except (SlotFull, SlotClosed):
        raise TooLate(
            "Le délai de réponse est passé et votre créneau n'est plus libre. "
            "Merci de votre réponse."
        ) from None


def check_agreement(proposal: Proposal) -> None:
    """Nothing new is accepted under an agreement that ended, whoever gives the answer."""
    if proposal.agreement_id is None:
        return
    if not Agreement.objects.in_force(timezone.now()).filter(pk=proposal.agreement_id).exists():
        raise TooLate("L'accord avec la CPTS voisine a pris fin : cherchez un autre créneau.")


def _check_still_wanted(care_request: CareRequest, proposal: Proposal) -> None:
    check_agreement(proposal)
    check_sharing(care_request, with_neighbours=proposal.agreement_id is not None)
    if proposal.state == ProposalState.REFUSED:
        raise TooLate("Vous avez déjà refusé cette demande. Merci de votre réponse.")
    accepted = care_request.proposals.filter(state=ProposalState.ACCEPTED)
    if accepted.exclude(professional=proposal.professional_id).exists():
        raise TooLate("Un autre professionnel a répondu avant vous. Merci de votre réponse.")
    if proposal.state == ProposalState.WITHDRAWN or care_request.status not in (
        CareRequestStatus.NEW,
        CareRequestStatus.PROPOSED,
    ):
        raise TooLate("Cette demande n'attend plus de réponse : elle a été retirée. Merci.")


@transaction.atomic
def refuse_proposal(*, by: Actor, proposal: Proposal, reason: str) -> Proposal:
    """Refuse with a reason of the closed list; the place is freed. Raises NotAllowed, TooLate."""
    if not can_answer(by, proposal):
        raise NotAllowed("Cette proposition ne vous est pas adressée.")
    if reason not in RefusalReason.values:
        raise DomainError("Choisissez une raison dans la liste.")
    care_request, proposal = lock_both(proposal)
    if proposal.state == ProposalState.REFUSED:
        return proposal
    if proposal.state != ProposalState.SENT:
        raise TooLate("Cette proposition n'attend plus de réponse. Merci.")
    proposal.refusal_reason = reason
    sign_answer(proposal, by=by)
    end_proposal(proposal, ProposalState.REFUSED, by=by)
    why = RefusalReason(reason).label
    text = f"Refusée par {answered_by(proposal)} : {why}."
    back_to_new(care_request, alert=text, by=by)
    tell(care_request, EventKind.REFUSED, text, by=by)
    journal.record(
        "snp.refused",
        care_request,
        by=by,
        cpts=care_request.cpts_id,
        proposal=proposal.pk,
        reason=reason,
    )
    bump_boards(care_request, proposal)
    return proposal


@transaction.atomic
def withdraw_proposal(*, by: Actor, proposal: Proposal) -> Proposal:
    """The desk takes a waiting proposal back; the place is freed. Raises NotAllowed, InvalidTransition."""
    check_desk(by, proposal.care_request)
    care_request, proposal = lock_both(proposal)
    if proposal.state != ProposalState.SENT:
        raise TooLate("Cette proposition n'attend plus de réponse.")
    end_proposal(proposal, ProposalState.WITHDRAWN, by=by)
    back_to_new(care_request, alert="", by=by)
    tell(care_request, EventKind.WITHDRAWN, f"Retirée à {proposal.professional}.", by=by)
    tell_withdrawn(proposal, by=by)
    journal.record(
        "snp.withdrawn", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    bump_boards(care_request, proposal)
    return proposal


@transaction.atomic
def expire_proposal(*, by: Actor, proposal: Proposal) -> Proposal:
    """The time to answer has passed: the place is freed, the request goes back on top with an alert.

    Nothing happens when an answer came first. Raises NotAllowed (only the clock does this).
    """
    if by.kind != "system":
        raise NotAllowed("Le délai d'une proposition passe tout seul.")
    care_request, proposal = lock_both(proposal)
    if proposal.state != ProposalState.SENT or proposal.expires_at > timezone.now():
        return proposal
    end_proposal(proposal, ProposalState.EXPIRED, by=by)
    text = f"Sans réponse de {proposal.professional}."
    back_to_new(care_request, alert=text, by=by)
    tell(care_request, EventKind.EXPIRED, text, by=by)
    journal.record(
        "snp.expired", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    bump_boards(care_request, proposal)
    return proposal


@transaction.atomic
def reorient(*, by: Actor, care_request: CareRequest, why: str = "") -> CareRequest:
    """Look for somebody else: proposals withdrawn, places freed, the request is to be treated again.

    From proposed, accepted, informed or missed. Raises NotAllowed, InvalidTransition.
    """
    check_desk(by, care_request)
    care_request = lock(care_request)
    if care_request.status == CareRequestStatus.MERGED:
        raise TooLate("Cette demande est fusionnée avec une autre : séparez-les d'abord.")
    move(care_request, CareRequestStatus.NEW)
    withdrawn = withdraw_all(care_request, by=by)
    care_request.closed_at = None
    care_request.alert = "À réorienter." if not why else f"À réorienter : {why}"[:200]
    save(care_request, by=by)
    tell(care_request, EventKind.REORIENTED, care_request.alert, by=by)
    journal.record("snp.reoriented", care_request, by=by, cpts=care_request.cpts_id)
    bump_boards(care_request, *withdrawn)
    return care_request
