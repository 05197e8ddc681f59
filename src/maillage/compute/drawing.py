"""From outlines or centres to integer shapes of a map: projection, rounding, cells, labels.

Every point is rounded on the same grid, so a border shared by two outlines stays the same points in
both drawings: no gap, no overlap, and no topology library.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
KM_PER_DEGREE = 111.195  # of latitude, mean sphere


@dataclass(frozen=True, slots=True)
class Frame:
    """A local equirectangular projection onto a grid `width` x `height`; y grows downwards."""

    longitude: float
    latitude: float
    km_to_grid: float
    squeeze: float
    width: int
    height: int

    def project(self, *, longitude: npt.ArrayLike, latitude: npt.ArrayLike) -> Floats:
        """Degrees to grid units, shape (n, 2), not rounded; scalars give (1, 2)."""
        x = (np.atleast_1d(np.asarray(longitude, float)) - self.longitude) * self.squeeze
        y = self.latitude - np.atleast_1d(np.asarray(latitude, float))
        return np.column_stack([x, y]) * KM_PER_DEGREE * self.km_to_grid

    def point(self, longitude: float, latitude: float) -> tuple[float, float]:
        """One point, to a tenth of a grid unit."""
        x, y = self.project(longitude=longitude, latitude=latitude)[0].tolist()
        return round(x, 1), round(y, 1)


def frame_of(*, longitude: Floats, latitude: Floats, size: int, margin: int) -> Frame:
    """The frame whose longer side is `size` and that leaves `margin` around the given points."""
    if len(longitude) == 0:
        raise ValueError("longitude: no point to frame")
    if not (np.isfinite(longitude).all() and np.isfinite(latitude).all()):
        raise ValueError("longitude: a point is unknown")
    west, east = float(longitude.min()), float(longitude.max())
    south, north = float(latitude.min()), float(latitude.max())
    squeeze = math.cos(math.radians((south + north) / 2))
    wide = max((east - west) * squeeze * KM_PER_DEGREE, 1e-3)
    high = max((north - south) * KM_PER_DEGREE, 1e-3)
    scale = (size - 2 * margin) / max(wide, high)
    pad = margin / (scale * KM_PER_DEGREE)
    return Frame(
        longitude=west - pad / squeeze,
        latitude=north + pad,
        km_to_grid=scale,
        squeeze=squeeze,
        width=round(wide * scale) + 2 * margin,
        height=round(high * scale) + 2 * margin,
    )


def snap(points: Floats) -> Ints:
    """Points rounded to the grid, repeated neighbours removed, first point not repeated at the end.

    Empty when fewer than three points are left: too small to be drawn.
    """
    grid = np.floor(points + 0.5).astype(np.int64)
    grid = grid[np.any(grid != np.roll(grid, 1, axis=0), axis=1)]
    return grid if len(grid) >= 3 else grid[:0]


def path(rings: Sequence[Ints]) -> str:
    """SVG path data: one absolute start per ring, then relative steps."""
    pieces = []
    for ring in rings:
        steps = " ".join(f"{x},{y}" for x, y in np.diff(ring, axis=0))
        pieces.append(f"M{ring[0][0]},{ring[0][1]}l{steps}z")
    return "".join(pieces)


def area(ring: npt.NDArray[np.float64] | Ints) -> float:
    """Signed area of a ring (shoelace)."""
    x, y = ring[:, 0].astype(float), ring[:, 1].astype(float)
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2)


def centroid(ring: Floats | Ints) -> tuple[float, float]:
    """Centre of gravity of a ring; the mean of its points when it has no area."""
    x, y = ring[:, 0].astype(float), ring[:, 1].astype(float)
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    if abs(total := float(cross.sum())) < 1e-9:
        return float(x.mean()), float(y.mean())
    return (
        float(((x + np.roll(x, -1)) * cross).sum() / (3 * total)),
        float(((y + np.roll(y, -1)) * cross).sum() / (3 * total)),
    )


def contains(ring: Floats | Ints, x: float, y: float) -> bool:
    """Is the point inside the ring? (even-odd rule)"""
    x1, y1 = ring[:, 0].astype(float), ring[:, 1].astype(float)
    x2, y2 = np.roll(x1, -1), np.roll(y1, -1)
    crosses = (y1 > y) != (y2 > y)
    reach = np.where(crosses, x1 + (y - y1) * (x2 - x1) / np.where(crosses, y2 - y1, 1), -np.inf)
    return bool(np.sum(reach > x) % 2)


def cells(*, points: Floats, radius: float) -> list[Floats]:
    """One convex cell per point: what is nearer to it than to any other, inside the hull of the
    points widened by `radius`. Points given twice share one cell between them. Shape in (n, 2).
    """
    if radius <= 0:
        raise ValueError("radius: must be positive")
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = radius * np.column_stack([np.cos(turn), np.sin(turn)])
    outside = hull((points[:, None, :] + circle[None, :, :]).reshape(-1, 2))
    found = []
    for own in points:
        cell = outside
        for other in points:
            if (towards := other - own).any():
                cell = _clip(cell, towards, float(towards @ (own + other)) / 2)
        found.append(cell)
    return found


def hull(points: Floats) -> Floats:
    """Convex hull of points, in turning order (monotone chain)."""
    ordered = sorted(map(tuple, points.tolist()))

    def chain(sequence: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
        kept: list[tuple[float, ...]] = []
        for p in sequence:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _clip(ring: Floats, normal: Floats, limit: float) -> Floats:
    """The part of a convex ring where normal . p <= limit."""
    side = ring @ normal - limit
    kept = []
    for i, point in enumerate(ring):
        j = (i + 1) % len(ring)
        if side[i] <= 0:
            kept.append(point)
        if (side[i] < 0 < side[j]) or (side[j] < 0 < side[i]):
            kept.append(point + (ring[j] - point) * side[i] / (side[i] - side[j]))
    return np.array(kept).reshape(-1, 2)


def label_point(rings: Sequence[Ints], centre: tuple[float, float] | None) -> tuple[float, float]:
    """Middle of the largest ring, or the known centre when that middle falls outside it."""
    if not rings:
        return centre or (0.0, 0.0)
    largest = max(rings, key=lambda ring: abs(area(ring)))
    middle = centroid(largest)
    return middle if centre is None or contains(largest, *middle) else centre


def labels_that_fit(
    *, x: Floats, y: Floats, widths: Floats, height: float, weight: Floats
) -> npt.NDArray[np.bool_]:
    """Which labels (boxes centred on x, y) to draw so that none covers another, heaviest first."""
    shown = np.zeros(len(x), dtype=bool)
    for i in np.argsort(-weight, kind="stable"):
        apart_x = np.abs(x[shown] - x[i]) >= (widths[shown] + widths[i]) / 2
        apart_y = np.abs(y[shown] - y[i]) >= height
        shown[i] = bool(np.all(apart_x | apart_y))
    return shown
