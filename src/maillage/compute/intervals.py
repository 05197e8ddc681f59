"""Opening hours to slots, overlaps, local days.

Instants are whole minutes since 1970-01-01T00:00Z (int64): `minute_of` and `instant_of` translate.
A wall time is what a clock on the wall shows; it is kept through the changes of hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import IntEnum
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Minutes = NDArray[np.int64]

DAY_MINUTES = 1440
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_WALL = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time has no zone
EPOCH_ORDINAL = EPOCH.toordinal()
LAST_ORDINAL = date.max.toordinal()


class Source(IntEnum):
    """What a slot comes from."""

    WEEKLY = 0
    OPENING = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyPeriod:
    """Every `weekday` (Monday 0) from `starts_minute` to `ends_minute` of the wall clock.

    `ends_minute` may pass midnight (up to 24 hours after the start); such a night belongs to the
    day it begins. Effective from the day `from_on` to the day `until_on`, both included.
    """

    id: int
    owner: int
    weekday: int
    starts_minute: int
    ends_minute: int
    slot_minutes: int
    capacity: int
    from_on: date
    until_on: date | None
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A one-off stretch of time, cut into slots of `slot_minutes`, or one whole window when None.

    Part minutes at either end are left.
    """

    id: int
    owner: int
    starts_at: datetime
    ends_at: datetime
    slot_minutes: int | None
    capacity: int
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A stretch of time during which the owner takes nobody; part minutes count whole."""

    owner: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Slots:
    """Slots [start, end) in UTC minutes, sorted by owner, start, kind of source, source id."""

    owner: NDArray[np.int64]
    start: Minutes
    end: Minutes
    capacity: NDArray[np.int64]
    source_kind: NDArray[np.int64]
    source: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _LocalDays:
    """Offsets of one zone (minutes east of UTC) from the day `first` (days since 1970) on.

    `is_plain[i]`: no change of hour touches the day, so one offset serves all of it.
    """

    zone: ZoneInfo
    first: int
    offset: Minutes
    is_plain: Bools


def minute_of(at: datetime, *, round_up: bool = False) -> int:
    """UTC minute of an aware instant, rounded down unless told."""
    if at.tzinfo is None:
        raise ValueError("at: an instant needs its zone")
    minutes, rest = divmod(at - EPOCH, timedelta(minutes=1))
    return minutes + (1 if round_up and rest else 0)


def instant_of(minute: int) -> datetime:
    """Aware UTC datetime of a UTC minute."""
    return EPOCH + timedelta(minutes=int(minute))


def zone_named(zone: str) -> ZoneInfo:
    """The IANA zone; raises ValueError naming the argument when there is none."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"zone: no time zone is named {zone!r}") from error


def exists_locally(*, wall: datetime, zone: str) -> bool:
    """Does the wall time (a naive datetime) ever show on a clock of the zone?

    False inside the hour skipped in spring. The hour lived twice in autumn exists.
    """
    if wall.tzinfo is not None:
        raise ValueError("wall: a wall time carries no zone")
    first, second = _offsets_of_wall(zone_named(zone), wall)
    return first >= second


def paris_day_bounds(*, day: date, zone: str) -> tuple[datetime, datetime]:
    """First instant of the local day and first instant of the next one, in UTC.

    23, 24 or 25 hours apart in Europe/Paris; where midnight is skipped, the instant of the skip.
    """
    local = zone_named(zone)
    midnights = (datetime.combine(d, time(), local) for d in (day, day + timedelta(days=1)))
    start, end = (midnight.astimezone(UTC) for midnight in midnights)
    return start, end


def overlaps(
    *,
    owner: NDArray[np.int64],
    start: Minutes,
    end: Minutes,
    busy_owner: NDArray[np.int64],
    busy_start: Minutes,
    busy_end: Minutes,
) -> Bools:
    """For each interval [start, end): does it meet a busy one of the same owner?

    Half-open: touching ends do not meet. Busy intervals may overlap each other, in any order.
    """
    if np.any(end <= start):
        raise ValueError("end: an interval ends after its start")
    if np.any(busy_end <= busy_start):
        raise ValueError("busy_end: an interval ends after its start")
    if not start.size or not busy_start.size:
        return np.zeros(start.size, dtype=np.bool_)
    # One axis for everybody: owners laid end to end, each on a stretch wider than all times.
    origin = min(int(start.min()), int(busy_start.min()))
    width = max(int(end.max()), int(busy_end.max())) - origin + 1
    owners, rank = np.unique(np.concatenate([owner, busy_owner]), return_inverse=True)
    if owners.size * width > np.iinfo(np.int64).max:
        raise ValueError("owner: too many owners over too long a time")
    base = rank.astype(np.int64) * width - origin
    mine, theirs = base[: owner.size], base[owner.size :]
    by_start = np.argsort(busy_start + theirs, kind="stable")
    busy_from = (busy_start + theirs)[by_start]
    reach = np.maximum.accumulate((busy_end + theirs)[by_start])
    # Of those that begin before my end, the furthest reach: past my start, if it is mine.
    before = np.searchsorted(busy_from, end + mine, side="left")
    return np.asarray((before > 0) & (reach[before - 1] > start + mine), dtype=np.bool_)


