"""Slots from opening hours: wall time kept, days of a change of hour, absences."""

# ruff: noqa: DTZ001 - a wall time has no zone

import random
import time
from dataclasses import astuple, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.compute.intervals import (
    Absence,
    Opening,
    Source,
    WeeklyPeriod,
    exists_locally,
    expand,
    instant_of,
    minute_of,
    overlaps,
    paris_day_bounds,
)

PARIS = "Europe/Paris"
MIQUELON = "America/Miquelon"
ZONES = [PARIS, "America/Guadeloupe", "Indian/Reunion", MIQUELON]
CHANGES_OF_HOUR = [
    (PARIS, date(2026, 3, 29)),
    (PARIS, date(2026, 10, 25)),
    (PARIS, date(2027, 3, 28)),
    (PARIS, date(2027, 10, 31)),
    (MIQUELON, date(2026, 3, 8)),
    (MIQUELON, date(2026, 11, 1)),
]


def period(**changes):
    """Mondays 9:00 to 12:00 in Paris, slots of 15 minutes."""
    values = {
        "id": 1,
        "owner": 1,
        "weekday": 0,
        "starts_minute": 9 * 60,
        "ends_minute": 12 * 60,
        "slot_minutes": 15,
        "capacity": 1,
        "from_on": date(2026, 1, 1),
        "until_on": None,
        "zone": PARIS,
    }
    return WeeklyPeriod(**(values | changes))


def expanded(periods=(), openings=(), absences=(), *, first_on, days):
    return expand(
        periods=periods,
        openings=openings,
        absences=absences,
        first_on=first_on,
        before_on=first_on + timedelta(days=days),
    )


def walls(slots, zone):
    """Wall times "HH:MM" at which the slots begin."""
    return [f"{instant_of(m).astimezone(ZoneInfo(zone)):%H:%M}" for m in slots.start]


def rows(slots):
    return list(zip(*(column.tolist() for column in astuple(slots)), strict=True))


def night(day, **changes):
    """Midnight to 5:00 on that day, every half-hour."""
    values = {"weekday": day.weekday(), "starts_minute": 0, "ends_minute": 300, "slot_minutes": 30}
    return period(**(values | changes))


# By hand


def test_a_monday_morning():
    slots = expanded([period(slot_minutes=60)], first_on=date(2026, 11, 23), days=7)
    assert [instant_of(m) for m in slots.start] == [
        datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (8, 9, 10)
    ]
    assert [instant_of(m) for m in slots.end] == [
        datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (9, 10, 11)
    ]
    assert slots.source.tolist() == [1, 1, 1]
    assert slots.source_kind.tolist() == [Source.WEEKLY] * 3


def test_the_horizon_keeps_its_first_day_and_not_its_end():
    monday = date(2026, 11, 23)
    assert expanded([period()], first_on=monday, days=1).start.size == 12
    assert expanded([period()], first_on=monday - timedelta(days=6), days=6).start.size == 0
    assert expanded([period()], first_on=monday, days=0).start.size == 0
    assert expanded(first_on=monday, days=14).start.size == 0


def test_effective_days_are_both_included():
    bounded = period(from_on=date(2026, 11, 23), until_on=date(2026, 11, 30), slot_minutes=180)
    slots = expanded([bounded], first_on=date(2026, 11, 1), days=60)
    begins = [instant_of(m).date() for m in slots.start]
    assert begins == [date(2026, 11, 23), date(2026, 11, 30)]


def test_a_last_slot_that_does_not_fit_whole_is_not_produced():
    slots = expanded([period(slot_minutes=50)], first_on=date(2026, 11, 23), days=1)
    assert walls(slots, PARIS) == ["09:00", "09:50", "10:40"]


