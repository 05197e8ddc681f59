"""Who may be proposed to somebody, and what waits for an answer."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from maillage.availability.queries import open_places
from maillage.directory.models import Professional
from maillage.medecin_traitant.enums import AttributionState
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest, MtSettings
from maillage.medecin_traitant.queries.waiting import age_on
from maillage.territory import queries as territory
from maillage.territory.models import Cpts

BANDS = (0, 2, 6, 16, 40, 60, 70, 80)


def age_band(age: int | None) -> str:
    """ "16 à 39 ans": what a doctor reads before they accept."""
    if age is None:
        return "âge non connu"
    low = max(each for each in BANDS if each <= max(age, 0))
    higher = [each for each in BANDS if each > low]
    return f"{low} à {higher[0] - 1} ans" if higher else f"{low} ans et plus"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A doctor who may be proposed: places left this month, and the trip as it is told."""

    professional: Professional
    offer: DoctorOffer
    left: int
    minutes: float | None
    trip: str


def left_this_month(offer: DoctorOffer, today: dt.date) -> int:
    """Places the doctor still offers in the calendar month: those sent or accepted in it count."""
    first = today.replace(day=1)
    start = timezone.make_aware(dt.datetime.combine(first, dt.time()))
    taken = Attribution.objects.filter(
        cpts=offer.cpts_id, professional=offer.professional_id, sent_at__gte=start
    ).live()
    return offer.per_month - taken.count()


def why_not(doctor_request: DoctorRequest, offer: DoctorOffer, today: dt.date) -> str:
    """What the doctor lawfully excludes, in a sentence; empty when nothing does."""
    age = age_on(doctor_request.resident.birth_date, today)
    if age is not None and not offer.age_from <= age <= offer.age_to:
        return "Cet âge est hors de l'exercice de ce médecin."
    if not doctor_request.can_travel and not offer.home_visits:
        return "Ce médecin ne se déplace pas à domicile."
    refused = doctor_request.attributions.filter(
        professional=offer.professional_id, state=AttributionState.REFUSED
    )
    return "Ce médecin a déjà refusé cette demande." if refused.exists() else ""


def candidates_for(
    doctor_request: DoctorRequest, settings: MtSettings, today: dt.date
) -> list[Candidate]:
    """Doctors whose offer stands today, has a place left and excludes nothing; the nearest first,
    then who has most places. A trip longer than the doctor's or the CPTS's limit is left out."""
    offers = DoctorOffer.objects.filter(cpts=doctor_request.cpts_id, per_month__gte=1)
    found = []
    for offer in offers.in_force(today).select_related("professional"):
        left = left_this_month(offer, today)
        if left <= 0 or why_not(doctor_request, offer, today):
            continue
        trip = _trip(doctor_request, offer.professional)
        limit = min(
            offer.travel_minutes or settings.travel_minutes_max, settings.travel_minutes_max
        )
        minutes = trip.minutes if trip is not None else None
        if minutes is not None and minutes > limit and doctor_request.can_travel:
            continue
        told = trip.text if trip is not None else "trajet non connu"
        found.append(Candidate(offer.professional, offer, left, minutes, told))
    return sorted(
        found,
        key=lambda each: (
            each.minutes is None,
            each.minutes or 0.0,
            -each.left,
            each.professional.pk,
        ),
    )


def _trip(doctor_request: DoctorRequest, professional: Professional):
    codes = [place.commune_id for place in open_places(professional)]
    trips = territory.travel_minutes(doctor_request.commune, codes).values()
    known = [each for each in trips if each.minutes is not None]
    return min(known, key=lambda each: each.minutes, default=None)


def proposals_to(professional: Professional, cpts: Cpts) -> list[Attribution]:
    """What waits for this doctor's answer, then what they accepted."""
    mine = Attribution.objects.filter(cpts=cpts, professional=professional).live()
    rows = mine.select_related("doctor_request__commune", "doctor_request__resident")
    return sorted(rows, key=lambda each: (each.state != AttributionState.SENT, each.sent_at))


def unanswered(cpts: Cpts, today: dt.date) -> list[Attribution]:
    """Sent, and the time to answer is over."""
    late = Q(state=AttributionState.SENT, answer_by__lt=today)
    return list(Attribution.objects.filter(late, cpts=cpts))
