"""10 000 places raced by 8 processes; and what happens without the lock, without the constraint.

Eight processes ask at once for a place of each slot; each slot has five, so three of them read the
sentence. MAILLAGE_RACE_CAPACITY=1 gives every place seven losers, in four times the time.
"""

import os

import pytest

from diary import Diary
from people import make_cpts
from race import offer, race, toggle, without_constraint

pytestmark = [pytest.mark.race, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PLACES = int(os.environ.get("MAILLAGE_RACE_PLACES", "10000"))
CAPACITY = int(os.environ.get("MAILLAGE_RACE_CAPACITY", "5"))
PROCESSES = 8


def test_each_place_has_one_winner_and_the_losers_are_told():
    slots = PLACES // CAPACITY
    cpts = offer(slots, CAPACITY)
    outcome = race(cpts, processes=PROCESSES)
    print(outcome)
    assert outcome.errors == {}
    assert outcome.winners == PLACES
    assert outcome.well_taken == slots
    assert outcome.doubled == 0
    assert outcome.told == PROCESSES * slots - PLACES


def test_without_the_lock_losers_get_an_error_instead_of_the_sentence():
    cpts = offer(40, 1)
    outcome = race(cpts, processes=PROCESSES, lock=False)
    assert outcome.errors["IntegrityError"] > 0
    assert set(outcome.errors) == {"IntegrityError"}
    assert outcome.winners == outcome.well_taken == 40  # the constraint still holds
    assert outcome.doubled == 0


def test_without_lock_and_constraint_places_have_two_winners():
    cpts = offer(40, 1)
    with without_constraint():
        outcome = race(cpts, processes=PROCESSES, lock=False)
        assert outcome.errors == {}
        assert outcome.doubled > 0
        assert outcome.winners == 40 + outcome.doubled


def test_the_same_small_race_with_both_is_fair():
    """The three races differ by the seeded faults alone."""
    cpts = offer(40, 1)
    outcome = race(cpts, processes=PROCESSES, step_by_step=True)
    assert outcome.errors == {}
    assert (outcome.winners, outcome.told, outcome.doubled) == (40, 7 * 40, 0)


def test_going_away_while_desks_take_never_breaks():
    """The slots computed again see the bookings committed while their locks were awaited."""
    diary = Diary(make_cpts("va-et-vient"))
    diary.show_to_desk()
    counts = toggle(diary, rounds=80)
    assert set(counts) <= {"won", "told", "nothing offered"}
    assert counts["won"] > 0
