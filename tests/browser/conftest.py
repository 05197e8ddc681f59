"""The real program, with its demonstration, in a real browser."""

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect

from maillage.accounts.models import Notice
from maillage.kernel.fields import opened

HERE = "/c/centre-saone-et-loire/"
START_SECONDS = 120


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Where the program under test keeps its database."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
def serve(folder):
    """Address of `maillage serve --demo` on a folder of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILLAGE_")}
    kept.pop("HOST", None)
    log = (folder / "serve.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "maillage", "serve", "--demo", "--stop-with-parent"],
        env=kept | {"VAR": str(folder), "PORT": str(port)},
        stdout=log,
        stderr=log,
    )
    address = f"http://127.0.0.1:{port}"
    limit = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{address}/sante", timeout=2).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > limit:
                pytest.fail((folder / "serve.log").read_text())
            time.sleep(0.2)
    yield address
    process.terminate()
    process.wait(20)
    log.close()


@pytest.fixture
def enter(serve):
    """`enter(page, "Malo Standard")`: one click on the demonstration's door."""

    def click(page, name):
        page.goto(f"{serve}/demo/")
        page.get_by_role("button", name=re.compile(name)).first.click()
        expect(page).not_to_have_url(re.compile("/demo/"))

    return click


class Server:
    """`maillage serve` on its own copy of the demonstration; it may be killed and started again."""

    options = ("--demo",)

    def __init__(self, folder):
        self.folder, self.process = folder, None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        kept = {name: text for name, text in os.environ.items() if not name.startswith("MAILLAGE_")}
        kept.pop("HOST", None)
        self.environment = kept | {
            "VAR": str(folder),
            "PORT": str(self.port),
            "MAILLAGE_SITE_URL": self.address,
            "DJANGO_SETTINGS_MODULE": "maillage.config.settings",
        }

    def start(self):
        log = self.folder / "serve.log"
        with log.open("a") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "maillage", "serve", *self.options, "--stop-with-parent"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        limit = time.monotonic() + START_SECONDS
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > limit:
                pytest.fail(log.read_text())
            time.sleep(0.1)

    def _answers(self):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{self.address}/sante", timeout=2).close()
            return True
        return False

    def kill(self):
        """`kill -9` of everything at once: supervisor, server and its workers, sender, clock."""
        pids = list(_family(self.process.pid))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(20)
        limit = time.monotonic() + 20
        while any(Path(f"/proc/{pid}/exe").exists() for pid in pids) or self._answers():
            assert time.monotonic() < limit, "something of the killed server is still there"
            time.sleep(0.05)

    def scene(self, name):
        """What tests.browser.scenes prepares in this database."""
        code = f"import django; django.setup(); from tests.browser import scenes; scenes.write('{name}')"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=self.environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def rows(self, query, *values):
        """Straight from the file, whether the server runs or not."""
        with contextlib.closing(self._open()) as database:
            return [dict(row) for row in database.execute(query, values)]

    def _open(self):
        database = sqlite3.connect(self.folder / "maillage.sqlite3", timeout=20)
        database.row_factory = sqlite3.Row
        return database

    def pass_time(self, care_request, seconds):
        """For one request, `seconds` have gone by: all its moments are moved back. Only a test does
        this; the program has no such door."""
        mine = "id IN (SELECT booking_id FROM snp_proposal WHERE care_request_id = :it)"
        with contextlib.closing(self._open()) as database, database:
            for table, moments, which in (
                ("snp_carerequest", REQUEST_MOMENTS, "id = :it"),
                ("snp_proposal", ("sent_at", "answered_at", "expires_at"), "care_request_id = :it"),
                ("snp_carerequestevent", ("at",), "care_request_id = :it"),
                ("availability_booking", ("held_until", "changed_at"), mine),
            ):
                moved = ", ".join(
                    f"{name} = strftime('%Y-%m-%d %H:%M:%f', {name}, :ago)" for name in moments
                )
                database.execute(
                    f"UPDATE {table} SET {moved} WHERE {which}",  # noqa: S608 - our own words
                    {"it": care_request, "ago": f"-{seconds} seconds"},
                )


REQUEST_MOMENTS = (
    *("received_at", "flags_checked_at", "owned_at", "circle_at", "circle_until"),
    *("waiting_since", "reminded_at", "escalated_at", "watch_at"),
)


def _family(pid):
    """The process then everything under it: parents first, or they would start again the others."""
    yield pid
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from _family(int(child))


@pytest.fixture
def server(serve, folder, tmp_path):
    """A server of this test alone, on a copy of the demonstration: it may be killed."""
    with (
        contextlib.closing(sqlite3.connect(folder / "maillage.sqlite3")) as demo,
        contextlib.closing(sqlite3.connect(tmp_path / "maillage.sqlite3")) as own,
    ):
        demo.backup(own)
    own_server = Server(tmp_path)
    own_server.start()
    yield own_server
    if own_server.process.poll() is None:
        own_server.process.terminate()
        own_server.process.wait(20)


@pytest.fixture
def come_in(server):
    """`come_in(page, "Malo Standard")`, at the door of the server of this test."""

    def click(page, name):
        page.goto(f"{server.address}/demo/")
        page.get_by_role("button", name=re.compile(name)).first.click()
        expect(page).not_to_have_url(re.compile("/demo/"))

    return click


def opened_mails(rows):
    """Rows of `accounts_notice` (id, cpts_id and the others) as their recipient reads them."""
    for each in rows:
        for name in ("recipient", "body"):
            sealed = Notice._meta.get_field(name).from_db_value(each[name], None, None)
            each[name] = opened(sealed, pk=each["id"], cpts_id=each["cpts_id"])
    return rows


def soon(look, wanted, seconds=15):
    """Wait until `look()` is `wanted`; fails with what it is instead."""
    limit = time.monotonic() + seconds
    while (found := look()) != wanted and time.monotonic() < limit:
        time.sleep(0.1)
    assert found == wanted
