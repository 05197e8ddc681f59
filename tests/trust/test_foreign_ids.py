"""Ids of the CPTS next door, put wherever an id of ours is expected: in addresses, in every field of
every form our pages draw, in every key their code reads. To us they must be ids that nobody has."""

import itertools
import random
import re
from pathlib import Path

import pytest
from django.conf import settings
from django_scopes import scopes_disabled
from forms import all_forms
from test_routes import LISTS, OBJECTS
from world import FAR, NOBODYS_ID, body, methods_of, rows_of, same_ids

import maillage
import walls
from maillage.accounts.enums import Role
from maillage.availability.models import Slot
from maillage.kernel.fields import opaque_id
from maillage.snp.models.request import CareRequestQuerySet
from trusted import evidence, size

pytestmark = pytest.mark.django_db
PACKAGE = Path(maillage.__file__).parent
TABLES = (LISTS, OBJECTS)
SHORT_MAX = 2_147_483_647
LONG_STEP = 1_000  # to an opaque id that chance did not draw, and that reads as its neighbour does
NO_ROWS = {"accord", "commune"}  # the agreement's sides, and what is national


def keys_read() -> set[str]:
    """Every key that a view reads from the query or from the body, found in its source."""
    source = "\n".join(
        file.read_text("utf-8")
        for file in (*PACKAGE.glob("*/views.py"), *PACKAGE.glob("*/views/*.py"))
    )
    return {
        next(filter(None, each))
        for each in re.findall(
            r"""request\.(?:GET|POST)(?:\.get\(|\.getlist\(|\[)"(\w+)"|"(\w+)" in request\.(?:GET|POST)""",
            source,
        )
    }


def nobodys(pk: int) -> int:
    """An id that nobody has, as long as this one and with the same first digits: some fields hold
    no number so long, and some read one as a date."""
    return NOBODYS_ID if pk <= SHORT_MAX else pk - LONG_STEP


def foreign_ids(world) -> list[tuple[str, int]]:
    return [
        (kind, each.pk) for kind, each in world.objects["foreign"].items() if kind not in NO_ROWS
    ]


def told(answer, pk, began) -> tuple:
    """The answer without its one-time words, without the id that was asked for and without those of
    what was made since it `began`."""
    status, text = body(answer)
    place = answer.headers.get("Location", "")
    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
    plain = [
        re.sub(r"\b\d{15,19}\b", lambda found: "NEW" if int(found[0]) > began else found[0], each)
        for each in (re.sub(rf"\b{pk}\b", "ID", said) for said in (place, text))
    ]
    return status, *plain


def in_addresses(world):
    """(line, the id, the request that takes an id): an id in the address."""
    for name, (kind, _, _) in OBJECTS.items():
        if kind in NO_ROWS:
            continue
        pk = world.objects["foreign"][kind].pk
        for method, (role, user) in itertools.product(methods_of(name), world.users.items()):
            ask = asks(world, user, lambda pk, n=name: world.url(n, pk), method)
            yield f"{role} {method} {name}", pk, ask


def in_forms(world):
    """In each field of each form our pages draw, the others filled as usual."""
    for form in all_forms(world, TABLES):
        usual = form.filled(frozenset({str(world.foreign.pk)}))
        for key, (kind, pk) in itertools.product(form.fields, foreign_ids(world)):
            if key != "csrfmiddlewaretoken":
                line = f"{form.who} {form.method} {form.route} {key}={kind}"
                yield line, pk, sends(world, form, usual, key)


def in_queries(world):
    """In each key that some view reads, on each page."""
    pages = list(world.pages(TABLES))
    for (role, user, url), key in itertools.product(pages, sorted(keys_read())):
        for kind, pk in foreign_ids(world):
            yield f"{role} get {url}?{key}={kind}", pk, queries(world, user, url, key)


def asks(world, user, url, method):
    return lambda pk, look=None: world.ask(user, url(pk), method, look=look)


def sends(world, form, usual, key):
    before = "pro-" if any(each.startswith("pro-") for each in form.fields[key].values) else ""

    def send(pk, look=None):
        return form.send(world, {**usual, key: f"{before}{pk}"}, look=look)

    return send


def queries(world, user, url, key):
    return lambda pk, look=None: world.ask(user, url, "get", {key: pk}, look=look)


def differences(world, chosen):
    """Probes that were told something, or that touched a row next door."""
    before, wrong, began = rows_of(world.foreign), [], opaque_id()

    def untouched(line):
        def look(answer):
            if answer.wsgi_request.method != "GET" and answer.status_code < 400:
                after = rows_of(world.foreign)
                wrong.extend(f"{line}: {n} changed" for n in before if before[n] != after[n])

        return look

    with same_ids() as again:
        for line, pk, ask in chosen:
            again()
            answer = ask(pk, untouched(line))
            if "=" not in line and answer.status_code != 404:
                wrong.append(f"{line}: {answer.status_code}, not 404")
            again()
            none = nobodys(pk)
            if told(answer, pk, began) != told(ask(none), none, began):
                wrong.append(f"{line}: {answer.status_code}, not like an id that nobody has")
    return wrong


def some(found, count):
    """`count` of them, each as likely, without holding them all."""
    draw, kept = random.Random(2), []
    for number, each in enumerate(found):
        if number < count:
            kept.append(each)
        elif (at := draw.randrange(number + 1)) < count:
            kept[at] = each
    return kept


def test_a_foreign_id_is_nobodys(world):
    addresses = some(in_addresses(world), size(80, 5_000))
    typed = some(in_forms(world), size(240, 10_000))
    chosen = [*addresses, *typed]
    chosen += some(in_queries(world), size(400, 20_000) - len(chosen))
    assert all(pk > FAR for _, pk, _ in chosen)
    wrong = differences(world, chosen)
    assert wrong == [], "\n".join(wrong[:40])
    evidence("G2", "foreign ids tried, each like an id that nobody has", len(chosen))
    places = {line.rpartition("=")[0] or line for line, *_ in chosen}
    evidence("G2", "places an id was put", len(places))


def test_an_id_looked_up_anywhere_is_seen(world, monkeypatch):
    """Seeded: `get(pk=…)` without the CPTS, in an address and in a body."""
    monkeypatch.setattr(CareRequestQuerySet, "visible_to", lambda self, actor: all_of(self.model))
    monkeypatch.setattr(
        "maillage.snp.queries.slots_to_choose", lambda care_request, now: Slot.objects.all()
    )
    seen = [each for each in in_addresses(world) if each[0] == f"{Role.DISPATCHER} get snp:story"]
    slots = [each for each in in_forms(world) if each[0].endswith("snp:propose slot=slot_free")]
    if settings.OWNER_DATABASE is not None:
        assert differences(world, seen) == []  # PostgreSQL holds by itself
    walls.lower(monkeypatch)
    assert any("not 404" in each for each in differences(world, seen))
    assert any("nobody has" in each for each in differences(world, slots))


def all_of(model):
    with scopes_disabled():
        return model._base_manager.all()
