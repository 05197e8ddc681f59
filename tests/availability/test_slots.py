"""From rules to slots: a replay writes nothing, what is booked is never touched."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from diary import MONDAY, Diary, wall
from maillage.accounts.rules import SYSTEM
from maillage.availability import actions
from maillage.availability.models import Booking, Slot
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine

TUESDAY = MONDAY + dt.timedelta(days=1)


def take(desk, cpts, slot):
    return actions.take_place(by=desk, cpts=cpts, slot=slot)


def written(queries):
    return [
        each["sql"] for each in queries if each["sql"].startswith(("INSERT", "UPDATE", "DELETE"))
    ]


def test_a_replay_writes_nothing(shown, desk, cpts):
    shown.period()
    shown.period(weekday=2, capacity=3)
    shown.open(wall(TUESDAY, 14), wall(TUESDAY, 18))
    shown.away(wall(MONDAY, 9, 15), wall(MONDAY, 9, 25))
    take(desk, cpts, shown.slots.first())
    before = shown.rows
    lines = JournalLine.objects.count()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        counts = actions.roll_horizon(by=SYSTEM)
    assert {name: n for name, n in counts.items() if n} == {"unchanged": shown.slots.count()}
    assert written(queries.captured_queries) == []
    assert shown.rows == before
    assert JournalLine.objects.count() == lines


def versions():
    """What PostgreSQL changes whenever it writes a row."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 's', id, 0, xmin::text, ctid::text FROM availability_slot UNION ALL "
            "SELECT 'f', slot_id, shelf, xmin::text, ctid::text FROM availability_freeslot"
        )
        return set(cursor.fetchall())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's row versions")
def test_what_does_not_change_is_not_written_again(shown, desk, cpts):
    for weekday in range(7):
        shown.period(weekday=weekday, ends_minute=18 * 60)  # enough of them for COPY
    take(desk, cpts, shown.slots.first())
    before = versions()
    assert len(before) > 700
    actions.roll_horizon(by=SYSTEM)
    assert versions() == before
    rule = shown.open(wall(MONDAY, 19), wall(MONDAY, 20))
    assert len(versions() - before) == 2 and before <= versions()
    actions.close_opening(by=shown.actor, opening=rule)
    assert versions() == before


def test_the_cost_does_not_grow_with_the_slots(shown, cpts):
    def cost():
        with CaptureQueriesContext(connection) as queries:
            actions.roll_horizon(by=SYSTEM)
        return len(queries)

    shown.period()
    few = cost()
    for weekday in range(1, 7):
        shown.period(weekday=weekday, ends_minute=18 * 60)
    other = Diary(cpts)
    other.show_to_desk()
    other.period()
    assert cost() == few


def test_the_horizon_moves_day_by_day(shown, clock):
    for weekday in range(7):
        shown.period(weekday=weekday, ends_minute=9 * 60 + 20)
    assert shown.slots.count() == 15
    clock(TUESDAY, 8)
    counts = actions.roll_horizon(by=SYSTEM)
    assert counts["created"] == 1
    assert shown.slots.filter(ends_at__gt=timezone.now()).count() == 15
    assert shown.slots.count() == 16  # yesterday's is kept: it was offered


def test_only_the_clock_rolls_the_horizon(shown):
    with pytest.raises(NotAllowed, match="L'horizon avance tout seul."):
        actions.roll_horizon(by=shown.actor)


def test_an_absence_over_a_booked_slot_leaves_it_and_alerts(shown, desk, cpts):
    shown.period()
    slot = shown.slots.earliest("starts_at")
    booking = take(desk, cpts, slot)
    held = actions.hold_place(
        by=desk,
        cpts=cpts,
        slot=shown.slots.get(starts_at=wall(MONDAY, 9, 20)),
        until=wall(MONDAY, 8, 15),
    )
    before = Slot.objects.values().get(pk=slot.pk)
    assert not Booking.objects.under_absence().exists()
    absence = shown.away(wall(MONDAY, 0), wall(MONDAY, 12))
    assert list(Booking.objects.under_absence()) == [booking]
    kept = Slot.objects.values().get(pk=slot.pk)
    assert kept.pop("closed_at") is not None
    assert before.pop("closed_at") is None
    assert kept == before
    booking.refresh_from_db()
    held.refresh_from_db()
    assert (booking.state, held.state) == ("taken", "held")
    assert not shown.slots.filter(starts_at__date=MONDAY).exists()
    actions.end_absence(by=shown.actor, absence=absence)
    assert not Booking.objects.under_absence().exists()
    slot.refresh_from_db()
    assert slot.closed_at is None
    assert shown.walls()[:3] == ["23 09:00", "23 09:20", "23 09:40"]


