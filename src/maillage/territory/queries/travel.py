"""Travel times between communes."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from maillage.compute import travel
from maillage.territory.models import Commune

CENTRES_KEPT_SECONDS = 60

_centres: dict[str, tuple[float, float, float]] = {}  # insee: longitude, latitude, kept until


@dataclass(frozen=True, slots=True)
class Travel:
    """An estimated trip between two communes, town hall to town hall.

    `minutes` is None when a centre is unknown, and 0 inside one commune: a value to rank
    with, never to show (see `text`).
    """

    minutes: float | None
    km: float | None
    same_commune: bool

    @property
    def text(self) -> str:
        if self.same_commune:
            return "même commune"
        if self.minutes is None:
            return "trajet inconnu"
        return f"env.\u00a0{max(1, round(self.minutes))}\u00a0min"

    @property
    def source(self) -> str:
        return "dans la commune" if self.same_commune else TRAVEL_SOURCE


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
    """Trips from a commune (or INSEE code) to others, by INSEE code. At most one query."""
    start = _code(origin)
    codes = list(dict.fromkeys(_code(each) for each in destinations))
    centres = _centres_of([start, *codes])
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
        if code == start:
            trips[code] = Travel(0.0, 0.0, True)
        elif math.isnan(distance):
            trips[code] = Travel(None, None, False)
        else:
            trips[code] = Travel(duration, distance, False)
    return trips


def forget_centres() -> None:
    """Empty the in-process memory of centres (it empties itself within a minute)."""
    _centres.clear()


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
