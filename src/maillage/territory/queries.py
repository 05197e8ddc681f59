"""Reads of the territory: perimeter, populations and their sources, travel times, the map."""

import datetime as dt
import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.db.models import OuterRef, Subquery

from maillage.compute import drawing, travel
from maillage.territory.enums import OfferKind
from maillage.territory.models import (
    Commune,
    CommuneOffer,
    CommuneOutline,
    CommunePopulation,
    Cpts,
    CptsCommune,
    CptsPopulation,
)

CENTRES_KEPT_SECONDS = 60
MAP_SIZE, MAP_MARGIN = 1000, 14
LABEL_HEIGHT, LETTER_WIDTH = 26, 13.5  # grid units, for a label drawn at that font size
USUAL_RADIUS_KM = 2.2  # of a commune whose surface is unknown: the French median is about 11 km²

_centres: dict[str, tuple[float, float, float]] = {}  # insee: longitude, latitude, kept until


# Travel


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


# Perimeter and populations


@dataclass(frozen=True, slots=True)
class CommuneLine:
    """A commune (or a part) of a perimeter with its figures. `populations` by census year; for a
    part, its own figure only. `offers` by kind: 0 when the source lists none."""

    row: CptsCommune
    populations: dict[int, int]
    offers: dict[str, int]

    @property
    def name(self) -> str:
        part = self.row.part
        return f"{self.row.commune.name} ({part.name})" if part else self.row.commune.name


@dataclass(frozen=True, slots=True)
class YearTotal:
    """Sum of the communes at one census; `unknown`: those whose figure is missing from it."""

    year: int
    total: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TerritoryPopulation:
    """Sums by census year (newest first), and the recorded figure beside them."""

    totals: tuple[YearTotal, ...]
    sources: tuple[str, ...]
    years_missing: tuple[int, ...]
    recorded: CptsPopulation | None


@dataclass(frozen=True, slots=True)
class TerritorySheet:
    """What the territory page shows. `changes`: perimeter rows not in force that day."""

    lines: tuple[CommuneLine, ...]
    changes: tuple[CptsCommune, ...]
    population: TerritoryPopulation
    offer_year: int | None
    offer_source: str
    offer_totals: dict[str, int]


def perimeter(cpts: Cpts, on: dt.date) -> list[CptsCommune]:
    """Rows of the perimeter in force that day, by name of commune."""
    return [row for row in _rows(cpts) if _in_force(row, on)]


def population_of(cpts: Cpts, on: dt.date) -> TerritoryPopulation:
    """Sum of the perimeter in force by census year, and the recorded population."""
    lines, sources = _lines(perimeter(cpts, on))
    return _population(cpts, lines, sources)


def sheet_of(cpts: Cpts, on: dt.date) -> TerritorySheet:
    rows = _rows(cpts)
    current = [row for row in rows if _in_force(row, on)]
    lines, sources = _lines(current)
    lines, year, source = _with_offers(lines)
    return TerritorySheet(
        lines=tuple(lines),
        changes=tuple(row for row in rows if not _in_force(row, on)),
        population=_population(cpts, lines, sources),
        offer_year=year,
        offer_source=source,
        # Professionals are counted by commune: a shared one would count those of its other CPTSs.
        offer_totals={
            kind: sum(line.offers.get(kind, 0) for line in lines if line.row.part is None)
            for kind in OfferKind.values
        },
    )


def _rows(cpts: Cpts) -> list[CptsCommune]:
    rows = CptsCommune.objects.filter(cpts=cpts).select_related("commune__epci", "part")
    return list(rows.order_by("commune__name_key", "part__name", "from_on"))


def _in_force(row: CptsCommune, on: dt.date) -> bool:
    return row.from_on <= on and (row.until_on is None or row.until_on > on)


def _lines(rows: list[CptsCommune]) -> tuple[list[CommuneLine], set[str]]:
    known: dict[str, dict[int, int]] = defaultdict(dict)
    whole = {row.commune_id for row in rows if row.part is None}
    sources = {row.part.source for row in rows if row.part and row.part.source}
    figures = CommunePopulation.objects.filter(commune__in=whole)
    columns = ("commune_id", "year", "population", "source")
    for insee, year, count, source in figures.values_list(*columns):
        known[insee][year] = count
        sources.add(source)
    lines = []
    for row in rows:
        populations = known[row.commune_id]
        if row.part:
            populations = {row.part.year: row.part.population} if row.part.year else {}
        lines.append(CommuneLine(row=row, populations=populations, offers={}))
    return lines, sources