@pytest.mark.parametrize("zone", ZONES)
def test_nine_oclock_stays_nine_oclock_for_five_years(zone):
    weekly = period(zone=zone, slot_minutes=180)
    slots = expanded([weekly], first_on=date(2026, 1, 1), days=5 * 365)
    assert set(walls(slots, zone)) == {"09:00"}
    assert slots.start.size == 261
    local_days = {instant_of(m).astimezone(ZoneInfo(zone)).weekday() for m in slots.start}
    assert local_days == {0}
    summer_and_winter = {int(m) % 1440 for m in slots.start}
    assert len(summer_and_winter) == (2 if zone in {PARIS, MIQUELON} else 1)


def test_overseas_monday_nine_oclock_in_utc():
    expected = {"America/Guadeloupe": 13, "Indian/Reunion": 5, MIQUELON: 12, PARIS: 8}
    for zone, hour in expected.items():
        slots = expanded([period(zone=zone)], first_on=date(2026, 11, 23), days=1)
        assert instant_of(slots.start[0]) == datetime(2026, 11, 23, hour, tzinfo=UTC)


# The days on which the hour changes


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2027, 3, 28)])
def test_in_spring_the_skipped_hour_gives_no_slot(day):
    slots = expanded([night(day)], first_on=day, days=1)
    assert walls(slots, PARIS) == [
        "00:00", "00:30", "01:00", "01:30", "03:00", "03:30", "04:00", "04:30",
    ]  # fmt: skip
    assert np.diff(slots.start).tolist() == [30] * 7


@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2027, 10, 31)])
def test_in_autumn_the_hour_lived_twice_gives_its_slots_once_the_first_time(day):
    slots = expanded([night(day)], first_on=day, days=1)
    assert walls(slots, PARIS) == [f"{m // 60:02}:{m % 60:02}" for m in range(0, 300, 30)]
    two_oclock = datetime(day.year, day.month, day.day, 0, tzinfo=UTC)
    assert instant_of(slots.start[4]) == two_oclock
    assert np.diff(slots.start).tolist() == [30] * 5 + [90] + [30] * 3


def test_miquelon_changes_on_the_american_days():
    spring, autumn = date(2026, 3, 8), date(2026, 11, 1)
    slots = expanded([night(spring, zone=MIQUELON)], first_on=spring, days=1)
    assert "02:00" not in walls(slots, MIQUELON)
    assert slots.start.size == 8
    slots = expanded([night(autumn, zone=MIQUELON)], first_on=autumn, days=1)
    assert slots.start.size == 10
    same_days_in_paris = expanded([night(spring)], first_on=spring, days=1)
    assert same_days_in_paris.start.size == 10


@pytest.mark.parametrize("zone", ["America/Guadeloupe", "Indian/Reunion"])
@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_zone_without_summer_time_sees_nothing(zone, day):
    slots = expanded([night(day, zone=zone)], first_on=day, days=1)
    assert slots.start.size == 10
    assert np.diff(slots.start).tolist() == [30] * 9


def test_a_slot_the_clock_jumps_within_is_not_held():
    """1:30 to 2:15 would end inside the skipped hour, 1:30 to 3:30 would last one hour only."""
    day = date(2026, 3, 29)
    late = night(day, starts_minute=90, ends_minute=270)
    for length, expected in ((45, ["03:00", "03:45"]), (120, []), (60, ["03:30"])):
        slots = expanded([replace(late, slot_minutes=length)], first_on=day, days=1)
        assert walls(slots, PARIS) == expected


def test_a_long_slot_begun_the_day_before_is_not_held_over_the_jump():
    duty = period(weekday=5, starts_minute=23 * 60, ends_minute=31 * 60, slot_minutes=240)
    slots = expanded([duty], first_on=date(2026, 3, 28), days=1)
    assert walls(slots, PARIS) == ["03:00"]


def test_a_night_over_the_change_of_hour_belongs_to_the_day_it_begins():
    duty = period(weekday=5, starts_minute=20 * 60, ends_minute=32 * 60, slot_minutes=60)
    spring = expanded([duty], first_on=date(2027, 3, 27), days=1)
    assert spring.start.size == 11
    assert (spring.end[-1] - spring.start[0]) == 11 * 60
    autumn = expanded([duty], first_on=date(2026, 10, 24), days=1)
    assert autumn.start.size == 12
    assert (autumn.end[-1] - autumn.start[0]) == 13 * 60


