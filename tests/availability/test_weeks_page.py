"""The weeks of many professionals: shown, confirmed once, nothing lost, nothing booked twice."""

import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from diary import MONDAY, Diary, wall
from maillage.accounts.enums import Role
from maillage.availability import actions, queries
from maillage.availability.actions import BadOpening, VisibilityNotChosen
from maillage.availability.enums import LIVE, BookingMode
from maillage.availability.forms import format_week, next_monday, parse_week
from maillage.availability.models import Booking, Slot, WeeklyPeriod
from maillage.directory.models import Delegation, Place, Professional
from maillage.kernel.errors import NotAllowed
from maillage.kernel.models import JournalLine
from people import actor_as, make_commune

NEXT = MONDAY + dt.timedelta(days=7)
SUNDAY = NEXT - dt.timedelta(days=1)


@pytest.fixture
def secretary(diary):
    return actor_as(diary.cpts, Role.SECRETARY)


@pytest.fixture
def entrust(secretary, diary):
    """`entrust("Zoé")`: one more professional, shown to the desk, kept by the secretary."""

    def one_more(family_name, shown=True):
        other = Diary(diary.cpts, family_name=family_name)
        if shown:
            other.show_to_desk()
        Delegation.objects.create(
            professional=other.professional, secretary=secretary.seat.user, from_on=MONDAY
        )
        return other

    return one_more


@pytest.fixture
def site(client, secretary, diary):
    client.force_login(secretary.seat.user)
    return Site(client, reverse("availability:weeks", kwargs={"cpts": diary.cpts.slug}))


class Site:
    def __init__(self, client, url):
        self.client, self.url = client, url

    def post(self, texts, from_on=NEXT, **more):
        typed = {f"week-{each.professional.pk}": text for each, text in texts.items()}
        self.page = self.client.post(self.url, typed | {"from_on": str(from_on)} | more)
        return self.page

    def check(self, texts, **more):
        return text_of(self.post(texts, act="check", **more))

    def save(self, texts, **more):
        """Checked, then confirmed as the page asks."""
        self.post(texts, act="check", **more)
        return self.post(texts, act="save", seal=self.seal, **more)

    @property
    def seal(self):
        found = re.search(r'name="seal" value="(\w+)"', self.page.content.decode())
        return found.group(1) if found else ""


def text_of(response):
    text = re.sub(r"<[^>]+>", " ", response.content.decode())
    return re.sub(r"\s+", " ", unescape(text).replace("\u00a0", " "))


def typed_of(response, diary):
    field = re.search(
        rf'<input[^>]*name="week-{diary.professional.pk}"[^>]*>', response.content.decode()
    ).group()
    return unescape(re.search(r'value="([^"]*)"', field).group(1))


def said_on(diary, day):
    """The week in force on a day, as it would be said."""
    (line,) = queries.week_lines([diary.professional], day)
    return format_week(line.said)


def set_week(diary, text, from_on=NEXT, by=None):
    said = () if text == "-" else parse_week(text)
    return actions.set_week(
        by=by or diary.actor, professional=diary.professional, from_on=from_on, said=said
    )


# The act


def test_a_week_replaces_another_from_its_date_on(shown):
    old = shown.period(weekday=1, mode="bookable", slot_minutes=15)
    plan = set_week(shown, "lu ma 9-12 14-18")
    old.refresh_from_db()
    assert old.until_on == SUNDAY
    assert (len(plan.added), len(plan.ended)) == (4, 1)
    assert said_on(shown, SUNDAY) == "ma 9-10 /15 résa"
    assert said_on(shown, NEXT) == "lu ma 9-12 14-18 /15 résa"  # what is unsaid stays as usual
    line = JournalLine.objects.latest("pk")
    assert line.action == "availability.week_set"
    assert line.data == {
        "professional": shown.professional.pk, "added": 4, "ended": 1, "removed": 0,
    }  # fmt: skip
    assert all(each.for_snp for each in WeeklyPeriod.objects.filter(from_on=NEXT))


