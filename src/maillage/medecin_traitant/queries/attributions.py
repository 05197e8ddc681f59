"""Who may be proposed to somebody, and what waits for an answer."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
from django.db.models import Q

from maillage.directory.models import Place, Professional
from maillage.medecin_traitant.enums import AttributionState
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest, MtSettings
from maillage.medecin_traitant.queries.reach import Doctors, nearest, sent_this_month
from maillage.medecin_traitant.queries.waiting import age_on
from maillage.medecin_traitant.queries.wishes import wishes_of
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
    left: int
    minutes: float
    trip: str


def left_this_month(offer: DoctorOffer, today: dt.date) -> int:
    """Places the doctor still offers in the calendar month: those sent or accepted in it count."""
    taken = sent_this_month(offer.cpts_id, today).filter(professional=offer.professional_id)
    return offer.per_month - taken.count()


def why_not(
    doctor_request: DoctorRequest, offer: DoctorOffer, settings: MtSettings, today: dt.date
) -> str:
    """What the doctor lawfully excludes, or this person, in a sentence; empty when nothing does."""
    age = age_on(doctor_request.resident.birth_date, today)
    if age is not None and not offer.age_from <= age <= offer.age_to:
        return "Cet âge est hors de l'exercice de ce médecin."
    if not doctor_request.can_travel and not offer.home_visits:
        return "Ce médecin ne se déplace pas à domicile."
    if doctor_request.can_travel and (told := _too_far(doctor_request, offer, settings)):
        return told
    if wishes_of(doctor_request).forbid(offer.professional_id):
        return "Cette personne ne souhaite pas ce médecin."
    refused = doctor_request.attributions.filter(
        professional=offer.professional_id, state=AttributionState.REFUSED
    )
    return "Ce médecin a déjà refusé cette demande." if refused.exists() else ""


def _too_far(doctor_request: DoctorRequest, offer: DoctorOffer, settings: MtSettings) -> str:
    """Of the nearest place of this doctor; a trip that is not known is not too long."""
    places = Place.objects.filter(closed_on=None, professional=offer.professional_id)
    codes = sorted(set(places.values_list("commune_id", flat=True)))
    trip = nearest(territory.travel_minutes(doctor_request.commune_id, codes).values())
    if trip is None:
        return ""
    limit = settings.travel_minutes_max
    if trip.minutes > min(offer.travel_minutes or limit, limit):
        return "Ce médecin est trop loin : le trajet dépasse sa limite ou celle de la CPTS."
    own = doctor_request.travel_minutes_max
    if own and trip.minutes > own:
        return f"Ce médecin est trop loin pour cette personne : {own} minutes de trajet au plus."
    return ""


def candidates_for(
    doctor_request: DoctorRequest, settings: MtSettings, today: dt.date
) -> list[Candidate]:
    """Doctors whose offer stands today, has a place left and excludes nothing; the nearest first,
    then who has most places. A trip longer than the limit of the doctor, the CPTS or the person is left
    out."""
    doctors = Doctors(doctor_request.cpts, settings, today)
    refusals = doctor_request.attributions.filter(state=AttributionState.REFUSED)
    excluded = doctors.excluded(
        doctor_request,
        age_on(doctor_request.resident.birth_date, today),
        set(refusals.values_list("professional_id", flat=True)),
        wishes_of(doctor_request),
    )
    commune = doctor_request.commune_id
    minutes = np.nan_to_num(doctors.trips(commune)[1], nan=np.inf)
    found = [
        Candidate(
            doctors.offers[j].professional,
            int(doctors.left[j]),
            float(minutes[j]),
            doctors.told(commune, j),
        )
        for j in np.flatnonzero(excluded.free & (doctors.left > 0)).tolist()
    ]
    return sorted(found, key=lambda each: (each.minutes, -each.left, each.professional.pk))


def proposals_to(professional: Professional, cpts: Cpts) -> list[Attribution]:
    """What waits for this doctor's answer, then what they accepted."""
    mine = Attribution.objects.filter(cpts=cpts, professional=professional).live()
    rows = mine.select_related("doctor_request__commune", "doctor_request__resident")
    return sorted(rows, key=lambda each: (each.state != AttributionState.SENT, each.sent_at))


def unanswered(cpts: Cpts, today: dt.date) -> list[Attribution]:
    """Sent, and the time to answer is over."""
    late = Q(state=AttributionState.SENT, answer_by__lt=today)
    return list(Attribution.objects.filter(late, cpts=cpts))
