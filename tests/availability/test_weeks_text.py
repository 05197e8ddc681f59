"""What a secretary may type for a week, and what is said when it is not understood."""

from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from maillage.availability.enums import BookingMode
from maillage.availability.forms import Misread, format_week, parse_week
from maillage.availability.forms.week_text import plain
from maillage.availability.queries import SaidPeriod
from maillage.directory.enums import CareKind

WORKDAYS = range(5)


def week(days, *hours, **about):
    return [
        SaidPeriod(day, int(start * 60), int(end * 60), **about)
        for day in days
        for start, end in hours
    ]


MORNING, BOTH = [(9, 12)], [(9, 12), (14, 18)]
UNDERSTOOD = [
    ("lu-ve 9-12 14-18 /20", week(WORKDAYS, *BOTH, slot_minutes=20)),
    ("lu ma je 9h30-12h; sa 9-12 /15", week([0, 1, 3], (9.5, 12), slot_minutes=15)
     + week([5], (9, 12), slot_minutes=15)),
    ("Lundi, mardi et jeudi de 9h à 12h et de 14 h à 18 h", week([0, 1, 3], *BOTH)),
    ("du lundi au vendredi 9:00 - 12:30", week(WORKDAYS, (9, 12.5))),
    ("9h-12h30 et 14h-18h".join(["lun ", ""]), week([0], (9, 12.5), (14, 18))),
    ("l-v 9h-12h 14h-18h 20 min", week(WORKDAYS, *BOTH, slot_minutes=20)),
    ("l-v 9h-12h 14-18", week(WORKDAYS, *BOTH)),
    ("lu 9 h 30 - 12 h 30, 14 h - 17 h 45", week([0], (9.5, 12.5), (14, 17.75))),
    ("lu 9h 30-12h", week([0], (9.5, 12))),
    ("LU–VE 0930–1200 1400-1830", week(WORKDAYS, (9.5, 12), (14, 18.5))),
    ("lmmjv 8-12", week(WORKDAYS, (8, 12))),
    ("lmmjvs 8-12", week(range(6), (8, 12))),
    ("lumaje9-12", week([0, 1, 3], *MORNING)),
    ("ljv 9-12", week([0, 3, 4], *MORNING)),
    ("lu9-12 14-18;ma9-12", week([0], *BOTH) + week([1], *MORNING)),
    ("lu 9-12 ma 14-18", week([0], *MORNING) + week([1], (14, 18))),
    ("lu-ve sauf me 9-12", week([0, 1, 3, 4], *MORNING)),
    ("lu-ve hors mer et ven 9-12", week([0, 1, 3], *MORNING)),
    ("lu 9-12; 14-18", week([0], *BOTH)),
    ("sam. 9-midi", week([5], *MORNING)),
    ("week-end 20h-minuit", week([5, 6], (20, 24))),
    ("di 20-0h", week([6], (20, 24))),
    ("lu matin 9-12 après-midi 14-18", week([0], *BOTH)),
    ("lu 9-12 /15; ma 9-12 /20", week([0], *MORNING, slot_minutes=15)
     + week([1], *MORNING, slot_minutes=20)),
    ("lu 9-12 /15; ma 9-12", week([0, 1], *MORNING, slot_minutes=15)),
    ("/15 lu 9-12; ma 9-12", week([0, 1], *MORNING, slot_minutes=15)),
    ("lu 9-12 /15 14-18 /30", week([0], (9, 12), slot_minutes=15)
     + week([0], (14, 18), slot_minutes=30)),
    ("lu dom 9-12; ma 9-12 cab", week([0], *MORNING, kind=CareKind.HOME)
     + week([1], *MORNING, kind=CareKind.OFFICE)),
    ("lu 9-12 x2 résa @2", week(
        [0], *MORNING, capacity=2, mode=BookingMode.BOOKABLE, place=2)),
    ("lu 9-12 sur accord, téléconsultation, 3 places", week(
        [0], *MORNING, capacity=3, mode=BookingMode.ON_AGREEMENT, kind=CareKind.REMOTE)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), UNDERSTOOD, ids=[text for text, _ in UNDERSTOOD])
def test_what_a_secretary_types_is_understood(text, meant):
    assert list(parse_week(text)) == sorted(meant, key=lambda e: (e.weekday, e.starts_minute))