def expand(
    *,
    periods: Sequence[WeeklyPeriod],
    openings: Sequence[Opening],
    absences: Sequence[Absence],
    first_on: date,
    before_on: date,
) -> Slots:
    """Slots that begin (for a night: whose night begins) on local days [first_on, before_on).

    Every Monday at 9:00 stays 9:00 on the wall. On the days of a change of hour:
    - a slot is not produced when its wall time is skipped, nor when the clock jumps forward
      within it (it would not last its time);
    - a wall time lived twice gives one slot, the first time; the second hour stays empty.
    Every slot lasts exactly `slot_minutes` of real time. What is left at the end of a period and
    does not hold a whole slot is not produced. A slot meeting an absence of its owner is removed.
    Slots of two sources of one owner may overlap: the caller decides which one holds.
    """
    if before_on < first_on:
        raise ValueError("before_on: the horizon ends before it begins")
    for period in periods:
        _check_period(period)
    parts = [
        _weekly_slots(periods, first_on.toordinal(), before_on.toordinal()),
        _opening_slots(openings, first_on, before_on),
    ]
    owner, start, end, capacity, kind, source = (
        np.concatenate(c) for c in zip(*parts, strict=True)
    )
    gone = overlaps(
        owner=owner,
        start=start,
        end=end,
        busy_owner=_column([a.owner for a in absences]),
        busy_start=_column([minute_of(a.starts_at) for a in absences]),
        busy_end=_column([minute_of(a.ends_at, round_up=True) for a in absences]),
    )
    order = np.lexsort((source, kind, start, owner))
    order = order[~gone[order]]
    return Slots(
        owner=owner[order],
        start=start[order],
        end=end[order],
        capacity=capacity[order],
        source_kind=kind[order],
        source=source[order],
    )


def _column(values: Sequence[int]) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


def _check_period(period: WeeklyPeriod) -> None:
    name = f"periods (id {period.id})"
    if not 0 <= period.weekday <= 6:
        raise ValueError(f"{name}: weekday is 0 (Monday) to 6")
    if not 0 <= period.starts_minute < DAY_MINUTES:
        raise ValueError(f"{name}: starts_minute is a minute of the day")
    if not period.starts_minute < period.ends_minute <= period.starts_minute + DAY_MINUTES:
        raise ValueError(f"{name}: ends_minute comes after starts_minute, within 24 hours")
    _check_cut(name, period.slot_minutes, period.capacity)


def _check_cut(name: str, slot_minutes: int, capacity: int) -> None:
    if not 1 <= slot_minutes <= DAY_MINUTES:
        raise ValueError(f"{name}: slot_minutes is 1 to {DAY_MINUTES}")
    if capacity < 1:
        raise ValueError(f"{name}: capacity is at least 1")


def _weekly_slots(
    periods: Sequence[WeeklyPeriod], first: int, before: int
) -> tuple[NDArray[np.int64], ...]:
    """Columns of the weekly slots that begin on days [first, before) (proleptic ordinals)."""
    names = sorted({p.zone for p in periods})
    which, day = _occurrences(periods, first, before)
    starts_minute = _column([p.starts_minute for p in periods])[which]
    step = _column([p.slot_minutes for p in periods])[which]
    count = (_column([p.ends_minute for p in periods])[which] - starts_minute) // step
    rank = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    which, step = np.repeat(which, count), np.repeat(step, count)
    wall = np.repeat(day * DAY_MINUTES + starts_minute, count) + rank * step
    zone = _column([names.index(p.zone) for p in periods])[which]
    start, keep = np.empty_like(wall), np.empty(wall.size, dtype=np.bool_)
    for index, name in enumerate(names):
        here = zone == index
        days = _local_days(name, first - EPOCH_ORDINAL, before - EPOCH_ORDINAL + 2)
        start[here], keep[here] = _utc_starts(days, wall[here], step[here])
    which, start, step = which[keep], start[keep], step[keep]
    return (
        _column([p.owner for p in periods])[which],
        start,
        start + step,
        _column([p.capacity for p in periods])[which],
        np.full(start.size, Source.WEEKLY, dtype=np.int64),
        _column([p.id for p in periods])[which],
    )


