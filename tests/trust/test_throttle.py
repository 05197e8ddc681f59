"""G9: tries are counted by all processes together, a known and an unknown account answer alike, and a
stranger shuts nobody out."""

import datetime as dt
import json
import os
import sqlite3
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from statistics import median

import pytest
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.conf import settings as current
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from maillage.accounts import actions
from maillage.accounts.enums import TRIES, Tried
from maillage.accounts.models import Throttle
from maillage.accounts.rules import SYSTEM
from people import make_user
from trusted import FULL, evidence, size

pytestmark = pytest.mark.django_db
WORKER = Path(__file__).parent / "tries_worker.py"
PASSWORD = "une phrase que personne ne devine"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PROCESSES = 4
ARGON = ["django.contrib.auth.hashers.Argon2PasswordHasher"]


@pytest.fixture
def doctor(settings):
    settings.PASSWORD_HASHERS = ARGON
    user = make_user("docteure@cabinet.example")
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    TOTP.activate(user, SECRET)
    return user


def a_code() -> str:
    """A code with most of its half minute before it."""
    if (left := 30 - time.time() % 30) < 15:
        time.sleep(left)
    return format_hotp_value(hotp_value(SECRET, int(time.time()) // 30))


def enter(client, email, password=PASSWORD, **more):
    return client.post("/compte/login/", {"login": email, "password": password}, **more)


def same_database(folder) -> dict[str, str]:
    """The environment of a process that works on the database of this test."""
    environment = os.environ | {
        "VAR": str(folder),
        "MAILLAGE_DEBUG": "1",
        "PYTHONPATH": str(current.PACKAGE.parent),
    }
    if connection.vendor == "sqlite":
        with sqlite3.connect(folder / "maillage.sqlite3") as copy:
            connection.connection.backup(copy)
        return environment
    told = connection.settings_dict
    place = f"{told['HOST'] or 'localhost'}:{told['PORT'] or 5432}"
    url = f"postgres://{told['USER']}:{told['PASSWORD']}@{place}/{told['NAME']}"
    return environment | {"MAILLAGE_DATABASE_URL": url}


def looked_at(folder, user, *, times, **more) -> dict[str, int]:
    """How many wrong passwords and codes four processes really looked at, trying all at once."""
    environment = same_database(folder) | more
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), user.email, PASSWORD, str(times)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    seen = []
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        seen.append(json.loads(worker.communicate(timeout=300)[0]))
    return {what: sum(each.get(what, 0) for each in seen) for what in ("password", "code")}


@pytest.mark.django_db(transaction=True)
def test_four_processes_count_together(doctor, tmp_path):
    times = size(8, 50)
    seen = looked_at(tmp_path, doctor, times=times)
    assert seen == {"password": TRIES[Tried.PASSWORD][0], "code": TRIES[Tried.CODE][0]}
    evidence("G9", f"wrong codes of 4 processes looked at, of {4 * times}", seen["code"])
    evidence("G9", f"wrong passwords of 4 processes looked at, of {4 * times}", seen["password"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not FULL, reason="the seeded fault: make trust")
def test_counts_that_each_process_keeps_for_itself_are_seen(doctor, tmp_path):
    seen = looked_at(tmp_path, doctor, times=50, SEED="own")
    assert seen["code"] == PROCESSES * TRIES[Tried.CODE][0]
    evidence("G9", "seeded fault, each process for itself: wrong codes looked at", seen["code"])


def test_known_unknown_and_invited_accounts_answer_alike(doctor, client):
    make_user("invite@cabinet.example", password="!never")
    emails = (doctor.email, "inconnue@cabinet.example", "invite@cabinet.example")
    spent = {email: [] for email in emails}
    answers = set()
    # What could differ is the hash of a password: long on one engine is enough.
    for number in range(size(6, 2000 if connection.vendor == "sqlite" else 200)):
        for email in emails:
            begin = time.perf_counter()
            response = enter(
                client, email, "faux", REMOTE_ADDR=f"10.0.{number // 250}.{number % 250}"
            )
            spent[email].append(time.perf_counter() - begin)
            text = response.content.decode().replace(email, "")
            answers.add((response.status_code, text.split("<h1>")[1].split("csrf")[0]))
            assert "mot de passe" in text
    assert len(answers) == 1
    medians = [median(times) * 1000 for times in spent.values()]
    gap = max(medians) - min(medians)
    # At the small size, on a busy machine: nobody is spared the hash. At full size, the goal.
    assert gap < (5 if FULL else min(medians) / 2), medians
    evidence("G9", "median milliseconds between known, unknown and invited accounts", f"{gap:.2f}")


def test_a_stranger_shuts_nobody_out(doctor, client):
    for _ in range(TRIES[Tried.PASSWORD][0] + 5):
        refused = enter(client, doctor.email, "faux", REMOTE_ADDR="203.0.113.9")
    assert "Trop d&" in refused.content.decode()
    right = enter(client, doctor.email, REMOTE_ADDR="203.0.113.9")
    assert "Trop d&" in right.content.decode()
    entered = enter(client, doctor.email, REMOTE_ADDR="198.51.100.4")
    assert entered["Location"] == "/compte/2fa/authenticate/"
    opened = client.post(
        "/compte/2fa/authenticate/", {"code": a_code()}, REMOTE_ADDR="198.51.100.4"
    )
    assert opened.status_code == 302 and opened["Location"] == "/"
    assert client.session["_auth_user_id"] == str(doctor.pk)


def test_a_code_serves_once(doctor, client):
    code = a_code()
    for expected in (302, 200):
        client.logout()
        enter(client, doctor.email)
        answer = client.post("/compte/2fa/authenticate/", {"code": code})
        assert answer.status_code == expected
    assert "déjà servi" in answer.content.decode() or "incorrect" in answer.content.decode()


def test_letters_are_counted_for_known_and_unknown_alike(doctor, client):
    limit = TRIES[Tried.LETTER][0]
    for email in (doctor.email, "inconnue@cabinet.example"):
        answers = [
            client.post("/compte/password/reset/", {"email": email}) for _ in range(limit + 1)
        ]
        assert [each.status_code for each in answers] == [302] * limit + [200]
        assert "Trop d&" in answers[-1].content.decode()


def test_anonymous_posts_are_counted_for_an_address(client, monkeypatch):
    monkeypatch.setitem(TRIES, Tried.ADDRESS, (3, 10))
    statuses = [client.post("/demo/entrer/").status_code for _ in range(5)]
    assert statuses == [404, 404, 404, 429, 429]
    assert client.post("/demo/entrer/", REMOTE_ADDR="192.0.2.8").status_code == 404


def test_a_window_ends_and_old_counts_go():
    for _ in range(TRIES[Tried.CODE][0]):
        actions.count_try(by=SYSTEM, kind=Tried.CODE, of="1")
    with pytest.raises(actions.TooManyTries):
        actions.count_try(by=SYSTEM, kind=Tried.CODE, of="1")
    row = Throttle.objects.get()
    later = row.since + dt.timedelta(minutes=TRIES[Tried.CODE][1])
    actions.count_try(by=SYSTEM, kind=Tried.CODE, of="1", now=later)
    assert Throttle.objects.get().tries == 1
    assert actions.purge_tries(by=SYSTEM, now=later + dt.timedelta(days=2)) == 1


def test_the_hourly_purge_takes_old_counts_away():
    now = timezone.now()
    for hours in (1, 25, 49):
        actions.count_try(
            by=SYSTEM, kind=Tried.CODE, of=str(hours), now=now - dt.timedelta(hours=hours)
        )
    call_command("purge", stdout=StringIO())
    call_command("purge", "--apply", "--cpts", "vallee", stdout=StringIO())
    assert Throttle.objects.count() == 3  # counted only, or one CPTS: nothing of the others
    call_command("clock", stdout=StringIO())
    assert Throttle.objects.get().since == now - dt.timedelta(hours=1)
