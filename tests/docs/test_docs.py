"""What the pages of documentation say exists: commands, links, addresses, words, roles, acts.

Each check is a function that lists faults, tried on the pages, then on a text with a fault in it.
"""

import re
import shlex
from html import unescape
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.urls import Resolver404, resolve
from django.utils import timezone
from tests.conftest import ROOT

from maillage.__main__ import PAIRS
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice, Seat
from maillage.accounts.rules import SYSTEM
from maillage.availability.enums import BookingState
from maillage.snp.enums import CareRequestStatus
from maillage.territory.actions import load_extract
from maillage.territory.gateway import read_extract

GUIDE = ROOT / "docs/guide"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")],
    key=str,
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
every_page = pytest.mark.parametrize("doc", PAGES, ids=NAMES)
SOURCE = "\n".join(
    path.read_text("utf-8")
    for kind in ("*.py", "*.html", "*.js")
    for path in sorted((ROOT / "src").rglob(kind))
)
# Names made from a list: "snp.{status}", "availability.place_{state}".
MADE = {f"snp.{each}" for each in CareRequestStatus.values}
MADE |= {f"availability.place_{each}" for each in BookingState.values}
IMAGE_BYTES_MAX = 200_000


def shell_lines(text):
    """Lines of the `sh` blocks, their comments and continuations taken away."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words:
                yield words


def command_faults(text):
    """Commands of the shell blocks, and those quoted in a sentence, that do not exist."""
    quoted = (
        shlex.split(each)
        for each in re.findall(r"`((?:make|maillage|\.venv/bin/maillage) [^`]+)`", text)
    )
    return [fault for words in (*shell_lines(text), *quoted) for fault in one_command(words)]


def one_command(words):
    exports = words[0] == "export"
    while words and (words[0] == "export" or re.match(r"[A-Z_]+=", words[0])):
        yield from variable_faults(words[0])
        words = words[1:]
    if not words or exports:
        return
    program, *given = words
    if program == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
        yield from (f"make {each}" for each in given if "=" not in each and each not in targets)
    elif program in {"maillage", ".venv/bin/maillage"}:
        yield from management_faults(given)
    elif program in {"python", ".venv/bin/python"}:
        if not (ROOT / given[0]).is_file():
            yield f"no file {given[0]}"
    elif program == "curl":
        yield from address_faults(f"`{re.sub(r'^https?://[^/]+', '', given[-1])}`")
    else:
        yield f"unknown program {program}"


def management_faults(given):
    """Two words or one, then options the command knows."""
    name = PAIRS.get(tuple(given[:2]), given[0])
    options = [each.split("=")[0] for each in given if each.startswith("--")]
    if name not in get_commands():
        yield f"maillage {' '.join(given)}"
        return
    app = get_commands()[name]
    try:
        parser = load_command_class(app, name).create_parser("maillage", name)
    except CommandError as error:
        yield str(error)
        return
    known = {word for action in parser._actions for word in action.option_strings}
    yield from (f"maillage {name} {each}" for each in options if each not in known)


def variable_faults(text):
    """Environment variables nobody reads."""
    read = {*re.findall(r'"([A-Z][A-Z_]+)"', SOURCE)} | {"PORT", "VAR", "HOST", "ONLY", "ENGINE"}
    found = re.findall(r"\b(MAILLAGE_[A-Z_]+)\b|^([A-Z_]+)=", text, re.M)
    return [name for pair in found for name in pair if name and name not in read]


def link_faults(text, folder):
    """Links and pictures of a page that lead to no file of the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    files = (each.split("#")[0] for each in targets if not re.match(r"[a-z]+:", each))
    return [each for each in files if each and not (folder / each).resolve().exists()]


def address_faults(text):
    """Addresses of pages that no URL answers; `<cpts>` and `<id>` stand for one."""
    faults = []
    for address in re.findall(r"`(?:GET |POST )?(/[^`\s…]*)`", text):
        path = address.replace("<cpts>", "ma-cpts").replace("<id>", "14")
        try:
            resolve(path)
        except Resolver404:
            faults.append(address)
    return faults


def button_faults(text):
    """Words said in bold like a button or a heading, that no screen shows."""
    shown = unescape(SOURCE).replace("\u00a0", " ")
    prose = re.sub(r"```.*?```", "", text, flags=re.S)
    bold = (" ".join(each.split()) for each in re.findall(r"\*\*([^*]+)\*\*", prose))
    labels = (each for each in bold if each[0].isupper() and each[-1] not in ".?,!")
    return [each for each in labels if each not in shown]


def act_faults(text):
    """Acts and pages of the journal that the code never writes."""
    codes = re.findall(r"`([a-z]+\.[a-z_]+)`", text)
    return [each for each in codes if f'"{each}"' not in SOURCE and each not in MADE]


def word_faults(text):
    """Second column of the glossary: a model, or an app."""
    faults = []
    for name in re.findall(r"^\|[^|]+\| `([\w.]+)` \|", text, re.M):
        app, _, model = name.partition(".")
        try:
            config = apps.get_app_config(app)
            if model:
                config.get_model(model)
        except LookupError:
            faults.append(name)
    return faults


