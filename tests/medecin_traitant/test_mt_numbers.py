"""The waiting list in numbers: right, told to each as they may read it, and no small count to be had."""

import csv
import datetime as dt
import html
import io
import re

import pytest
from django.core.management import call_command
from django.utils import timezone
from scipy.optimize import linprog
from test_mt_pages import at, text

from factories import BLANZY, MACON, MONTCEAU
from maillage.accounts.enums import Role
from maillage.compute.disclosure import HiddenTable
from maillage.kernel.errors import NotAllowed
from maillage.kernel.words import MONTHS
from maillage.medecin_traitant import actions, queries
from maillage.medecin_traitant.models import DoctorRequest, PublishedNumbers
from maillage.territory.models import Commune
from people import sign_in

READERS = (Role.READER, Role.BUREAU, Role.TREASURER)


@pytest.fixture
def numbers(cpts, settings_mt):
    def found():
        settings, rules = queries.settings_of(cpts), queries.rules_of(cpts)
        return queries.numbers_of(cpts, settings, rules, now=timezone.now())

    return found


def birth(age):
    return dt.date(timezone.localdate().year - age, 1, 1)


def commune(insee):
    return Commune.objects.get(pk=insee)


def by_commune(found):
    return {insee: n for insee, _, n in found.communes}


def test_who_waits_since_when_and_where(cpts, take, numbers, coordinator, clock):
    actions.set_rules(by=coordinator, cpts=cpts, rules=[actions.Rule("ald", 1)], source="bureau")
    for insee, ald in ((MONTCEAU, "yes"), (BLANZY, "")) * 4:
        take(commune=commune(insee), ald=ald, birth_date=birth(50))
        clock.move(days=1)
    found = numbers()
    told = found.waiting
    assert (told.count, told.median_days, told.long_days) == (8, 4, 5)  # 6, 7 and 8 days: one each
    assert (told.kept, told.late) == (None, None)  # nobody is late: a small count too
    assert dict(zip(found.classes, found.totals, strict=True)) == {
        "priorité 1": 4,
        "sans priorité": 4,
    }
    assert {n for n in by_commune(found).values() if n} == {4}
    # All of one age: one count under a known total is told by the others, so it hides too.
    assert all(total is None or total == 8 for _, total, _ in found.ages)


def test_a_class_that_waiting_gives_is_told_with_those_after(cpts, take, numbers, coordinator):
    rules = [actions.Rule("ald", 1), actions.Rule("waiting_days", 2, 90), actions.Rule("c2s", 3)]
    actions.set_rules(by=coordinator, cpts=cpts, rules=rules, source="bureau")
    for number in range(12):
        take(ald="yes" if number % 2 else "", c2s="yes" if number % 3 else "")
    assert numbers().classes == ["priorité 1", "priorités 2, 3 ou aucune"]


def test_too_few_to_say_anything(client, cpts, take, numbers):
    for many in range(3):
        found = numbers()
        assert found.waiting.count is None and found.waiting.median_days is None, many
        assert found.classes == [] and not any(by_commune(found).values())
        if many < 2:
            take()
    sign_in(client, cpts, Role.COORDINATOR)
    assert "Trop peu de personnes" in text(client.get(at("numbers", cpts)))


def test_answers_against_the_promise(take, numbers, doctor, offers, coordinator, clock):
    offers(doctor, per_month=20)
    made = [take() for _ in range(8)]
    for i, each in enumerate(made):
        if i == 4:
            clock.move(days=61)
        sent = actions.propose_doctor(by=coordinator, doctor_request=each, professional=doctor)
        actions.accept_attribution(by=coordinator, attribution=sent)
    placed = numbers().placed
    assert (placed.count, placed.kept, placed.late) == (8, 4, 4)
    assert (placed.median_days, placed.long_days) == (0, 61)


