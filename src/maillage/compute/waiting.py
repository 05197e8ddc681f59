"""What may be told of a waiting list: by age and class, by place, by wait. No small count can be had.

Each table is hidden so that its own reader is left in doubt (`disclosure`). Tables told together share
their total and nothing else that binds them: whatever agrees with one agrees with the others, so one
tells nothing of another. What binds two of them is told in one table: classes given by the age with the
ages, what cannot be (`impossible`) being known to the reader; classes given by the wait are not told
apart from those after them.

Waits: the median, and the wait that more than `minimum` people have reached, instead of the longest,
which is one person's. Told when more than twice `minimum` people are counted, they leave each side of
the promise as much in doubt as it must be.

And how long it takes: the share of the requests received that have found a doctor by each day, those
still waiting counted as long as they wait (E. L. Kaplan and P. Meier, "Nonparametric estimation from
incomplete observations", Journal of the American Statistical Association 53, 1958).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maillage.compute.disclosure import (
    Bools,
    Ints,
    join_columns,
    suppress_line,
    suppress_table,
)
from maillage.compute.percentiles import percentiles


@dataclass(frozen=True, slots=True)
class ToldTable:
    """A table as told: `groups`, the columns put together; their totals; `rows`: the total of each row
    and its cells. None: hidden. Nothing but hidden rows, and no group, when all are too few."""

    groups: list[list[int]]
    totals: list[int]
    rows: list[tuple[int | None, list[int | None]]]


@dataclass(frozen=True, slots=True)
class ToldWaits:
    """How many people, within the promise and past it; the median wait; the wait that more than
    `minimum` of them have reached. In days; None: hidden."""

    count: int | None
    kept: int | None
    late: int | None
    median_days: int | None
    long_days: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """Weeks in which half of the requests found a doctor (the exact days may be one person's); None:
    fewer than half ever did."""

    weeks: int | None


def told_line(counts: Ints, minimum: int) -> list[int | None]:
    """The counts of one line, whose total is told when it reaches `minimum`."""
    hidden = suppress_line(counts=counts, minimum=minimum).cells
    return _told(counts, hidden)


def told_table(counts: Ints, minimum: int, impossible: Bools | None = None) -> ToldTable:
    """A table (rows, columns); columns too small are told together."""
    groups = join_columns(totals=counts.sum(axis=0), minimum=minimum)
    if not groups:
        return ToldTable([], [], [(None, []) for _ in range(len(counts))])
    joined = np.stack([counts[:, each].sum(axis=1) for each in groups], axis=1)
    never = None
    if impossible is not None:
        never = np.stack([impossible[:, each].all(axis=1) for each in groups], axis=1)
    hidden = suppress_table(counts=joined, minimum=minimum, impossible=never)
    sums = _told(joined.sum(axis=1), hidden.rows)
    cells = [_told(row, out) for row, out in zip(joined, hidden.cells, strict=True)]
    return ToldTable(groups, joined.sum(axis=0).tolist(), list(zip(sums, cells, strict=True)))


def _told(counts: Ints, hidden: Bools) -> list[int | None]:
    return [None if out else n for n, out in zip(counts.tolist(), hidden.tolist(), strict=True)]


def told_waits(days: Ints, promised: int, minimum: int) -> ToldWaits:
    """`days`: how long each waited; `promised`: the days within which the promise is kept."""
    over = int((days > promised).sum())
    kept, late = told_line(np.array([days.size - over, over], np.int64), minimum)
    enough = max(minimum, 1)
    ordered = np.sort(days)
    is_told = days.size > 2 * enough
    return ToldWaits(
        count=days.size if days.size >= enough else None,
        kept=kept,
        late=late,
        median_days=int(percentiles(values=ordered.astype(float), at=(50,))[0])
        if is_told
        else None,
        long_days=int(ordered[-1 - enough]) if is_told else None,
    )


def told_found(days: Ints, is_found: NDArray[Any], minimum: int) -> Found | None:
    """Of requests, how long they took (`is_found`) or have taken so far. None: too few to say, `minimum`
    being wanted on each side of what is told."""
    enough = max(minimum, 1)
    if days.size <= 2 * enough:
        return None
    left = 1.0
    for day in np.unique(days[is_found]).tolist():
        left *= 1 - int((is_found & (days == day)).sum()) / int((days >= day).sum())
        if left <= 0.5 + 1e-9:
            before = int((is_found & (days <= day)).sum())
            after = days.size - before
            return Found(max(-(-day // 7), 1)) if min(before, after) >= enough else None
    return Found(None)
