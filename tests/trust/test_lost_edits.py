"""Two edits of one record at the same instant: one is kept, the other is told.

Apart from test_lost_updates.py, whose two CPTSs stand as long as its file does.
"""

import re
import threading
from collections import Counter

import pytest
from django.db import connection, connections
from django.db.models import QuerySet
from django.test import Client
from django_scopes import scope, scopes_disabled
from world import BACKEND

from factories import make_desk
from maillage.accounts.enums import Role
from maillage.residents.actions import record_resident
from maillage.residents.models import Resident
from people import actor_as
from trusted import evidence, size


@pytest.fixture
def record(transactional_db):
    with scopes_disabled():
        cpts = make_desk()
    with scope(cpts=cpts):
        desk = [actor_as(cpts, Role.DISPATCHER) for _ in range(2)]
        resident = record_resident(by=desk[0], cpts=cpts, family_name="Mirabelle")
    return desk, resident, f"/c/{cpts.slug}/habitants/{resident.pk}/modifier/"


def edits(record, turn):
    """Both open the form, both send it at once; what each was answered."""
    people, _, url = record
    clients, forms, answers = [], [], [None, None]
    for actor in people:
        client = Client(raise_request_exception=False)
        client.force_login(actor.seat.user, backend=BACKEND)
        page = client.get(url).content.decode()
        clients.append(client)
        forms.append(re.search(r'name="version"[^>]*value="(\d+)"', page)[1])
    together = threading.Barrier(2)

    def send(n):
        data = {"version": forms[n], "family_name": f"Nom{'ab'[n] * (turn % 40 + 1)}"}
        try:
            together.wait(20)
            answers[n] = clients[n].post(url, data)
        finally:
            connection.close()

    runners = [threading.Thread(target=send, args=(n,)) for n in range(2)]
    for each in runners:
        each.start()
    for each in runners:
        each.join(60)
    return [each.status_code for each in answers]


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_no_edit_is_lost_in_silence(record):
    pairs, told = size(12, 1000), Counter()
    for turn in range(pairs):
        told[tuple(sorted(edits(record, turn)))] += 1
    assert set(told) <= {(302, 409), (302, 422)}
    with scopes_disabled():
        assert Resident._base_manager.get(pk=record[1].pk).version == 1 + pairs
    evidence("G13", "pairs of edits at the same instant, one kept, the other told", pairs)


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_an_edit_lost_is_seen(record, monkeypatch):
    """Seeded: the version is read without the lock."""
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **options: self)
    found = [edits(record, turn) for turn in range(20)]
    connections.close_all()
    assert [302, 302] in found