def test_said_twice_it_changes_nothing(shown):
    shown.period(weekday=2, mode="bookable", slot_minutes=15)
    shown.period(weekday=3, slot_minutes=30, capacity=2)
    text = "lu-je 8h30-12; ve 14-18"
    set_week(shown, text)
    before, lines = shown.rows, JournalLine.objects.count()
    plan = set_week(shown, text)
    assert not plan.is_change and len(plan.kept) == 5
    assert (shown.rows, JournalLine.objects.count()) == (before, lines)


def test_what_is_alike_is_left_alone(shown):
    kept, gone = shown.period(), shown.period(weekday=3)
    plan = set_week(shown, "lu 9-10; ma 9-10 /20")
    assert [each.pk for each in plan.kept] == [kept.pk]
    kept.refresh_from_db()
    gone.refresh_from_db()
    assert (kept.from_on, kept.until_on, gone.until_on) == (MONDAY, None, SUNDAY)


def test_a_dash_ends_every_period_even_before_a_choice_of_visibility(shown, diary):
    shown.period()
    shown.period(weekday=2, from_on=NEXT + dt.timedelta(days=30))
    plan = set_week(shown, "-")
    assert (len(plan.ended), len(plan.removed)) == (1, 1)
    assert said_on(shown, NEXT) == "-"
    assert said_on(shown, NEXT + dt.timedelta(days=60)) == "-"
    assert not set_week(shown, "-").is_change


def test_a_week_planned_later_never_begins(shown):
    later = shown.period(weekday=4, from_on=NEXT + dt.timedelta(days=14))
    set_week(shown, "ve 9-12")
    assert not WeeklyPeriod.objects.filter(pk=later.pk).exists()


def test_a_place_taken_stays_in_its_slot_when_the_new_week_offers_it(shown, desk, cpts):
    shown.period(ends_minute=12 * 60)
    slot = shown.slots.get(starts_at=wall(NEXT, 9, 20))
    booking = actions.take_place(by=desk, cpts=cpts, slot=slot)
    set_week(shown, "lu 8-13")
    booking.refresh_from_db()
    slot.refresh_from_db()
    assert (booking.state, slot.closed_at) == ("taken", None)
    assert slot.period.starts_minute == 8 * 60
    same = Slot.objects.filter(professional=shown.professional, starts_at=slot.starts_at)
    assert same.count() == 1  # not offered a second time


def test_a_place_taken_comes_back_into_the_week_that_offers_it_again(shown, desk, cpts):
    shown.period()
    slot = shown.slots.get(starts_at=wall(NEXT, 9))
    actions.take_place(by=desk, cpts=cpts, slot=slot)
    set_week(shown, "ma 9-10")
    slot.refresh_from_db()
    assert slot.closed_at is not None
    set_week(shown, "lu 8-10")
    slot.refresh_from_db()
    assert slot.closed_at is None
    same = Slot.objects.filter(professional=shown.professional, starts_at=slot.starts_at)
    assert same.count() == 1


@pytest.mark.parametrize("text", ["-", "ma 9-12", "lu 9-12 dom", "lu 9h10-12", "lu 9-12 /15"])
def test_a_place_taken_is_never_lost(shown, desk, cpts, text):
    Professional.objects.filter(pk=shown.professional.pk).update(does_home=True)
    shown.period(ends_minute=12 * 60)
    booking = actions.take_place(by=desk, cpts=cpts, slot=shown.slots.get(starts_at=wall(NEXT, 9)))
    set_week(shown, text)
    booking.refresh_from_db()
    assert booking.state == "taken" and booking.slot.starts_at == wall(NEXT, 9)
    assert Booking.objects.filter(state__in=LIVE).count() == 1


def test_places_taken_before_the_date_are_untouched(shown, desk, cpts):
    shown.period()
    slot = shown.slots.earliest("starts_at")
    actions.take_place(by=desk, cpts=cpts, slot=slot)
    set_week(shown, "ma 9-12")
    slot.refresh_from_db()
    assert slot.closed_at is None and slot.starts_at == wall(MONDAY, 9)


def test_who_may_say_a_week(shown, desk, delegated):
    with pytest.raises(NotAllowed):
        set_week(shown, "lu 9-12", by=desk)
    set_week(shown, "lu 9-12", by=delegated())


def test_nothing_is_open_before_the_choice_of_who_sees(diary):
    with pytest.raises(VisibilityNotChosen):
        set_week(diary, "lu 9-12")


