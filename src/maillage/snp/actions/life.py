"""What every act on a request does alike: lock it, move it, tell its history."""

from django.utils import timezone

from maillage.availability.actions import release_place
from maillage.availability.enums import LIVE
from maillage.availability.models import CptsVisibility, Slot
from maillage.kernel import pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.snp.actions.notices import tell_withdrawn
from maillage.snp.enums import (
    OPEN,
    PROPOSAL_TRANSITIONS,
    TRANSITIONS,
    CareRequestStatus,
    EventKind,
    InformState,
    ProposalState,
)
from maillage.snp.models import CareRequest, CareRequestEvent, Proposal
from maillage.snp.rules import can_dispatch


class Incomplete(DomainError):
    """Something that must be said is missing."""


class TooLate(DomainError):
    """The request or the place went to somebody else meanwhile."""


def check_desk(by: Actor, care_request: CareRequest) -> None:
    if not can_dispatch(by, care_request.cpts_id):
        raise NotAllowed("Seule la régulation SNP peut faire cela sur une demande.")


def lock(care_request: CareRequest) -> CareRequest:
    """The row as it is now, ours until the end of the transaction. Always locked before any slot."""
    return CareRequest.objects.select_for_update(of=("self",)).get(pk=care_request.pk)


def lock_open(care_request: CareRequest) -> CareRequest:
    """The same, while the request is not over; raises TooLate after."""
    care_request = lock(care_request)
    if care_request.status not in OPEN:
        word = CareRequestStatus(care_request.status).label.lower()
        raise TooLate(f"La demande n° {care_request.number} est « {word} » : elle ne change plus.")
    return care_request


def lock_slots(*slot_ids: int) -> None:
    """Lock several slots, always in the same order: two acts that share them never cross."""
    slots = Slot.objects.select_for_update(of=("self",)).filter(pk__in=slot_ids)
    list(slots.order_by("pk").values_list("pk"))


def move(care_request: CareRequest, status: str) -> None:
    """Change the status when the table allows it; raises InvalidTransition with a sentence."""
    now = CareRequestStatus(care_request.status).label.lower()
    then = CareRequestStatus(status).label.lower()
    check_transition(
        TRANSITIONS,
        care_request.status,
        status,
        sentence=f"La demande n° {care_request.number} est « {now} » : "
        f"elle ne peut pas devenir « {then} ». Rechargez la page.",
    )
    care_request.status = status


def save(care_request: CareRequest) -> None:
    care_request.version += 1
    care_request.save()


def tell(care_request: CareRequest, kind: EventKind, text: str, *, by: Actor) -> None:
    """Add a line to the history shown on screen. No name of a patient in it."""
    CareRequestEvent.objects.create(
        cpts_id=care_request.cpts_id,
        care_request=care_request,
        at=timezone.now(),
        kind=kind,
        by_seat_id=by.seat_id,
        by_kind=by.kind,
        text=text[:300],
    )


def end_proposal(proposal: Proposal, state: str, *, by: Actor) -> None:
    """Close a proposal and give its place back."""
    check_transition(
        PROPOSAL_TRANSITIONS,
        proposal.state,
        state,
        sentence="Cette proposition n'attend plus de réponse.",
    )
    proposal.state = state
    proposal.save()
    if proposal.booking.state in LIVE:
        release_place(by=by, booking=proposal.booking)


def live_proposals(care_request: CareRequest) -> list[Proposal]:
    return list(
        care_request.proposals.select_for_update(of=("self",))
        .filter(state=ProposalState.SENT)
        .select_related("booking__cpts", "booking__slot", "professional")
        .order_by("booking__slot_id", "pk")
    )


def accepted_proposal(care_request: CareRequest) -> Proposal | None:
    return (
        care_request.proposals.filter(state=ProposalState.ACCEPTED)
        .select_related("booking__cpts", "booking__slot__place__commune", "professional")
        .first()
    )


def withdraw_all(care_request: CareRequest, *, by: Actor) -> list[Proposal]:
    """Withdraw what waits and what was accepted, places given back, professionals told.

    The request forgets who was told of an appointment. Returns what was withdrawn.
    """
    accepted = accepted_proposal(care_request)
    proposals = [*live_proposals(care_request), *([accepted] if accepted else [])]
    lock_slots(*(proposal.booking.slot_id for proposal in proposals))
    for proposal in proposals:
        end_proposal(proposal, ProposalState.WITHDRAWN, by=by)
        tell_withdrawn(proposal, by=by)
    care_request.inform_state = InformState.NOT_YET
    return proposals


def back_to_new(care_request: CareRequest, *, alert: str, by: Actor) -> None:
    """Once nobody is asked any more, the request goes back on top of the board with an alert."""
    if not care_request.proposals.live().exists():
        if care_request.status == CareRequestStatus.PROPOSED:
            move(care_request, CareRequestStatus.NEW)
        care_request.alert = alert[:200]
        save(care_request)


def bump_boards(care_request: CareRequest, *proposals: Proposal) -> None:
    """Move the boards that show these professionals' slots, the neighbours' too. Last of an act."""
    neighbours = CptsVisibility.objects.filter(
        professional__in=[proposal.professional_id for proposal in proposals]
    )
    pulse.bump(care_request.cpts_id, *neighbours.values_list("cpts", flat=True))
