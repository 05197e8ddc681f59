"""What can be reached from a commune within a time."""

import math
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from maillage.compute import travel
from maillage.territory.models import Commune, TravelTime
from maillage.territory.queries.travel import Travel, travel_minutes

EVERYWHERE_KEPT_SECONDS = 600
KM_IN_A_DEGREE = math.pi * travel.EARTH_RADIUS_KM / 180


@dataclass(frozen=True, slots=True)
class Reached:
    """A commune within reach: the trip to it, and its centre when known."""

    travel: Travel
    longitude: float | None
    latitude: float | None


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """Every centre of the country, from south to north, and where each commune is among them."""

    codes: tuple[str, ...]
    rank: dict[str, int]
    longitude: npt.NDArray[np.float64]
    latitude: npt.NDArray[np.float64]
    until: float


_kept: dict[str, _Everywhere] = {}


def communes_within(origin: Commune, minutes: float) -> dict[str, Reached]:
    """Communes at most `minutes` by road from `origin`, itself included, by INSEE code.

    Known times first, else estimates, as `travel_minutes`: a known time may bring a commune nearer
    or take it away. Two queries beside the centres, kept in memory.
    """
    everywhere = _everywhere()
    known = TravelTime.objects.filter(origin=origin, minutes__lte=minutes)
    codes = {origin.pk, *known.values_list("destination_id", flat=True)}
    here = everywhere.rank.get(origin.pk)
    if here is not None:
        codes |= _as_the_crow_flies(everywhere, here, minutes)
    reached = {}
    for code, trip in travel_minutes(origin, sorted(codes)).items():
        if trip.minutes is not None and trip.minutes <= minutes:
            at = everywhere.rank.get(code)
            point = (None, None) if at is None else _point(everywhere, at)
            reached[code] = Reached(trip, *point)
    return reached


def forget_reach() -> None:
    """Empty the in-process memory of every centre (it empties itself within ten minutes)."""
    _kept.clear()


def _point(everywhere: _Everywhere, at: int) -> tuple[float, float]:
    return float(everywhere.longitude[at]), float(everywhere.latitude[at])


def _as_the_crow_flies(everywhere: _Everywhere, here: int, minutes: float) -> set[str]:
    """Codes of a box that holds every commune whose estimate is at most `minutes`."""
    model = travel.GIRONDE_2021
    longitude, latitude = _point(everywhere, here)
    height = (minutes / model.factor) ** (1 / model.exponent) / KM_IN_A_DEGREE * 1.01
    # The box is widest where a degree of longitude is shortest.
    shortest = math.cos(math.radians(min(89.0, abs(latitude) + height)))
    south, north = np.searchsorted(everywhere.latitude, [latitude - height, latitude + height])
    band = everywhere.longitude[south:north]
    inside = np.flatnonzero(np.abs(band - longitude) <= height / shortest)
    return {everywhere.codes[south + at] for at in inside.tolist()}


def _everywhere() -> _Everywhere:
    now = time.monotonic()
    kept = _kept.get("")
    if kept is None or kept.until <= now:
        rows = list(
            Commune.objects.filter(longitude__isnull=False)
            .order_by("latitude", "pk")
            .values_list("pk", "longitude", "latitude")
        )
        codes = tuple(row[0] for row in rows)
        kept = _kept[""] = _Everywhere(
            codes=codes,
            rank={code: at for at, code in enumerate(codes)},
            longitude=np.array([row[1] for row in rows], dtype=np.float64),
            latitude=np.array([row[2] for row in rows], dtype=np.float64),
            until=now + EVERYWHERE_KEPT_SECONDS,
        )
    return kept
