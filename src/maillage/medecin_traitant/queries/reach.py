"""Which doctor may be proposed to whom: offers in force as arrays, one row of answers per person."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from django.utils import timezone

from maillage.directory.models import Place
from maillage.medecin_traitant.models import Attribution, DoctorOffer, DoctorRequest, MtSettings
from maillage.medecin_traitant.queries.wishes import Wishes
from maillage.territory import queries as territory
from maillage.territory.models import Cpts
from maillage.territory.queries.travel import Travel

UNKNOWN_TRIP = "trajet non connu"


def month_of(today: dt.date) -> dt.datetime:
    """When the calendar month of this day began."""
    return timezone.make_aware(dt.datetime.combine(today.replace(day=1), dt.time()))


def sent_this_month(cpts: Cpts | int, today: dt.date):
    """Proposals of the calendar month that hold a place: waiting for an answer, or accepted."""
    return Attribution.objects.filter(cpts=cpts, sent_at__gte=month_of(today)).live()


def nearest(trips: Iterable[Travel]) -> Travel | None:
    """The shortest of those that are known; the first of equals."""
    known = (each for each in trips if each.minutes is not None)
    return min(known, key=lambda each: each.minutes, default=None)


@dataclass(frozen=True, slots=True)
class Excluded:
    """Of one person and each doctor, what is in the way. `far`: for the doctor or the CPTS;
    `tiring`: not for them, but longer than the trip this person accepts; `unwanted`: they said so."""

    age: np.ndarray
    home: np.ndarray
    far: np.ndarray
    refused: np.ndarray
    tiring: np.ndarray
    unwanted: np.ndarray

    @property
    def not_theirs(self) -> np.ndarray:
        """What this person cannot change is in the way."""
        return self.age | self.home | self.far | self.refused

    @property
    def free(self) -> np.ndarray:
        return ~(self.not_theirs | self.tiring | self.unwanted)


class Doctors:
    """Doctors whose offer stands on this day and takes somebody, in a fixed order; how many of their
    places of the month are taken; what is in the way of each person. A trip longer than the limit
    of the doctor, of the CPTS or of this person is in the way of who travels; an unknown trip is not.
    """

    def __init__(self, cpts: Cpts, settings: MtSettings, today: dt.date) -> None:
        rows = DoctorOffer.objects.filter(cpts=cpts, per_month__gte=1).in_force(today)
        self.offers = list(rows.select_related("professional").order_by("professional_id"))
        self.index = {each.professional_id: j for j, each in enumerate(self.offers)}
        taken = dict.fromkeys(self.index, 0)
        self.sent = [
            each
            for each in sent_this_month(cpts, today).select_related("doctor_request__resident")
            if each.professional_id in taken
        ]
        for each in self.sent:
            taken[each.professional_id] += 1
        self.taken = np.array(list(taken.values()), np.int64)
        places = np.array([each.per_month for each in self.offers], np.int64)
        self.left = np.maximum(places - self.taken, 0)
        limit = settings.travel_minutes_max
        self.limit = np.array([min(each.travel_minutes or limit, limit) for each in self.offers])
        self.age_from = np.array([each.age_from for each in self.offers], np.int64)
        self.age_to = np.array([each.age_to for each in self.offers], np.int64)
        self.home = np.array([each.home_visits for each in self.offers], bool)
        self._where: dict[int, set[str]] = defaultdict(set)
        places_of = Place.objects.filter(closed_on=None, professional__in=list(self.index))
        for pk, insee in places_of.values_list("professional_id", "commune_id"):
            self._where[pk].add(insee)
        self._trips: dict[str, tuple[list[Travel | None], np.ndarray]] = {}

    def trips(self, commune: str) -> tuple[list[Travel | None], np.ndarray]:
        """From this commune to the nearest place of each doctor, and its minutes (NaN: not known)."""
        if commune not in self._trips:
            codes = sorted({code for each in self._where.values() for code in each})
            known = territory.travel_minutes(commune, codes)
            best = [
                nearest(known[code] for code in sorted(self._where[each.professional_id]))
                for each in self.offers
            ]
            minutes = [np.nan if each is None else each.minutes for each in best]
            self._trips[commune] = best, np.array(minutes, float)
        return self._trips[commune]

    def told(self, commune: str, j: int) -> str:
        trip = self.trips(commune)[0][j]
        return UNKNOWN_TRIP if trip is None else trip.text

    def excluded(
        self,
        doctor_request: DoctorRequest,
        age: int | None,
        refused_by: Collection[int],
        wishes: Wishes,
    ) -> Excluded:
        """`refused_by`: the doctors who already refused this person."""
        none = np.zeros(len(self.offers), bool)
        refused = none.copy()
        refused[[self.index[pk] for pk in refused_by if pk in self.index]] = True
        unwanted = none
        if wishes.only or wishes.never:
            unwanted = np.array([wishes.forbid(each.professional_id) for each in self.offers], bool)
        far = tiring = none
        if doctor_request.can_travel:
            minutes = self.trips(doctor_request.commune_id)[1]
            far = minutes > self.limit
            tiring = ~far & (minutes > (doctor_request.travel_minutes_max or np.inf))
        return Excluded(
            age=none if age is None else (age < self.age_from) | (age > self.age_to),
            home=none if doctor_request.can_travel else ~self.home,
            far=far,
            refused=refused,
            tiring=tiring,
            unwanted=unwanted,
        )