@pytest.mark.parametrize(
    ("text", "from_on", "sentence"),
    [
        ("lu 9-12", MONDAY - dt.timedelta(days=1), "pas pour une date passée"),
        ("lu 9-12 @2", NEXT, "Pas de lieu d'exercice @2"),
        ("lu 9-12 visio", NEXT, "ne reçoit pas ainsi : téléconsultation"),
        ("lu 9-9h10 /20", NEXT, "plus courte qu'un créneau"),
        ("lu 14-18", NEXT, "Une ouverture ponctuelle occupe déjà ces heures le 30/11/2026"),
    ],
)
def test_what_cannot_be_is_refused_whole(shown, text, from_on, sentence):
    shown.period(weekday=2)
    shown.open(wall(NEXT, 15), wall(NEXT, 16), slot_minutes=20)
    before = shown.rows
    with pytest.raises(BadOpening, match=sentence):
        set_week(shown, text, from_on)
    assert shown.rows == before


def test_the_second_place_is_said_by_its_rank(shown):
    commune = make_commune("71306", "Montceau-les-Mines")
    second = Place.objects.create(professional=shown.professional, commune=commune, name="Annexe")
    set_week(shown, "lu 9-12 @1; ma 9-12 @2")
    assert said_on(shown, NEXT) == "lu 9-12 @1; ma 9-12 @2 /20"
    assert shown.professional.periods.get(weekday=1).place == second
    set_week(shown, "lu 9-12; ma 9-13")  # unsaid: each day stays where it is
    assert shown.professional.periods.get(weekday=1, until_on=None).place == second


# The page


def test_a_check_shows_and_writes_nothing(site, entrust):
    ana, bob, cleo = entrust("Ana"), entrust("Bob"), entrust("Cléo", shown=False)
    bob.period()
    before = [each.rows for each in (ana, bob, cleo)]
    page = site.check({ana: "lu-ve 9-12 14-18 /15", bob: "=", cleo: "lu 9-12"})
    assert site.page.status_code == 422
    assert "20 plages pour 2 professionnels, 1 arrêtée" in page
    assert (
        "lundi, mardi, mercredi, jeudi, vendredi : 9 h – 12 h et 14 h – 18 h, "
        "créneaux de 15 min, 1 place, Cluny, cabinet, sur accord"
    ) in page
    assert "n'a pas encore choisi qui voit ses disponibilités" in page
    assert "1 ligne à corriger" in page
    assert [each.rows for each in (ana, bob, cleo)] == before
    assert typed_of(site.page, bob) == "="


def test_good_lines_go_in_and_the_others_stay_typed(site, entrust):
    ana, bob, cleo, dan, eve = (
        entrust("Ana"), entrust("Bob", shown=False), entrust("Cléo"), entrust("Dan"), entrust("Eve"),
    )  # fmt: skip
    texts = {ana: "lu 9-12", bob: "=", cleo: "m 9-12", dan: "=", eve: ""}
    page = site.save(texts)
    assert page.status_code == 422
    assert said_on(ana, NEXT) == "lu 9-12 /20"
    assert [said_on(each, NEXT) for each in (bob, cleo, dan, eve)] == ["-"] * 4
    assert typed_of(page, ana) == ""
    assert typed_of(page, bob) == "lu 9-12"  # what « = » meant: its line is done
    assert typed_of(page, cleo) == "m 9-12"
    assert typed_of(page, dan) == "="
    text = text_of(page)
    assert "Enregistré : 1 plage pour 1 professionnel." in text
    assert "« m » : mardi (ma) ou mercredi (me) ?" in text
    assert "recopie la ligne du dessus, qui n'est pas comprise" in text


def test_all_good_comes_back_to_the_same_date(site, entrust):
    ana, bob = entrust("Ana"), entrust("Bob")
    bob.period()
    page = site.save({ana: "lu 9-12", bob: "-"})
    assert page.status_code == 302 and page.url == f"{site.url}?from_on={NEXT}"
    text = text_of(site.client.get(page.url))
    assert "Enregistré : 1 plage pour 2 professionnels, 1 arrêtée." in text
    assert "en place : lu 9-12 /20" in text


