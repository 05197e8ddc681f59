"""Travel times between communes: known ones and estimates, each with its source."""

import datetime as dt
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from django.db import connection

from maillage.compute import travel
from maillage.territory.enums import Point
from maillage.territory.models import Commune, Cpts, CptsCommune, TravelTime

CENTRES_KEPT_SECONDS = 60
# A load is seen by every process within this time; the one that loads forgets at once.
TRIPS_KEPT_SECONDS = 5
TRIPS_KEPT_MAX = 512  # origins
ASKED_MAX = 500  # destinations named in a query; beyond, everything known from the origin is read
BLOCK = 400_000  # pairs measured at once

_Known = tuple[float | None, str]  # minutes (None: no route), source

_centres: dict[str, tuple[float, float, float]] = {}  # insee: longitude, latitude, kept until
# origin: kept until, destinations already asked for (None: all), what is known of them
_trips: dict[str, tuple[float, set[str] | None, dict[str, _Known]]] = {}


# One trip


class Travel(NamedTuple):
    """A trip between two communes, town hall to town hall: a known time, else an estimate.

    `minutes` is None when a centre is unknown or there is no route, and 0 inside one commune: a
    value to rank with, never to show (see `text`). `known`: the source of a known time, "" for an
    estimate.
    """

    minutes: float | None
    km: float | None
    same_commune: bool
    known: str = ""

    @property
    def text(self) -> str:
        if self.same_commune:
            return "même commune"
        if self.minutes is None:
            return "sans route" if self.known else "trajet inconnu"
        about = "" if self.known else "env.\u00a0"
        return f"{about}{max(1, round(self.minutes))}\u00a0min"

    @property
    def source(self) -> str:
        if self.same_commune:
            return "dans la commune"
        return self.known or TRAVEL_SOURCE


def _about(model: travel.TravelModel) -> str:
    low, high = (f"{value:.1f}".replace(".", ",") for value in model.rmse_under_30_minutes)
    worst = f"{model.rmse_minutes[1]:.1f}".replace(".", ",")
    bias = f"{model.bias_under_30_minutes:+.1f}".replace(".", ",")
    return (
        f"Estimation d'après la distance à vol d'oiseau entre chefs-lieux, calée sur la seule "
        f"{model.area} ({model.year}). Erreur mesurée : {low} à {high} min pour les trajets de "
        f"moins de 30 min ({bias} min en moyenne), jusqu'à {worst} min toutes distances."
    )


TRAVEL_SOURCE = "estimation à vol d'oiseau"
TRAVEL_NOTE = _about(travel.GIRONDE_2021)


def travel_minutes(
    origin: Commune | str, destinations: Iterable[Commune | str]
) -> dict[str, Travel]:
    """Trips from a commune (or INSEE code) to others, by INSEE code.

    A known time where there is one (the source loaded last wins), else the estimate. Two queries at
    most: the centres (kept a minute), the known times (kept a few seconds).
    """
    start = _code(origin)
    codes = list(dict.fromkeys(_code(each) for each in destinations))
    centres = _centres_of([start, *codes])
    known = _known_from(start, codes)
    unknown = (math.nan, math.nan)
    points = np.array([centres.get(code, unknown) for code in codes]).reshape(-1, 2)
    longitude, latitude = centres.get(start, unknown)
    km = travel.great_circle_km(
        longitude_from=longitude,
        latitude_from=latitude,
        longitude_to=points[:, 0],
        latitude_to=points[:, 1],
    )
    minutes = travel.road_minutes(km=km)
    trips = {}
    for code, distance, duration in zip(codes, km.tolist(), minutes.tolist(), strict=True):
        crow = None if math.isnan(distance) else distance
        if code == start:
            trips[code] = Travel(0.0, 0.0, True)
        elif code in known:
            trips[code] = Travel(known[code][0], crow, False, known[code][1])
        else:
            trips[code] = Travel(None if crow is None else duration, crow, False)
    return trips


def known_from(start: str) -> dict[str, _Known]:
    """Every known time from a commune, by destination, and its source.

    Written by hand: most communes have none, and making the SQL cost more than running it.
    """
    now = time.monotonic()
    until, asked, known = _trips.get(start, (0.0, set(), {}))
    if until <= now or asked is not None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT t.destination_id, t.minutes, s.name, s.vintage FROM territory_traveltime t "
                "JOIN territory_travelsource s ON s.id = t.source_id WHERE t.origin_id = %s "
                "ORDER BY s.loaded_at, s.id",
                [start],
            )
            known = _last_ones(cursor.fetchall())
        _keep(start, now + TRIPS_KEPT_SECONDS, None, known)
    return known


