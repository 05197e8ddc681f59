"""G19: a copy is only as good as its restoration, so the restoration is what is tried."""

import base64
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from io import BytesIO

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from maillage.kernel.sealed_stream import (
    HEADER,
    PIECE,
    TAG,
    KeyMissing,
    NotReadable,
    Sealer,
    key_of,
    opened,
)
from trusted import evidence, size

KEY = bytes(range(32))
NOTES = 200  # written before the copy; more arrive while it is taken

# A database that lives: a person who signs in, lines of the journal, a session open.
FILL = """
from django.contrib.sessions.backends.db import SessionStore
from django_scopes import scope
from maillage.accounts.models import Seat, User
from maillage.accounts.rules import SYSTEM
from maillage.kernel import instance, journal
from maillage.territory.models import Cpts
instance.declare(is_demo=True)
cpts = Cpts.objects.create(slug="vallee", name="CPTS Vallée")
user = User(email="ada@exemple.example", given_name="Ada", family_name="Fictive", is_demo=True)
user.set_password("motif-canari-47")
user.save()
with scope(cpts=cpts):
    Seat.objects.create(cpts=cpts, user=user, role="administrator", state="active")
    for number in range(%d):
        journal.record("seat.invited", user, by=SYSTEM, cpts=cpts, number=number)
SessionStore().save()
"""
WRITE = """
import sys
from maillage.accounts.rules import SYSTEM
from maillage.kernel import journal
from maillage.territory.models import Cpts
cpts = Cpts.objects.get()
print("ready", flush=True)
number = 0
while number < 5000:
    journal.record("seat.invited", None, by=SYSTEM, cpts=cpts, number=number)
    number += 1
"""
SIGN_IN = """
from django.test import Client
from django_scopes import scopes_disabled
from maillage.kernel.models import JournalLine
from django.contrib.sessions.models import Session
assert not Session.objects.exists(), "a session came back"
with scopes_disabled():
    print("lines", JournalLine.objects.count())
client = Client()
answer = client.post(
    "/compte/login/", {"login": "ada@exemple.example", "password": "motif-canari-47"}
)
print("signed in", answer.status_code, "_auth_user_id" in client.session)
"""


