"""Free slots near a commune: the index never says other than the bookings, whatever happened."""

import contextlib
import datetime as dt

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diary import MONDAY, Diary, wall
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability import actions, queries
from maillage.availability.actions import SlotClosed, SlotFull
from maillage.availability.actions.shelves import shelve_slots_of
from maillage.availability.enums import Audience
from maillage.availability.models import (
    AskingPreferences,
    Booking,
    CptsVisibility,
    FreeSlot,
    Opening,
    Slot,
    WeeklyPeriod,
)
from maillage.availability.queries.search import cells_of, shelved
from maillage.directory.enums import PlaceRow
from maillage.directory.models import Professional
from maillage.territory import queries as territory
from maillage.territory.models import Commune, TravelSource, TravelTime
from people import actor_as, make_commune, sign_in

# (insee, name, longitude, latitude): two near each other, one further, one whose centre is unknown.
PLACES = (
    ("71137", "Cluny", 4.659, 46.434),
    ("71582", "Salornay", 4.599, 46.517),
    ("71270", "Mâcon", 4.832, 46.306),
    ("71999", "Sans-Centre", None, None),
)
CLUNY, SALORNAY, MACON, UNKNOWN = (row[0] for row in PLACES)


@pytest.fixture
def communes(db):
    for insee, name, longitude, latitude in PLACES:
        make_commune(insee, name)
        Commune.objects.filter(pk=insee).update(longitude=longitude, latitude=latitude)


def make_diary(cpts, *others, insee=CLUNY, **about):
    return Diary(cpts, *others, places=(PlaceRow(insee=insee, address="2 rue Fictive"),), **about)


def near(cpts, insee=CLUNY, minutes=20, profession="10", **about):
    found = queries.free_slots_near(
        cpts,
        profession=profession,
        commune=Commune.objects.get(pk=insee),
        minutes=minutes,
        now=timezone.now(),
        **about,
    )
    return [line.slot_id for line in found.lines]


def brute(cpts, insee=CLUNY, minutes=20, profession="10", hours=24, shown=50):
    """The same, said naively: the truth of the desk, then each trip measured."""
    now = timezone.now()
    slots = (
        Slot.objects.open(now)
        .given_to(cpts)
        .with_places_left()
        .filter(professional__profession=profession, starts_at__lt=now + dt.timedelta(hours=hours))
        .select_related("place")
        .order_by("starts_at", "pk")
    )
    trips = territory.travel_minutes(insee, Commune.objects.values_list("pk", flat=True))
    return [
        slot.pk
        for slot in slots
        if slot.places_left > 0
        and trips[slot.place.commune_id].minutes is not None
        and trips[slot.place.commune_id].minutes <= minutes
    ][:shown]


def drift():
    """Rows of the index that should not be there, and rows that are missing (what is over set apart)."""
    now = timezone.now()
    columns = ("slot_id", "shelf", "profession", "commune", "starts_at", "until_at")
    held = set(FreeSlot.objects.filter(until_at__gte=now).values_list(*columns))
    return held ^ {row for rows in shelved(Slot.objects.all(), now) for row in rows}


def test_only_what_the_desk_may_see_within_the_time(cpts, neighbour, communes, clock):
    mine, theirs = make_diary(cpts), make_diary(neighbour)
    open_to_all, far = make_diary(neighbour, insee=SALORNAY), make_diary(cpts, insee=MACON)
    nurse = make_diary(cpts, profession="60", speciality="")
    for each, show in ((mine, cpts), (theirs, neighbour), (far, cpts), (nurse, cpts)):
        each.show_to_desk(show)
    open_to_all.choose(Audience.PRO)
    for n, each in enumerate((mine, theirs, open_to_all, far, nurse)):
        each.open(wall(MONDAY, 9 + n), wall(MONDAY, 10 + n))
    first = [mine.slots.get().pk, open_to_all.slots.get().pk]
    assert near(cpts) == brute(cpts) == first
    assert near(neighbour) == [theirs.slots.get().pk, open_to_all.slots.get().pk]
    assert near(cpts, minutes=60) == [*first, far.slots.get().pk]
    assert near(cpts, minutes=5) == first[:1]
    assert near(cpts, profession="60") == [nurse.slots.get().pk]
    assert near(cpts, hours=2) == first[:1]