def test_which_wall_times_exist():
    assert not exists_locally(wall=datetime(2026, 3, 29, 2, 30), zone=PARIS)
    assert not exists_locally(wall=datetime(2026, 3, 29, 2, 0), zone=PARIS)
    assert exists_locally(wall=datetime(2026, 3, 29, 1, 59), zone=PARIS)
    assert exists_locally(wall=datetime(2026, 3, 29, 3, 0), zone=PARIS)
    assert exists_locally(wall=datetime(2026, 10, 25, 2, 30), zone=PARIS)
    assert exists_locally(wall=datetime(2026, 3, 29, 2, 30), zone="Indian/Reunion")
    assert not exists_locally(wall=datetime(2026, 3, 8, 2, 30), zone=MIQUELON)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 23), 24)],
)
def test_a_local_day_lasts_23_24_or_25_hours(day, hours):
    start, end = paris_day_bounds(day=day, zone=PARIS)
    assert end - start == timedelta(hours=hours)
    assert start.astimezone(ZoneInfo(PARIS)).replace(tzinfo=None) == datetime(*day.timetuple()[:3])
    assert (start.tzinfo, end.tzinfo) == (UTC, UTC)


# Openings and absences


def test_an_opening_is_cut_from_its_first_whole_minute():
    opening = Opening(
        id=7,
        owner=3,
        starts_at=datetime(2026, 11, 23, 14, 0, 20, tzinfo=ZoneInfo(PARIS)),
        ends_at=datetime(2026, 11, 23, 14, 50, tzinfo=ZoneInfo(PARIS)),
        slot_minutes=20,
        capacity=2,
        zone=PARIS,
    )
    slots = expanded(openings=[opening], first_on=date(2026, 11, 23), days=1)
    assert walls(slots, PARIS) == ["14:01", "14:21"]
    assert rows(slots)[0] == (3, slots.start[0], slots.start[0] + 20, 2, Source.OPENING, 7)
    assert expanded(openings=[opening], first_on=date(2026, 11, 24), days=1).start.size == 0
    window = expanded(
        openings=[replace(opening, slot_minutes=None)], first_on=date(2026, 11, 23), days=1
    )
    assert walls(window, PARIS) == ["14:01"]
    assert (window.end - window.start).tolist() == [49]


def test_an_absence_removes_what_it_meets_and_nothing_of_others():
    mine, theirs = period(slot_minutes=60), period(id=2, owner=2, slot_minutes=60)
    away = Absence(
        owner=1,
        starts_at=datetime(2026, 11, 23, 10, 59, tzinfo=ZoneInfo(PARIS)),
        ends_at=datetime(2026, 11, 23, 11, 0, tzinfo=ZoneInfo(PARIS)),
    )
    slots = expanded([mine, theirs], absences=[away], first_on=date(2026, 11, 23), days=1)
    assert walls(slots, PARIS) == ["09:00", "11:00", "09:00", "10:00", "11:00"]
    assert slots.owner.tolist() == [1, 1, 2, 2, 2]


def test_a_long_absence_holds_a_short_one_within():
    column = np.array
    assert overlaps(
        owner=column([1, 2]),
        start=column([50, 50]),
        end=column([60, 60]),
        busy_owner=column([1, 1]),
        busy_start=column([10, 0]),
        busy_end=column([20, 100]),
    ).tolist() == [True, False]
    assert overlaps(
        owner=column([1]),
        start=column([50]),
        end=column([60]),
        busy_owner=column([1, 1]),
        busy_start=column([0, 10]),
        busy_end=column([100, 20]),
    ).tolist() == [True]


interval = st.tuples(st.integers(0, 2), st.integers(-60, 60), st.integers(1, 60))


