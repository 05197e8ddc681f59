"""A word of its own in every text that a person could have typed, on each side: no page, list, search,
file, mail or SMS of ours shows one of next door; who has no business with residents sees none."""

import itertools
import random
import re
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.paginator import Paginator
from django_scopes import scopes_disabled
from forms import all_forms
from test_foreign_ids import keys_read
from test_routes import LISTS, OBJECTS
from world import SIDES, texts_of

import walls
from maillage.accounts import enums
from maillage.accounts.enums import Role
from maillage.accounts.models import Notice
from maillage.kernel.models import JournalLine
from trusted import evidence, size

pytestmark = pytest.mark.django_db
TABLES = (LISTS, OBJECTS)
# What says who a resident is, or what they said: never for these roles.
OF_RESIDENT = ("Famille", "Habitant", "Courriel", "Appelant", "Note")
NEVER_A_PATIENT = (
    *(Role.ADMINISTRATOR, Role.COORDINATOR, Role.SECRETARY, Role.BUREAU, Role.TREASURER),
    *(Role.DATA_PROTECTION_OFFICER, Role.READER),
)
RIGHTS = re.compile(r"/droits/| rights:")
PHONE_OF_PATIENT = re.compile("06{0}39{0}98{0}9[678]".format("[ \u00a0\u202f]?"))


def words_next_door(world) -> list[str]:
    """What one would type to find somebody of next door."""
    found = world.objects["foreign"]
    resident, care_request = found["resident"], found["care_request"]
    return [
        *(resident.family_name, resident.given_name, resident.phone, resident.email),
        *(care_request.phone, care_request.note, care_request.caller_name, str(care_request.pk)),
        *(found["notice"].subject, found["ring"].name, found["member"].function),
        *(found["contact"].service, found["structure"].note, found["seat"].user.email),
        "Zvoisin",
    ]


def asked(world):
    """(line, user, the request): every page, bare, as a fragment, as a file; every search, for words
    of next door; every form, filled with them."""
    pages = list(world.pages(TABLES))
    for role, user, url in pages:
        yield f"{role} {url}", user, lambda u=user, a=url: world.ask(u, a)
        yield (
            f"{role} {url} fragment",
            user,
            lambda u=user, a=url: world.ask(u, a, headers={"HX-Request": "true"}),
        )
    words = words_next_door(world)
    for form, word in itertools.product(all_forms(world, TABLES), words):
        usual = form.filled(frozenset({str(world.foreign.pk)}))
        texts = [
            each.name for each in form.fields.values() if each.kind in {"text", "search", "tel"}
        ]
        for name in texts:
            yield (
                f"{form.who} {form.method} {form.route} {name}={word}",
                form.user,
                lambda f=form, d=usual | {name: word}: f.send(world, d),
            )
    for (role, user, url), key, word in itertools.product(pages, sorted(keys_read()), words[:6]):
        yield (
            f"{role} {url}?{key}={word}",
            user,
            lambda u=user, a=url, k=key, w=word: world.ask(u, a, "get", {k: w}),
        )


def leaks(line, answer, forbidden, typed="") -> list[str]:
    """Words that should not be there; what was typed comes back, and says nothing."""
    text = answer.content.decode(errors="replace")
    cut = typed[:11]  # a number's field keeps no more
    for each in filter(None, {typed, typed.lower(), quote(typed), quote(typed, safe=""), cut}):
        text = text.replace(each, "")
    found = {each.group() for pattern in forbidden for each in pattern.finditer(text)}
    return [f"{line}: {each}" for each in sorted(found)]


def forbidden_to(user, world, line):
    """The words of next door; and, for whoever never meets a patient, those of ours. Who answers the
    rights of persons reads what is held on one of them, there and nowhere else."""
    found = [texts_of("foreign")]
    roles = {role for role, each in world.users.items() if each == user}
    answers_rights = Role.DATA_PROTECTION_OFFICER in roles and RIGHTS.search(line)
    if roles & set(NEVER_A_PATIENT) and not answers_rights:
        ours = "|".join(f"{SIDES[side]}{word}\\b" for side in SIDES for word in OF_RESIDENT)
        found += [re.compile(ours), PHONE_OF_PATIENT]
    return found


