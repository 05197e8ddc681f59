"""Appointments whose professional has since said they will be away; what the patient knows."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass

from maillage.availability.models import Booking
from maillage.directory.models import Professional
from maillage.snp.enums import CareRequestStatus, InformResult, ProposalState
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.ranking import Candidate, matching_for
from maillage.snp.queries.words import slot_text
from maillage.territory.models import Cpts

S = CareRequestStatus
BOOKED = (S.ACCEPTED, S.INFORMED)
ALTERNATIVES_SHOWN = 20  # each costs a ranking; the others are ranked once re-oriented


def patient_knows(care_request: CareRequest, proposal: Proposal) -> bool:
    """Was the patient told of this appointment: reached, or written to?"""
    return (
        care_request.status == S.INFORMED
        or care_request.inform_attempts.filter(
            result__in=[InformResult.REACHED, InformResult.SENT], at__gte=proposal.answered_at
        ).exists()
    )


@dataclass(frozen=True, slots=True)
class Displaced:
    """One booked request to re-orient: `best` is who would come first now, None when nobody or when
    it was not looked for (`is_ranked`)."""

    care_request: CareRequest
    slot: str
    is_known: bool
    is_ranked: bool
    best: Candidate | None


@dataclass(frozen=True, slots=True)
class Absent:
    professional: Professional
    displaced: tuple[Displaced, ...]


def displaced_proposals(cpts: Cpts, now: dt.datetime, professional: int | None = None):
    """Accepted places under an absence and not over, soonest first."""
    away = Booking.objects.under_absence().filter(slot__ends_at__gt=now).values("pk")
    found = Proposal.objects.filter(
        cpts=cpts,
        state=ProposalState.ACCEPTED,
        care_request__status__in=BOOKED,
        booking__in=away,
    ).select_related(
        *("care_request__commune", "care_request__cpts", "professional"),
        "booking__slot__place__commune",
    )
    if professional is not None:
        found = found.filter(professional=professional)
    return found.order_by("booking__slot__starts_at", "pk")


def absents_of(cpts: Cpts, settings: DeskSettings, now: dt.datetime) -> list[Absent]:
    """By absent professional, whoever is expected first at the top; each with the best alternative
    left: a place shown to one patient is not shown to those below."""
    by_person: dict[int, list[Proposal]] = {}
    ranked: set[int] = set()
    for count, proposal in enumerate(displaced_proposals(cpts, now)):
        by_person.setdefault(proposal.professional_id, []).append(proposal)
        if count < ALTERNATIVES_SHOWN:
            ranked.add(proposal.pk)
    promised: Counter[int] = Counter()
    found = []
    for proposals in by_person.values():
        rows = []
        for proposal in proposals:
            best = None
            if proposal.pk in ranked:
                best = _best_left(proposal.care_request, settings, now, promised)
            rows.append(
                Displaced(
                    care_request=proposal.care_request,
                    slot=slot_text(proposal.booking.slot),
                    is_known=patient_knows(proposal.care_request, proposal),
                    is_ranked=proposal.pk in ranked,
                    best=best,
                )
            )
        found.append(Absent(proposals[0].professional, tuple(rows)))
    return found


def _best_left(
    care_request: CareRequest, settings: DeskSettings, now: dt.datetime, promised: Counter[int]
) -> Candidate | None:
    """Who would come first without the places `promised`; their first place is added to them."""
    matching = matching_for(care_request, now=now, settings=settings, shown=1, promised=promised)
    if not matching.ranked:
        return None
    best = matching.ranked[0]
    promised[best.slots[0].id] += 1
    return best