@given(st.lists(interval, max_size=8), st.lists(interval, max_size=8))
def test_overlaps_is_what_the_definition_says(ours, busy):
    def columns(of):
        table = np.array(of, dtype=np.int64).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 1] + table[:, 2]

    owner, start, end = columns(ours)
    busy_owner, busy_start, busy_end = columns(busy)
    found = overlaps(
        owner=owner,
        start=start,
        end=end,
        busy_owner=busy_owner,
        busy_start=busy_start,
        busy_end=busy_end,
    )
    expected = [
        any(o == p and s < t + length_2 and t < s + length for p, t, length_2 in busy)
        for o, s, length in ours
    ]
    assert found.tolist() == expected


# Against an oracle that walks the clock minute by minute


def oracle(weekly, absences, first_on, before_on):
    """Each minute of real time is read on the wall of the zone; the first reading counts."""
    zone = ZoneInfo(weekly.zone)
    at = datetime(first_on.year, first_on.month, first_on.day, tzinfo=UTC) - timedelta(days=1)
    total = ((before_on - first_on).days + 4) * 1440
    reading = [
        (at + timedelta(minutes=i)).astimezone(zone).replace(tzinfo=None) for i in range(total)
    ]
    seen = {}
    for index, wall in enumerate(reading):
        seen.setdefault(wall, index)
    found = []
    for shift in range((before_on - first_on).days):
        day = first_on + timedelta(days=shift)
        ends = weekly.until_on or date.max
        if day.weekday() != weekly.weekday or not weekly.from_on <= day <= ends:
            continue
        begin = weekly.starts_minute
        while begin + weekly.slot_minutes <= weekly.ends_minute:
            wall = datetime(day.year, day.month, day.day) + timedelta(minutes=begin)
            begin += weekly.slot_minutes
            if wall not in seen:
                continue
            lived = reading[seen[wall] : seen[wall] + weekly.slot_minutes]
            if any(after - before > timedelta(minutes=1) for before, after in pairwise(lived)):
                continue
            start = at + timedelta(minutes=seen[wall])
            end = start + timedelta(minutes=weekly.slot_minutes)
            if not any(start < a.ends_at and a.starts_at < end for a in absences):
                found.append((start, end))
    return found


@st.composite
def scenes(draw):
    zone, change = draw(st.sampled_from([*CHANGES_OF_HOUR, ("Indian/Reunion", date(2026, 3, 29))]))
    first_on = change - timedelta(days=draw(st.integers(0, 2)))
    start = draw(st.integers(0, 1439) | st.integers(0, 200))
    weekly = period(
        zone=zone,
        weekday=(change.weekday() + draw(st.integers(-1, 1))) % 7,
        starts_minute=start,
        ends_minute=start + draw(st.integers(1, 1440)),
        slot_minutes=draw(st.integers(5, 150)),
        from_on=change - timedelta(days=draw(st.integers(-1, 9))),
        until_on=draw(st.sampled_from([None, change, change + timedelta(days=1)])),
    )
    absences = [
        Absence(
            owner=1,
            starts_at=datetime(change.year, change.month, change.day, tzinfo=UTC)
            + timedelta(minutes=begin),
            ends_at=datetime(change.year, change.month, change.day, tzinfo=UTC)
            + timedelta(minutes=begin + length),
        )
        for begin, length in draw(
            st.lists(st.tuples(st.integers(-300, 900), st.integers(1, 120)), max_size=2)
        )
    ]
    return weekly, absences, first_on, first_on + timedelta(days=draw(st.integers(1, 4)))


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_expansion_equals_the_minute_by_minute_oracle(scene):
    weekly, absences, first_on, before_on = scene
    slots = expand(
        periods=[weekly],
        openings=[],
        absences=absences,
        first_on=first_on,
        before_on=before_on,
    )
    found = [(instant_of(a), instant_of(b)) for a, b in zip(slots.start, slots.end, strict=True)]
    assert found == oracle(weekly, absences, first_on, before_on)


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_slots_of_a_period_last_their_time_and_never_meet(scene):
    weekly, _, first_on, before_on = scene
    slots = expand(
        periods=[weekly], openings=[], absences=[], first_on=first_on, before_on=before_on
    )
    assert (slots.end - slots.start == weekly.slot_minutes).all()
    assert (slots.start[1:] >= slots.end[:-1]).all()
    for minute in slots.start:
        wall = instant_of(minute).astimezone(ZoneInfo(weekly.zone))
        since_start = (wall.hour * 60 + wall.minute - weekly.starts_minute) % 1440
        assert since_start + weekly.slot_minutes <= weekly.ends_minute - weekly.starts_minute


