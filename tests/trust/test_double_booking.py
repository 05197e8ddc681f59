"""One place, eight processes that all want it: one has it, the others are told. On PostgreSQL: SQLite
takes one writer at a time, and would prove nothing."""

import pytest

from diary import Diary
from maillage.availability.models import Booking, Slot
from people import make_cpts
from race import offer, race, toggle, without_constraint
from trusted import evidence, size

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
PROCESSES = 8


def test_each_place_has_one_winner_and_a_naive_booking_has_two():
    """The same race, then with its two guards taken away: look, then insert."""
    places = size(100, 10_000)
    outcome = race(offer(places, 1), processes=PROCESSES)
    assert outcome.errors == {}
    assert (outcome.winners, outcome.well_taken, outcome.doubled) == (places, places, 0)
    assert outcome.told == (PROCESSES - 1) * places
    with without_constraint():
        naive = race(offer_again(), processes=PROCESSES, lock=False)
        assert naive.doubled > 0
    evidence(
        "G12", f"places asked for by {PROCESSES} processes, one winner each, losers told", places
    )
    evidence("G12", "places booked twice without lock and constraint, of 40", naive.doubled)


def offer_again():
    """Other slots, so that nothing of the first race is asked for."""
    Booking.objects.all().delete()
    Slot.objects.all().delete()
    return offer(40, 1, "naive")


def test_places_move_while_they_are_taken():
    diary = Diary(make_cpts("va-et-vient"))
    diary.show_to_desk()
    counts = toggle(diary, rounds=size(20, 400))
    assert set(counts) <= {"won", "told", "nothing offered"} and counts["won"] > 0
    evidence(
        "G12", "places taken and given back while their professional comes and goes", counts["won"]
    )
