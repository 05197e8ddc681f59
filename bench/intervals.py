"""Weekly periods of 1 500 professionals cut into 336 000 slots, beside one conversion per slot."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bench import Report, alternated
from maillage.compute.intervals import EPOCH, Slots, WeeklyPeriod, expand

NAME = "intervals"
FIRST_ON, BEFORE_ON = date(2026, 11, 23), date(2026, 12, 7)
CHANGE_FIRST_ON, CHANGE_BEFORE_ON = date(2026, 10, 19), date(2026, 11, 2)
ZONES = ("Europe/Paris", "America/Guadeloupe", "Indian/Reunion", "America/Miquelon")
RUNS = 5


def weekly_periods() -> list[WeeklyPeriod]:
    """Each day 9:00 to 11:00 and 14:00 to 16:00 by quarters of an hour: 16 slots."""
    return [
        WeeklyPeriod(
            id=owner * 100 + weekday * 10 + half,
            owner=owner,
            weekday=weekday,
            starts_minute=start,
            ends_minute=start + 120,
            slot_minutes=15,
            capacity=1,
            from_on=date(2026, 1, 1),
            until_on=None,
            zone=ZONES[owner % 10 if owner % 10 < len(ZONES) else 0],
        )
        for owner in range(1500)
        for weekday in range(7)
        for half, start in enumerate((9 * 60, 14 * 60))
    ]


def one_by_one(periods: Sequence[WeeklyPeriod]) -> list[tuple[int, int, int]]:
    """(owner, start, period) of each slot, each wall time converted by zoneinfo on its own."""
    rows = []
    for period in periods:
        zone = ZoneInfo(period.zone)
        for shift in range((BEFORE_ON - FIRST_ON).days):
            day = FIRST_ON + timedelta(days=shift)
            if day.weekday() != period.weekday:
                continue
            stop = period.ends_minute - period.slot_minutes + 1
            for minute in range(period.starts_minute, stop, period.slot_minutes):
                at = datetime.combine(day, time(minute // 60, minute % 60), zone).astimezone(UTC)
                rows.append((period.owner, (at - EPOCH) // timedelta(minutes=1), period.id))
    rows.sort()
    return rows


def run(report: Report) -> None:
    periods = weekly_periods()

    def expanded(first_on: date, before_on: date) -> Slots:
        return expand(
            periods=periods, openings=[], absences=[], first_on=first_on, before_on=before_on
        )

    slots = expanded(FIRST_ON, BEFORE_ON)
    ours = zip(slots.owner.tolist(), slots.start.tolist(), slots.source.tolist(), strict=True)
    assert list(ours) == one_by_one(periods), "one by one gives other slots"
    plain, change, naive = alternated(
        [
            lambda: expanded(FIRST_ON, BEFORE_ON),
            lambda: expanded(CHANGE_FIRST_ON, CHANGE_BEFORE_ON),
            lambda: one_by_one(periods),
        ],
        runs=RUNS,
    )
    report.figure("slots", slots.start.size, "slots")
    report.figure("14 days, median", plain.median_ms, "ms", "one by one", naive.median_ms)
    report.figure("14 days with a change of hour, median", change.median_ms, "ms")