@given(st.randoms())
def test_the_order_of_the_inputs_does_not_matter(shuffler: random.Random):
    periods = [
        period(id=i, owner=i % 3, weekday=i % 7, zone=ZONES[i % 4], slot_minutes=10 + i)
        for i in range(12)
    ]
    absences = [
        Absence(
            owner=i,
            starts_at=datetime(2026, 10, 23 + i, 9, tzinfo=UTC),
            ends_at=datetime(2026, 10, 24 + i, 13, tzinfo=UTC),
        )
        for i in range(3)
    ]
    expected = rows(expanded(periods, absences=absences, first_on=date(2026, 10, 19), days=14))
    shuffler.shuffle(periods)
    shuffler.shuffle(absences)
    assert rows(expanded(periods, absences=absences, first_on=date(2026, 10, 19), days=14)) == (
        expected
    )


def test_fifteen_hundred_professionals_over_fourteen_days_in_a_second_of_cpu():
    periods = [
        period(id=10 * owner + half, owner=owner, weekday=day, zone=ZONES[owner % 4],
               starts_minute=start, ends_minute=start + 120)
        for owner in range(1500)
        for day in range(7)
        for half, start in enumerate((9 * 60, 14 * 60))
    ]  # fmt: skip
    took = []
    for _ in range(2):
        begin = time.process_time()
        slots = expanded(periods, first_on=date(2026, 10, 19), days=14)
        took.append(time.process_time() - begin)
    assert slots.start.size == 1500 * 14 * 16
    assert min(took) < 1


# Refusals name the argument


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"weekday": 7}, "weekday"),
        ({"starts_minute": 1440, "ends_minute": 1500}, "starts_minute"),
        ({"ends_minute": 540}, "ends_minute"),
        ({"ends_minute": 540 + 1441}, "ends_minute"),
        ({"slot_minutes": 0}, "slot_minutes"),
        ({"capacity": 0}, "capacity"),
        ({"zone": "Europe/Atlantide"}, "zone"),
        ({"zone": "../etc/passwd"}, "zone"),
    ],
)
def test_a_wrong_period_is_refused_by_name(changes, name):
    with pytest.raises(ValueError, match=name):
        expanded([period(**changes)], first_on=date(2026, 11, 23), days=7)


def test_other_wrong_arguments_are_refused_by_name():
    day = date(2026, 11, 23)
    at = datetime(2026, 11, 23, 9, tzinfo=UTC)
    opening = Opening(
        id=1, owner=1, starts_at=at, ends_at=at, slot_minutes=10, capacity=1, zone=PARIS
    )
    with pytest.raises(ValueError, match="before_on"):
        expanded(first_on=day, days=-1)
    with pytest.raises(ValueError, match="ends_at"):
        expanded(openings=[opening], first_on=day, days=1)
    with pytest.raises(ValueError, match="busy_end"):
        expanded(
            [period()],
            absences=[Absence(owner=1, starts_at=at, ends_at=at)],
            first_on=day,
            days=1,
        )
    with pytest.raises(ValueError, match="^at"):
        minute_of(datetime(2026, 11, 23, 9))
    with pytest.raises(ValueError, match="wall"):
        exists_locally(wall=at, zone=PARIS)