MISREAD = [
    ("bonjour", "« bonjour » n'est pas compris"),
    ("9-12", "de quels jours ?"),
    ("lu-ve", "« lu-ve » : dites les heures"),
    ("lu 9-12; ma", "« ma » : dites les heures"),
    ("m 9-12", "mardi (ma) ou mercredi (me) ?"),
    ("l-m 9-12", "mardi (ma) ou mercredi (me) ?"),
    ("lmj 9-12", "mardi (ma) ou mercredi (me) ?"),
    ("ve-lu 9-12", "la semaine va de lundi à dimanche"),
    ("lu 9", "« 9 » : dites le début et la fin"),
    ("lu 9h", "« 9h » : dites le début et la fin"),
    ("lu 12-9", "l'heure de fin doit suivre l'heure de début"),
    ("lu 9-12 2-6", "l'après-midi comme 14-18"),
    ("lu 9-25", "ce n'est pas une heure"),
    ("lu 9h75-12", "ce n'est pas une heure"),
    ("lu 22-24h30", "ce n'est pas une heure"),
    ("lu 9-12; lu 11-13", "Deux plages se chevauchent le lundi : 9-12 et 11-13"),
    ("lu 9-12 /3", "Un créneau dure de 5 minutes à 8 heures"),
    ("lu 9-12 x0", "Indiquez de 1 à 50 places"),
    ("lu 9-12 /15 /20", "deux fois la durée d'un créneau"),
    ("tous les jours 9-12", "« tous » n'est pas compris"),
    ("lu-ve sauf lu-ve 9-12", "il ne reste aucun jour"),
    ("sauf me 9-12", "dites d'abord les jours"),
    ("lu-ve 9-12 sauf me", "dites d'abord les jours"),
    ("lu 9-12 ?", "« ? » n'est pas compris"),
    ("lu (9-12)", "« ( » n'est pas compris"),
    ("lu-ma-je 9-12", "n'est pas compris"),
    ("lu 12345", "dites le début et la fin"),
    ("; ,", "Dites les jours et les heures"),
    ("lu 9-12 ½", "n'est pas compris"),
]


@pytest.mark.parametrize(("text", "sentence"), MISREAD, ids=[text for text, _ in MISREAD])
def test_what_is_not_understood_is_told(text, sentence):
    with pytest.raises(Misread) as told:
        parse_week(text)
    assert sentence in told.value.message


quarters = st.lists(st.integers(0, 96), min_size=2, max_size=6, unique=True).map(sorted)
options = st.fixed_dictionaries(
    {
        "slot_minutes": st.none() | st.integers(5, 480),
        "capacity": st.none() | st.integers(1, 50),
        "kind": st.none() | st.sampled_from(list(CareKind)),
        "mode": st.none() | st.sampled_from(list(BookingMode)),
        "place": st.none() | st.integers(1, 9),
    }
)


@st.composite
def said_weeks(draw):
    """Days with hours, each with options; one is said for all periods or for none."""
    base, found = draw(options), []
    for day in draw(st.sets(st.integers(0, 6), min_size=1)):
        marks = draw(quarters)
        for start, end in zip(marks[::2], marks[1::2], strict=False):
            other = draw(options)
            about = {
                name: None if base[name] is None else (other[name] or base[name]) for name in base
            }
            found.append(SaidPeriod(day, start * 15, end * 15, **about))
    return tuple(sorted(found, key=lambda e: (e.weekday, e.starts_minute)))


@given(said_weeks())
@example(parse_week("lu 9-12 /15 14-18 /30; ma 9-12 /15"))
def test_what_is_written_is_read_back(said):
    assert parse_week(format_week(said)) == said


@given(said_weeks())
def test_one_way_to_write_a_week(said):
    text = format_week(said)
    assert format_week(parse_week(text)) == text
    assert format_week(reversed(said)) == text


@given(st.text(alphabet="lumajevsdi 0123456789-;,:h/x@.=&é’–", max_size=40) | st.text(max_size=40))
@example("İ 9-12")
def test_any_text_is_read_or_told(text):
    try:
        said = parse_week(text)
    except Misread as told:
        assert told.message
        return
    assert parse_week(format_week(said)) == said
    for _, day in groupby(said, key=lambda e: e.weekday):
        ends = [bound for e in day for bound in (e.starts_minute, e.ends_minute)]
        assert ends == sorted(ends) and ends[0] >= 0 and ends[-1] <= 1440


@given(st.text(max_size=60))
def test_folding_keeps_every_place(text):
    assert len(plain(text)) == len(text)


def test_no_period_is_said_by_a_dash():
    assert format_week(()) == "-"
