"""The numbers for those who see no request: whole quarters, small cells hidden.

Only a finished calendar quarter is published, once the longest deadline of its last request has
passed: two pages never differ by a few days. Each quarter is hidden by itself; several quarters are
the sum of what each publishes, so nothing can be had by taking one period from another. Inside a
quarter, columns too small for all the requests together are joined first: every table, by channel,
by commune…, then shares the same shown totals, and tells nothing of another.
"""

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from maillage.compute.disclosure import (
    HiddenTable,
    join_columns,
    suppress_line,
    suppress_table,
)
from maillage.compute.percentiles import percentiles
from maillage.snp.enums import RefusalReason
from maillage.snp.models import DeskSettings
from maillage.snp.queries.numbers.measures import DELAYS, Groups, groups_of, masks_of
from maillage.snp.queries.numbers.sample import DAY, Bools, Ints, Period, Sample
from maillage.snp.queries.numbers.screen import (
    TOLD,
    Delay,
    Numbers,
    count_of,
    counts_by,
    hours_text,
    line_of,
    minutes_of,
)
from maillage.territory.models import Commune, Cpts

QUARTERS_OFFERED = 8
# What is added up: each request is in one and only one column.
COLUMNS = ("kept_first", "kept_second", "late", "apart")
COUNTED = frozenset({0, 1, 2})
SHOWN = {
    "received": frozenset({0, 1, 2, 3}),
    "first_counted": COUNTED,
    "first_kept": frozenset({0}),
    "second_counted": COUNTED,
    "second_kept": frozenset({0, 1}),
}
APART = ("cancelled", "merged", "handed_over")
MEDIAN, HIGH = 50, 90
Values = dict[str, int | None]


def quarter_of(day: dt.date) -> tuple[dt.date, dt.date]:
    """First and last days of the calendar quarter of a day."""
    first = dt.date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
    following = (first + dt.timedelta(days=93)).replace(day=1)
    return first, following - dt.timedelta(days=1)


def quarter_text(first: dt.date) -> str:
    number = (first.month + 2) // 3
    return f"{number}{'er' if number == 1 else 'e'} trimestre {first.year}"


def published_quarters(cpts: Cpts, now: dt.datetime) -> list[tuple[dt.date, dt.date]]:
    """The last finished quarters whose every request has passed its deadlines, the newest first."""
    hours = DeskSettings.objects.filter(cpts=cpts).values_list("second_deadline_hours", flat=True)
    zone, longest = ZoneInfo(cpts.zone), dt.timedelta(hours=max(hours, default=0))
    found, day = [], now.astimezone(zone).date()
    while len(found) < QUARTERS_OFFERED:
        first, last = quarter_of(day)
        if Period(first, last, zone).ends_at + longest < now:
            found.append((first, last))
        day = first - dt.timedelta(days=1)
    return found


@dataclass(frozen=True, slots=True)
class _Quarter:
    """One quarter as published: the columns joined in groups, and what each unit shows of them."""

    groups: list[frozenset[int]]
    codes: list[str]
    labels: list[str]
    counts: Ints
    hidden: HiddenTable
    totals: Values
    is_small: bool


def published_numbers(
    sample: Sample, quarters: list[tuple[dt.date, dt.date]], by: str, minimum: int
) -> Numbers:
    """The sum of what each quarter publishes. `sample` covers them all; no more query but for the
    names of the communes."""
    masks = masks_of(sample)
    columns = np.stack(
        [
            masks["first_kept"],
            masks["second_kept"] & ~masks["first_kept"],
            masks["second_counted"] & ~masks["second_kept"] | masks["second_watched"],
            masks["cancelled"] | masks["merged"] | masks["handed_over"],
        ]
    )
    days, epoch = sample.wall // DAY, dt.date(1970, 1, 1)
    parts, told = [], []
    for first, last in quarters:
        inside = (days >= (first - epoch).days) & (days <= (last - epoch).days)
        groups = _groups(sample, by, first)
        keeps = _of_quarter(groups, by, first, last)
        parts.append(_quarter(groups, keeps, columns, inside, minimum))
        told.append(_told(sample, masks, inside, parts[-1], minimum))
    lines = {}
    for part in parts:
        for i, code in enumerate(part.codes):
            lines.setdefault(code, (part.labels[i], []))[1].append(_values(part, i))
    total = _sum([part.totals for part in parts])
    sums = _sum(told)
    return Numbers(
        by=by,
        total=line_of("total", "Ensemble", total | {code: sums[code] for code in APART}),
        lines=[line_of(code, label, _sum(each)) for code, (label, each) in lines.items()],
        told=[count_of(code, sums) for code in TOLD],
        delays=_delays(sample, masks, minimum) if len(quarters) == 1 else [],
        hours=hours_text(sample),
        small_cell_min=minimum,
        is_partial=True,
        periods=[quarter_text(first) for first, _ in quarters],
    )


def _groups(sample: Sample, by: str, on: dt.date) -> Groups:
    """Units known without counting anything: the communes are those of the perimeter."""
    communes = None
    if by == "commune":
        communes = _perimeter(sample.cpts, on)
    return groups_of(sample, by, communes=communes)


def _perimeter(cpts: Cpts, on: dt.date) -> dict[str, str]:
    inside = cpts.perimeter.in_force(on).values("commune")
    found = Commune.objects.filter(pk__in=inside).order_by("name_key", "pk")
    return dict(found.values_list("pk", "name"))


