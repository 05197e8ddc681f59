"""The health of the platform: what it tells, and what it calls broken."""

import datetime as dt

import pytest
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

import maillage
from maillage.accounts import actions
from maillage.accounts.models import Notice
from maillage.accounts.rules import SYSTEM
from maillage.home import queries
from maillage.kernel import instance, pulse
from maillage.kernel.models import Beat, Instance


@pytest.fixture
def alive(db):
    instance.declare(is_demo=True)
    for name in queries.LOOPS:
        pulse.beat(name)


def test_a_healthy_platform_says_what_it_runs(alive):
    actions.queue_notice(
        by=SYSTEM, cpts=None, channel="mail", recipient="a@b.example", key="k", body="texte"
    )
    actions.keep_notices(by=SYSTEM, now=timezone.now())
    state, status = queries.health()
    assert status == 200
    assert state == {
        "status": "ok",
        "version": maillage.__version__,
        "database": {"engine": connection.vendor, "ok": True},
        "pending_migrations": 0,
        "last_notice_sent": Notice.objects.get().sent_at,
        "last_clock_tick": Beat.objects.get(name="clock").at,
        "problems": [],
    }


def test_the_route_answers_anybody_in_json(alive, client):
    answer = client.get("/sante")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json()["status"] == "ok"
    Beat.objects.update(at=timezone.now() - dt.timedelta(minutes=3))
    assert client.get("/sante").status_code == 503


@pytest.mark.parametrize("name", queries.LOOPS)
def test_a_loop_silent_for_two_minutes_is_broken(alive, name):
    Beat.objects.filter(name=name).update(at=timezone.now() - dt.timedelta(minutes=1, seconds=50))
    assert queries.health()[1] == 200
    Beat.objects.filter(name=name).update(at=timezone.now() - dt.timedelta(minutes=2, seconds=1))
    state, status = queries.health()
    assert status == 503
    assert queries.LOOPS[name] in " ".join(state["problems"])


def test_a_loop_that_never_spoke_is_broken_once_the_database_is_two_minutes_old(alive):
    Beat.objects.all().delete()
    assert queries.health()[1] == 200
    Instance.objects.update(created_at=timezone.now() - dt.timedelta(minutes=3))
    assert queries.health()[1] == 503


def test_a_pending_migration_is_broken(alive, monkeypatch):
    [last] = MigrationLoader(connection).graph.leaf_nodes("kernel")
    applied = MigrationRecorder(connection).applied_migrations()
    del applied[last]
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: applied)
    state, status = queries.health()
    assert (state["pending_migrations"], status) == (1, 503)


def test_a_database_that_does_not_answer_is_broken(alive):
    def refuse(*args):
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        state, status = queries.health()
    assert (state["database"]["ok"], state["status"], status) == (False, "broken", 503)
