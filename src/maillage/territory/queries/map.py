"""The map of a perimeter, drawn on the server."""

import datetime as dt
import json
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from django.db.models import OuterRef, Subquery

from maillage.compute import drawing
from maillage.territory.models import CommuneOutline, CommunePopulation, Cpts, CptsCommune
from maillage.territory.queries.travel import remember_centres

MAP_SIZE, MAP_MARGIN = 1000, 14
LABEL_HEIGHT, LETTER_WIDTH = 26, 13.5  # grid units, for a label drawn at that font size
USUAL_RADIUS_KM = 2.2  # of a commune whose surface is unknown: the French median is about 11 km²


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
    remember_centres(
        (each.insee, each.longitude, each.latitude)
        for each in spots.values()
        if each.longitude is not None and each.latitude is not None
    )
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