def test_a_booked_slot_comes_back_as_it_was_booked(shown, desk, cpts):
    rule = shown.open(wall(MONDAY, 9), wall(MONDAY, 10), capacity=2)
    slot = shown.slots.get()
    take(desk, cpts, slot)
    before = Slot.objects.values().get()
    absence = shown.away(wall(MONDAY, 0), wall(MONDAY, 12))
    rule.capacity = 1
    rule.kind = "home"
    rule.save()
    actions.end_absence(by=shown.actor, absence=absence)
    assert Slot.objects.values().get() == before


@pytest.mark.parametrize("ending", ["close", "end", "remove"])
def test_a_rule_that_goes_leaves_what_is_booked(shown, desk, cpts, ending):
    if ending == "close":
        rule = shown.open(wall(MONDAY, 9), wall(MONDAY, 10), slot_minutes=20)
    else:
        rule = shown.period()
    slot = shown.slots.earliest("starts_at")
    booking = take(desk, cpts, slot)
    if ending == "close":
        actions.close_opening(by=shown.actor, opening=rule)
    else:
        days = 7 if ending == "end" else 1
        actions.end_period(
            by=shown.actor, period=rule, until_on=MONDAY - dt.timedelta(days=days - 1)
        )
    if ending != "remove":
        assert shown.slots.count() == 0
    slot.refresh_from_db()
    assert (slot.starts_at, slot.capacity) == (wall(MONDAY, 9), 1)
    booking.refresh_from_db()
    assert booking.state == "taken"


def test_a_slot_once_booked_and_freed_is_kept_and_offered_again(shown, desk, cpts):
    rule = shown.open(wall(MONDAY, 9), wall(MONDAY, 10))
    slot = shown.slots.get()
    actions.release_place(by=desk, booking=take(desk, cpts, slot))
    assert take(desk, cpts, slot).place_number == 1
    actions.close_opening(by=shown.actor, opening=rule)
    slot.refresh_from_db()
    assert slot.closed_at is not None


def test_a_free_slot_follows_its_rule(shown):
    rule = shown.open(wall(MONDAY, 9), wall(MONDAY, 10), capacity=2)
    rule.capacity = 3
    rule.kind = "home"
    rule.save()
    assert actions.roll_horizon(by=SYSTEM)["changed"] == 1
    slot = shown.slots.get()
    assert (slot.capacity, slot.kind) == (3, "home")


def test_a_booked_slot_does_not_follow_its_rule(shown, desk, cpts):
    rule = shown.open(wall(MONDAY, 9), wall(MONDAY, 10), capacity=2)
    take(desk, cpts, shown.slots.get())
    before = Slot.objects.values().get()
    rule.capacity = 1
    rule.kind = "home"
    rule.save()
    assert actions.roll_horizon(by=SYSTEM)["unchanged"] == 1
    assert Slot.objects.values().get() == before


def test_what_has_begun_is_closed_and_kept(shown, clock):
    opening = shown.open(wall(MONDAY, 9), wall(MONDAY, 12))
    clock(MONDAY, 10)
    actions.close_opening(by=shown.actor, opening=opening)
    slot = Slot.objects.get()
    assert slot.closed_at == timezone.now()
    assert actions.roll_horizon(by=SYSTEM, professionals=[shown.professional.pk])["closed"] == 0


def test_an_absence_just_over_does_not_bring_back_the_window_it_hid(shown, clock):
    shown.open(wall(MONDAY, 13), wall(MONDAY, 18))
    shown.away(wall(MONDAY, 13), wall(MONDAY, 14))
    assert shown.slots.count() == 0
    clock(MONDAY, 14, 30)
    assert actions.roll_horizon(by=SYSTEM)["created"] == 0


def test_another_cut_never_offers_again_the_time_of_somebody_expected(shown, desk, cpts):
    """9:20–9:40 is taken; the hour is then cut every quarter of an hour."""
    period = shown.period()
    booking = take(desk, cpts, shown.slots.get(starts_at=wall(MONDAY, 9, 20)))
    actions.end_period(by=shown.actor, period=period, until_on=MONDAY - dt.timedelta(days=1))
    shown.period(slot_minutes=15)
    day = Slot.objects.filter(starts_at__lt=wall(MONDAY, 12), closed_at=None)
    starts = day.order_by("starts_at").values_list("starts_at", flat=True)
    assert [f"{timezone.localtime(at):%H:%M}" for at in starts] == ["09:00", "09:45"]
    actions.release_place(by=desk, booking=booking)
    actions.roll_horizon(by=SYSTEM, professionals=[shown.professional.pk])
    assert day.count() == 4
