"""Hours when somebody asked and nothing was free: over a period, and in the coming days."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from maillage.availability.enums import LIVE
from maillage.availability.models import Absence, Booking, Slot
from maillage.directory.enums import Profession
from maillage.directory.models import Professional
from maillage.kernel.words import NBSP, WEEKDAYS, short_date
from maillage.snp.enums import HoursKind
from maillage.snp.models import DeskSettings
from maillage.snp.queries.hours import spans_on, weekday_of
from maillage.snp.queries.numbers.measures import EPOCH
from maillage.snp.queries.numbers.sample import DAY, HOUR, HourOf, Ints, Sample, local, micros
from maillage.territory.models import Cpts

COMING_HOURS = 72


@dataclass(frozen=True, slots=True)
class HourCell:
    """A weekday and an hour of the period: requests received; slots offered that began then (a
    window at each hour it covers); those left free; hours with a request; those without a free slot."""

    code: str
    requests: int
    offered: int
    free: int
    asked_hours: int
    holes: int


@dataclass(frozen=True, slots=True)
class HourGrid:
    """Lines: hours when the desk opens; columns: weekdays. None where it is always closed."""

    days: list[str]
    hours: list[tuple[str, list[HourCell | None]]]
    holes: int
    asked_hours: int
    outside: int

    @property
    def total(self) -> int:
        return sum(cell.requests for _, cells in self.hours for cell in cells if cell)


class _Desk:
    """Which hours the desk opens, day by day, by the settings in force that day."""

    def __init__(self, cpts: Cpts) -> None:
        self.zone = ZoneInfo(cpts.zone)
        rows = DeskSettings.objects.filter(cpts=cpts).prefetch_related("hours")
        self.settings = list(rows.order_by("valid_from", "pk"))
        self.known: dict[tuple[int, int], frozenset[int]] = {}

    def hours_on(self, day: dt.date) -> frozenset[int]:
        evening = dt.datetime.combine(day, dt.time(23, 59), self.zone)
        before = [each for each in self.settings if each.valid_from <= evening]
        settings = (before or self.settings)[-1 if before else 0]
        key = settings.pk, weekday_of(day)
        if key not in self.known:
            spans = spans_on(settings, HoursKind.DESK, day)
            self.known[key] = frozenset(
                hour for opens, closes in spans for hour in range(opens // 60, -(-closes // 60))
            )
        return self.known[key]


def _with_free(slots):
    live = Booking.objects.filter(slot=OuterRef("pk"), state__in=LIVE).order_by()
    taken = Subquery(live.values("slot").annotate(n=Count("pk")).values("n"))
    return slots.annotate(taken=Coalesce(taken, 0, output_field=IntegerField()))


def _by_hour(slots, first: dt.datetime, until: dt.datetime) -> dict[tuple[str, int], list[int]]:
    """(profession, hour since 1970) to [offered, free]. Two queries."""
    slots = _with_free(slots.order_by())
    found: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    cut = (
        slots.filter(is_window=False)
        .annotate(hour=HourOf("starts_at"))
        .values("professional__profession", "hour")
        .annotate(offered=Count("pk"), free=Count("pk", filter=Q(capacity__gt=F("taken"))))
        .values_list("professional__profession", "hour", "offered", "free")
    )
    for profession, hour, offered, free in cut:
        found[profession, hour][0] += offered
        found[profession, hour][1] += free
    windows = slots.filter(is_window=True).values_list(
        "professional__profession", "starts_at", "ends_at", "capacity", "taken"
    )
    low, high = micros(first) // HOUR, -(-micros(until) // HOUR)
    for profession, starts_at, ends_at, capacity, taken in windows:
        begins, ends = micros(starts_at) // HOUR, -(-micros(ends_at) // HOUR)
        for hour in range(max(begins, low), min(ends, high)):
            found[profession, hour][0] += 1
            found[profession, hour][1] += capacity > taken
    return found


def _offered_in(sample: Sample):
    """Slots given to the CPTS over the period, by the visibility of today: neither withdrawn before
    they began, nor under an absence."""
    first, until = sample.period.starts_at, sample.period.ends_at
    away = Absence.objects.filter(
        professional=OuterRef("professional"),
        ended_at=None,
        starts_at__lt=OuterRef("ends_at"),
        ends_at__gt=OuterRef("starts_at"),
    )
    people = Professional.objects.in_cpts(sample.cpts, sample.period.last_on)
    return (
        Slot.objects.given_to(sample.cpts)
        .filter(
            Q(starts_at__gte=first) | Q(is_window=True, ends_at__gt=first),
            Q(closed_at=None) | Q(closed_at__gte=F("starts_at")),
            ~Exists(away),
            starts_at__lt=until,
            professional__in=people.values("pk"),
        )
        .order_by()
    )


def holes_of(sample: Sample) -> HourGrid:
    """Four queries, whatever the period."""
    desk, zone = _Desk(sample.cpts), sample.period.zone
    first, until = sample.period.starts_at, sample.period.ends_at
    requests = np.unique(sample.wall // HOUR, return_counts=True)
    asked = dict(zip(*(each.tolist() for each in requests), strict=True))
    slots: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    by_hour = _by_hour(_offered_in(sample), first, until)
    hours = np.array([hour for _, hour in by_hour], dtype=np.int64)
    for at, (offered, free) in zip(_wall(hours, zone), by_hour.values(), strict=True):
        slots[at][0] += offered
        slots[at][1] += free
    sums: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0] * 5)
    inside = 0
    for n in range((sample.period.last_on - sample.period.first_on).days + 1):
        day = sample.period.first_on + dt.timedelta(days=n)
        weekday, start = weekday_of(day), (day - EPOCH).days * 24
        for hour in desk.hours_on(day):
            count, (offered, free) = asked.get(start + hour, 0), slots.get(start + hour, (0, 0))
            inside += count
            line = (count, offered, free, count > 0, count > 0 and free == 0)
            sums[weekday, hour] = [a + b for a, b in zip(sums[weekday, hour], line, strict=True)]
    return _grid(sums, sample.id.size - inside)


def _wall(hours: Ints, zone: ZoneInfo) -> list[int]:
    return (local(hours * HOUR, zone) // HOUR).tolist()


def _grid(sums: dict[tuple[int, int], list[int]], outside: int) -> HourGrid:
    days = sorted({day for day, _ in sums})
    names = (*WEEKDAYS, "jour férié")
    return HourGrid(
        days=[names[day] for day in days],
        hours=[
            (
                f"{hour}{NBSP}h",
                [
                    HourCell(f"{day}-{hour:02}", *map(int, sums[day, hour]))
                    if (day, hour) in sums
                    else None
                    for day in days
                ],
            )
            for hour in sorted({hour for _, hour in sums})
        ],
        holes=int(sum(each[4] for each in sums.values())),
        asked_hours=int(sum(each[3] for each in sums.values())),
        outside=outside,
    )


# The coming days


@dataclass(frozen=True, slots=True)
class ComingDay:
    """One day for one profession: free slots by hour of the desk, and the hours without any."""

    label: str
    hours: list[tuple[str, int]]

    @property
    def free(self) -> int:
        return sum(n for _, n in self.hours)

    @property
    def holes(self) -> list[str]:
        return [hour for hour, n in self.hours if not n]


@dataclass(frozen=True, slots=True)
class Coming:
    """A profession of the directory over the coming hours."""

    profession: str
    days: list[ComingDay]

    @property
    def free(self) -> int:
        return sum(day.free for day in self.days)

    @property
    def holes(self) -> int:
        return sum(len(day.holes) for day in self.days)

    @property
    def open_hours(self) -> int:
        return sum(len(day.hours) for day in self.days)


def coming_of(cpts: Cpts, now: dt.datetime) -> list[Coming]:
    """Free slots the desk sees now, by profession of the directory and hour the desk is open, over
    the coming 72 hours. The hour that runs counts for what is left of it. Five queries."""
    desk, zone = _Desk(cpts), ZoneInfo(cpts.zone)
    until = now + dt.timedelta(hours=COMING_HOURS)
    people = Professional.objects.in_cpts(cpts, now.astimezone(zone).date())
    slots = (
        Slot.objects.open(now)
        .given_to(cpts)
        .filter(professional__in=people.values("pk"), starts_at__lt=until)
    )
    free: dict[tuple[str, int], int] = defaultdict(int)
    by_hour = _by_hour(slots, now, until)
    hours = np.array([hour for _, hour in by_hour], dtype=np.int64)
    for (profession, _), at, (_, left) in zip(
        by_hour, _wall(hours, zone), by_hour.values(), strict=True
    ):
        free[profession, at] += left
    wanted = _open_hours(desk, now, until)
    labels = dict(Profession.choices)
    found = set(people.order_by().values_list("profession", flat=True).distinct())
    return [
        Coming(
            labels[code],
            [
                ComingDay(short_date(day), [(f"{at % 24}{NBSP}h", free[code, at]) for at in hours])
                for day, hours in wanted.items()
            ],
        )
        for code in labels
        if code in found
    ]


def _open_hours(desk: _Desk, now: dt.datetime, until: dt.datetime) -> dict[dt.date, list[int]]:
    """By day, the local hours (since 1970) of the desk that touch [now, until)."""
    low, high = (local(np.array([micros(at)]), desk.zone)[0] for at in (now, until))
    days: dict[dt.date, list[int]] = {}
    for number in range(low // DAY, high // DAY + 1):
        day = EPOCH + dt.timedelta(days=int(number))
        hours = [int(number) * 24 + hour for hour in sorted(desk.hours_on(day))]
        inside = [at for at in hours if low // HOUR <= at < -(-high // HOUR)]
        if inside:
            days[day] = inside
    return days
