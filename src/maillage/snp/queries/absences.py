"""Appointments whose professional has since said they will be away; what the patient knows."""

import datetime as dt
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
    """By absent professional, whoever is expected first at the top; each with the best alternative."""
    by_person: dict[int, list[Displaced]] = {}
    people: dict[int, Professional] = {}
    for count, proposal in enumerate(displaced_proposals(cpts, now)):
        care_request = proposal.care_request
        is_ranked = count < ALTERNATIVES_SHOWN
        best = None
        if is_ranked:
            ranked = matching_for(care_request, now=now, settings=settings, shown=1).ranked
            best = ranked[0] if ranked else None
        people[proposal.professional_id] = proposal.professional
        by_person.setdefault(proposal.professional_id, []).append(
            Displaced(
                care_request=care_request,
                slot=slot_text(proposal.booking.slot),
                is_known=patient_knows(care_request, proposal),
                is_ranked=is_ranked,
                best=best,
            )
        )
    return [Absent(people[pk], tuple(rows)) for pk, rows in by_person.items()]
