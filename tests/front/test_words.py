"""Numbers, times and places as a French reader expects them."""

import datetime as dt
from types import SimpleNamespace as Row

import pytest
from django.utils import timezone

from maillage.kernel import pins
from maillage.kernel import words as said

NBSP = "\u00a0"


def plain(text):
    return text.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [(94159, 0, "94 159"), (12, 0, "12"), (3.44, 1, "3,4"), (1234.5, 1, "1 234,5"), (0, 0, "0")],
)
def test_numbers(value, digits, words):
    assert plain(said.number(value, digits)) == words
    assert " " not in said.number(value, digits)


def test_an_unknown_number_is_a_dash():
    assert said.number(None) == "–"


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(0, "< 1 min"), (35, "35 min"), (59.9, "59 min"), (60, "1 h 00"), (125, "2 h 05")]
    + [(2879, "47 h 59"), (2880, "2 j")],
)
def test_durations(minutes, words):
    assert plain(said.duration(minutes)) == words
    assert plain(said.duration(dt.timedelta(minutes=minutes))) == words


def test_a_clock_is_read_in_the_zone_of_the_cpts():
    at = dt.datetime(2026, 11, 23, 13, 20, tzinfo=dt.UTC)
    with timezone.override("Europe/Paris"):
        assert plain(said.clock(at)) == "14 h 20"
        assert said.iso(at) == "2026-11-23T14:20:00+01:00"
    with timezone.override("America/Guadeloupe"):
        assert plain(said.clock(at)) == "9 h 20"


def test_near_days_have_names():
    today = timezone.localdate()
    names = [said.day(today + dt.timedelta(days=n)) for n in (-1, 0, 1)]
    assert names == ["hier", "aujourd'hui", "demain"]


def test_far_days_are_dated():
    assert plain(said.day(dt.date(2020, 3, 1))) == "dim. 1 mars 2020"
    assert said.full_date(dt.date(2026, 11, 23)) == "lundi 23 novembre 2026"


def test_past_and_future():
    now = timezone.now()
    assert said.ago(now) == "à l'instant"
    assert plain(said.ago(now - dt.timedelta(minutes=35, seconds=5))) == "il y a 35 min"
    assert plain(said.ago(now + dt.timedelta(minutes=35, seconds=5))) == "dans 35 min"


def test_plurals():
    assert [plain(said.plural(n, "demande")) for n in (0, 1, 2)] == [
        "0 demande",
        "1 demande",
        "2 demandes",
    ]
    assert plain(said.plural(2, "écarté, vu", "écartés, vus")) == "2 écartés, vus"


def pin(kind, x=100, y=100, **more):
    return {"kind": kind, "x": x, "y": y, "insee": "71001"} | more


def test_a_lone_pin_stays_on_its_commune():
    [placed] = pins.spread([pin("professional")], 1)
    assert (placed["x"], placed["y"]) == placed["at"] == (100, 100)


@pytest.mark.parametrize("count", range(2, 10))
@pytest.mark.parametrize("with_request", [False, True])
def test_pins_of_one_commune_never_cover_each_other(count, with_request):
    shared = [pin("professional", rank=n) for n in range(count)] + [pin("request")] * with_request
    spots = [(p["x"], p["y"]) for p in pins.spread(shared, 1) if p["kind"] == "professional"]
    nearest = min(
        ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5
        for i, (ax, ay) in enumerate(spots)
        for bx, by in spots[:i]
    )
    assert len(spots) == count
    assert nearest >= 20  # two circles of ten


def test_the_selected_request_is_drawn_last():
    shared = [pin("request", selected=True), pin("request", selected=False), pin("professional")]
    assert pins.spread(shared, 1)[-1]["selected"] is True


def test_a_name_leaves_its_neighbour_in_sight():
    """A pin stands just below another: the upper name cannot be written below its own pin."""
    areas = [Row(insee="1", name="Blanzy"), Row(insee="2", name="Montceau")]
    shared = [pin("professional", insee="1"), pin("professional", y=122, insee="2")]
    low, high = pins.names(pins.spread(shared, 1), areas, 1)
    assert (low["text"], high["text"]) == ("Montceau", "Blanzy")
    assert low["y"] > 133
    assert abs(high["x"] - 100) > 20 or high["y"] < 90


def test_a_commune_is_named_once():
    areas = [Row(insee="71001", name="Blanzy"), Row(insee="71002", name="Nobody")]
    shared = [pin("professional"), pin("professional"), pin("request")]
    assert [name["text"] for name in pins.names(pins.spread(shared, 1), areas, 1)] == ["Blanzy"]
