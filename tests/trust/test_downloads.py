"""G8, re-read by a spreadsheet: every text somebody could have written begins like a formula; each role
takes every file the platform gives. No cell may begin so.

`test_static` holds that tables are written in one place.
"""

import csv
import io

import pytest
from django.apps import apps
from test_routes import LISTS, OBJECTS
from test_stored_payloads import WRITTEN

from maillage.kernel import pages
from maillage.snp.queries.numbers import BY
from trusted import evidence

pytestmark = pytest.mark.django_db
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
MARK = "1+cmd"  # what each of these texts goes on with


@pytest.fixture(scope="module")
def computed(world):
    """The world, each of its texts a formula; another beginning for each row."""
    for label, names in WRITTEN.items():
        model = apps.get_model(label)
        for rank, row in enumerate(model._base_manager.all()):
            for name in names:
                longest = model._meta.get_field(name).max_length or 100
                text = f"{STARTS[rank % len(STARTS)]}{MARK}|{rank} {name}"
                setattr(row, name, text[:longest])
            row.save(update_fields=names)
    return world


def tables(world):
    """(url, cells) of every file for a spreadsheet that somebody may take."""
    ways = ["", *(f"?par={by}" for by in BY)]
    for _, user, url in world.pages((LISTS, OBJECTS)):
        for way in ways if "chiffres/" in url else [""]:
            answer = world.ask(user, url + way)
            if answer.headers["Content-Type"].startswith("text/csv"):
                text = answer.content.decode("utf-8-sig")
                rows = csv.reader(io.StringIO(text, newline=""), delimiter=";")
                yield url + way, [cell for row in rows for cell in row]


def formulas(world):
    """What a spreadsheet would compute, how many tables were read, how many texts of somebody."""
    found, read, met = [], set(), 0
    for url, cells in tables(world):
        read.add(url.partition("?")[0])
        met += sum(MARK in cell for cell in cells)
        found += [f"{url}: {cell!r}" for cell in cells if cell.startswith(STARTS)]
    return found, read, met


def test_no_cell_of_a_file_is_a_formula(computed):
    found, read, met = formulas(computed)
    assert found == [], "\n".join(found[:20])
    names = ("home:journal_file", "snp:numbers_file", "medecin_traitant:numbers_file")
    assert read == {computed.url(name) for name in names}
    assert met > 0
    evidence("G8", "texts that begin like a formula, read in the files given, 0 computed", met)


@pytest.mark.parametrize("start", STARTS)
def test_each_beginning_is_told_as_a_text(start):
    answer = pages.render_table("essai", [["habitant", f"{start}{MARK}", f"a{start}", ""]])
    [cells] = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""), delimiter=";")
    assert cells == ["habitant", f"'{start}{MARK}", f"a{start}", ""]


def test_a_cell_left_as_it_was_typed_is_seen(computed, monkeypatch):
    """Seeded: the table tells no text from a formula."""
    monkeypatch.setattr(pages, "FORMULA", ("nothing",))
    assert formulas(computed)[0]