class Base:
    """An installation: its folder or its database, and the command line."""

    def __init__(self, name, folder, key):
        self.folder = folder / name
        self.folder.mkdir()
        self.file = self.folder / "maillage.sqlite3"
        self.environment = os.environ | {
            "VAR": str(self.folder),
            "MAILLAGE_BACKUP_KEY_FILE": str(key),
            "MAILLAGE_HOSTS": "testserver",
        }
        if connection.vendor == "postgresql":
            owner = settings.OWNER_DATABASE
            self.name = f"copy_{os.getpid()}_{name}"
            with self.postgres() as server:
                server.execute(f"CREATE DATABASE {self.name}")
            for role, variable in (
                (settings.APPLICATION_ROLE, "MAILLAGE_DATABASE_URL"),
                (owner["USER"], "MAILLAGE_OWNER_DATABASE_URL"),
            ):
                url = f"postgres://{role}@{owner['HOST']}:{owner['PORT']}/{self.name}"
                self.environment[variable] = url

    def postgres(self, name="postgres"):
        owner = settings.OWNER_DATABASE
        reached = {"host": owner["HOST"], "port": owner["PORT"], "user": owner["USER"]}
        return psycopg.connect(dbname=name, autocommit=True, **reached)

    def run(self, *words, **given):
        return subprocess.run(
            [sys.executable, "-m", "maillage", *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            **given,
        )

    def shell(self, code):
        told = self.run("shell", "-v0", "-c", code)
        assert told.returncode == 0, told.stderr
        return told.stdout

    def writing(self):
        return subprocess.Popen(
            [sys.executable, "-m", "maillage", "shell", "-v0", "-c", WRITE],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tables(self):
        if connection.vendor == "postgresql":
            with self.postgres(self.name) as base:
                asked = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
                return base.execute(asked).fetchall()
        with closing(sqlite3.connect(self.file)) as base:
            return base.execute("SELECT name FROM sqlite_master").fetchall()

    def drop(self):
        if connection.vendor == "postgresql":
            with self.postgres() as server:
                server.execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "copies.key"
    path.write_bytes(base64.b64encode(KEY))
    return path


@pytest.fixture(scope="module")
def lived(tmp_path_factory, key):
    """A database that lives, and the place where others are made."""
    if connection.vendor == "postgresql" and settings.OWNER_DATABASE is None:
        pytest.skip("needs the two roles")
    folder = tmp_path_factory.mktemp("bases")
    base = Base("lived", folder, key)
    done = base.run("migrate", "-v0")
    assert done.returncode == 0, done.stderr
    base.shell(FILL % NOTES)
    yield base, folder
    base.drop()


@pytest.fixture
def empty(lived, key):
    base = Base("empty", lived[1], key)
    base.folder.rmdir()  # the command makes it
    yield base
    base.drop()
    for each in sorted(base.folder.iterdir()):
        each.unlink()
    base.folder.rmdir()


@pytest.fixture(scope="module")
def copy(lived, tmp_path_factory):
    """Taken while another process writes."""
    base, _ = lived
    path = tmp_path_factory.mktemp("copies") / "one.maillage"
    writer = base.writing()
    try:
        assert writer.stdout.readline() == "ready\n"
        done = base.run("backup", path)
        assert done.returncode == 0, done.stderr
        assert writer.poll() is None, "the writer stopped before the copy"
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    return path


def test_what_is_restored_is_what_was_and_signs_in(copy, empty):
    done = empty.run("restore", copy)
    assert done.returncode == 0, done.stderr
    assert "chacune comparée" in done.stdout and "Les sessions sont fermées" in done.stdout
    told = empty.shell(SIGN_IN)
    assert int(told.split("lines ")[1].split()[0]) >= NOTES
    assert "signed in 302 True" in told
    again = empty.run("restore", copy)
    assert again.returncode and "n'est pas vide" in again.stderr
    evidence("G19", "copie sous écriture restaurée : tables comparées", done.stdout.split()[2])


def test_a_base_restored_under_other_keys_says_so(copy, empty):
    """The keys of the platform are not in a copy: without them its journal proves nothing."""
    empty.environment["MAILLAGE_KEYS"] = f"other:{base64.b64encode(bytes(32)).decode()}"
    done = empty.run("restore", copy)
    assert done.returncode and "journal ne se vérifie pas" in done.stderr, done.stderr
    assert "MAILLAGE_KEY_FILE" in done.stderr and "Traceback" not in done.stderr


def test_a_copy_leaves_the_date_of_the_last_one(lived, copy):
    """`maillage serve` warns when there is none, or when it is old."""
    told = lived[0].shell(
        "from django.utils import timezone\n"
        "from maillage.home import rules\n"
        "print('warnings', rules.warnings(timezone.now()))"
    )
    assert told == "warnings []\n"


def test_the_copy_says_nothing_and_holds_no_key(copy, key):
    held = copy.read_bytes()
    for word in (b"ada@exemple", b"Fictive", b"django", b"PGDMP", b"SQLite", KEY):
        assert word not in held
    assert base64.b64encode(KEY) not in held
    assert copy.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("harm", ["byte", "cut", "key"])
def test_a_harmed_copy_restores_nothing(copy, empty, tmp_path, harm):
    bad = tmp_path / "bad.maillage"
    held = bytearray(copy.read_bytes())
    if harm == "byte":
        held[random.Random(19).randrange(HEADER, len(held))] ^= 1
    elif harm == "cut":
        del held[-1:]
    else:
        other = tmp_path / "other.key"
        other.write_bytes(base64.b64encode(bytes(32)))
        empty.environment["MAILLAGE_BACKUP_KEY_FILE"] = str(other)
    bad.write_bytes(held)
    done = empty.run("restore", bad)
    assert (
        done.returncode and "rien n'est restauré" in done.stderr and "Traceback" not in done.stderr
    )
    assert empty.tables() == []


def test_a_copy_never_replaces_another_and_needs_its_key(lived, copy):
    base, _ = lived
    done = base.run("backup", copy)
    assert done.returncode and "existe déjà" in done.stderr
    base = Base.__new__(Base)
    base.environment = {**lived[0].environment, "MAILLAGE_BACKUP_KEY_FILE": ""}
    done = base.run("backup", copy.with_name("two"))
    assert done.returncode and "MAILLAGE_BACKUP_KEY_FILE" in done.stderr
    assert not copy.with_name("two").exists()


# The sealed stream


def sealed(data, key=KEY):
    out = BytesIO()
    sealer = Sealer(out, key)
    for at in range(0, len(data), 300_000):
        sealer.write(data[at : at + 300_000])
    sealer.finish()
    return out.getvalue()


def read(held, key=KEY):
    return b"".join(opened(BytesIO(held), key))


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
def test_what_is_sealed_is_read_again(length):
    data = random.Random(length).randbytes(length)
    held = sealed(data)
    assert read(held) == data
    assert held != sealed(data)  # never twice the same words


def test_every_harm_is_seen():
    data = random.Random(1).randbytes(2 * PIECE + 99)
    held, draw = sealed(data), random.Random(2)
    frame = PIECE + TAG
    pieces = [held[at : at + frame] for at in range(HEADER, len(held), frame)]
    head = held[:HEADER]
    other = sealed(data)
    harms = [
        head + b"".join(pieces[:-1]),  # the last piece is missing
        head + b"".join(pieces[:2]),
        head,
        head + b"".join(pieces[1:]),
        head + pieces[1] + pieces[0] + b"".join(pieces[2:]),
        head + b"".join(pieces) + pieces[-1],
        head + pieces[0] + b"".join(pieces),
        other[: HEADER + frame] + held[HEADER + frame :],  # the first piece of another copy
        held[:-1],
        held + b"x",
        b"",
    ]
    for _ in range(size(20, 1000)):
        at = draw.randrange(len(held))
        harms.append(held[:at] + bytes([held[at] ^ (1 << draw.randrange(8))]) + held[at + 1 :])
    for each in harms:
        with pytest.raises(NotReadable):
            read(each)
    with pytest.raises(NotReadable, match="autre clé"):
        read(held, bytes(32))
    evidence("G19", "copies abîmées refusées", f"{len(harms)}/{len(harms)}")


def test_a_reader_that_ignores_the_place_of_a_piece_is_seen(monkeypatch):
    """The seeded fault: every piece under the same nonce; a piece left out is then taken for whole."""
    monkeypatch.setattr("maillage.kernel.sealed_stream._nonce", lambda number, is_last: bytes(12))
    with pytest.raises(pytest.fail.Exception):
        test_every_harm_is_seen()


def test_a_key_file_says_what_is_wrong(tmp_path):
    for content in (b"", b"court", base64.b64encode(bytes(31)), b"\xff" * 40):
        path = tmp_path / "key"
        path.write_bytes(content)
        with pytest.raises(Exception, match="clé des sauvegardes"):
            key_of(path, apart_from=tmp_path / "var")
    with pytest.raises(Exception, match="MAILLAGE_BACKUP_KEY_FILE"):
        key_of(None, apart_from=tmp_path / "var")
    path.write_bytes(base64.b64encode(KEY))
    assert key_of(path, apart_from=tmp_path / "var") == KEY
    with pytest.raises(KeyMissing, match="à côté de la base"):
        key_of(path, apart_from=tmp_path)