def test_a_known_time_brings_a_commune_nearer_or_away(cpts, communes, clock):
    near_by, far = make_diary(cpts, insee=SALORNAY), make_diary(cpts, insee=MACON)
    for each in (near_by, far):
        each.show_to_desk()
        each.open(wall(MONDAY, 9), wall(MONDAY, 10))
    assert near(cpts) == [near_by.slots.get().pk]
    source = TravelSource.objects.create(
        name="essai", vintage="2026", kind="matrix", loaded_at=timezone.now()
    )
    for destination, minutes in ((SALORNAY, 45), (MACON, 12)):
        TravelTime.objects.create(
            origin_id=CLUNY, destination_id=destination, minutes=minutes, source=source
        )
    territory.forget_trips()
    assert near(cpts) == brute(cpts) == [far.slots.get().pk]


def test_a_commune_without_a_centre_is_found_from_itself(cpts, communes, clock):
    there = make_diary(cpts, insee=UNKNOWN)
    there.choose(Audience.PUBLIC)
    there.open(wall(MONDAY, 9), wall(MONDAY, 10))
    assert near(cpts, insee=UNKNOWN) == [there.slots.get().pk]
    assert near(cpts) == []


def test_a_window_under_way_comes_first_until_it_ends(cpts, communes, clock):
    diary = make_diary(cpts)
    diary.show_to_desk()
    diary.open(wall(MONDAY, 9), wall(MONDAY, 12))
    diary.open(wall(MONDAY, 13), wall(MONDAY, 14), slot_minutes=20)
    window, *cut = diary.slots.order_by("starts_at").values_list("pk", flat=True)
    clock(MONDAY, 11, 59)
    assert near(cpts) == brute(cpts) == [window, *cut]
    clock(MONDAY, 12)
    assert near(cpts) == brute(cpts) == cut
    clock(MONDAY, 13)
    assert near(cpts) == brute(cpts) == cut  # it begins at this instant: still to take
    clock(MONDAY, 13, 1)
    assert near(cpts) == brute(cpts) == cut[1:]


def test_a_paused_professional_hides_nobody_behind_them(cpts, communes, clock):
    paused, other = make_diary(cpts), make_diary(cpts)
    for each in (paused, other):
        each.show_to_desk()
    paused.period(ends_minute=12 * 60)
    other.open(wall(MONDAY, 16), wall(MONDAY, 17))
    AskingPreferences.objects.create(
        professional=paused.professional, paused_at=timezone.now(), changed_at=timezone.now()
    )
    assert near(cpts, shown=3) == brute(cpts, shown=3) == [other.slots.get().pk]


def test_it_says_that_there_are_more(cpts, communes, clock):
    diary = make_diary(cpts)
    diary.show_to_desk()
    diary.period(ends_minute=11 * 60)
    about = {"profession": "10", "commune": Commune.objects.get(pk=CLUNY), "minutes": 20}
    five = queries.free_slots_near(cpts, now=timezone.now(), shown=5, **about)
    six = queries.free_slots_near(cpts, now=timezone.now(), shown=6, **about)
    assert (len(five.lines), five.is_cut, len(six.lines), six.is_cut) == (5, True, 6, False)


