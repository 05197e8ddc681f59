"""« Je peux prendre un patient »: two taps, said twice counts once."""

import datetime as dt

import pytest
from django.utils import timezone

from diary import MONDAY, PARIS, wall
from maillage.availability import actions, queries
from maillage.availability.actions import BadOpening
from maillage.availability.enums import QuickAnswer
from maillage.availability.models import Absence, Opening


def state(diary):
    return queries.quick_state(diary.professional, timezone.now())


@pytest.mark.parametrize(
    ("hour", "answer", "start", "end", "places"),
    [
        ((10, 7), "hour", (10, 7), (11, 7), 1),
        ((10, 7), "afternoon", (13, 0), (18, 0), 1),
        ((15, 30), "afternoon", (15, 30), (18, 0), 1),
        ((10, 7), "evening", (18, 0), (20, 0), 1),
        ((10, 7), "two_more", (10, 7), (20, 0), 2),
    ],
)
def test_each_answer_opens_its_moment(shown, clock, hour, answer, start, end, places):
    clock(MONDAY, *hour)
    opening = shown.says(answer)
    slot = shown.slots.get()
    assert (slot.starts_at, slot.ends_at) == (wall(MONDAY, *start), wall(MONDAY, *end))
    assert (slot.capacity, slot.is_window, slot.mode) == (places, True, "on_agreement")
    assert opening.quick_answer == answer
    assert shown.slots.open(timezone.now()).exists()


@pytest.mark.parametrize("answer", [each for each in QuickAnswer.values if each != "not_today"])
def test_said_twice_counts_once(shown, clock, answer):
    clock(MONDAY, 10, 7)
    first = shown.says(answer)
    clock(MONDAY, 10, 16)
    assert shown.says(answer) == first
    assert (Opening.objects.count(), shown.slots.count()) == (1, 1)


def test_not_today_said_twice_counts_once(shown):
    assert shown.says("not_today") == shown.says("not_today")
    assert Absence.objects.count() == 1


def test_the_hour_said_later_starts_again(shown, clock):
    clock(MONDAY, 10)
    shown.says("hour")
    clock(MONDAY, 10, 40)
    shown.says("hour")
    (slot,) = shown.slots
    assert slot.ends_at == wall(MONDAY, 11, 40)
    assert Opening.objects.count() == 1


def test_the_hour_somebody_was_offered_is_not_moved(shown, clock, desk, cpts):
    clock(MONDAY, 10)
    first = shown.says("hour")
    actions.hold_place(by=desk, cpts=cpts, slot=shown.slots.get(), until=wall(MONDAY, 11))
    clock(MONDAY, 10, 59)
    with pytest.raises(actions.SlotFull):
        actions.take_place(by=desk, cpts=cpts, slot=shown.slots.get())
    assert shown.says("hour") != first  # its only place is spoken for: one more


def test_the_hour_nobody_kept_is_moved(shown, clock, desk, cpts):
    clock(MONDAY, 10)
    shown.says("hour")
    held = actions.hold_place(
        by=desk, cpts=cpts, slot=shown.slots.get(), until=wall(MONDAY, 10, 15)
    )
    actions.release_place(by=desk, booking=held)
    clock(MONDAY, 10, 40)
    shown.says("hour")
    assert [each.ends_at for each in shown.slots] == [wall(MONDAY, 11, 40)]


def test_said_again_once_taken_it_offers_as_much_again(shown, desk, cpts):
    first = shown.says("two_more")
    for _ in range(2):
        assert shown.says("two_more") == first
        actions.take_place(by=desk, cpts=cpts, slot=shown.slots.get())
    assert shown.says("two_more") != first
    assert [each.places_left for each in state(shown).openings] == [0, 2]


def test_not_today_withdraws_everything_until_midnight(shown, clock):
    shown.period()
    shown.says("afternoon")
    absence = shown.says("not_today")
    assert (absence.starts_at, absence.ends_at) == (
        timezone.now(),
        wall(MONDAY, 24 - 1) + dt.timedelta(hours=1),
    )
    assert all(not each.startswith("23") for each in shown.walls())
    assert "30 09:00" in shown.walls()


def test_another_answer_takes_not_today_back(shown):
    shown.period()
    shown.says("not_today")
    shown.says("hour")
    assert state(shown).absence is None
    assert shown.walls().count("23 09:00") == 1
    assert shown.slots.filter(is_window=True).count() == 1


def test_a_passed_moment_says_so_and_takes_nothing_back(shown, clock):
    clock(MONDAY, 18, 0)
    shown.says("not_today")
    before = shown.rows
    for answer in ("afternoon",):
        with pytest.raises(BadOpening) as told:
            shown.says(answer)
        assert str(told.value) == "Ce moment de la journée est passé. Choisissez-en un autre."
    clock(MONDAY, 20)
    for answer in ("evening", "two_more", "afternoon"):
        with pytest.raises(BadOpening, match="Ce moment de la journée est passé"):
            shown.says(answer)
    with pytest.raises(BadOpening, match="Choisissez une réponse dans la liste"):
        shown.says("whenever")
    assert shown.rows == before


def test_the_phone_offers_only_what_still_makes_sense(shown, clock):
    assert [each.value for each in state(shown).choices] == QuickAnswer.values
    clock(MONDAY, 19)
    shown.says("not_today")
    assert [each.value for each in state(shown).choices] == ["hour", "evening", "two_more"]
    assert state(shown).absence is not None
    clock(MONDAY + dt.timedelta(days=1), 0, 1)
    assert state(shown).absence is None


def test_the_phone_costs_few_queries(shown, django_assert_max_num_queries):
    for answer in ("hour", "evening", "two_more"):
        shown.says(answer)
    with django_assert_max_num_queries(3):
        shown_state = state(shown)
    assert [each.quick_answer for each in shown_state.openings] == ["hour", "two_more", "evening"]


def test_a_professional_who_only_visits_is_offered_at_home(shown):
    shown.professional.does_office, shown.professional.does_home = False, True
    shown.professional.save()
    shown.says("evening")
    assert shown.slots.get().kind == "home"


@pytest.mark.parametrize("day", [dt.date(2027, 3, 28), dt.date(2026, 10, 25)])
def test_the_days_of_a_change_of_hour(shown, clock, day):
    clock(day, 0, 30)
    shown.says("afternoon")
    shown.says("evening")
    assert shown.walls() == [f"{day.day} 13:00", f"{day.day} 18:00"]
    absence = shown.says("not_today")
    assert absence.ends_at.astimezone(PARIS).strftime("%d %H:%M") == f"{day.day + 1} 00:00"
