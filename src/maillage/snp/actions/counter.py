"""Not at this hour but at another: the professional says it, the desk asks the patient."""

import datetime as dt

from django.db import transaction
from django.utils import timezone

from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import open_once, take_place
from maillage.availability.models import Slot
from maillage.kernel import journal
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.snp.actions.agreements import lender
from maillage.snp.actions.circles import HAND_OVER_NOW
from maillage.snp.actions.life import (
    TooLate,
    bump_boards,
    check_desk,
    check_sharing,
    end_proposal,
    live_proposals,
    lock_slots,
    move,
    save,
    tell,
)
from maillage.snp.actions.notices import tell_counter_over, tell_counter_taken, tell_withdrawn
from maillage.snp.actions.orientation import (
    NOT_SHARED,
    answered_by,
    check_agreement,
    lock_both,
    mark_accepted,
    planned_start,
    sign_answer,
)
from maillage.snp.enums import CareRequestStatus, Circle, EventKind, ProposalState
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries import is_shared_at, settings_of, slot_text
from maillage.snp.queries.counter import (
    counter_text,
    is_away,
    meets_other_hours,
    opening_at,
    slots_at,
)
from maillage.snp.queries.ladder import SEARCHING, late_hours
from maillage.snp.rules import can_answer


class BadHour(DomainError):
    """The other hour cannot be proposed; the sentence says why."""


def _check_hour(
    proposal: Proposal, starts_at: dt.datetime, settings: DeskSettings, now: dt.datetime
) -> None:
    slot = proposal.booking.slot
    if starts_at <= now:
        raise BadHour("Cette heure est passée. Proposez-en une autre.")
    if starts_at > now + dt.timedelta(hours=settings.search_hours):
        raise BadHour(f"Proposez une heure dans les {settings.search_hours} heures qui viennent.")
    if starts_at == slot.starts_at and not slot.is_window:
        raise BadHour("C'est l'heure demandée : acceptez la proposition.")
    if is_away(proposal, starts_at):
        raise BadHour("Une absence est déclarée à cette heure : levez-la d'abord.")
    if proposal.agreement is not None and not is_shared_at(proposal.agreement, starts_at):
        raise BadHour(NOT_SHARED)
    own = list(slots_at(proposal, starts_at, now))
    if own and all(each.places_left < 1 for each in own):
        raise BadHour("Un rendez-vous est déjà pris à cette heure. Proposez-en une autre.")
    if not own and meets_other_hours(proposal, starts_at):
        raise BadHour(
            "Des créneaux sont déjà ouverts autour de cette heure : proposez le début de l'un d'eux."
        )