def test_the_index_only_narrows(cpts, communes, clock):
    """A row that should not be there shows nothing, and the next refresh takes it away."""
    diary = make_diary(cpts)
    diary.show_to_desk()
    diary.open(wall(MONDAY, 9), wall(MONDAY, 10))
    CptsVisibility.objects.all().delete()
    assert near(cpts) == [] and drift()
    shelve_slots_of([diary.professional.pk])
    assert not drift()
    Professional.objects.update(profession="60")
    assert near(cpts, profession="60") == []
    actions.roll_horizon(by=SYSTEM)
    diary.show_to_desk()
    assert not drift() and len(near(cpts, profession="60")) == 1


def test_the_same_statements_whatever_the_number(cpts, communes, clock):
    diary = make_diary(cpts)
    diary.show_to_desk()
    diary.period(ends_minute=10 * 60)

    def cost():
        territory.forget_trips()
        with CaptureQueriesContext(connection) as seen:
            near(cpts)
        return len(seen)

    near(cpts)
    few = cost()
    for _ in range(3):
        other = make_diary(cpts, insee=SALORNAY)
        other.show_to_desk()
        other.period(ends_minute=12 * 60)
    assert cost() == few <= 6


def test_the_cells_of_a_place_are_the_same_on_both_sides(cpts, communes, clock):
    diaries = [make_diary(cpts, insee=row[0]) for row in PLACES]
    for each in diaries:
        each.choose(Audience.PUBLIC)
        each.open(wall(MONDAY, 9), wall(MONDAY, 10))
    everywhere = territory.communes_within(Commune.objects.get(pk=CLUNY), 200)
    stored = FreeSlot.objects.exclude(commune=UNKNOWN).values_list("shelf", flat=True)
    assert sorted({*stored, 0}) == cells_of(everywhere.values())


def test_a_free_slot_lasts_until_after_it_begins(cpts, communes, clock):
    diary = make_diary(cpts)
    diary.show_to_desk()
    diary.open(wall(MONDAY, 9), wall(MONDAY, 10))
    with pytest.raises(IntegrityError, match="free_slot_until_after_start"), transaction.atomic():
        FreeSlot.objects.update(until_at=wall(MONDAY, 8))


def test_the_page_of_the_desk(client, cpts, communes, clock):
    sign_in(client, cpts, Role.DISPATCHER)
    diary = make_diary(cpts, insee=SALORNAY)
    diary.show_to_desk()
    diary.open(wall(MONDAY, 9), wall(MONDAY, 10), slot_minutes=30)
    url = reverse("availability:free", kwargs={"cpts": cpts.slug})
    assert client.get(url).status_code == 200  # nothing asked, no commune in the perimeter
    page = client.get(url, {"profession": "10", "commune": CLUNY, "minutes": "20"})
    text = page.content.decode()
    assert "aujourd'hui 9\u00a0h\u00a000" in text.replace("&#39;", "'")
    assert "Salornay" in text and "estimation à vol d'oiseau" in text.replace("&#39;", "'")
    fragment = client.get(
        url, {"commune": CLUNY, "minutes": "5"}, headers={"HX-Request": "true"}
    ).content.decode()
    assert "Aucun créneau libre" in fragment and "<html" not in fragment
    for wrong in ({"commune": "00000"}, {"commune": CLUNY, "minutes": "900"}):
        assert "créneau" in client.get(url, wrong).content.decode()


def test_the_page_costs_the_same_however_many_it_shows(client, cpts, communes, clock):
    sign_in(client, cpts, Role.DISPATCHER)
    diary = make_diary(cpts)
    diary.show_to_desk()
    diary.open(wall(MONDAY, 9), wall(MONDAY, 10))
    url = reverse("availability:free", kwargs={"cpts": cpts.slug})

    def cost():
        territory.forget_trips()
        with CaptureQueriesContext(connection) as seen:
            client.get(url, {"profession": "10", "commune": CLUNY, "minutes": "20"})
        return len(seen)

    cost()
    few = cost()
    diary.period(ends_minute=18 * 60)
    assert cost() == few <= 12


# Whatever the acts


ACTS = (
    "open",
    "window",
    "period",
    "end",
    "away",
    "back",
    "show",
    "take",
    "release",
    "roll",
    "later",
)
steps = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 5), st.integers(0, 3)), min_size=4, max_size=16
)