def _quarter(
    groups: Groups, keeps: list[int], columns: Bools, inside: Bools, minimum: int
) -> _Quarter:
    shown = join_columns(totals=(columns & inside).sum(axis=1), minimum=minimum)
    is_small = not shown
    joined = [frozenset(each) for each in shown or [range(len(COLUMNS))]]
    counts = np.stack(
        [counts_by(groups, columns[sorted(each)].any(axis=0) & inside)[keeps] for each in joined],
        axis=1,
    )
    hidden = (
        HiddenTable(np.ones(counts.shape, dtype=bool), np.ones(len(counts), dtype=bool))
        if is_small
        else _suppressed(counts.tobytes(), counts.shape, minimum)
    )
    totals = _shown(joined, counts.sum(axis=0), np.zeros(len(joined), dtype=bool), False)
    return _Quarter(
        groups=joined,
        codes=[groups.codes[i] for i in keeps],
        labels=[groups.labels[i] for i in keeps],
        counts=counts,
        hidden=hidden,
        totals=dict.fromkeys(SHOWN) if is_small else totals,
        is_small=is_small,
    )


def _of_quarter(groups: Groups, by: str, first: dt.date, last: dt.date) -> list[int]:
    """Weeks and months of other quarters are no units of this one."""
    if by not in {"semaine", "mois"}:
        return list(range(len(groups.codes)))
    spans = dt.timedelta(days=6 if by == "semaine" else 0)
    starts = [dt.date.fromisoformat(code) for code in groups.codes]
    return [i for i, start in enumerate(starts) if start <= last and start + spans >= first]


@lru_cache(maxsize=64)
def _suppressed(counts: bytes, shape: tuple[int, int], minimum: int) -> HiddenTable:
    """The same quarter asked again hides the same cells; found once."""
    table = np.frombuffer(counts, dtype=np.int64).reshape(shape)
    return suppress_table(counts=table, minimum=minimum)


def _values(part: _Quarter, i: int) -> Values:
    if part.is_small:
        return dict.fromkeys(SHOWN)
    return _shown(part.groups, part.counts[i], part.hidden.cells[i], bool(part.hidden.rows[i]))


def _shown(groups: list[frozenset[int]], counts: Ints, hidden: Bools, no_total: bool) -> Values:
    """What can be said with the shown cells of one line, and nothing else."""
    return {
        code: _value(groups, counts.tolist(), hidden.tolist(), no_total, wanted)
        for code, wanted in SHOWN.items()
    }


def _value(
    groups: list[frozenset[int]],
    counts: list[int],
    hidden: list[bool],
    no_total: bool,
    wanted: frozenset[int],
) -> int | None:
    if wanted == SHOWN["received"]:
        return None if no_total else sum(counts)
    inside = [i for i, group in enumerate(groups) if group <= wanted]
    outside = [i for i, group in enumerate(groups) if not group & wanted]
    if len(inside) + len(outside) < len(groups):
        return None
    if not any(hidden[i] for i in inside):
        return sum(counts[i] for i in inside)
    if no_total or any(hidden[i] for i in outside):
        return None
    return sum(counts) - sum(counts[i] for i in outside)


def _told(
    sample: Sample, masks: dict[str, Bools], inside: Bools, part: _Quarter, minimum: int
) -> Values:
    """What became of the requests set apart, of the proposals and of the appointments."""
    apart = part.totals["received"], part.totals["first_counted"]
    of_apart = [int((masks[code] & inside).sum()) for code in APART]
    found = _line(APART, of_apart, minimum) if None not in apart else dict.fromkeys(APART)
    its = inside[sample.proposal_of]
    codes = (*(f"refused_{reason.value}" for reason in RefusalReason), "unanswered")
    asked = [int((masks[code] & its).sum()) for code in codes]
    asked_all = int((masks["asked"] & its).sum())
    found |= _line((*codes, "else"), [*asked, asked_all - sum(asked)], minimum, total="asked")
    known, missed = (int((masks[code] & its).sum()) for code in ("appointments", "no_show"))
    found |= _line(("no_show", "came"), [missed, known - missed], minimum, total="appointments")
    times = int(inside[sample.reoriented_of].sum())
    return found | {"reoriented": times if times >= minimum or minimum < 2 else None}


def _line(codes: tuple[str, ...], counts: list[int], minimum: int, total: str = "") -> Values:
    hidden = suppress_line(counts=np.array(counts, dtype=np.int64), minimum=minimum)
    values = {
        code: None if out else n
        for code, n, out in zip(codes, counts, hidden.cells.tolist(), strict=True)
    }
    if total:
        values[total] = None if hidden.total else sum(counts)
    return values


def _sum(values: list[Values]) -> Values:
    """Shown when every quarter shows it."""
    return {
        code: None if any(each[code] is None for each in values) else sum(e[code] for e in values)
        for code in (values[0] if values else SHOWN)
    }


def _delays(sample: Sample, masks: dict[str, Bools], minimum: int) -> list[Delay]:
    """The median and the 90th percentile, when `minimum` requests at least stand on each side of
    them. Neither the longest nor how many: the rest would follow."""
    found = []
    for code, label in DELAYS.items():
        minutes = minutes_of(sample, code, masks[code])
        at = [p for p in (MEDIAN, HIGH) if minutes.size * (100 - p) >= 100 * max(minimum, 1)]
        values = dict(zip(at, percentiles(values=minutes, at=at), strict=False))
        found.append(Delay(code=code, label=label, n=None, at=values))
    return found
