"""A secretary enters a hundred weeks by keyboard: each key is counted, what is stored is compared.

A key is a press: digits, `/` and `-` are on the numeric pad, `=` and `;` need no Shift.
"""

import os
import re
import sqlite3
import subprocess
import sys
import time
from itertools import product
from statistics import mean, median

import pytest
from playwright.sync_api import expect

from tests.conftest import ROOT

pytestmark = pytest.mark.browser
HERE = "/c/cent-semaines/"
KEYS_MAX = 40
DOCTORS = 100
SET_UP = f"""
from maillage.accounts.enums import Role
from maillage.accounts.rules import SYSTEM
from maillage.availability.actions import choose_visibility
from maillage.directory.models import Delegation
import people
cpts = people.make_cpts("cent-semaines")
user = people.make_user(given_name="Prisca", family_name="Cent-Semaines", is_demo=True)
people.make_seat(cpts, Role.SECRETARY, user)
for number in range({DOCTORS}):
    doctor = people.make_professional(number=500000 + number, family_name=f"Nom{{number:03}}")
    choose_visibility(by=SYSTEM, professional=doctor, audiences=set(), given={{}})
    Delegation.objects.create(professional=doctor, secretary=user, from_on=people.LONG_AGO)
"""
STORED = """
SELECT p.family_name, w.weekday, w.starts_minute, w.ends_minute, w.slot_minutes
FROM availability_weeklyperiod w JOIN directory_professional p ON p.id = w.professional_id
WHERE p.family_name LIKE 'Nom___' AND w.until_on IS NULL
"""
WORKDAYS = {"lu": 0, "ma": 1, "me": 2, "je": 3, "ve": 4}


def span(text):
    """What « 8h30-12 » is meant to be, read in the plainest way."""
    bounds = [each.split("h") for each in text.split("-")]
    return tuple(int(hour) * 60 + int(rest[0] if rest else 0) for hour, *rest in bounds)


def rules(days, hours, minutes):
    return {(day, *span(each), minutes) for day in days for each in hours}


def weeks():
    """Pairs (text, rules): a hundred weeks as a list of doctors has them, one in ten repeated."""
    mornings, afternoons = ("9-12", "8h30-12h30", "8-12"), ("14-18", "13h30-17h30", "14-19")
    lengths = (15, 20)
    found = []
    for morning, afternoon, minutes in product(mornings, afternoons, lengths):
        both = (morning, afternoon)
        found.append((f"lu-ve {morning} {afternoon} /{minutes}", rules(range(5), both, minutes)))
        found.append((
            f"l-v {morning} {afternoon}; sa 9-12 /{minutes}",
            rules(range(5), both, minutes) | rules([5], ["9-12"], minutes),
        ))  # fmt: skip
    for off, (morning, minutes) in product(WORKDAYS, product(mornings, lengths)):
        days = [each for each in WORKDAYS if each != off]
        found.append((
            f"{' '.join(days)} {morning} 14-18 /{minutes}",
            rules([WORKDAYS[each] for each in days], (morning, "14-18"), minutes),
        ))  # fmt: skip
    for morning, afternoon, minutes in product(mornings, afternoons, (10, 15, 20)):
        found.append((
            f"luje {morning}; mameve {afternoon} /{minutes}",
            rules([0, 3], [morning], minutes) | rules([1, 2, 4], [afternoon], minutes),
        ))  # fmt: skip
    distinct = found[:90]
    assert len({frozenset(meant) for _, meant in distinct}) == 90
    listed = []
    for rank, (text, meant) in enumerate(distinct, 1):
        listed.append((text, meant))
        if rank % 9 == 0:
            listed.append(("=", meant))
    return listed