def test_the_promise_by_month_of_reception(
    cpts, take, numbers, doctor, offers, coordinator, desk, clock, settings_mt
):
    """Received in one month: five answered in time, four not, one who gave up before."""

    def accept(made):
        offers(doctor, per_month=20, until_on=clock.now.date() + dt.timedelta(days=30))
        sent = actions.propose_doctor(by=coordinator, doctor_request=made, professional=doctor)
        actions.accept_attribution(by=coordinator, attribution=sent)

    made = [take() for _ in range(10)]
    month = f"{MONTHS[clock.now.month - 1]} {clock.now.year}"
    for each in made[:5]:
        accept(each)
    actions.withdraw(by=desk, doctor_request=made[5], reason="asked")
    assert month not in [each[0] for each in numbers().months]
    clock.move(days=settings_mt.promised_days + 1)
    accept(made[6])
    clock.move(days=60)
    assert len(numbers().months) == 12
    assert numbers().months[-1] == (month, 9, 5, 4)
    told = dict.fromkeys(each[0] for each in numbers().months[:-1])
    assert all(each[1:] == (None, None, None) for each in numbers().months if each[0] in told)
    call_command("doctor_requests_watch")
    # Told once, a month is never counted again: what is erased since shows nothing.
    DoctorRequest.objects.filter(pk=made[7].pk).update(promised_by=clock.now.date())
    clock.move(days=91)
    call_command("doctor_requests_watch")
    assert PublishedNumbers.objects.count() == 2
    last = queries.numbers_in(queries.last_published(cpts).figures)
    assert [month, 9, 5, 4] in [list(each) for each in last.months]


# Who reads what


