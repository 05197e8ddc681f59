"""Where pins and names stand on a map so that each stays readable. Plain geometry, map units."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from markupsafe import Markup

Pin = dict[str, Any]
Box = tuple[float, float, float, float]

# Sizes in screen pixels, as the board's map draws them (times `unit`).
CIRCLE = 11
DROP_WIDTH, DROP_HEIGHT = 10, 25
LETTER, LINE = 6.6, 14


def spread(pins: Iterable[Pin], unit: float) -> list[Pin]:
    """Pins that share a point, set around it; requests come last, the selected one on top.

    `pins` are dicts with x, y and kind; `unit` is one screen pixel in map units. A request (kind
    "request") keeps the point, its drop rises above it: professionals then stand on an arc below;
    without a request they stand on a circle. `at` keeps the point itself.
    """
    groups: dict[tuple[int, int], list[Pin]] = defaultdict(list)
    for pin in pins:
        groups[round(pin["x"]), round(pin["y"])].append(pin)
    placed: list[Pin] = []
    for group in groups.values():
        x, y = group[0]["x"], group[0]["y"]
        held = [pin for pin in group if pin["kind"] == "request"]
        others = [pin for pin in group if pin["kind"] != "request"]
        spots = _around(len(others), 15 * unit, below=bool(held))
        placed.extend(
            pin | {"x": round(x + dx, 1), "y": round(y + dy, 1), "at": (x, y)}
            for pin, (dx, dy) in zip(others, spots, strict=True)
        )
        placed.extend(pin | {"at": (x, y)} for pin in held)
    return sorted(placed, key=lambda pin: (pin["kind"] == "request", bool(pin.get("selected"))))


def drop(pin: Pin, unit: float) -> Markup:
    """The drawing of a request: a link that the eye and the mouse use, the list saying the same."""
    where = (pin["x"], pin["y"], pin["tone"], bool(pin["selected"]))
    return _drop(*where, pin["url"], pin["label"], unit)


@lru_cache(maxsize=4096)
def _drop(
    x: float, y: float, tone: int, selected: bool, url: str, label: str, unit: float
) -> Markup:
    return Markup(
        '<a class="pin u{}{}" href="{}" tabindex="-1"><path transform="translate({} {}) scale({})" '
        'd="M0 0C-3-5-8-8-8-14a8 8 0 1 1 16 0C8-8 3-5 0 0Z"/><title>{}</title></a>'
    ).format(
        *(tone, " selected" if selected else "", url, x, y),
        *(round((1.5 if selected else 1.05) * unit, 3), label),
    )


def _around(count: int, radius: float, *, below: bool) -> list[tuple[float, float]]:
    if below:
        first, step = (45.0, 0.0) if count == 1 else (-10.0, 200 / max(count - 1, 1))
        ring = radius * max(1, count / 2.1)
    else:
        first, step = -90.0, 360 / max(count, 1)
        ring = radius * max(0.75, count / 3.6) if count > 1 else 0
    angles = [math.radians(first + step * index) for index in range(count)]
    return [(ring * math.cos(angle), ring * math.sin(angle)) for angle in angles]


def names(placed: Sequence[Pin], areas: Iterable[Any], unit: float) -> list[Pin]:
    """Name of each commune that holds a pin, below, beside or above it, off pins and other names.

    `placed` comes from `spread`; `areas` have insee and name. The selected commune chooses first;
    where nothing is free, the place that covers least is taken.
    """
    told = {area.insee: area.name for area in areas}
    boxes: dict[str, list[Box]] = defaultdict(list)
    for pin in placed:
        boxes[pin["insee"]].append(_box_of(pin, unit))
    # Many pins may share one box: each is measured once, and counts as many times as it is there.
    taken = Counter(box for own in boxes.values() for box in own)
    found: list[Pin] = []
    seen: set[str] = set()
    for pin in reversed(placed):
        insee = pin["insee"]
        if insee in seen or insee not in told:
            continue
        seen.add(insee)
        width = len(told[insee]) * LETTER * unit
        places = _places(pin["at"], boxes[insee], width, LINE * unit, 3 * unit)
        box = min(places, key=lambda box: _covered(box, taken))
        taken[box] += 1
        baseline = box[3] - 3.5 * unit
        middle = (box[0] + box[2]) / 2
        found.append({"text": told[insee], "x": round(middle, 1), "y": round(baseline, 1)})
    return found


def _box_of(pin: Pin, unit: float) -> Box:
    x, y = pin["x"], pin["y"]
    if pin["kind"] != "request":
        side = CIRCLE * unit
        return x - side, y - side, x + side, y + side
    size = unit * (1.5 if pin.get("selected") else 1.05)
    return x - DROP_WIDTH * size, y - DROP_HEIGHT * size, x + DROP_WIDTH * size, y


def _places(
    at: tuple[float, float], own: Sequence[Box], width: float, height: float, gap: float
) -> list[Box]:
    """Where a name may stand around its own pins, the best place first."""
    left, top = min(box[0] for box in own), min(box[1] for box in own)
    right, bottom = max(box[2] for box in own), max(box[3] for box in own)
    middle, half = (top + bottom) / 2, width / 2
    corners = [
        (at[0] - half, bottom + gap / 2),
        (right + gap, middle - height / 2),
        (left - gap - width, middle - height / 2),
        (at[0] - half, top - gap / 2 - height),
        (at[0], bottom + gap / 2),
        (at[0] - width, bottom + gap / 2),
        (at[0], top - gap / 2 - height),
        (at[0] - width, top - gap / 2 - height),
    ]
    return [(x, y, x + width, y + height) for x, y in corners]


def _covered(box: Box, taken: Counter[Box]) -> float:
    """How much of the others it covers, in area; written flat, as a board asks it a thousand times."""
    left, top, right, bottom = box
    total = 0.0
    for (x, y, end, base), count in taken.items():
        if x < right and left < end and y < bottom and top < base:
            width = (right if right < end else end) - (left if left > x else x)
            height = (bottom if bottom < base else base) - (top if top > y else y)
            total += count * width * height
    return total