def test_the_same_again_changes_nothing(site, entrust):
    ana = entrust("Ana")
    site.save({ana: "lu 9-12"})
    before, lines = ana.rows, JournalLine.objects.count()
    page = site.check({ana: "lu 9-12"})
    assert "Rien à changer" in page and site.seal == ""
    assert (ana.rows, JournalLine.objects.count()) == (before, lines)


def test_a_confirmation_sent_twice_writes_once(site, entrust):
    ana = entrust("Ana")
    site.check({ana: "lu 9-12"})
    seal = site.seal
    for _ in range(2):
        site.post({ana: "lu 9-12"}, act="save", seal=seal)
    assert ana.professional.periods.count() == 1


@pytest.mark.parametrize("change", ["text", "world", "date", "forged"])
def test_only_what_was_shown_is_written(site, entrust, change):
    ana = entrust("Ana")
    site.check({ana: "lu 9-12"})
    seal, text, date = site.seal, "lu 9-12", NEXT
    if change == "text":
        text = "lu 9-13"
    elif change == "world":
        ana.period(weekday=4)
    elif change == "date":
        date = NEXT + dt.timedelta(days=7)
    else:
        seal = "0" * 64
    before = ana.rows
    page = site.post({ana: text}, from_on=date, act="save", seal=seal)
    assert page.status_code == 200 and ana.rows == before
    assert "Une ligne a changé depuis la vérification : relisez." in text_of(page)
    assert typed_of(page, ana) == text


def test_a_wrong_date_keeps_what_was_typed(site, entrust):
    ana = entrust("Ana")
    for date in ("", "hier", "2026-11-01", "0026-01-01"):
        page = site.post({ana: "lu 9-12"}, from_on=date, act="save", seal="x")
        assert page.status_code == 422 and typed_of(page, ana) == "lu 9-12", date
    assert ana.professional.periods.count() == 0


def test_only_those_entrusted_are_read_and_written(site, entrust, shown):
    ana = entrust("Ana")
    page = site.check({ana: "lu 9-12", shown: "lu 9-12"})
    assert "1 plage pour 1 professionnel" in page
    assert "Un agenda ne vous est plus confié" in page
    assert str(shown.professional) not in page
    site.post({ana: "lu 9-12", shown: "lu 9-12"}, act="save", seal=site.seal)
    assert shown.professional.periods.count() == 0
    assert ana.professional.periods.count() == 1


def test_the_places_already_taken_are_told(site, entrust, desk, cpts):
    ana = entrust("Ana")
    ana.period()
    actions.take_place(by=desk, cpts=cpts, slot=ana.slots.get(starts_at=wall(NEXT, 9)))
    assert "1 place déjà prise dans ce qui s'arrête" in site.check({ana: "-"})


def test_the_date_offered_is_next_monday(site, entrust, secretary, clock):
    entrust("Ana")
    for day, monday in ((MONDAY, NEXT), (SUNDAY, NEXT), (NEXT, NEXT + dt.timedelta(days=7))):
        clock(day, 10)
        site.client.force_login(secretary.seat.user)
        assert next_monday() == monday
        assert f'value="{monday}"' in site.client.get(site.url).content.decode()


def test_nobody_to_keep(site):
    assert "Aucun professionnel à tenir à jour" in text_of(site.client.get(site.url))


def test_a_name_and_a_text_are_escaped(site, entrust):
    ana = entrust("<b>Ana")
    site.check({ana: '"><script>x</script>'})
    assert "<script>x" not in site.page.content.decode()
    assert "<b>Ana" not in site.page.content.decode()
    assert typed_of(site.page, ana) == '"><script>x</script>'


def test_the_page_costs_the_same_for_one_or_for_many(site, entrust, django_assert_max_num_queries):
    everybody = [entrust(f"Nom{n}") for n in range(2)]
    for _ in range(2):
        texts = dict.fromkeys(everybody, "lu-ve 9-12 14-18")
        with django_assert_max_num_queries(18):
            site.client.get(site.url)
        with django_assert_max_num_queries(18):
            site.post(texts, act="check")
        for each in [entrust(f"Autre{n}") for n in range(6)]:
            each.period(mode=BookingMode.BOOKABLE)
            everybody.append(each)
