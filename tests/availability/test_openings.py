"""Open, close, be away: each verb, each refusal with its sentence, the days of a change of hour."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from diary import MONDAY, Diary, wall
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability import actions
from maillage.availability.actions import BadOpening, VisibilityNotChosen
from maillage.availability.enums import Audience
from maillage.availability.models import Absence, Opening, WeeklyPeriod
from maillage.directory.enums import PlaceRow
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from people import actor_as, make_commune, make_professional

TUESDAY = MONDAY + dt.timedelta(days=1)


def test_a_period_becomes_slots_for_the_coming_fortnight(shown):
    shown.period()
    assert shown.walls() == [f"{day} 09:{m:02}" for day in ("23", "30", "07") for m in (0, 20, 40)]
    slot = shown.slots.first()
    assert slot.ends_at - slot.starts_at == dt.timedelta(minutes=20)
    assert (slot.capacity, slot.kind, slot.mode) == (1, "office", "on_agreement")
    assert (slot.for_snp, slot.for_public, slot.for_pro, slot.for_cpts) == (
        True,
        False,
        False,
        False,
    )


def test_each_change_writes_one_line_of_the_journal(shown):
    before = list(JournalLine.objects.values_list("pk", flat=True))
    period = shown.period()
    opening = shown.open(wall(TUESDAY, 14), wall(TUESDAY, 15))
    absence = shown.away(wall(TUESDAY, 0), wall(TUESDAY, 12))
    actions.end_absence(by=shown.actor, absence=absence)
    actions.close_opening(by=shown.actor, opening=opening)
    actions.end_period(by=shown.actor, period=period, until_on=MONDAY)
    lines = JournalLine.objects.exclude(pk__in=before).order_by("pk")
    assert list(lines.values_list("action", "seat_id", "cpts_id")) == [
        (f"availability.{each}", shown.actor.seat_id, shown.cpts.pk)
        for each in (
            *("period_added", "opened", "absence_added"),
            *("absence_ended", "opening_closed", "period_ended"),
        )
    ]


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"ends_minute": 540}, "L'heure de fin doit suivre l'heure de début."),
        ({"ends_minute": 1441}, "L'heure de fin doit suivre l'heure de début."),
        ({"starts_minute": -5}, "L'heure de fin doit suivre l'heure de début."),
        ({"slot_minutes": 61}, "La plage est plus courte qu'un créneau."),
        ({"slot_minutes": 4}, "Un créneau dure de 5 minutes à 8 heures."),
        ({"capacity": 0}, "Indiquez de 1 à 50 places."),
        ({"capacity": 51}, "Indiquez de 1 à 50 places."),
        ({"kind": "home"}, "Choisissez le type de rendez-vous dans la liste."),
        ({"mode": "maybe"}, "Choisissez le type de rendez-vous dans la liste."),
        ({"until_on": dt.date(2026, 11, 1)}, "La date de fin précède la date de début."),
    ],
)
def test_a_period_that_makes_no_sense_is_refused(shown, about, sentence):
    before = shown.rows
    with pytest.raises(BadOpening) as refusal:
        shown.period(**about)
    assert str(refusal.value) == sentence
    assert shown.rows == before


def test_two_periods_do_not_share_an_hour(shown):
    shown.period(until_on=dt.date(2026, 12, 31))
    for about in (
        {},
        {"starts_minute": 9 * 60 + 59, "ends_minute": 11 * 60},
        {"from_on": dt.date(2026, 12, 31)},
    ):
        with pytest.raises(BadOpening, match="Une autre plage occupe déjà ces heures"):
            shown.period(**about)
    shown.period(starts_minute=10 * 60, ends_minute=11 * 60)  # touching is not overlapping
    shown.period(weekday=1)
    shown.period(from_on=dt.date(2027, 1, 1))


def test_a_cut_opening_does_not_share_an_hour_either(shown):
    shown.period()
    with pytest.raises(BadOpening, match="Une autre plage occupe déjà ces heures"):
        shown.open(wall(MONDAY, 9, 30), wall(MONDAY, 10, 30), slot_minutes=15)
    shown.open(wall(MONDAY, 9, 30), wall(MONDAY, 10, 30))  # a window has no hour of its own
    shown.open(wall(MONDAY, 10), wall(MONDAY, 11), slot_minutes=15)
    with pytest.raises(BadOpening, match="Une autre plage occupe déjà ces heures"):
        shown.open(wall(MONDAY, 10, 45), wall(MONDAY, 12), slot_minutes=15)
    # Far beyond the horizon too, whichever comes first.
    shown.open(wall(dt.date(2027, 3, 2), 9), wall(dt.date(2027, 3, 2), 10), slot_minutes=20)
    with pytest.raises(BadOpening, match="Une autre plage occupe déjà ces heures"):
        shown.period(weekday=1)


def test_a_period_ends_after_a_day_or_never_was(shown):
    period = shown.period()
    actions.end_period(by=shown.actor, period=period, until_on=MONDAY)
    assert shown.walls() == ["23 09:00", "23 09:20", "23 09:40"]
    with pytest.raises(BadOpening, match="Cette plage est déjà terminée à cette date."):
        actions.end_period(by=shown.actor, period=period, until_on=TUESDAY)
    actions.end_period(by=shown.actor, period=period, until_on=MONDAY - dt.timedelta(days=1))
    assert shown.walls() == []
    assert not WeeklyPeriod.objects.exists()
    with pytest.raises(BadOpening, match="déjà terminée"):
        actions.end_period(
            by=shown.actor,
            period=WeeklyPeriod(pk=0, professional=shown.professional),
            until_on=MONDAY,
        )


@pytest.mark.parametrize(
    ("start", "end", "about", "sentence"),
    [
        ((TUESDAY, 10), (TUESDAY, 10), {}, "L'heure de fin doit suivre l'heure de début."),
        ((MONDAY, 7), (MONDAY, 8), {}, "Cette plage est déjà passée."),
        ((TUESDAY, 0), (MONDAY, 49), {}, "Une ouverture ponctuelle dure au plus un jour."),
        ((TUESDAY, 9), (TUESDAY, 10), {"capacity": 51}, "Indiquez de 1 à 50 places."),
        ((TUESDAY, 9), (TUESDAY, 10), {"slot_minutes": 4}, "Un créneau dure de 5 minutes"),
        ((TUESDAY, 9), (TUESDAY, 10), {"slot_minutes": 90}, "plus courte qu'un créneau"),
        ((TUESDAY, 9), (TUESDAY, 10), {"kind": "remote"}, "Choisissez le type"),
    ],
)
def test_an_opening_that_makes_no_sense_is_refused(shown, start, end, about, sentence):
    def instant(day, hour):
        return wall(day, 0) + dt.timedelta(hours=hour)

    with pytest.raises(BadOpening, match=sentence):
        shown.open(instant(*start), instant(*end), **about)
    assert not Opening.objects.exists()


def test_a_window_is_one_slot_answered_until_it_ends(shown, clock):
    shown.open(wall(MONDAY, 9), wall(MONDAY, 12), capacity=3)
    (slot,) = shown.slots
    assert slot.is_window
    assert slot.capacity == 3
    clock(MONDAY, 11, 59)
    assert shown.slots.open(timezone.now()).count() == 1
    clock(MONDAY, 12)
    assert shown.slots.open(timezone.now()).count() == 0


def test_a_cut_slot_is_offered_until_it_begins(shown, clock):
    shown.open(wall(MONDAY, 9), wall(MONDAY, 9, 40), slot_minutes=20)
    clock(MONDAY, 9)
    assert shown.slots.open(timezone.now()).count() == 2
    clock(MONDAY, 9, 1)
    assert shown.slots.open(timezone.now()).count() == 1


def test_a_place_of_somebody_else_or_closed_is_refused(shown):
    foreign = make_professional().places.get()
    with pytest.raises(BadOpening, match="lieu d'exercice ouvert de ce professionnel"):
        shown.period(place=foreign)
    shown.place.closed_on = MONDAY
    shown.place.save()
    with pytest.raises(BadOpening, match="lieu d'exercice ouvert de ce professionnel"):
        shown.open(wall(TUESDAY, 9), wall(TUESDAY, 10))
    with pytest.raises(BadOpening, match="Aucun lieu d'exercice n'est connu"):
        shown.says("hour")


def test_an_absence_that_makes_no_sense_is_refused(shown):
    with pytest.raises(BadOpening, match="La fin de l'absence doit suivre son début."):
        shown.away(wall(TUESDAY, 9), wall(TUESDAY, 9))
    with pytest.raises(BadOpening, match="Cette absence est déjà passée."):
        shown.away(wall(MONDAY, 6), wall(MONDAY, 8))
    assert not Absence.objects.exists()


def test_an_absence_hides_its_slots_and_lifted_they_come_back(shown):
    shown.period()
    absence = shown.away(wall(MONDAY, 9, 30), wall(MONDAY, 9, 45))
    assert shown.walls()[:2] == ["23 09:00", "30 09:00"]
    actions.end_absence(by=shown.actor, absence=absence)
    assert shown.walls()[:3] == ["23 09:00", "23 09:20", "23 09:40"]
    assert actions.end_absence(by=shown.actor, absence=absence).ended_at  # twice is once


def test_nothing_opens_before_the_visibility_was_chosen(diary):
    for opens in (
        diary.period,
        lambda: diary.open(wall(TUESDAY, 9), wall(TUESDAY, 10)),
        lambda: diary.says("hour"),
    ):
        with pytest.raises(VisibilityNotChosen) as asked:
            opens()
        assert str(asked.value) == (
            "Avant d'ouvrir un premier créneau, choisissez qui pourra voir vos disponibilités."
        )
    assert diary.rows == [[], [], [], []]
    diary.away(wall(TUESDAY, 0), wall(TUESDAY, 12))  # being away shows nothing to anybody


def refused_everything(diary, by):
    """Every verb, refused with the same sentence, nothing written."""
    period = diary.period()
    opening = diary.open(wall(TUESDAY, 14), wall(TUESDAY, 15))
    absence = diary.away(wall(TUESDAY, 0), wall(TUESDAY, 12))
    before = diary.rows
    sentence = "Vous ne pouvez pas changer les disponibilités de ce professionnel."
    for act in (
        lambda: diary.period(by=by, weekday=3),
        lambda: diary.open(wall(TUESDAY, 16), wall(TUESDAY, 17), by=by),
        lambda: diary.away(wall(TUESDAY, 16), wall(TUESDAY, 17), by=by),
        lambda: diary.says("evening", by=by),
        lambda: actions.end_period(by=by, period=period, until_on=MONDAY),
        lambda: actions.close_opening(by=by, opening=opening),
        lambda: actions.end_absence(by=by, absence=absence),
    ):
        with pytest.raises(NotAllowed) as refusal:
            act()
        assert str(refusal.value) == sentence
    with pytest.raises(NotAllowed, match="choisit qui voit ses créneaux"):
        diary.choose(Audience.PUBLIC, by=by)
    assert diary.rows == before


@pytest.mark.parametrize("role", [r for r in Role if r not in {Role.PROFESSIONAL}])
def test_no_other_role_changes_a_diary(shown, cpts, role):
    refused_everything(shown, actor_as(cpts, role))


def test_another_professional_does_not_either(shown, cpts):
    refused_everything(shown, Diary(cpts).actor)


def test_a_secretary_acts_on_the_days_of_the_delegation(shown, delegated, clock):
    secretary = delegated(from_on=TUESDAY, until_on=TUESDAY)
    opened = {"start": wall(TUESDAY, 16), "end": wall(TUESDAY, 17), "by": secretary}
    with pytest.raises(NotAllowed):
        shown.open(**opened)
    clock(TUESDAY, 8)
    shown.open(**opened)
    clock(TUESDAY, 15, 59)
    shown.period(by=secretary, weekday=4)
    clock(TUESDAY + dt.timedelta(days=1), 0, 1)
    with pytest.raises(NotAllowed):
        shown.away(wall(TUESDAY, 16), wall(MONDAY + dt.timedelta(days=9), 17), by=secretary)


def test_a_delegation_taken_back_ends_at_once(shown, delegated):
    secretary = delegated()
    shown.period(by=secretary)
    shown.professional.delegations.update(ended_at=timezone.now())
    with pytest.raises(NotAllowed):
        shown.period(by=secretary, weekday=4)


def test_the_secretary_of_another_stays_out(shown, cpts, delegated):
    stranger = Diary(cpts)
    secretary = delegated()
    refused_everything_for = [
        lambda: stranger.away(wall(TUESDAY, 16), wall(TUESDAY, 17), by=secretary),
        lambda: stranger.choose(Audience.PUBLIC, by=secretary),
    ]
    for act in refused_everything_for:
        with pytest.raises(NotAllowed):
            act()


def test_an_account_link_ended_gives_nothing_any_more(shown):
    shown.professional.accounts.update(ended_on=MONDAY)
    with pytest.raises(NotAllowed):
        shown.period()


# The clock on the wall is kept, through the changes of hour and overseas.


@pytest.mark.parametrize(
    ("monday", "sunday_utc", "monday_utc"),
    [
        (dt.date(2027, 3, 22), "08:00", "07:00"),  # spring: 28 March 2027
        (dt.date(2026, 10, 19), "07:00", "08:00"),  # autumn: 25 October 2026
    ],
)
def test_nine_o_clock_stays_nine_o_clock(shown, clock, monday, sunday_utc, monday_utc):
    clock(monday, 6)
    for weekday in (5, 0):
        shown.period(weekday=weekday, ends_minute=9 * 60 + 20, from_on=monday)
    starts = {each.starts_at.astimezone(dt.UTC) for each in shown.slots}
    saturday, next_monday = monday + dt.timedelta(days=5), monday + dt.timedelta(days=7)
    assert {at.strftime("%H:%M") for at in starts if at.date() == saturday} == {sunday_utc}
    assert {at.strftime("%H:%M") for at in starts if at.date() == next_monday} == {monday_utc}
    assert all(each.endswith("09:00") for each in shown.walls())


def test_the_night_of_spring_has_no_slot_that_no_clock_shows(shown, clock):
    clock(dt.date(2027, 3, 22), 6)
    shown.period(weekday=6, starts_minute=60, ends_minute=240, slot_minutes=30)
    assert [each for each in shown.walls() if each.startswith("28")] == [
        "28 01:00",
        "28 01:30",
        "28 03:00",
        "28 03:30",
    ]


def test_the_night_of_autumn_offers_the_hour_once(shown, clock):
    clock(dt.date(2026, 10, 19), 6)
    shown.period(
        weekday=6, starts_minute=60, ends_minute=240, slot_minutes=60, from_on=dt.date(2026, 10, 1)
    )
    slots = shown.slots.filter(starts_at__lt=wall(dt.date(2026, 10, 26), 0)).order_by("starts_at")
    hours = [each.starts_at.astimezone(dt.UTC).strftime("%H") for each in slots]
    assert hours == ["23", "00", "02"]  # 01:00, 02:00 the first time, 03:00


@pytest.mark.parametrize(
    ("insee", "zone", "utc_hour"),
    [
        ("97411", "Indian/Reunion", 5),
        ("97105", "America/Guadeloupe", 13),
        ("98818", "Pacific/Noumea", 22),
        ("98735", "Pacific/Tahiti", 19),
    ],
)
def test_overseas_keeps_its_own_clock(cpts, clock, insee, zone, utc_hour):
    make_commune(insee, "Ailleurs", insee[:3])
    diary = Diary(cpts, places=(PlaceRow(insee=insee, address="1 rue de l'Exemple"),))
    diary.show_to_desk()
    diary.period()
    assert {each[3:] for each in diary.walls(ZoneInfo(zone))} == {"09:00", "09:20", "09:40"}
    assert {at.starts_at.astimezone(dt.UTC).hour for at in diary.slots} == {utc_hour}
    # Whatever the clock of whoever asks, the same horizon: nothing to write.
    for asker in ("Europe/Paris", "Pacific/Tahiti", "Pacific/Noumea"):
        with timezone.override(asker):
            counts = actions.roll_horizon(by=SYSTEM)
        assert {k: v for k, v in counts.items() if v} == {"unchanged": diary.slots.count()}