def _known_from(start: str, codes: list[str]) -> dict[str, _Known]:
    """Known times from a commune, by destination, and their source."""
    now = time.monotonic()
    wanted = set(codes) - {start}
    if not wanted:
        return {}
    if len(wanted) > ASKED_MAX:
        return known_from(start)
    until, asked, known = _trips.get(start, (0.0, set(), {}))
    if until > now and (asked is None or wanted <= asked):
        return known
    rows = TravelTime.objects.filter(origin=start, destination__in=wanted)
    columns = ("destination_id", "minutes", "source__name", "source__vintage")
    found = _last_ones(rows.order_by("source__loaded_at", "source_id").values_list(*columns))
    if until > now and asked is not None:
        # Another question about the same origin: both answers stay, until the first one ends.
        found, wanted = known | found, wanted | asked
    else:
        until = now + TRIPS_KEPT_SECONDS
    _keep(start, until, wanted, found)
    return found


def _last_ones(rows: Iterable[tuple[str, float | None, str, str]]) -> dict[str, _Known]:
    """By destination: the source loaded last comes last, and wins."""
    return {code: (minutes, f"{name}, {vintage}") for code, minutes, name, vintage in rows}


def _keep(start: str, until: float, asked: set[str] | None, known: dict[str, _Known]) -> None:
    if len(_trips) >= TRIPS_KEPT_MAX:
        _trips.clear()
    _trips[start] = (until, asked, known)


def forget_trips() -> None:
    """Empty the in-process memory of known times (it empties itself within seconds)."""
    _trips.clear()


def forget_centres() -> None:
    """Empty the in-process memories of travel (they empty themselves within a minute)."""
    _centres.clear()
    forget_trips()


def remember_centres(centres: Iterable[tuple[str, float, float]]) -> None:
    """Keep centres another read has met: (INSEE code, longitude, latitude)."""
    until = time.monotonic() + CENTRES_KEPT_SECONDS
    for insee, longitude, latitude in centres:
        _centres[insee] = (longitude, latitude, until)


def _code(commune: Commune | str) -> str:
    return commune if isinstance(commune, str) else commune.pk


def _centres_of(codes: list[str]) -> dict[str, tuple[float, float]]:
    """Centres known, kept in memory for a minute: only a reference load changes them."""
    now = time.monotonic()
    if missing := {code for code in codes if _centres.get(code, (0, 0, 0))[2] <= now}:
        rows = Commune.objects.filter(pk__in=missing, longitude__isnull=False)
        for insee, longitude, latitude in rows.values_list("pk", "longitude", "latitude"):
            _centres[insee] = (longitude, latitude, now + CENTRES_KEPT_SECONDS)
    return {code: _centres[code][:2] for code in codes if code in _centres}


# What to ask an OSRM server


@dataclass(frozen=True, slots=True)
class Journeys:
    """Trips to ask for: from every origin to every destination."""

    origins: tuple[Point, ...]
    destinations: tuple[Point, ...]


def journeys_of(cpts: Cpts, on: dt.date, *, within_km: float = 0) -> tuple[Journeys, ...]:
    """The trips of a perimeter, both ways: inside it, and with the communes at most `within_km` as
    the crow flies from one of its own."""
    codes = set(
        CptsCommune.objects.filter(cpts=cpts).in_force(on).values_list("commune_id", flat=True)
    )
    rows = Commune.objects.filter(longitude__isnull=False)
    if within_km <= 0:
        rows = rows.filter(pk__in=codes)
    points = [Point(*row) for row in rows.order_by("pk").values_list("pk", "longitude", "latitude")]
    inside = [point for point in points if point.insee in codes]
    outside = _near(inside, [point for point in points if point.insee not in codes], within_km)
    if not inside:
        return ()
    there = Journeys(origins=tuple(inside), destinations=(*inside, *outside))
    back = Journeys(origins=tuple(outside), destinations=tuple(inside))
    return (there, back) if outside else (there,)


def _near(inside: list[Point], others: list[Point], within_km: float) -> list[Point]:
    if not inside or not others:
        return []
    here = np.array([(point.longitude, point.latitude) for point in inside])
    near = []
    step = max(1, BLOCK // len(inside))
    for start in range(0, len(others), step):
        block = others[start : start + step]
        km = travel.great_circle_km(
            longitude_from=np.array([[point.longitude] for point in block]),
            latitude_from=np.array([[point.latitude] for point in block]),
            longitude_to=here[:, 0],
            latitude_to=here[:, 1],
        )
        near += [block[i] for i in np.flatnonzero(km.min(axis=1) <= within_km)]
    return near


def known_communes() -> set[str]:
    """INSEE codes of the communes held."""
    return set(Commune.objects.values_list("pk", flat=True))