class Story:
    """Random acts of three professionals and two desks, and the hands that do them."""

    def __init__(self, clock, cptss):
        self.clock, self.cptss = clock, cptss
        self.desks = [actor_as(each, Role.DISPATCHER) for each in cptss]
        self.diaries = [
            make_diary(cptss[0], cptss[1], insee=insee) for insee in (CLUNY, SALORNAY, CLUNY)
        ]
        for each in self.diaries:
            each.show_to_desk(*cptss)
        self.minute, self.away = 0, []

    def act(self, name, which, how):
        diary, start = self.diaries[which % 3], timezone.now() + dt.timedelta(hours=which)
        start = start.replace(minute=0)
        with contextlib.suppress(actions.BadOpening, SlotClosed, SlotFull):
            getattr(self, f"do_{name}")(diary, start, which, how)

    def do_open(self, diary, start, which, how):
        end = start + dt.timedelta(hours=1)
        diary.open(start, end, slot_minutes=20, capacity=1 + how % 2)

    def do_window(self, diary, start, which, how):
        diary.open(start, start + dt.timedelta(hours=1 + how), capacity=1 + how)

    def do_period(self, diary, start, which, how):
        start = 480 + 60 * which
        diary.period(weekday=how % 2, starts_minute=start, ends_minute=start + 60)

    def do_end(self, diary, start, which, how):
        rule = (Opening if how % 2 else WeeklyPeriod).objects.filter(
            professional=diary.professional
        )
        if (first := rule.first()) is None:
            return
        if how % 2:
            actions.close_opening(by=diary.actor, opening=first)
        else:
            actions.end_period(by=diary.actor, period=first, until_on=MONDAY)

    def do_away(self, diary, start, which, how):
        self.away.append((diary, diary.away(start, start + dt.timedelta(hours=1 + how))))

    def do_back(self, diary, start, which, how):
        if self.away:
            diary, absence = self.away.pop()
            actions.end_absence(by=diary.actor, absence=absence)

    def do_show(self, diary, start, which, how):
        audiences = [{Audience.SNP}, {Audience.PUBLIC}, {Audience.CPTS}, set()][how]
        given = {f"_{each.pk}": (bool(which & 1), bool(which & 2)) for each in self.cptss}
        diary.choose(*audiences, **{k: pair for k, pair in given.items() if any(pair)})

    def do_take(self, diary, start, which, how):
        desk, cpts = self.desks[how % 2], self.cptss[how % 2]
        slots = Slot.objects.filter(professional=diary.professional, closed_at=None)
        if slot := slots.order_by("starts_at")[which : which + 1].first():
            if how < 2:
                actions.take_place(by=desk, cpts=cpts, slot=slot)
            else:
                until = timezone.now() + dt.timedelta(minutes=15)
                actions.hold_place(by=desk, cpts=cpts, slot=slot, until=until)

    def do_release(self, diary, start, which, how):
        live = Booking.objects.exclude(state="released").order_by("pk")
        if booking := live[which : which + 1].first():
            actions.release_place(by=SYSTEM, booking=booking)

    def do_roll(self, diary, start, which, how):
        actions.roll_horizon(by=SYSTEM)

    def do_later(self, diary, start, which, how):
        self.minute += 25 * which
        self.clock(MONDAY, 8 + self.minute // 60 % 12, self.minute % 60)


@given(history=steps)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_index_never_drifts(cpts, neighbour, communes, clock, history):
    with transaction.atomic():
        clock(MONDAY, 8)
        story = Story(clock, (cpts, neighbour))
        for act in history:
            story.act(*act)
            assert drift() == set(), act
            for each in story.cptss:
                for minutes in (5, 30):
                    assert near(each, minutes=minutes) == brute(each, minutes=minutes), act
        transaction.set_rollback(True)