def _population(cpts: Cpts, lines: list[CommuneLine], sources: set[str]) -> TerritoryPopulation:
    years = sorted({year for line in lines for year in line.populations}, reverse=True)
    totals = tuple(
        YearTotal(
            year=year,
            total=sum(line.populations.get(year, 0) for line in lines),
            unknown=tuple(line.name for line in lines if year not in line.populations),
        )
        for year in years
    )
    gaps = set(range(min(years), max(years))) - set(years) if years else set()
    return TerritoryPopulation(
        totals=totals,
        sources=tuple(sorted(sources)),
        years_missing=tuple(sorted(gaps)),
        recorded=CptsPopulation.objects.filter(cpts=cpts).first(),
    )


def _with_offers(lines: list[CommuneLine]) -> tuple[list[CommuneLine], int | None, str]:
    """Lines with the counts of the newest year held; the source lists every place that has some."""
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    year, label = None, ""
    offers = CommuneOffer.objects.filter(commune__in={line.row.commune_id for line in lines})
    columns = ("commune_id", "year", "kind", "count", "source")
    for insee, at, kind, count, source in offers.order_by("year").values_list(*columns):
        if at != year:
            counts.clear()
        counts[insee][kind], year, label = count, at, source
    if year is None:
        return lines, None, ""
    complete = [
        CommuneLine(
            line.row,
            line.populations,
            {kind: counts[line.row.commune_id].get(kind, 0) for kind in OfferKind.values},
        )
        for line in lines
    ]
    return complete, year, label


@dataclass(frozen=True, slots=True)
class CommuneSheet:
    """What the page of a commune shows. `rows`: its dated places in the perimeter of the CPTS."""

    populations: tuple[CommunePopulation, ...]
    offers: tuple[CommuneOffer, ...]
    rows: tuple[CptsCommune, ...]
    trips: tuple[tuple[Commune, Travel], ...]


def commune_sheet(commune: Commune, cpts: Cpts, on: dt.date) -> CommuneSheet:
    """Figures of a commune, and the trips from it to the others of the perimeter, nearest first."""
    rows = _rows(cpts)
    others = {row.commune_id: row.commune for row in rows if _in_force(row, on)}
    others.pop(commune.pk, None)
    trips = travel_minutes(commune, others)
    nearest = sorted(
        others, key=lambda code: (trips[code].km is None, trips[code].km or 0, others[code].name)
    )
    return CommuneSheet(
        populations=tuple(commune.populations.all()),
        offers=tuple(commune.offers.order_by("-year", "-count", "kind")),
        rows=tuple(row for row in rows if row.commune_id == commune.pk),
        trips=tuple((others[code], trips[code]) for code in nearest),
    )


# The map


@dataclass(frozen=True, slots=True)
class Area:
    """A commune drawn: SVG path data and the point of its label, in whole grid units."""

    insee: str
    name: str
    d: str
    label_x: int
    label_y: int
    has_label: bool
    is_part: bool


