"""G15: no answer shows a resident, or refuses one, without its line in the journal.

A resident is shown when a word that only their record holds is in the body.
"""

import random
import re

import pytest
from django.db import transaction
from test_routes import LISTS, OBJECTS
from world import SIDES, forget_all, methods_of

from maillage.accounts.enums import Role
from maillage.config.middleware import TenantMiddleware
from maillage.kernel import journal
from maillage.kernel.models import JournalLine
from trusted import FULL, evidence, size

pytestmark = pytest.mark.django_db
OURS = ("own", "other")
IDENTITY = ("Famille", "Habitant", "Courriel")
D, P, DPO = Role.DISPATCHER, Role.PROFESSIONAL, Role.DATA_PROTECTION_OFFICER


def answers(world):
    """Every page that may be opened, as a page and as a fragment, and the searches for a resident.

    At the small size: the pages of the three roles that may meet a resident.
    """
    for role, user, url in world.pages((LISTS, OBJECTS)):
        if FULL or role in (D, P, DPO):
            yield role, user, "get", url, None
        if FULL:
            yield role, user, "get", url, {"HX-Request": "true"}
    for name, (role, *_) in {"residents:search": (D,), "rights:search": (DPO,)}.items():
        for side in OURS:
            asked = {"family_name": f"{SIDES[side]}Famille", "birth_date": "1950-01-02"}
            yield role, world.users[role], "post", world.url(name), asked


def send(world, user, method, url, extra):
    client = world.client_of(user)
    if method == "post":
        return client.post(url, extra)
    return client.get(url, headers=extra or {})


def shown_in(answer, world) -> set[int]:
    """Residents of ours whose own words are in the body."""
    text = answer.content.decode(errors="replace")
    return {
        world.objects[side]["resident"].pk
        for side in OURS
        if re.search("|".join(f"{SIDES[side]}{word}" for word in IDENTITY), text, re.IGNORECASE)
    }


def lines_since(before, kind="read"):
    return list(JournalLine.objects.filter(pk__gt=before, kind=kind).order_by("pk"))


def last():
    return JournalLine.objects.order_by("-pk").values_list("pk", flat=True)[0]


def untraced(world, chosen, *, times=1):
    """(what is wrong, how many answers showed somebody), each answer rolled back."""
    wrong, showed = [], 0
    for role, user, method, url, extra in chosen:
        with transaction.atomic():
            before = last()
            for _ in range(times):
                answer = send(world, user, method, url, extra)
            lines, shown = lines_since(before), shown_in(answer, world)
            transaction.set_rollback(True)
        world.client_of(user).cookies.pop("messages", None)
        forget_all()
        where = f"{role} {method} {url} {extra or ''}"
        written = {each for line in lines for each in line.residents}
        if shown - written:
            wrong.append(f"{where}: shown without a line, {shown - written}")
        if shown and len(lines) != 1:
            wrong.append(f"{where}: {len(lines)} lines")
        wrong += [f"{where}: who, why?" for line in lines if not line.seat_id or not line.purpose]
        told = str([(line.action, line.purpose, line.target, line.data) for line in lines])
        if re.search("|".join([*SIDES.values(), "063998"]), told):
            wrong.append(f"{where}: a word in the journal")
        showed += bool(shown)
    return wrong, showed


@pytest.fixture
def without_coalescing(monkeypatch):
    monkeypatch.setattr(journal, "READ_AGAIN_AFTER", journal.READ_AGAIN_AFTER * 0)


def test_each_answer_that_shows_residents_writes_one_line(world, without_coalescing):
    chosen = list(answers(world))
    wrong, showed = untraced(world, chosen)
    assert wrong == [], "\n".join(wrong)
    assert showed > 8
    evidence("G15", "answers that showed a resident, each with exactly one line", showed)
    evidence("G15", "answers read", len(chosen))


def test_read_again_nobody_is_shown_without_a_line_of_five_minutes(world):
    """Asked twice in a row: one line, which holds everybody."""
    wrong, showed = untraced(world, answers(world), times=2)
    assert wrong == [], "\n".join(wrong)
    assert showed > 8
    evidence("G15", "answers read again within five minutes, all covered", showed)


def test_a_page_that_forgets_the_journal_is_seen(world, monkeypatch):
    monkeypatch.setattr(journal, "record_read", lambda *args, **kwargs: None)
    chosen = [each for each in answers(world) if "/habitants/" in each[3]]
    wrong, showed = untraced(world, chosen)
    assert showed and len([each for each in wrong if "without a line" in each]) == showed


# Refusals


def forbidden(world):
    """(role, user, name, url, the object as the journal names it) of what is not for them."""
    for name in (*LISTS, *OBJECTS):
        kind, _, granted = OBJECTS.get(name, (None, None, LISTS.get(name)))
        for role, user in world.users.items():
            if kind not in {None, "commune"}:
                foreign = world.objects["foreign"][kind]
                yield role, user, name, world.url(name, foreign.pk), f":{foreign.pk}"
            if role not in granted:
                pk = world.objects["own"][kind].pk if kind else None
                yield role, user, name, world.url(name, pk), f":{pk or ''}"


def unkept(world, chosen):
    """Refusals without their one line."""
    wrong = []
    for role, user, name, url, target in chosen:
        with transaction.atomic():
            before = last()
            client = world.client_of(user)
            for _ in range(2):  # at once again: it counts once
                answer = getattr(client, methods_of(name)[0])(url)
            lines = lines_since(before, "refusal")
            transaction.set_rollback(True)
        told = [(each.action, each.seat_id is not None) for each in lines]
        if answer.status_code not in {403, 404} or told != [(name.replace(":", "."), True)]:
            wrong.append(f"{role} {name}: {answer.status_code} {told}")
        elif not lines[0].target.endswith(target) or lines[0].data or lines[0].residents:
            wrong.append(f"{role} {name}: {lines[0].target}")
    return wrong


def test_every_refusal_leaves_a_line(world):
    cells = list(forbidden(world))
    chosen = random.Random(15).sample(cells, min(size(120, len(cells)), len(cells)))
    wrong = unkept(world, chosen)
    assert wrong == [], "\n".join(wrong)
    evidence("G15", "refusals, each with its line", len(chosen))


def test_a_refusal_that_is_not_kept_is_seen(world, monkeypatch):
    monkeypatch.setattr(TenantMiddleware, "keep_refusal", lambda self, request: None)
    assert len(unkept(world, list(forbidden(world))[:6])) == 6


def test_whoever_has_no_seat_here_leaves_a_line_in_our_journal(world):
    for user, status in ((world.nobody, 404), (world.neighbours[D], 404)):
        with transaction.atomic():
            before = last()
            answer = world.client_of(user).get(world.url("snp:board"))
            [line] = lines_since(before, "refusal")
            transaction.set_rollback(True)
        assert (answer.status_code, line.user_id, line.seat_id) == (status, user.pk, None)
        assert (line.cpts_id, line.action) == (world.own.pk, "snp.board")


def test_the_anonymous_leave_none(world):
    before = last()
    assert world.client_of(None).get(world.url("snp:board")).status_code == 302
    assert lines_since(before, "refusal") == []