@pytest.fixture(scope="module")
def secretary(serve, folder):
    """A secretary to whom a hundred doctors entrusted their availability, in a CPTS of their own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-c", SET_UP],
        cwd=ROOT,
        env=kept | {"VAR": str(folder), "PYTHONPATH": paths},
        check=True,
        capture_output=True,
    )
    return "Prisca Cent-Semaines"


def stored(folder):
    (path,) = folder.glob("*.sqlite3")
    found = {}
    with sqlite3.connect(path) as database:
        for name, *rule in database.execute(STORED):
            found.setdefault(name, set()).add(tuple(rule))
    return found


class Typist:
    """Presses one key at a time, and counts."""

    def __init__(self, page):
        self.page, self.count = page, 0

    def press(self, key):
        self.page.keyboard.press(key)
        self.count += 1

    def type(self, text):
        for key in text:
            self.press("Space" if key == " " else key)


def test_a_hundred_weeks_by_keyboard(browser, serve, enter, axe, folder, secretary, capsys):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    enter(page, secretary)
    page.goto(f"{serve}{HERE}disponibilites/semaines/")
    expect(page.locator("[data-week]")).to_have_count(DOCTORS)
    typist, keys, listed = Typist(page), [], weeks()
    assert len(listed) == DOCTORS
    expect(page.locator("[data-week]").first).to_be_focused()
    began = time.monotonic()
    for text, _ in listed:
        before = typist.count
        typist.type(text)
        typist.press("Enter")  # down the column; on the last line, to the check
        keys.append(typist.count - before)
    typed = time.monotonic()
    save = page.get_by_role("button", name="Enregistrer ces semaines")
    expect(save).to_be_focused(timeout=30_000)
    expect(page.locator("#weeks-summary")).to_contain_text(f"pour {DOCTORS} professionnels")
    assert page.locator("[aria-invalid]").count() == 0
    assert axe(page) == []
    checked = time.monotonic()
    typist.press("Enter")
    expect(page.locator("#messages")).to_contain_text("Enregistré", timeout=60_000)
    saved = time.monotonic()
    with capsys.disabled():
        print(
            f"\n{DOCTORS} weeks: {typist.count} keys in all, {typist.count / DOCTORS:.1f} a doctor"
            f" (median {median(keys):.0f}, mean {mean(keys):.1f}, most {max(keys)});"
            f" typed {typed - began:.0f} s, checked {checked - typed:.1f} s,"
            f" saved {saved - checked:.1f} s"
        )
    assert max(keys) <= KEYS_MAX and typist.count / DOCTORS <= KEYS_MAX
    meant = {f"Nom{rank:03}": each for rank, (_, each) in enumerate(listed)}
    assert stored(folder) == meant


def test_a_few_weeks_without_scripts(browser, serve, enter, secretary):
    page = browser.new_context(java_script_enabled=False).new_page()
    enter(page, secretary)
    page.goto(f"{serve}{HERE}disponibilites/semaines/")
    expect(page.locator("[data-week]").first).to_be_focused()
    page.keyboard.type("lu 7-8")
    page.keyboard.press("Tab")
    page.keyboard.type("bonjour")
    page.keyboard.press("Enter")  # checks: Enter never writes
    expect(page.locator("main")).to_contain_text("« bonjour » n'est pas compris")
    expect(page.locator("#weeks-summary")).to_contain_text("1 plage pour 1 professionnel")
    page.get_by_role("button", name="Enregistrer ces semaines").click()
    expect(page.locator("#messages")).to_contain_text("Enregistré : 1 plage pour 1 professionnel")
    fields = page.locator("[data-week]")
    expect(fields.nth(0)).to_have_value("")
    expect(fields.nth(1)).to_have_value("bonjour")
    expect(fields.nth(1)).to_be_focused()


def test_what_was_understood_and_what_was_not_on_a_narrow_dark_screen(
    browser, serve, enter, axe, secretary
):
    page = browser.new_context(
        viewport={"width": 320, "height": 640}, color_scheme="dark"
    ).new_page()
    enter(page, secretary)
    page.goto(f"{serve}{HERE}disponibilites/semaines/")
    fields = page.locator("[data-week]")
    fields.nth(0).fill("lu-ve sauf me 8h30-12h30 13h30-17h30; sa 9-12 /15 x2 résa")
    fields.nth(1).fill("lu-ve 9-12 les semaines impaires")
    page.get_by_role("button", name="Vérifier").first.click()
    expect(fields.nth(1)).to_be_focused()
    expect(page.locator("#weeks-summary")).to_contain_text("1 ligne à corriger")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_the_column_by_keyboard(browser, serve, enter, secretary):
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    enter(page, secretary)
    page.goto(f"{serve}{HERE}disponibilites/semaines/")
    fields = page.locator("[data-week]")
    expect(fields.first).to_be_focused()  # the page is drawn, and ready to be typed in
    for key, rank in (("Enter", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("Tab", 2), ("Shift+Tab", 1)):
        page.keyboard.press(key)
        expect(fields.nth(rank)).to_be_focused()
    assert re.search("/semaines/$", page.url)