@dataclass(frozen=True, slots=True)
class CommuneMap:
    """A map to draw inline. `is_approximate`: cells around the centres, outlines not loaded.

    `points`: town hall of each commune drawn. `absent`: communes that could not be drawn.
    """

    width: int
    height: int
    areas: tuple[Area, ...]
    points: dict[str, tuple[float, float]]
    absent: tuple[str, ...]
    is_approximate: bool
    source: str
    frame: drawing.Frame

    def project(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Where a point of the world falls on the map (perhaps outside it)."""
        return self.frame.point(longitude, latitude)


@dataclass(frozen=True, slots=True)
class _Spot:
    """All that a drawing depends on for one commune: the key of the memory of maps."""

    insee: str
    name: str
    longitude: float | None
    latitude: float | None
    surface_km2: float | None
    fingerprint: str | None
    outline_source: str | None
    population: int | None
    is_part: bool


def map_of(cpts: Cpts, on: dt.date) -> CommuneMap | None:
    """The map of the perimeter in force, drawn again only when something of it changed.

    None when no commune can be placed.
    """
    latest = CommunePopulation.objects.filter(commune=OuterRef("commune")).order_by("-year")
    rows = CptsCommune.objects.filter(cpts=cpts).in_force(on).order_by("commune_id")
    spots = {
        row[0]: _Spot(*row[:8], is_part=row[8] is not None)
        for row in rows.values_list(
            *("commune_id", "commune__name", "commune__longitude", "commune__latitude"),
            *("commune__surface_km2", "commune__outline__fingerprint", "commune__outline__source"),
            Subquery(latest.values("population")[:1]),
            "part_id",
        )
    }
    until = time.monotonic() + CENTRES_KEPT_SECONDS
    for each in (spot for spot in spots.values() if spot.longitude is not None):
        _centres[each.insee] = (each.longitude, each.latitude, until)
    return _drawn(tuple(spots.values()))


@lru_cache(maxsize=64)
def _drawn(spots: tuple[_Spot, ...]) -> CommuneMap | None:
    placed = [spot for spot in spots if spot.longitude is not None]
    absent = tuple(spot.name for spot in spots if spot.longitude is None)
    outlined = bool(spots) and all(spot.fingerprint for spot in spots)
    if outlined:
        frame, shapes = _outlines(spots)
        placed, absent = list(spots), ()
    elif placed:
        frame, shapes = _cells(placed)
    else:
        return None
    points = {
        spot.insee: tuple(
            np.round(frame.project(longitude=spot.longitude, latitude=spot.latitude)[0], 1).tolist()
        )
        for spot in placed
        if spot.longitude is not None
    }
    sources = sorted({spot.outline_source or "" for spot in placed}) if outlined else []
    return CommuneMap(
        width=frame.width,
        height=frame.height,
        areas=_areas(placed, shapes, points, frame),
        points=points,
        absent=absent,
        is_approximate=not outlined,
        source=" ; ".join(sources),
        frame=frame,
    )


def _outlines(spots: tuple[_Spot, ...]) -> tuple[drawing.Frame, list[list[drawing.Ints]]]:
    """Rings of each outline on the grid, as loaded from the reference files."""
    texts = dict(
        CommuneOutline.objects.filter(pk__in=[spot.insee for spot in spots]).values_list(
            "pk", "geometry"
        )
    )
    degrees = []
    for spot in spots:
        geometry = json.loads(texts[spot.insee])
        polygons = geometry["coordinates"]
        if geometry["type"] == "Polygon":
            polygons = [polygons]
        degrees.append([np.array(ring[:-1]) for polygon in polygons for ring in polygon])
    everything = np.concatenate([ring for rings in degrees for ring in rings])
    frame = drawing.frame_of(
        longitude=everything[:, 0], latitude=everything[:, 1], size=MAP_SIZE, margin=MAP_MARGIN
    )
    shapes = [
        [drawing.snap(frame.project(longitude=ring[:, 0], latitude=ring[:, 1])) for ring in rings]
        for rings in degrees
    ]
    return frame, [[ring for ring in rings if len(ring)] for rings in shapes]


def _cells(spots: list[_Spot]) -> tuple[drawing.Frame, list[list[drawing.Ints]]]:
    """One cell around each centre, for want of outlines."""
    surfaces = [spot.surface_km2 for spot in spots if spot.surface_km2]
    radius = math.sqrt(sum(surfaces) / len(surfaces) / math.pi) if surfaces else USUAL_RADIUS_KM
    longitude = np.array([spot.longitude for spot in spots], float)
    latitude = np.array([spot.latitude for spot in spots], float)
    north = radius / drawing.KM_PER_DEGREE
    east = north / np.cos(np.radians(latitude))
    frame = drawing.frame_of(
        longitude=np.concatenate([longitude - east, longitude + east]),
        latitude=np.concatenate([latitude - north, latitude + north]),
        size=MAP_SIZE,
        margin=MAP_MARGIN,
    )
    found = drawing.cells(
        points=frame.project(longitude=longitude, latitude=latitude),
        radius=radius * frame.km_to_grid,
    )
    return frame, [[drawing.snap(cell)] for cell in found]


def _areas(
    spots: list[_Spot],
    shapes: list[list[drawing.Ints]],
    points: dict[str, tuple[float, float]],
    frame: drawing.Frame,
) -> tuple[Area, ...]:
    places = [
        drawing.label_point(rings, points.get(spot.insee))
        for spot, rings in zip(spots, shapes, strict=True)
    ]
    widths = np.array([len(spot.name) * LETTER_WIDTH for spot in spots])
    x = np.array([place[0] for place in places])
    x = np.clip(x, widths / 2, np.maximum(frame.width - widths / 2, widths / 2))
    y = np.array([place[1] for place in places])
    # A name much wider than its commune would read as the name of the next one.
    reach = [max((np.ptp(ring[:, 0]) for ring in rings), default=0) for rings in shapes]
    fits = np.flatnonzero(widths <= 2.2 * np.array(reach))
    shown = np.zeros(len(spots), dtype=bool)
    shown[fits] = drawing.labels_that_fit(
        x=x[fits],
        y=y[fits],
        widths=widths[fits],
        height=LABEL_HEIGHT * 1.2,
        weight=np.array([spots[i].population or 0 for i in fits], float),
    )
    return tuple(
        Area(
            insee=spot.insee,
            name=f"{spot.name} (partie)" if spot.is_part else spot.name,
            d=drawing.path(rings),
            label_x=round(x[i]),
            label_y=round(y[i]),
            has_label=bool(shown[i]),
            is_part=spot.is_part,
        )
        for i, (spot, rings) in enumerate(zip(spots, shapes, strict=True))
    )
