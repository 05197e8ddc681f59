"""How much a professional accepts to be asked: pause, weekly cap, quiet hours, neighbours."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from diary import MONDAY, PARIS, wall
from maillage.accounts.enums import Role
from maillage.availability import actions, queries
from maillage.availability.models import AskingPreferences, Booking, Slot
from maillage.kernel import pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from people import actor_as

SPRING = dt.date(2027, 3, 28)  # the clocks of Paris go forward at 2:00
AUTUMN = dt.date(2026, 10, 25)  # and back at 3:00
REUNION = ZoneInfo("Indian/Reunion")


def set_asking(diary, by=None, **chosen):
    usual = dict.fromkeys(("weekly_cap", "quiet_from_minute", "quiet_to_minute"))
    return actions.set_asking(
        by=by or diary.actor,
        professional=diary.professional,
        **usual | {"for_neighbours": False} | chosen,
    )


def pause(diary, until=None, by=None):
    return actions.pause_asking(by=by or diary.actor, professional=diary.professional, until=until)


def resume(diary, by=None):
    return actions.resume_asking(by=by or diary.actor, professional=diary.professional)


def seen(diary):
    until = wall(MONDAY + dt.timedelta(days=14), 0)
    found = queries.slots_for_desk(
        diary.cpts, [diary.professional.pk], now=timezone.now(), until=until
    )
    return found.count()


# Pause


def test_a_pause_hides_every_slot_at_once_and_leaves_what_was_taken(shown, desk):
    shown.open(wall(MONDAY, 9), wall(MONDAY, 10), slot_minutes=20)
    slot = shown.slots.first()
    booking = actions.take_place(by=desk, cpts=shown.cpts, slot=slot)
    assert seen(shown) == 3
    pause(shown)
    assert seen(shown) == 0
    assert Booking.objects.get(pk=booking.pk).state == "taken"
    assert Slot.objects.filter(closed_at=None).count() == 3  # nothing was withdrawn
    resume(shown)
    assert seen(shown) == 3


def test_a_slot_under_a_pause_cannot_be_taken(shown, desk):
    shown.open(wall(MONDAY, 9), wall(MONDAY, 10), slot_minutes=20)
    pause(shown)
    with pytest.raises(actions.SlotClosed):
        actions.take_place(by=desk, cpts=shown.cpts, slot=shown.slots.first())


def test_a_pause_ends_by_itself(shown, clock):
    shown.open(wall(MONDAY, 14), wall(MONDAY, 15))
    pause(shown, until=wall(MONDAY, 12))
    clock(MONDAY, 11, 59)
    assert seen(shown) == 0
    assert queries.asking_of(shown.professional, timezone.now()).is_paused
    clock(MONDAY, 12)
    assert seen(shown) == 1
    assert not queries.asking_of(shown.professional, timezone.now()).is_paused


def test_a_pause_does_not_end_in_the_past(diary):
    with pytest.raises(actions.BadAsking, match="déjà passée"):
        pause(diary, until=timezone.now())
    assert not AskingPreferences.objects.exists()


def test_resuming_without_a_pause_writes_nothing(diary):
    resume(diary)
    assert not AskingPreferences.objects.exists()
    assert not JournalLine.objects.filter(action="availability.asking_resumed").exists()


@pytest.mark.parametrize(
    ("until", "day", "end"),
    [
        ("evening", None, wall(MONDAY + dt.timedelta(days=1), 0)),
        ("monday", None, wall(MONDAY + dt.timedelta(days=7), 0)),
        ("day", MONDAY + dt.timedelta(days=3), wall(MONDAY + dt.timedelta(days=3), 0)),
        ("resumed", None, None),
    ],
)
def test_how_long_a_pause_lasts(until, day, end):
    assert queries.pause_end(until, PARIS, wall(MONDAY, 8), day) == end


def test_this_evening_is_that_of_where_they_practise():
    now = wall(MONDAY, 22)  # already Tuesday, one in the morning, in La Réunion
    end = queries.pause_end("evening", REUNION, now)
    assert end == wall(MONDAY + dt.timedelta(days=2), 0, zone=REUNION)


# Who may


def test_a_delegated_secretary_may_and_nobody_else(diary, delegated, desk):
    secretary = delegated()
    pause(diary, by=secretary)
    set_asking(diary, by=secretary, weekly_cap=3)
    resume(diary, by=secretary)
    colleague = actor_as(diary.cpts, Role.PROFESSIONAL)
    for other in (desk, colleague, actor_as(diary.cpts, Role.SECRETARY)):
        for call in (pause, resume, set_asking):
            with pytest.raises(NotAllowed):
                call(diary, by=other)
    chosen = AskingPreferences.objects.get()
    assert (chosen.weekly_cap, chosen.changed_by) == (3, secretary.user_id)


def test_each_change_is_in_the_journal_and_moves_the_desks(shown):
    for call, act in (
        (pause, "availability.asking_paused"),
        (resume, "availability.asking_resumed"),
        (set_asking, "availability.asking_set"),
    ):
        before = pulse.version(shown.cpts.pk)
        call(shown)
        assert JournalLine.objects.filter(action=act).count() == 1
        assert pulse.version(shown.cpts.pk) > before


def test_preferences_and_pause_do_not_undo_each_other(diary):
    set_asking(diary, weekly_cap=5, quiet_from_minute=1200, quiet_to_minute=480)
    pause(diary)
    set_asking(diary, weekly_cap=6, for_neighbours=True)
    asking = queries.asking_of(diary.professional, timezone.now())
    assert asking.is_paused and asking.weekly_cap == 6 and asking.for_neighbours
    resume(diary)
    asking = queries.asking_of(diary.professional, timezone.now())
    assert not asking.is_paused and asking.weekly_cap == 6 and asking.for_neighbours


@pytest.mark.parametrize(
    "chosen",
    [
        {"weekly_cap": 0},
        {"weekly_cap": 501},
        {"quiet_from_minute": 600},
        {"quiet_to_minute": 600},
        {"quiet_from_minute": 600, "quiet_to_minute": 600},
        {"quiet_from_minute": 0, "quiet_to_minute": 1440},
        {"quiet_from_minute": 1440, "quiet_to_minute": 60},
        {"quiet_from_minute": 60, "quiet_to_minute": 1441},
    ],
)
def test_a_choice_that_cannot_hold_is_refused_in_a_sentence(diary, chosen):
    with pytest.raises(actions.BadAsking):
        set_asking(diary, **chosen)
    assert not AskingPreferences.objects.exists()


# Weekly cap


def test_the_cap_counts_the_places_taken_of_this_week_monday_to_sunday(shown, desk, clock):
    sunday = MONDAY + dt.timedelta(days=6)
    clock(MONDAY - dt.timedelta(days=1), 23)
    for day, hour in ((MONDAY, 0), (sunday, 23), (MONDAY + dt.timedelta(days=7), 0)):
        shown.open(wall(day, hour), wall(day, hour) + dt.timedelta(minutes=30))
    for slot in shown.slots:
        actions.take_place(by=desk, cpts=shown.cpts, slot=slot)
    held = shown.open(wall(MONDAY, 10), wall(MONDAY, 11))
    actions.hold_place(by=desk, cpts=shown.cpts, slot=held.slots.get(), until=wall(MONDAY, 9))
    counted = [
        queries.taken_this_week(shown.professional, wall(day, hour))
        for day, hour in ((MONDAY, 0), (sunday, 23), (MONDAY + dt.timedelta(days=7), 0))
    ]
    assert counted == [2, 2, 1]
    assert (
        queries.taken_this_week(shown.professional, wall(MONDAY, 0) - dt.timedelta(seconds=1)) == 0
    )


# Quiet hours


@pytest.mark.parametrize(
    ("span", "now", "end"),
    [
        ((1200, 480), wall(MONDAY, 19, 59), None),
        ((1200, 480), wall(MONDAY, 20), wall(MONDAY + dt.timedelta(days=1), 8)),
        ((1200, 480), wall(MONDAY, 7, 59), wall(MONDAY, 8)),
        ((1200, 480), wall(MONDAY, 8), None),
        ((720, 840), wall(MONDAY, 13), wall(MONDAY, 14)),
        ((1200, 1440), wall(MONDAY, 23), wall(MONDAY + dt.timedelta(days=1), 0)),
        ((1200, 0), wall(MONDAY, 23), wall(MONDAY + dt.timedelta(days=1), 0)),
        # The night of spring has no 2:30; that of autumn has two.
        ((1320, 150), wall(SPRING, 1, 59), wall(SPRING, 3, 30)),
        ((1320, 420), wall(SPRING - dt.timedelta(days=1), 23), wall(SPRING, 7)),
        ((1320, 420), wall(AUTUMN - dt.timedelta(days=1), 23), wall(AUTUMN, 7)),
        ((1320, 150), wall(AUTUMN, 2, 10), wall(AUTUMN, 2, 30)),
        (
            (1320, 150),
            wall(AUTUMN, 2, 10).replace(fold=1),
            dt.datetime(2026, 10, 25, 1, 30, tzinfo=dt.UTC),
        ),
    ],
)
def test_when_quiet_hours_end(span, now, end):
    found = queries.quiet_end(*span, PARIS, now)
    assert (found and found.astimezone(dt.UTC)) == (end and end.astimezone(dt.UTC))


minutes = st.integers(0, 1439)
# Every minute from three days before the night of autumn to two days after that of spring.
instants = st.integers(0, 157 * 1440).map(
    lambda minute: dt.datetime(2026, 10, 22, tzinfo=dt.UTC) + dt.timedelta(minutes=minute)
)


@given(start=minutes, end=st.integers(0, 1440), now=instants)
def test_the_end_of_quiet_hours_is_to_come_and_no_longer_quiet(start, end, now):
    if start == end % 1440:
        return
    found = queries.quiet_end(start, end, PARIS, now)
    assert (found is not None) == queries.is_quiet(start, end, PARIS, now)
    if found is not None:
        found = found.astimezone(dt.UTC)
        assert now < found <= now + dt.timedelta(hours=25)
        assert not queries.is_quiet(start, end, PARIS, found)


def test_quiet_hours_are_those_of_the_clock_where_they_practise(diary):
    set_asking(diary, quiet_from_minute=1200, quiet_to_minute=480)
    assert queries.quiet_until(diary.professional, wall(MONDAY, 21)) == wall(
        MONDAY + dt.timedelta(days=1), 8
    )
    assert queries.quiet_until(diary.professional, wall(MONDAY, 12)) is None
    assert not queries.is_quiet(1200, 480, REUNION, wall(MONDAY, 6))
    assert queries.is_quiet(1200, 480, REUNION, wall(MONDAY, 17))


# Constraints


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("asking_pause_says_since_when", {"paused_until": wall(MONDAY, 12)}),
        ("asking_quiet_hours_whole", {"quiet_from_minute": 600}),
        ("asking_quiet_hours_whole", {"quiet_to_minute": 600}),
        ("asking_quiet_hours_whole", {"quiet_from_minute": 600, "quiet_to_minute": 600}),
        ("asking_quiet_hours_whole", {"quiet_from_minute": 1440, "quiet_to_minute": 600}),
        ("asking_quiet_hours_whole", {"quiet_from_minute": 600, "quiet_to_minute": 1441}),
    ],
)
def test_the_database_refuses_by_itself(diary, name, wrong):
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        AskingPreferences.objects.create(
            professional=diary.professional, changed_at=wall(MONDAY, 8), **wrong
        )