def fill(take, clock, *, days=100):
    """Enough to publish, and small counts of every sort."""
    for number in range(30):
        take(
            commune=commune((MONTCEAU, MONTCEAU, BLANZY, MACON)[number % 4 if number < 20 else 0]),
            birth_date=birth((3, 45, 62, 75, 78, 85)[number % 6 if number < 14 else 1]),
            ald="yes" if number % 4 == 1 else "",
        )
        clock.move(days=days // 30)


@pytest.fixture
def waited(cpts, take, clock, coordinator):
    rules = [actions.Rule("ald", 2), actions.Rule("age_from", 1, 70)]
    actions.set_rules(by=coordinator, cpts=cpts, rules=rules, source="bureau")
    fill(take, clock)
    return cpts


def test_the_page_names_nobody(client, waited, settings_mt):
    call_command("doctor_requests_watch")
    names = {each.resident.family_name for each in DoctorRequest.objects.all()}
    for role in (Role.COORDINATOR, Role.DISPATCHER, *READERS):
        sign_in(client, waited, role)
        shown = text(client.get(at("numbers", waited)))
        assert "masqué" in shown and "Attente médiane" in shown
        assert not any(name in shown for name in names)


def test_nothing_is_published_before_the_clock_says(client, waited, coordinator):
    sign_in(client, waited, Role.READER)
    assert "Rien n'est encore publié" in text(client.get(at("numbers", waited)))
    assert client.get(at("numbers_file", waited)).status_code == 404
    with pytest.raises(NotAllowed):
        actions.publish_numbers(by=coordinator, cpts=waited)
    call_command("doctor_requests_watch")
    assert "masqué" in text(client.get(at("numbers", waited)))


def pages(client, cpts, role=Role.READER):
    sign_in(client, cpts, role)
    found = client.get(at("numbers", cpts)), client.get(at("numbers_file", cpts))
    assert [each.status_code for each in found] == [200, 200]
    main = found[0].content.decode()
    return main[main.index("<main") : main.index("</main>")], found[1].content


@pytest.mark.parametrize("role", READERS)
def test_whoever_reads_the_numbers_is_led_to_nothing_refused(client, waited, role):
    call_command("doctor_requests_watch")
    sign_in(client, waited, role)
    for path in (at("numbers", waited), f"/c/{waited.slug}/"):
        shown = client.get(path).content.decode()
        links = set(re.findall(r'href="(/c/[^"]*)"', shown))
        assert at("numbers", waited) in links and at("waiting", waited) not in links
        refused = [each for each in links if client.get(html.unescape(each)).status_code >= 400]
        assert refused == []


def test_two_days_tell_a_reader_no_more_than_one(client, waited, take, clock, doctor, offers):
    """Everything that happens for three months, each day: the page and the file stay as they were."""
    call_command("doctor_requests_watch")
    first = pages(client, waited)
    for _ in range(9):
        take(commune=commune(BLANZY))
        clock.move(days=10)
        row = DoctorRequest.objects.order_by("pk").first()
        DoctorRequest.objects.filter(pk=row.pk).update(commune=MONTCEAU)
        call_command("doctor_requests_watch")
        assert pages(client, waited) == first
    clock.move(days=2)
    call_command("doctor_requests_watch")
    assert PublishedNumbers.objects.count() == 2 and pages(client, waited) != first


def test_a_page_counted_each_day_is_seen(client, waited, take, clock, monkeypatch):
    """Seeded: readers are given the numbers of the day."""
    call_command("doctor_requests_watch")
    first = pages(client, waited)
    take(commune=commune(BLANZY))
    monkeypatch.setattr("maillage.medecin_traitant.views.figures.follows", lambda *of: True)
    assert pages(client, waited) != first


# What a reader works out of the page and of the file


def cells_told(client, cpts):
    """(table, line, column): value or None, of the file; the page and its map say the same."""
    page, file = pages(client, cpts)
    rows = csv.DictReader(io.StringIO(file.decode("utf-8-sig")), delimiter=";")
    told = {
        (row["table"], row["line"], row["column"]): None
        if row["value"] == "s"
        else int(row["value"])
        for row in rows
    }
    shown = re.sub(r"<[^>]+>", " ", html.unescape(page))
    for name, n in re.findall(r"<title>([^<]*) : (\d+) personnes", html.unescape(page)):
        insee = Commune.objects.get(name=name).pk
        assert told["commune", insee, "total"] == int(n)
    figures = {int(n) for n in re.findall(r"(?<![\d/])\d+(?![\d/])", shown.partition("Tableau")[0])}
    assert figures
    return told


def spans(told, impossible):
    """How far each hidden number may go, for a reader who knows all that is told, that counts add up
    and are not negative, and which cells the written rules leave empty."""
    ages = sorted({line for table, line, _ in told if table == "age"} - {"total"})
    classes = sorted({each for table, _, each in told if table == "age"} - {"total"})
    places = sorted({line for table, line, _ in told if table == "commune"})
    people = [
        (age, each, place)
        for age in ages
        for each in classes
        for place in places
        if (age, each) not in impossible
    ]

    def row(test):
        return [1.0 if test(*one) else 0.0 for one in people]

    numbers = {("waiting", "total", "count"): row(lambda a, c, p: True)}
    for age in ages:
        numbers["age", age, "total"] = row(lambda a, c, p, age=age: a == age)
        for each in classes:
            numbers["age", age, each] = row(
                lambda a, c, p, age=age, each=each: (a, c) == (age, each)
            )
    for each in classes:
        numbers["age", "total", each] = row(lambda a, c, p, each=each: c == each)
    for place in places:
        numbers["commune", place, "total"] = row(lambda a, c, p, place=place: p == place)
    known = {name: of for name, of in numbers.items() if told[name] is not None}
    given = {"A_eq": list(known.values()), "b_eq": [told[name] for name in known]}
    found = {}
    for name in numbers.keys() - known.keys():
        low = linprog(numbers[name], **given).fun
        high = -linprog([-each for each in numbers[name]], **given).fun
        found[name] = (round(low), round(high))
    return found


def impossible_cells(told):
    """By the rules: from 70 on, priority 1; under 70 or not known, never."""
    ages = {line for table, line, _ in told if table == "age"} - {"total"}
    old = {age for age in ages if age.startswith(("70", "80"))}
    first, second, none = "priorité 1", "priorité 2", "sans priorité"
    assert {each for table, _, each in told if table == "age"} >= {first}
    return {(age, first) for age in ages - old} | {
        (age, each) for age in old for each in (second, none, f"{second} ou aucune")
    }


def recovered(client, cpts, minimum=3):
    told = cells_told(client, cpts)
    found = spans(told, impossible_cells(told))
    assert found, "nothing is hidden: the attack proves nothing"
    small = [name for name, n in told.items() if n is not None and name[2] != "median_days"]
    small = [name for name in small if name[2] != "long_days" and 0 < told[name] < minimum]
    return small + [name for name, (low, high) in found.items() if high - low < minimum
                    and not (name[0] == "age" and low == high == 0)]  # fmt: skip


def test_a_reader_works_out_no_small_count(client, waited):
    call_command("doctor_requests_watch")
    assert recovered(client, waited) == []


def only_small(*, counts, minimum, impossible):
    return HiddenTable((counts < minimum) & ~impossible, counts.sum(axis=1) < minimum)


@pytest.mark.parametrize("seeded", ["no more than the small cells", "cells that cannot be"])
def test_the_attack_finds_a_small_count_left_to_be_had(client, waited, monkeypatch, seeded):
    if seeded == "cells that cannot be":
        monkeypatch.setattr("maillage.medecin_traitant.queries.numbers._never", lambda *of: False)
    else:
        monkeypatch.setattr("maillage.compute.waiting.suppress_table", only_small)
    call_command("doctor_requests_watch")
    assert recovered(client, waited)