def leaked(world, chosen):
    wrong = []
    for line, user, ask in chosen:
        typed = line.rpartition("=")[2] if "=" in line else ""
        wrong += leaks(line, ask(), forbidden_to(user, world, line), typed)
    return wrong


def test_no_word_of_next_door_is_shown(world):
    every = list(asked(world))
    pages = [each for each in every if "=" not in each[0].replace("demande=", "")]
    rest = [each for each in every if "=" in each[0].replace("demande=", "")]
    chosen = pages[:: 1 if size(0, 1) else 2]
    chosen = [*chosen, *random.Random(3).sample(rest, min(size(150, 6_000), len(rest)))]
    wrong = leaked(world, chosen)
    assert wrong == [], "\n".join(wrong[:40])
    evidence("G3", "answers read, no word of next door nor of a patient kept from", len(chosen))
    evidence("G3", "words planted next door", len(planted(world)))


def planted(world) -> set[str]:
    """Every word of next door, wherever it lies in the database."""
    found = set()
    with scopes_disabled():
        for row in world.objects["foreign"].values():
            texts = (str(getattr(row, each.attname)) for each in row._meta.concrete_fields)
            found |= {word for text in texts for word in re.findall(r"Zvoisin\w+", text)}
    return found


def test_the_words_are_really_there(world):
    """Next door they are read: the search is able to find them."""
    desk, seen = world.neighbours[Role.DISPATCHER], ""
    for kind in ("care_request", "accepted"):
        pk = world.objects["foreign"][kind].pk
        seen += world.ask(desk, f"/c/voisine/snp/?demande={pk}").content.decode()
    assert {"ZvoisinNote", "ZvoisinFamille", "ZvoisinMedecin"} <= set(
        re.findall(r"Zvoisin\w+", seen)
    )
    assert texts_of("foreign").search("06 39 98 98 01")


def test_a_list_of_everybody_is_seen(world, monkeypatch):
    """Seeded: a list by what the page needs, without whose it is."""
    pages = own_pages(world, Role.ADMINISTRATOR, "accounts:outbox")
    assert leaked(world, pages) == []

    def everybody(actor, *, is_demo, number=None):
        return Paginator(Notice.objects.order_by("pk"), 50).get_page(number)

    monkeypatch.setattr("maillage.accounts.queries.outbox_of", everybody)
    if settings.OWNER_DATABASE is not None:
        assert leaked(world, pages) == []  # PostgreSQL holds by itself
    walls.lower(monkeypatch)
    assert any("Zvoisin" in each for each in leaked(world, pages))


def test_a_patient_shown_to_the_treasurer_is_seen(world, monkeypatch):
    """Seeded: a role that sees the desk."""
    grants = enums.GRANTS | {Role.TREASURER: enums.GRANTS[Role.DISPATCHER]}
    monkeypatch.setattr("maillage.accounts.rules.GRANTS", grants)
    user = world.users[Role.TREASURER]
    url = f"{world.url('snp:board')}?demande={world.objects['own']['care_request'].pk}"
    wrong = leaked(world, [("treasurer board", user, lambda: world.ask(user, url))])
    assert any("ZpropreFamille" in each for each in wrong)


def own_pages(world, role, name):
    user, url = world.users[role], world.url(name)
    return [(f"{role} {name}", user, lambda: world.ask(user, url))]


def test_no_message_says_a_word_of_a_patient(world):
    """Mails and SMS go out in clear: none names a resident, a note or a caller; none crosses."""
    with scopes_disabled():
        messages = list(Notice.objects.exclude(key__startswith="essai-"))
    assert len(messages) > 5
    patients = re.compile("|".join(f"{side}{w}\\b" for side in SIDES.values() for w in OF_RESIDENT))
    for each in messages:
        said = f"{each.subject} {each.body}"
        assert not patients.search(said), each.key
        if each.cpts_id == world.own.pk:
            assert not texts_of("foreign").search(f"{said} {each.recipient}"), each.key
    evidence("G3", "mails and SMS read", len(messages))


def test_the_journal_holds_no_word(world):
    """Opaque ids only, whatever was done in the story."""
    told = [str(each) for each in JournalLine.objects.values("action", "purpose", "target", "data")]
    assert len(told) > 50
    assert not re.search("|".join(SIDES.values()), " ".join(told))
    assert not re.search(r"063998", " ".join(told))
    evidence("G3", "lines of the journal read", len(told))