def _occurrences(
    periods: Sequence[WeeklyPeriod], first: int, before: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Pairs (index of a period, day since 1970) of the days on which a period is in force."""
    weekday = _column([p.weekday for p in periods])
    start = _column([p.from_on.toordinal() for p in periods])
    last = _column([p.until_on.toordinal() if p.until_on else LAST_ORDINAL for p in periods])
    which: list[NDArray[np.intp]] = [np.empty(0, dtype=np.intp)]
    days: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for shift in range(min(7, before - first)):
        day = np.arange(first + shift, before, 7, dtype=np.int64)
        (those,) = np.nonzero(weekday == (first + shift - 1) % 7)  # ordinal 1 is a Monday
        in_force = (start[those, None] <= day) & (day <= last[those, None])
        row, column = np.nonzero(in_force)
        which.append(those[row])
        days.append(day[column] - EPOCH_ORDINAL)
    return np.concatenate(which), np.concatenate(days)


def _utc_starts(days: _LocalDays, wall: Minutes, step: Minutes) -> tuple[Minutes, Bools]:
    """UTC minutes of wall minutes (since 1970-01-01 00:00 on the wall), and which can be held."""
    day = wall // DAY_MINUTES - days.first
    start = wall - days.offset[day]
    keep = np.ones(wall.size, dtype=np.bool_)
    last_day = (wall + step - 1) // DAY_MINUTES - days.first
    (special,) = np.nonzero(~(days.is_plain[day] & days.is_plain[last_day]))
    if special.size:
        start[special], keep[special] = _careful_starts(days.zone, wall[special], step[special])
    return start, keep


def _careful_starts(zone: ZoneInfo, wall: Minutes, step: Minutes) -> tuple[Minutes, Bools]:
    """The same on days of a change of hour: each different slot is looked up in the zone."""
    pairs, back = np.unique(np.stack([wall, step], axis=1), axis=0, return_inverse=True)
    start = np.empty(len(pairs), dtype=np.int64)
    keep = np.empty(len(pairs), dtype=np.bool_)
    for row, (minute, length) in enumerate(pairs.tolist()):
        first, _ = _offsets_of_wall(zone, EPOCH_WALL + timedelta(minutes=minute))
        start[row] = minute - first
        # A jump forward before the last minute; a skipped wall time is read past the jump.
        last_minute = instant_of(minute - first + length - 1).astimezone(zone)
        keep[row] = _whole_minutes(last_minute, zone) <= first
    back = back.reshape(-1)
    return start[back], keep[back]


def _opening_slots(
    openings: Sequence[Opening], first_on: date, before_on: date
) -> tuple[NDArray[np.int64], ...]:
    """Columns of the one-off slots that begin within the local days of their zone."""
    rows: list[tuple[int, int, int, int, int, int]] = []
    bounds: dict[str, tuple[int, int]] = {}
    for opening in openings:
        name = f"openings (id {opening.id})"
        _check_cut(
            name, 1 if opening.slot_minutes is None else opening.slot_minutes, opening.capacity
        )
        if opening.ends_at <= opening.starts_at:
            raise ValueError(f"{name}: ends_at comes after starts_at")
        if opening.zone not in bounds:
            low, high = (
                paris_day_bounds(day=d, zone=opening.zone)[0] for d in (first_on, before_on)
            )
            bounds[opening.zone] = minute_of(low), minute_of(high)
        after, before = bounds[opening.zone]
        begin, end = minute_of(opening.starts_at, round_up=True), minute_of(opening.ends_at)
        step = max(1, end - begin) if opening.slot_minutes is None else opening.slot_minutes
        for start in range(begin, end - step + 1, step):
            if after <= start < before:
                stop = start + step
                rows.append(
                    (opening.owner, start, stop, opening.capacity, Source.OPENING, opening.id)
                )
    return tuple(np.array(rows, dtype=np.int64).reshape(-1, 6).T)


def _offsets_of_wall(zone: ZoneInfo, wall: datetime) -> tuple[int, int]:
    """Offsets before and after the change of hour a wall time may sit in, else twice the same.

    Before < after: the wall time is skipped. Before > after: it is lived twice.
    """
    first = _whole_minutes(wall.replace(tzinfo=zone, fold=0), zone)
    return first, _whole_minutes(wall.replace(tzinfo=zone, fold=1), zone)


def _whole_minutes(local: datetime, zone: ZoneInfo) -> int:
    minutes, rest = divmod(local.utcoffset() or timedelta(), timedelta(minutes=1))
    if rest:
        raise ValueError(f"zone: {zone.key} is not a whole number of minutes from UTC then")
    return minutes


@lru_cache(maxsize=64)
def _local_days(name: str, first: int, before: int) -> _LocalDays:
    """Offsets of days [first, before) since 1970 in a zone, kept for the next call."""
    zone = zone_named(name)
    size = before - first
    offset, is_plain = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.bool_)
    midnight = EPOCH_WALL + timedelta(days=first)
    here = _offsets_of_wall(zone, midnight)
    for index in range(size):
        noon = _offsets_of_wall(zone, midnight + timedelta(hours=12))
        midnight += timedelta(days=1)
        following = _offsets_of_wall(zone, midnight)
        offset[index] = here[0]
        is_plain[index] = len({*here, *noon, *following}) == 1
        here = following
    offset.flags.writeable = is_plain.flags.writeable = False
    return _LocalDays(zone=zone, first=first, offset=offset, is_plain=is_plain)
