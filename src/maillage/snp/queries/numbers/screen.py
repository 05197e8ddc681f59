"""The numbers of a period for the desk and the coordination: nothing hidden, each with its rows."""

from dataclasses import dataclass, field

import numpy as np

from maillage.compute.percentiles import percentiles
from maillage.snp.enums import RefusalReason
from maillage.snp.queries.numbers.measures import (
    BY,
    DELAYS,
    MEASURES,
    Groups,
    groups_of,
    masks_of,
    moments_of,
    requests_of,
)
from maillage.snp.queries.numbers.sample import Bools, Ints, Sample

PERCENTILES = (10, 50, 90, 95)
MINUTE = 60_000_000  # microseconds
# Columns of the table and of the file, in order.
TABLE = (
    *("received", "first_counted", "first_kept", "first_late", "first_watched"),
    *("second_counted", "second_kept", "second_late", "second_watched"),
    *("cancelled", "merged", "handed_over"),
)
# What is told beside it, for the whole period; in the file, for each unit too.
TOLD = (
    *(f"refused_{reason.value}" for reason in RefusalReason),
    *("unanswered", "no_show", "reoriented", "handed_over"),
)
FILE = (
    *TABLE,
    "open_late",
    *dict.fromkeys(c for c in TOLD if c not in TABLE),
    "asked",
    "appointments",
)


@dataclass(frozen=True, slots=True)
class Count:
    """One number; `n` and `of` are None when hidden, `of` too when there is no denominator."""

    code: str
    n: int | None
    of: int | None = None

    @property
    def label(self) -> str:
        return MEASURES[self.code].label

    @property
    def share(self) -> float | None:
        """In percent."""
        return None if self.n is None or not self.of else 100 * self.n / self.of


@dataclass(frozen=True, slots=True)
class Line:
    """One unit of the table, its numbers by code."""

    code: str
    label: str
    counts: dict[str, Count]


@dataclass(frozen=True, slots=True)
class Delay:
    """Minutes from the first reception. `n`: how many requests it rests on, None when not said;
    `at`: percentile to minutes, those that may be shown."""

    code: str
    label: str
    n: int | None
    at: dict[int, float]
    longest: float | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """All the page shows of a period."""

    by: str
    total: Line
    lines: list[Line]
    told: list[Count]
    delays: list[Delay]
    hours: tuple[str, str]
    small_cell_min: int = 0
    is_partial: bool = False
    periods: list[str] = field(default_factory=list)

    @property
    def by_label(self) -> str:
        return BY[self.by]


def numbers_of(sample: Sample, by: str) -> Numbers:
    """Everything, from one sample."""
    masks = masks_of(sample)
    groups = groups_of(sample, by)
    columns = {code: counts_by(groups, masks[code], of=requests_of(sample, code)) for code in FILE}
    lines = [
        line_of(code, label, {name: int(column[i]) for name, column in columns.items()})
        for i, (code, label) in enumerate(zip(groups.codes, groups.labels, strict=True))
        if columns["received"][i] or by in {"semaine", "mois"}
    ]
    sums = {code: int(mask.sum()) for code, mask in masks.items()}
    return Numbers(
        by=by,
        total=line_of("total", "Ensemble", {code: sums[code] for code in FILE}),
        lines=lines,
        told=[count_of(code, sums) for code in TOLD],
        delays=[_delay(sample, code, masks[code]) for code in DELAYS],
        hours=hours_text(sample),
    )


def counts_by(groups: Groups, mask: Bools, *, of: Ints | None = None) -> Ints:
    """How many rows of each unit a mask counts; `of` says the request of each row."""
    units = groups.of if of is None else groups.of[of]
    return np.bincount(units[mask], minlength=len(groups.codes))


def count_of(code: str, sums: dict[str, int | None]) -> Count:
    return Count(code, sums[code], sums.get(MEASURES[code].of))


def line_of(code: str, label: str, sums: dict[str, int | None]) -> Line:
    return Line(code, label, {name: count_of(name, sums) for name in sums})


def minutes_of(sample: Sample, code: str, mask: Bools) -> np.ndarray:
    return (moments_of(sample)[code][mask] - sample.received[mask]) / MINUTE


def _delay(sample: Sample, code: str, mask: Bools) -> Delay:
    minutes = minutes_of(sample, code, mask)
    found = percentiles(values=minutes, at=PERCENTILES)
    return Delay(
        code=code,
        label=DELAYS[code],
        n=minutes.size,
        at=dict(zip(PERCENTILES, found, strict=False)),
        longest=float(minutes.max()) if minutes.size else None,
    )


def hours_text(sample: Sample) -> tuple[str, str]:
    """The two deadlines of the requests of the period, "24 h", both values when they changed."""
    return tuple(
        " ou ".join(f"{hours} h" for hours in np.unique(each).tolist()) or "–"
        for each in (sample.first_hours, sample.second_hours)
    )


def rows_behind(sample: Sample, code: str, by: str, unit: str) -> Ints:
    """The ids of the rows a number counts, in order of reception: of the whole period, or of one
    unit. Raises KeyError for an unknown code or unit."""
    mask = masks_of(sample)[code]
    of = requests_of(sample, code)
    ids = {"request": sample.id, "proposal": sample.proposal_id}
    rows = ids.get(MEASURES[code].unit.value, sample.reoriented_id)
    if unit != "total":
        groups = groups_of(sample, by)
        if unit not in groups.codes:
            raise KeyError(unit)
        mask = mask & (groups.of[of] == groups.codes.index(unit))
    order = np.lexsort((rows[mask], sample.received[of[mask]]))
    return rows[mask][order]


def label_of(sample: Sample, by: str, unit: str) -> str:
    """The words of a unit, empty for the whole period."""
    if unit == "total":
        return ""
    groups = groups_of(sample, by)
    return groups.labels[groups.codes.index(unit)]