@every_page
def test_commands_exist(doc):
    assert command_faults(doc.read_text("utf-8")) == []


@every_page
def test_variables_are_read(doc):
    assert variable_faults(doc.read_text("utf-8")) == []


@every_page
def test_links_and_pictures_resolve(doc):
    assert link_faults(doc.read_text("utf-8"), doc.parent) == []


@every_page
def test_addresses_resolve(doc):
    assert address_faults(doc.read_text("utf-8")) == []


@pytest.mark.parametrize("doc", sorted(GUIDE.glob("*.md")), ids=lambda doc: doc.name)
def test_buttons_are_on_a_screen(doc):
    assert button_faults(doc.read_text("utf-8")) == []


def test_acts_of_the_journal_are_written():
    text = (GUIDE / "protection-des-donnees.md").read_text("utf-8")
    assert len(re.findall(r"`[a-z]+\.[a-z_]+`", text)) > 20
    assert act_faults(text) == []


def test_words_of_the_glossary_exist():
    text = (ROOT / "docs/glossary.md").read_text("utf-8")
    assert text.count("\n| ") > 25
    assert word_faults(text) == []


@pytest.mark.django_db
def test_the_first_cpts_opens_as_written():
    """The line given to the technical operator, run as it is."""
    load_extract(by=SYSTEM, extract=read_extract())
    text = (GUIDE / "administration.md").read_text("utf-8")
    (line,) = [words for words in shell_lines(text) if words[1:3] == ["cpts", "open"]]
    call_command("cpts_open", *line[3:])
    seat = Seat.objects.active(timezone.localdate()).get()
    assert (seat.cpts.slug, seat.role) == ("ma-cpts", Role.ADMINISTRATOR)
    assert seat.user.email in {each.recipient for each in Notice.objects.all()}


def test_every_role_has_a_page():
    index = (GUIDE / "README.md").read_text("utf-8").lower()
    pages = "\n".join(
        path.read_text("utf-8") for path in GUIDE.glob("*.md") if path.stem != "README"
    )
    for role in Role:
        assert role.label.lower() in index, role
        assert role.label.lower() in pages.lower(), role
        assert f"`{role.value}`" in (ROOT / "docs/glossary.md").read_text("utf-8"), role


def test_pictures_are_used_made_and_light():
    made = set(
        re.findall(
            r'(?:shoot|show)\(\w+, (?:"[^"]*", )?"([\w/.]+)"\)',
            (GUIDE / "shots.py").read_text("utf-8"),
        )
    )
    found = {path.stem for path in (GUIDE / "img").glob("*.png")} | {"../img/board"}
    shown = {
        target
        for page in GUIDE.glob("*.md")
        for target in re.findall(
            r"\((?:img/|(?=\.\./img))([\w/.]+)\.png\)", page.read_text("utf-8")
        )
    }
    assert made == found == shown
    pictures = [ROOT / "docs/img/board.png", *(GUIDE / "img").glob("*.png")]
    assert [path.name for path in pictures if path.stat().st_size > IMAGE_BYTES_MAX] == []


def test_architecture_and_moves_stay_short():
    assert len((ROOT / "docs/architecture.md").read_text("utf-8").splitlines()) <= 120
    assert len((ROOT / "docs/moves.md").read_text("utf-8").splitlines()) <= 5


@pytest.mark.parametrize(
    ("check", "wrong", "right"),
    [
        (command_faults, "```sh\nmake rum\n```", "```sh\nPORT=1 make run  # here\n```"),
        (command_faults, "`maillage reference lod DIR`", "`maillage reference load DIR`"),
        (command_faults, "```sh\nmaillage serve --dem\n```", "```sh\nmaillage serve --demo\n```"),
        (command_faults, "```sh\nexport MAILLAGE_KEY=a\n```", "```sh\nexport VAR=a PORT=1\n```"),
        (command_faults, "```sh\npip install x\n```", "```sh\ncurl -s http://a.example/sante\n```"),
        (variable_faults, "`MAILLAGE_SECRET`", "`MAILLAGE_SECRET_KEY`"),
        (lambda text: link_faults(text, GUIDE), "[x](no.md)", "[x](README.md#guide)"),
        (lambda text: link_faults(text, GUIDE), "![x](img/no.png)", "[x](https://a.example)"),
        (address_faults, "`/c/<cpts>/tableau/`", "`/c/<cpts>/snp/`"),
        (
            button_faults,
            "**Enregistrer et trouver**",
            "**Enregistrer et chercher** ; **une fois.**",
        ),
        (act_faults, "`snp.creation`", "`snp.created` `availability.place_held`"),
        (word_faults, "| lit | `snp.Bed` | x |", "| demande | `snp.CareRequest` | x |"),
    ],
)
def test_each_check_sees_a_fault(check, wrong, right):
    assert list(check(wrong))
    assert list(check(right)) == []


def test_pages_name_no_machine():
    """A page is read anywhere: no folder of the machine it was written on."""
    for page in [*PAGES, *Path(GUIDE).glob("*.py")]:
        assert not re.search(r"(?<![\w.])/(?:work|tmp|root|home)/", page.read_text("utf-8")), page
