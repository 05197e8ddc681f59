"""Each constraint of the tables, broken once: the database refuses by itself."""

import datetime as dt

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from diary import MONDAY, wall
from maillage.availability.models import (
    Absence,
    Booking,
    CptsVisibility,
    Opening,
    Slot,
    WeeklyPeriod,
)

NINE, TEN = wall(MONDAY, 9), wall(MONDAY, 10)
OFFERS = [
    (model, {field: value}, f"{prefix}_{name}")
    for model, prefix in ((WeeklyPeriod, "period"), (Opening, "opening"), (Slot, "slot"))
    for field, value, name in (
        ("kind", "street", "kind_known"),
        ("mode", "maybe", "mode_known"),
        ("capacity", 0, "capacity_range"),
        ("capacity", 51, "capacity_range"),
    )
]
BROKEN = [
    *OFFERS,
    (WeeklyPeriod, {"weekday": 7}, "period_weekday_known"),
    (WeeklyPeriod, {"ends_minute": 540}, "period_ends_after_it_starts"),
    (WeeklyPeriod, {"ends_minute": 1441}, "period_ends_after_it_starts"),
    (WeeklyPeriod, {"slot_minutes": 4}, "period_slot_minutes_range"),
    (WeeklyPeriod, {"slot_minutes": 481}, "period_slot_minutes_range"),
    (WeeklyPeriod, {"until_on": MONDAY - dt.timedelta(days=1)}, "period_dates_in_order"),
    (Opening, {"ends_at": NINE}, "opening_ends_after_it_starts"),
    (Opening, {"slot_minutes": 4}, "opening_slot_minutes_range"),
    (Opening, {"quick_answer": "whenever"}, "opening_quick_answer_known"),
    (Absence, {"ends_at": NINE}, "absence_ends_after_it_starts"),
    (Absence, {"reason": "ill"}, "absence_reason_known"),
    (Slot, {"ends_at": NINE}, "slot_ends_after_it_starts"),
    (Booking, {"state": "lost"}, "booking_state_known"),
    (Booking, {"place_number": 0}, "booking_place_from_1"),
    (Booking, {"held_until": TEN}, "booking_held_says_until_when"),
    (Booking, {"state": "held"}, "booking_held_says_until_when"),
    (Booking, {"state": "released", "held_until": TEN}, "booking_held_says_until_when"),
]
ELSEWHERE = {
    "cpts_visibility_once",
    "slot_has_one_source",
    "slot_once_per_period",
    "slot_once_per_opening",
    "booking_one_live_per_place",
    "booking_cpts_id",  # with the primary key in it, nothing can break it
    "period_does_not_overlap",
    "asking_pause_says_since_when",  # test_asking.py
    "asking_quiet_hours_whole",
    "free_slot_until_after_start",  # test_search.py
}


def row(model, diary, **about):
    offer = {"professional": diary.professional, "place": diary.place}
    offer |= {"kind": "office", "mode": "bookable", "capacity": 1}
    span = {"starts_at": NINE, "ends_at": TEN}
    usual = {
        WeeklyPeriod: offer
        | {"weekday": 0, "starts_minute": 540, "ends_minute": 600, "from_on": MONDAY},
        Opening: offer | span,
        Slot: offer | span,
        Absence: {"professional": diary.professional} | span,
        Booking: {"place_number": 1, "cpts": diary.cpts, "state": "taken", "changed_at": NINE},
    }[model]
    if model is Booking and "slot" not in about:
        about["slot"] = row(Slot, diary)
    return model.objects.create(**usual | about)


def refused(name, make):
    with pytest.raises(IntegrityError) as error, transaction.atomic():
        make()
    # SQLite names the columns of a unique index, not the index.
    assert name in str(error.value) or "UNIQUE" in str(error.value)


def test_every_constraint_is_broken_here():
    declared = {
        constraint.name
        for model in apps.get_app_config("availability").get_models()
        for constraint in model._meta.constraints
    }
    assert declared == {name for *_, name in BROKEN} | ELSEWHERE


@pytest.mark.parametrize(
    ("model", "about", "name"), BROKEN, ids=[f"{name}-{about}" for _, about, name in BROKEN]
)
def test_the_database_refuses(diary, model, about, name):
    row(model, diary)
    refused(name, lambda: row(model, diary, **about))


def test_a_cpts_is_given_once(diary):
    def give():
        CptsVisibility.objects.create(
            professional=diary.professional, cpts=diary.cpts, chosen_at=NINE
        )

    give()
    refused("cpts_visibility_once", give)


def test_a_slot_comes_from_one_rule_once(diary):
    period, opening = row(WeeklyPeriod, diary), row(Opening, diary)
    refused("slot_has_one_source", lambda: row(Slot, diary, period=period, opening=opening))
    for rule, name in (
        ({"period": period}, "slot_once_per_period"),
        ({"opening": opening}, "slot_once_per_opening"),
    ):
        row(Slot, diary, closed_at=NINE, **rule)  # withdrawn ones stay as history
        row(Slot, diary, closed_at=NINE, **rule)
        row(Slot, diary, **rule)
        refused(name, lambda rule=rule: row(Slot, diary, **rule))


def test_a_place_is_live_once(diary):
    slot = row(Slot, diary)
    row(Booking, diary, slot=slot, state="released")
    row(Booking, diary, slot=slot, state="released")
    row(Booking, diary, slot=slot)
    refused("booking_one_live_per_place", lambda: row(Booking, diary, slot=slot))
    refused(
        "booking_one_live_per_place",
        lambda: row(Booking, diary, slot=slot, state="held", held_until=TEN),
    )


def test_periods_never_overlap_on_postgresql(diary):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no exclusion constraint: the action looks by itself")
    row(WeeklyPeriod, diary, until_on=MONDAY)
    row(WeeklyPeriod, diary, from_on=MONDAY + dt.timedelta(days=1))
    refused(
        "period_does_not_overlap",
        lambda: row(WeeklyPeriod, diary, starts_minute=599, ends_minute=660),
    )
