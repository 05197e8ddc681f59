"""What every act on a request does alike: lock it, move it, tell its history."""

import datetime as dt

from django.utils import timezone

from maillage.accounts.models import Seat
from maillage.availability.actions import release_place
from maillage.availability.enums import LIVE
from maillage.availability.models import CptsVisibility, Slot
from maillage.kernel import pulse
from maillage.kernel.errors import DomainError, NotAllowed
from maillage.kernel.permissions import Actor
from maillage.kernel.transitions import check_transition
from maillage.residents.enums import SharingScope
from maillage.residents.rules import covers
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
from maillage.snp.models import CareRequest, CareRequestEvent, DeskSettings, Proposal
from maillage.snp.queries import settings_of
from maillage.snp.queries.ladder import (
    SEARCHING,
    awaits_a_person,
    minutes_of,
    next_watch,
    standby,
)
from maillage.snp.rules import can_dispatch, is_withdrawn


class Incomplete(DomainError):
    """Something that must be said is missing."""


class NoOwner(DomainError):
    """Nobody in the CPTS can answer for a request."""


class TooLate(DomainError):
    """The request or the place went to somebody else meanwhile."""


class NoAgreement(DomainError):
    """Sharing is refused: the patient did not agree that far, or took it back."""


def check_sharing(care_request: CareRequest, *, with_neighbours: bool) -> None:
    """Nothing about a patient who took their agreement back goes to a professional; nor, to a
    neighbour CPTS, without an agreement that says so. Raises NoAgreement."""
    if is_withdrawn(care_request):
        raise NoAgreement(
            "Le patient a retiré son accord de partage. Notez un nouvel accord s'il le donne, ou "
            "annulez la demande."
        )
    if with_neighbours and not covers(care_request.sharing, SharingScope.NEIGHBOURS):
        raise NoAgreement(
            "Le patient n'a pas donné son accord pour une CPTS voisine : demandez-le-lui, notez-le "
            "(Accord de partage, « une CPTS voisine aussi »), puis proposez."
        )


NOBODY = (
    "Personne ne peut répondre de cette demande : ni astreinte, ni coordinateur. "
    "Un administrateur doit donner un de ces rôles."
)


def check_desk(by: Actor, care_request: CareRequest) -> None:
    if not can_dispatch(by, care_request.cpts_id):
        raise NotAllowed("Seule la régulation SNP peut faire cela sur une demande.")


def lock(care_request: CareRequest) -> CareRequest:
    """The row as it is now, ours until the end of the transaction. Always locked before any slot."""
    return CareRequest.objects.select_for_update(of=("self",)).get(pk=care_request.pk)


def lock_open(care_request: CareRequest) -> CareRequest:
    """The same, while the request is not over; raises TooLate after."""
    care_request = lock(care_request)
    check_open(care_request)
    return care_request


def check_open(care_request: CareRequest) -> None:
    if care_request.status not in OPEN:
        word = CareRequestStatus(care_request.status).label.lower()
        raise TooLate(f"La demande n° {care_request.number} est « {word} » : elle ne change plus.")


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


def save(care_request: CareRequest, *, by: Actor, settings: DeskSettings | None = None) -> None:
    """Write the row, and when the clock must look at it again. Who awaits whom is decided here: an
    act of a person starts the wait afresh. `settings`: as just read."""
    now = timezone.now()
    settings = settings or settings_of(care_request.cpts, now)
    if not awaits_a_person(care_request):
        care_request.waiting_since = None
    elif care_request.waiting_since is None or by.seat_id is not None:
        care_request.waiting_since = now
    if care_request.waiting_since in (None, now):
        care_request.reminded_at = care_request.escalated_at = None
    if care_request.status not in SEARCHING:
        care_request.circle_until = None
    elif care_request.circle_until is None:
        care_request.circle_until = circle_end(care_request, settings, now)
    care_request.watch_at = None
    if care_request.closed_at is None:
        care_request.watch_at = next_watch(care_request, settings)
    care_request.version += 1
    care_request.save()


def circle_end(
    care_request: CareRequest, settings: DeskSettings, now: dt.datetime
) -> dt.datetime | None:
    """When the circle opened now gives way to the next; None for the last."""
    minutes = minutes_of(care_request.circle, settings)
    return None if minutes is None else now + dt.timedelta(minutes=minutes)


def own(care_request: CareRequest, seat: Seat | int, why: str) -> None:
    """Name who answers for it from now on; the wait starts afresh for them."""
    care_request.owner_id = getattr(seat, "pk", seat)
    care_request.owned_at = timezone.now()
    care_request.owner_why = why
    care_request.waiting_since = None


def own_by_standby(care_request: CareRequest) -> None:
    """Name the person on call, else the coordinator, else the administrator; where the CPTS has none
    of them, whoever answers already goes on. Raises NoOwner when nobody does."""
    found = standby(care_request.cpts_id, timezone.now())
    if found is not None:
        own(care_request, *found)
    elif care_request.owner_id is None:
        raise NoOwner(NOBODY)


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
        status=care_request.status,
        circle=care_request.circle,
        owner_id=care_request.owner_id,
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
    """What awaits an answer: of a professional, or of the desk to another hour they proposed."""
    return list(
        care_request.proposals.select_for_update(of=("self",))
        .filter(state__in=[ProposalState.SENT, ProposalState.COUNTERED])
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
        if not proposal.outcome:  # of a missed appointment there is nothing to take back
            tell_withdrawn(proposal, by=by)
    care_request.inform_state = InformState.NOT_YET
    care_request.planned_at = None
    return proposals


def back_to_new(care_request: CareRequest, *, alert: str, by: Actor) -> None:
    """Once nobody is asked any more, the request goes back on top of the board with an alert."""
    if not care_request.proposals.live().exists():
        if care_request.status == CareRequestStatus.PROPOSED:
            move(care_request, CareRequestStatus.NEW)
        care_request.alert = alert[:200]
    save(care_request, by=by)  # even then: what is shown of it changed


def bump_boards(care_request: CareRequest, *proposals: Proposal) -> None:
    """Move the boards that show these professionals' slots, the neighbours' too. Last of an act."""
    neighbours = CptsVisibility.objects.filter(
        professional__in=[proposal.professional_id for proposal in proposals]
    )
    neighbours = neighbours.values_list("cpts", flat=True) if proposals else ()
    reach = pulse.Reach.PLACES if proposals else pulse.Reach.BOARD
    pulse.bump(care_request.cpts_id, *neighbours, reach=reach)