@transaction.atomic
def counter_offer(*, by: Actor, proposal: Proposal, starts_at: dt.datetime) -> Proposal:
    """Not at this hour, but at `starts_at`: the place is freed, the desk asks the patient.

    Said twice, it counts once. Raises NotAllowed, TooLate, BadHour.
    """
    if not can_answer(by, proposal):
        raise NotAllowed("Cette proposition ne vous est pas adressée.")
    care_request, proposal = lock_both(proposal)
    starts_at = starts_at.replace(second=0, microsecond=0)
    if proposal.state == ProposalState.COUNTERED and proposal.counter_at == starts_at:
        return proposal
    if proposal.state != ProposalState.SENT:
        raise TooLate("Cette proposition n'attend plus de réponse. Merci.")
    check_sharing(care_request, with_neighbours=proposal.agreement_id is not None)
    now = timezone.now()
    settings = settings_of(care_request.cpts, now)
    _check_hour(proposal, starts_at, settings, now)
    proposal.counter_at = starts_at
    proposal.late_hours = late_hours(care_request.received_at, starts_at, settings)
    proposal.expires_at = min(now + dt.timedelta(minutes=settings.proposal_minutes), starts_at)
    sign_answer(proposal, by=by)
    end_proposal(proposal, ProposalState.COUNTERED, by=by)
    _show(care_request, by=by)
    text = f"{answered_by(proposal)} : pas à cette heure, mais {counter_text(proposal)}."
    tell(care_request, EventKind.COUNTERED, text, by=by)
    journal.record(
        "snp.countered", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    bump_boards(care_request, proposal)
    return proposal


def _show(care_request: CareRequest, *, by: Actor, otherwise: str = "") -> None:
    """Back on top of the board, with the other hour that waits for the desk, if any."""
    live = care_request.proposals.live().exists()
    if care_request.status == CareRequestStatus.PROPOSED and not live:
        move(care_request, CareRequestStatus.NEW)
    waiting = (
        care_request.proposals.filter(state=ProposalState.COUNTERED)
        .select_related("professional", "booking__slot__place__commune")
        .order_by("expires_at", "pk")
        .first()
    )
    if not otherwise and care_request.circle == Circle.HAND_OVER:
        otherwise = HAND_OVER_NOW
    care_request.alert = otherwise[:200]
    if waiting is not None:
        late = f" (après le délai de {waiting.late_hours} h)" if waiting.late_hours else ""
        text = f"{waiting.professional} propose {counter_text(waiting)}{late}"
        care_request.alert = f"{text} : demandez au patient."[:200]
    save(care_request, by=by)


def _place_for(proposal: Proposal, now: dt.datetime) -> Slot:
    """Their own slot at that hour when there is one; else one opened for it, on their word."""
    for slot in slots_at(proposal, proposal.counter_at, now):
        if slot.places_left > 0:
            return slot
    wanted = opening_at(proposal, proposal.counter_at)
    opening = open_once(
        by=SYSTEM,
        professional=proposal.professional,
        place=wanted.place,
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        slot_minutes=wanted.slot_minutes,
        kind=wanted.kind,
        mode=wanted.mode,
    )
    slot = opening.slots.filter(closed_at=None).select_related("place__commune").first()
    if slot is None:
        raise TooLate("Cette heure n'est plus libre : cherchez un autre créneau.")
    return slot


@transaction.atomic
def take_counter(*, by: Actor, proposal: Proposal) -> Proposal:
    """The patient agrees to the other hour: its place is opened and taken, the others withdrawn.

    A double click counts once. Raises NotAllowed, TooLate, SlotFull, SlotClosed, BadOpening.
    """
    check_desk(by, proposal.care_request)
    care_request, proposal = lock_both(proposal)
    if proposal.state == ProposalState.ACCEPTED and proposal.counter_at is not None:
        return proposal
    now = timezone.now()
    if proposal.state != ProposalState.COUNTERED or care_request.status not in SEARCHING:
        raise TooLate("Cette autre heure n'est plus proposée.")
    if proposal.counter_at <= now:
        raise TooLate("L'heure proposée est passée : cherchez un autre créneau.")
    check_agreement(proposal)
    check_sharing(care_request, with_neighbours=proposal.agreement_id is not None)
    others = [each for each in live_proposals(care_request) if each.pk != proposal.pk]
    # The slots of the others before the professional's own row: opening ends with the pulse.
    lock_slots(*(other.booking.slot_id for other in others))
    for other in others:
        end_proposal(other, ProposalState.WITHDRAWN, by=by)
        tell_withdrawn(other, by=by)
    slot = _place_for(proposal, now)
    lent_by = lender(care_request, proposal.agreement_id)
    proposal.booking = take_place(by=by, cpts=care_request.cpts, slot=slot, lent_by=lent_by)
    proposal.state = ProposalState.ACCEPTED
    proposal.answered_at = now
    settings = settings_of(care_request.cpts, now)
    proposal.late_hours = late_hours(care_request.received_at, planned_start(slot), settings)
    proposal.save()
    if care_request.status == CareRequestStatus.NEW:
        move(care_request, CareRequestStatus.PROPOSED)
    mark_accepted(care_request, slot, by=by)
    late = f" Après le délai de {proposal.late_hours} h." if proposal.late_hours else ""
    text = f"Autre heure retenue : {proposal.professional}, {slot_text(slot)}.{late}"
    tell(care_request, EventKind.ACCEPTED, text, by=by)
    journal.record(
        "snp.counter_taken", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    tell_counter_taken(proposal, by=by)
    bump_boards(care_request, proposal, *others)
    return proposal


@transaction.atomic
def decline_counter(*, by: Actor, proposal: Proposal) -> Proposal:
    """The other hour does not suit the patient; the professional is told. Twice counts once.

    Raises NotAllowed, TooLate.
    """
    check_desk(by, proposal.care_request)
    care_request, proposal = lock_both(proposal)
    if proposal.state == ProposalState.WITHDRAWN and proposal.counter_at is not None:
        return proposal
    if proposal.state != ProposalState.COUNTERED:
        raise TooLate("Cette autre heure n'est plus proposée.")
    end_proposal(proposal, ProposalState.WITHDRAWN, by=by)
    _show(care_request, by=by)
    text = f"Autre heure de {proposal.professional} non retenue."
    tell(care_request, EventKind.WITHDRAWN, text, by=by)
    journal.record(
        "snp.counter_declined", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    tell_counter_over(proposal, by=by)
    bump_boards(care_request, proposal)
    return proposal


@transaction.atomic
def expire_counter(*, by: Actor, proposal: Proposal) -> Proposal:
    """The desk did not take the other hour in time: the professional is free of it, and told.

    Nothing happens before its time, nor twice. Raises NotAllowed (only the clock does this).
    """
    if by.kind != "system":
        raise NotAllowed("Le délai d'une proposition passe tout seul.")
    care_request, proposal = lock_both(proposal)
    if proposal.state != ProposalState.COUNTERED or proposal.expires_at > timezone.now():
        return proposal
    end_proposal(proposal, ProposalState.WITHDRAWN, by=by)
    text = f"L'heure proposée par {proposal.professional} n'a pas été retenue à temps."
    _show(care_request, by=by, otherwise=text)
    tell(care_request, EventKind.EXPIRED, text, by=by)
    journal.record(
        "snp.counter_expired", care_request, by=by, cpts=care_request.cpts_id, proposal=proposal.pk
    )
    tell_counter_over(proposal, by=by)
    bump_boards(care_request, proposal)
    return proposal
