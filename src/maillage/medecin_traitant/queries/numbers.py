"""The waiting list in numbers: who waits, since when, and the answers against what is promised.

The tables share their total and are hidden as `compute.waiting` says. Whoever sees no request reads
what was published (`PublishedNumbers`), which never changes and comes at long intervals: no two pages
differ by the few people of a day.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from maillage.compute.waiting import ToldWaits, told_line, told_table, told_waits
from maillage.kernel.words import MONTHS
from maillage.medecin_traitant.enums import (
    AGE_MAX,
    LAST_RANK,
    PROMISED_MAX,
    PUBLISHED_DAYS,
    Criterion,
    EventKind,
)
from maillage.medecin_traitant.models import (
    DoctorRequest,
    DoctorRequestEvent,
    MtSettings,
    PriorityRule,
    PublishedNumbers,
)
from maillage.medecin_traitant.queries.attributions import BANDS, age_band
from maillage.medecin_traitant.queries.waiting import (
    PLACED_DAYS,
    Filters,
    Waiting,
    class_text,
    waiting_of,
)
from maillage.territory.models import Commune, Cpts

ELSEWHERE = "autres communes"
SECRET = "s"
HEAD = ("cpts", "on", "table", "line", "column", "value")


@dataclass(frozen=True, slots=True)
class WaitingNumbers:
    """`waiting`: who waits now; `placed`: who found a doctor within a year. By age (label, total, one
    count a class of `classes`, whose `totals` are told), and by commune (INSEE code, name, count): the
    same people. `months`: of the requests received in a month, in words, how many were due an answer,
    how many a doctor accepted by then, how many not. None: hidden."""

    minimum: int
    promised_days: int
    waiting: ToldWaits
    placed: ToldWaits
    classes: list[str]
    totals: list[int]
    ages: list[tuple[str, int | None, list[int | None]]]
    communes: list[tuple[str, str, int | None]]
    months: list[tuple[str, int | None, int | None, int | None]]


def numbers_of(
    cpts: Cpts, settings: MtSettings, rules: Sequence[PriorityRule], *, now: dt.datetime
) -> WaitingNumbers:
    lines = waiting_of(cpts, rules, Filters(), now=now)
    minimum, promised = settings.small_cell_min, settings.promised_days
    columns = _columns(rules)
    bands = [*BANDS, None]
    counts = np.zeros((len(bands), len(columns)), np.int64)
    for each in lines:
        column = next(j for j, ranks in enumerate(columns) if each.rank in ranks)
        counts[_band(each.age), column] += 1
    impossible = [[_never(band, ranks, rules) for ranks in columns] for band in bands]
    table = told_table(counts, minimum, np.array(impossible))
    groups = [sorted(rank for j in group for rank in columns[j]) for group in table.groups]
    days = np.array([each.days for each in lines], np.int64)
    return WaitingNumbers(
        minimum=minimum,
        promised_days=promised,
        waiting=told_waits(days, promised, minimum),
        placed=told_waits(_placed(cpts, now), promised, minimum),
        classes=[class_text(*ranks) for ranks in groups],
        totals=table.totals,
        ages=[
            (age_band(low), total, cells)
            for low, (total, cells) in zip(bands, table.rows, strict=True)
        ],
        communes=_by_commune(cpts, lines, minimum, now),
        months=_by_month(cpts, minimum, timezone.localdate(now)),
    )


def _columns(rules: Sequence[PriorityRule]) -> list[list[int]]:
    """The classes told apart: those that a wait may give are told with all those after them, so that
    no class is the difference of two waits."""
    ranks = [*sorted({rule.rank for rule in rules}), LAST_RANK]
    by_wait = [rule.rank for rule in rules if rule.criterion == Criterion.WAITING_DAYS]
    first = min(by_wait, default=LAST_RANK)
    return [*([rank] for rank in ranks if rank < first), [rank for rank in ranks if rank >= first]]


def _band(age: int | None) -> int:
    """Index of the age among the bands, the last one for an age not known."""
    if age is None:
        return len(BANDS)
    return max(i for i, low in enumerate(BANDS) if low <= max(age, 0))


def _never(low: int | None, ranks: list[int], rules: Sequence[PriorityRule]) -> bool:
    """Whether the written rules, known to all, put nobody of this band in these classes."""
    if low is None:
        return not any(_may_be(None, rank, rules) for rank in ranks)
    end = min((each for each in BANDS if each > low), default=AGE_MAX + 1)
    return not any(_may_be(age, rank, rules) for age in range(low, end) for rank in ranks)


def _may_be(age: int | None, rank: int, rules: Sequence[PriorityRule]) -> bool:
    by_age = [each for each in rules if each.criterion == Criterion.AGE_FROM]
    last = LAST_RANK
    if age is not None:
        last = min((each.rank for each in by_age if age >= each.threshold), default=LAST_RANK)
    others = any(each.rank == rank for each in rules if each.criterion != Criterion.AGE_FROM)
    return rank == last or (rank < last and others)


def _by_commune(
    cpts: Cpts, lines: Sequence[Waiting], minimum: int, now: dt.datetime
) -> list[tuple[str, str, int | None]]:
    """Every commune of the perimeter, and the others as one: which lines there are tells nothing."""
    inside = Commune.objects.in_cpts(cpts, timezone.localdate(now)).order_by("name_key", "pk")
    names = dict(inside.values_list("pk", "name")) | {"": ELSEWHERE}
    found = dict.fromkeys(names, 0)
    for each in lines:
        insee = each.doctor_request.commune_id
        found[insee if insee in found else ""] += 1
    counts = told_line(np.array(list(found.values()), np.int64), minimum)
    return [(insee, names[insee], n) for insee, n in zip(found, counts, strict=True)]


def _placed(cpts: Cpts, now: dt.datetime) -> np.ndarray:
    """Days of those a doctor accepted within a year, once each, to their last acceptance."""
    accepted = DoctorRequestEvent.objects.filter(
        cpts=cpts, kind=EventKind.ACCEPTED, at__gte=now - dt.timedelta(days=PLACED_DAYS)
    ).order_by("at", "pk")
    rows = accepted.values_list("doctor_request_id", "at", "doctor_request__waits_since")
    days = {pk: (at - since).days for pk, at, since in rows}
    return np.array(list(days.values()), np.int64)


def _by_month(
    cpts: Cpts, minimum: int, today: dt.date
) -> list[tuple[str, int | None, int | None, int | None]]:
    """A year of months of reception, up to the last whose every answer was due. Each is hidden by
    itself and nothing adds them up: a month tells nothing of another."""
    months = _months_over(today)
    counts = {month: [0, 0] for month in months}
    accepted = DoctorRequestEvent.objects.filter(
        cpts=cpts, doctor_request=OuterRef("pk"), kind=EventKind.ACCEPTED
    ).order_by("at")
    rows = DoctorRequest.objects.filter(cpts=cpts, promised_by__gte=months[0])
    rows = rows.filter(promised_by__lt=today)
    for received, due, closed, at in rows.values_list(
        "received_at", "promised_by", "closed_at", Subquery(accepted.values("at")[:1])
    ):
        month = timezone.localdate(received).replace(day=1)
        is_kept = at is not None and timezone.localdate(at) <= due
        gave_up = not is_kept and closed is not None and timezone.localdate(closed) <= due
        if month in counts and not gave_up:
            counts[month][not is_kept] += 1
    told = []
    for month, (kept, late) in counts.items():
        within, past = told_line(np.array([kept, late], np.int64), minimum)
        count = kept + late if kept + late >= max(minimum, 1) else None
        told.append((f"{MONTHS[month.month - 1]} {month.year}", count, within, past))
    return told


def _months_over(today: dt.date) -> list[dt.date]:
    """The first days of the twelve last months received in which every promise is due, whatever the
    days promised."""
    last = (today - dt.timedelta(days=PROMISED_MAX)).replace(day=1)
    number = 12 * last.year + last.month - 1  # this one is not over: those before it are
    return [dt.date(each // 12, each % 12 + 1, 1) for each in range(number - 12, number)]


# What those who see no request read


def last_published(cpts: Cpts) -> PublishedNumbers | None:
    return PublishedNumbers.objects.filter(cpts=cpts).order_by("taken_at", "pk").last()


def is_publication_due(cpts: Cpts, settings: MtSettings, now: dt.datetime) -> bool:
    """Enough people wait, and the last publication is old enough for many to have come and gone."""
    last = last_published(cpts)
    if last is not None and now - last.taken_at < dt.timedelta(days=PUBLISHED_DAYS):
        return False
    return DoctorRequest.objects.filter(cpts=cpts).open().count() >= max(settings.small_cell_min, 1)


def figures_of(numbers: WaitingNumbers) -> dict[str, Any]:
    """As it is stored."""
    return asdict(numbers)


def numbers_in(figures: dict[str, Any]) -> WaitingNumbers:
    """As it was stored."""
    waits = {name: ToldWaits(**figures[name]) for name in ("waiting", "placed")}
    return WaitingNumbers(**figures | waits)


def file_of(numbers: WaitingNumbers, cpts: Cpts, on: dt.date) -> Iterator[list[str]]:
    """The same as a table, one number a line, the names of the columns first. `s`: hidden."""
    yield list(HEAD)
    for table, line, column, value in _cells(numbers):
        told = SECRET if value is None else str(value)
        yield [cpts.slug, on.isoformat(), table, line, column, told]


def _cells(numbers: WaitingNumbers) -> Iterator[tuple[str, str, str, int | None]]:
    for table in ("waiting", "placed"):
        for code, value in asdict(getattr(numbers, table)).items():
            yield table, "total", code, value
    for label, value in zip(numbers.classes, numbers.totals, strict=True):
        yield "age", "total", label, value
    for label, total, cells in numbers.ages:
        yield "age", label, "total", total
        for name, value in zip(numbers.classes, cells, strict=False):
            yield "age", label, name, value
    for month, *values in numbers.months:
        for code, value in zip(("due", "kept", "late"), values, strict=True):
            yield "month", month, code, value
    for insee, name, value in numbers.communes:
        yield "commune", insee or name, "total", value
