"""What can be reached from a commune within a time."""

import math
import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maillage.compute import travel
from maillage.territory.models import Commune
from maillage.territory.queries.travel import Travel, known_from

EVERYWHERE_KEPT_SECONDS = 600
KM_IN_A_DEGREE = math.pi * travel.EARTH_RADIUS_KM / 180


class Reached(NamedTuple):
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


def communes_within(origin: Commune | str, minutes: float) -> dict[str, Reached]:
    """Communes at most `minutes` by road from `origin`, itself included, by INSEE code.

    Known times first, else estimates, as `travel_minutes`: a known time may bring a commune nearer
    or take it away. One query beside the centres, kept in memory.
    """
    everywhere = _everywhere()
    here = origin if isinstance(origin, str) else origin.pk
    known = known_from(here)
    reached = _as_the_crow_flies(everywhere, here, minutes)
    km = {code: each.travel.km for code, each in reached.items()} if known else {}
    for code, (duration, source) in known.items():
        if duration is None or duration > minutes:
            reached.pop(code, None)
        else:
            crow = km[code] if code in km else _crow_km(everywhere, here, code)
            reached[code] = _reached(everywhere, code, Travel(duration, crow, False, source))
    reached[here] = _reached(everywhere, here, Travel(0.0, 0.0, True))
    return reached


def forget_reach() -> None:
    """Empty the in-process memory of every centre (it empties itself within ten minutes)."""
    _kept.clear()


def _reached(everywhere: _Everywhere, code: str, trip: Travel) -> Reached:
    at = everywhere.rank.get(code)
    point = (None, None) if at is None else _point(everywhere, at)
    return Reached(trip, *point)


def _point(everywhere: _Everywhere, at: int) -> tuple[float, float]:
    return float(everywhere.longitude[at]), float(everywhere.latitude[at])


def _crow_km(everywhere: _Everywhere, origin: str, code: str) -> float | None:
    ranks = everywhere.rank.get(origin), everywhere.rank.get(code)
    if None in ranks:
        return None
    (lon1, lat1), (lon2, lat2) = (_point(everywhere, at) for at in ranks)
    km = travel.great_circle_km(
        longitude_from=lon1, latitude_from=lat1, longitude_to=lon2, latitude_to=lat2
    )
    return float(km)


def _as_the_crow_flies(everywhere: _Everywhere, origin: str, minutes: float) -> dict[str, Reached]:
    """Every commune whose estimate is at most `minutes`, looked for in a box that holds them."""
    here = everywhere.rank.get(origin)
    if here is None:
        return {}
    model = travel.GIRONDE_2021
    longitude, latitude = _point(everywhere, here)
    height = (minutes / model.factor) ** (1 / model.exponent) / KM_IN_A_DEGREE * 1.01
    # The box is widest where a degree of longitude is shortest.
    shortest = math.cos(math.radians(min(89.0, abs(latitude) + height)))
    south, north = np.searchsorted(everywhere.latitude, [latitude - height, latitude + height])
    band = everywhere.longitude[south:north]
    inside = south + np.flatnonzero(np.abs(band - longitude) <= height / shortest)
    longitudes, latitudes = everywhere.longitude[inside], everywhere.latitude[inside]
    km = travel.great_circle_km(
        longitude_from=longitude,
        latitude_from=latitude,
        longitude_to=longitudes,
        latitude_to=latitudes,
    )
    durations = travel.road_minutes(km=km)
    near = durations <= minutes
    columns = (inside, durations, km, longitudes, latitudes)
    return {
        everywhere.codes[at]: Reached(Travel(duration, crow, False), lon, lat)
        for at, duration, crow, lon, lat in zip(
            *(each[near].tolist() for each in columns), strict=True
        )
    }


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
