"""Fifty dispatchers on one board for five minutes, against a real `maillage serve`.

Each asks "anything since?" every second, as `live.js` does, and takes what changed: the lines of the
queue that moved, the request in hand too when it shows something else. Five acts a second are done
by them, so hardly any answer is "nothing", which is the worst the board can meet. 1 500
professionals, 200 open requests.
PostgreSQL is a cluster made for the run and thrown away; SQLite is printed beside. The generator is
one asyncio process: it shares the processors with the server and the database, and says how much it
took.

MAILLAGE_DESK_SECONDS (300) makes a shorter run; MAILLAGE_DESK_ENGINE (postgres or sqlite) one engine.
"""

import asyncio
import contextlib
import datetime as dt
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

from bench import Report

NAME = "desk"
SECONDS = float(os.environ.get("MAILLAGE_DESK_SECONDS", "300"))
ENGINES = os.environ.get("MAILLAGE_DESK_ENGINE", "postgres sqlite").split()
DISPATCHERS, PROFESSIONALS, REQUESTS, ACCEPTED = 50, 1500, 200, 20
EVERY_SECONDS, WHOLE_SECONDS, WRITES_A_SECOND = 1.0, 60.0, 5.0
WARM_SECONDS = 5.0
# A request received for one that ends, so that the board keeps its length.
ACTS = ("create", "cancel", "take", "place", "call", "inform")
ROOT = Path(__file__).resolve().parents[1]
TOKEN = "x" * 32
SLOT = re.compile(rb'name="slot" value="(\d+)"(?! disabled)')
MARK = re.compile(rb'name="shown" value="([^"]*)"')
WITHDRAW = re.compile(rb'hx-post="(\S+/proposition/\d+/retirer/)"')


# The database


def fill() -> dict[str, Any]:
    """A desk of fifty, its directory and its board; the cookie of each dispatcher."""
    sys.path.insert(0, str(ROOT / "tests"))
    factories, people = import_module("factories"), import_module("people")
    models, snp = import_module("maillage.snp.models"), import_module("maillage.snp.actions")
    timezone, scopes = import_module("django.utils.timezone"), import_module("django_scopes")
    now = timezone.localtime().replace(second=0, microsecond=0)
    factories.MONDAY, factories.LONG_BEFORE = now, now - dt.timedelta(days=90)
    people.mark_demo()
    with scopes.scopes_disabled():
        factories.make_communes()
        communes = import_module("maillage.territory.models").Commune.objects.all()
        cpts = people.make_cpts("banc", communes)
    with scopes.scope(cpts=cpts):
        settings = factories.set_desk(
            cpts, valid_from=factories.LONG_BEFORE, live_proposals_max=3, outcome_after_minutes=600
        )
        settings.hours.all().delete()
        models.DeskHours.objects.bulk_create(
            models.DeskHours(
                cpts=cpts, settings=settings, weekday=day, opens_minute=0, closes_minute=1440
            )
            for day in range(8)
        )
        factories.validate_signs(cpts, valid_from=factories.LONG_BEFORE)
        desks = [people.actor_as(cpts, "dispatcher") for _ in range(DISPATCHERS)]
        people.actor_as(cpts, "coordinator")
        factories.fill_directory(cpts, PROFESSIONALS, slots_each=8)
        factories.fill_board(desks[0], REQUESTS - ACCEPTED)
        for number in range(ACCEPTED):
            care_request = factories.make_request(desks[0], phone=f"06 39 98 90 {number:02}")
            slot = _first_slot(care_request)
            proposal = snp.propose(by=desks[0], care_request=care_request, slot=slot)
            if proposal.state != "accepted":
                snp.accept_proposal(by=desks[0], proposal=proposal)
        found = list(models.CareRequest.objects.order_by("pk").values_list("pk", "status"))
    return {
        "cookies": [_cookie(desk.seat.user) for desk in desks],
        "board": f"/c/{cpts.slug}/snp/",
        "requests": [pk for pk, status in found if status != "accepted"],
        "accepted": [pk for pk, status in found if status == "accepted"],
    }


def _first_slot(care_request: Any) -> Any:
    queries = import_module("maillage.snp.queries")
    offered = queries.matching_for(care_request, shown=1).ranked[0].slots[0].id
    slots = import_module("maillage.availability.models").Slot.objects
    return slots.select_related("place__commune").get(pk=offered)


def _cookie(user: Any) -> str:
    """Of a session opened by log-in and its second factor, without their pages."""
    auth = import_module("django.contrib.auth")
    session = import_module(import_module("django.conf").settings.SESSION_ENGINE).SessionStore()
    session[auth.SESSION_KEY] = str(user.pk)
    session[auth.BACKEND_SESSION_KEY] = "maillage.accounts.gateway.backends.Backend"
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.create()
    return f"sessionid={session.session_key}; csrftoken={TOKEN}"


# The load


class Answer:
    __slots__ = ("body", "headers", "ms", "status")

    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes, ms: float):
        self.status, self.headers, self.body, self.ms = status, headers, body, ms


class Line:
    """One kept-open connection, as a browser keeps it: one question at a time."""

    def __init__(self, port: int, cookie: str):
        self.port, self.cookie, self.reader, self.writer = port, cookie, None, None
        self.lock = asyncio.Lock()

    async def ask(self, path: str, data: dict[str, str] | None = None, **headers: str) -> Answer:
        body = urlencode(data or {}).encode()
        head = f"{'POST' if data is not None else 'GET'} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head += f"Cookie: {self.cookie}\r\n"
        head += "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
        if data is not None:
            head += "Content-Type: application/x-www-form-urlencoded\r\n"
            head += f"Content-Length: {len(body)}\r\n"
        async with self.lock:
            begin = time.perf_counter()
            for last in (False, True):
                try:
                    status, found, text = await self._once(head.encode() + b"\r\n" + body)
                    break
                except (OSError, EOFError):
                    self.writer = None  # the server closed an idle line
                    if last:
                        raise
            return Answer(status, found, text, (time.perf_counter() - begin) * 1000)

    async def _once(self, message: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writer.write(message)
        lines = (await self.reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        headers = dict(line.lower().split(b": ", 1) for line in lines[1:-2])
        length = int(headers.get(b"content-length", 0))
        return int(lines[0][9:12]), headers, await self.reader.readexactly(length)


class Load:
    """Fifty boards and the acts done on them; every time taken, by kind."""

    def __init__(self, port: int, given: dict[str, Any]):
        self.given, self.times, self.errors = given, defaultdict(list), []
        self.sizes = defaultdict(list)
        self.refused = 0
        self.draw = random.Random(20261122)  # noqa: S311 - the same acts at every run
        requests = given["requests"]
        step = len(requests) // DISPATCHERS
        self.boards = [
            Board(self, port, cookie, requests[step * n])
            for n, cookie in enumerate(given["cookies"])
        ]
        self.spare = [each for each in requests if each not in {b.shown for b in self.boards}]
        self.count, self.until = 0, 0.0
        self.is_counted = False

    def keep(self, kind: str, answer: Answer, *statuses: int) -> bool:
        if self.is_counted:
            self.times[kind].append(answer.ms)
            self.sizes[kind].append(len(answer.body))
        if answer.status in statuses:
            return True
        if answer.status == 409:
            self.refused += 1
        else:
            self.errors.append(f"{kind}: {answer.status}")
        return False

    async def run(self) -> None:
        begin = time.perf_counter()
        self.until = begin + WARM_SECONDS + SECONDS
        tasks = [asyncio.create_task(each.watch()) for each in self.boards]
        tasks.append(asyncio.create_task(self.act()))
        await asyncio.sleep(WARM_SECONDS)
        self.is_counted, self.began = True, time.perf_counter()
        await asyncio.gather(*tasks)
        self.lasted = time.perf_counter() - self.began

    async def act(self) -> None:
        """At its hour, whatever the answers: a slow server does not slow the callers."""
        due, doing = time.perf_counter(), set()
        while due < self.until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            kind = ACTS[self.count % len(ACTS)]
            self.count += 1
            board = self.draw.choice(self.boards)
            task = asyncio.create_task(board.guarded(getattr(board, kind)))
            doing.add(task)
            task.add_done_callback(doing.discard)
            due += 1 / WRITES_A_SECOND
        await asyncio.gather(*doing)


class Board:
    """One dispatcher: a page that follows, and the acts done from it."""

    def __init__(self, load: Load, port: int, cookie: str, shown: int):
        self.load, self.shown, self.version, self.body, self.mark = load, shown, "0", b"", ""
        self.page, self.hands = Line(port, cookie), Line(port, cookie)
        self.whole_at = time.perf_counter()

    async def guarded(self, act: Any) -> None:
        try:
            await act()
        except (OSError, EOFError, asyncio.IncompleteReadError) as error:
            self.load.errors.append(repr(error))

    async def watch(self) -> None:
        await asyncio.sleep(self.load.draw.random() * EVERY_SECONDS)
        while time.perf_counter() < self.load.until:
            await self.guarded(self.poll)
            await asyncio.sleep(EVERY_SECONDS)

    async def poll(self) -> None:
        since = f"since={self.version}&"
        if time.perf_counter() - self.whole_at > WHOLE_SECONDS:
            since = ""
        answer = await self.page.ask(
            f"{self.load.given['board']}?{since}{self.mark}demande={self.shown}", HX_Request="true"
        )
        is_part = b"x-board-part" in answer.headers
        kind = "nothing" if answer.status == 204 else "queue" if is_part else "fragment"
        if self.load.keep(kind, answer, 200, 204) and answer.status == 200:
            self.seen(answer)

    def seen(self, answer: Answer) -> None:
        """What the page keeps: the version, the mark of the request in hand, the whole board."""
        self.version = answer.headers[b"x-board-version"].decode()
        self.mark = f"shown={MARK.search(answer.body).group(1).decode()}&"
        if b"x-board-part" not in answer.headers:
            self.body, self.whole_at = answer.body, time.perf_counter()

    async def post(self, kind: str, path: str, **data: str) -> Answer:
        """The act, then the board the answer sends to, as the browser does."""
        data["csrfmiddlewaretoken"] = TOKEN
        base = self.load.given["board"]
        path = path if path.startswith("/") else base + path
        # Only a new request is a whole page; the rest are acts on the board.
        headers = {} if kind == "create" else {"HX_Request": "true"}
        answer = await self.hands.ask(path, data, **headers)
        if self.load.is_counted:
            self.load.times["write"].append(answer.ms)
        if self.load.keep(kind, answer, 302):
            place = answer.headers[b"location"].decode()
            after = await self.hands.ask(place, **headers)
            kept = self.load.keep("page" if kind == "create" else "fragment", after, 200)
            if kept and kind != "create":
                self.seen(after)
        return answer

    async def create(self) -> None:
        number = self.load.count
        answer = await self.post(
            "create",
            "nouvelle/",
            form_key=str(uuid.uuid4()),
            sign="none",
            phone=f"06 39 98 {10 + number // 100 % 80:02} {number % 100:02}",
            commune="71306",
            profession="10",
            reason="back_pain",
            age_band="16-69",
            channel="patient",
            can_travel="on",
            out_of_hours_seen="on",
        )
        if answer.status == 302:
            self.load.spare.append(int(answer.headers[b"location"].rpartition(b"=")[2]))

    async def cancel(self) -> None:
        spare = self.load.spare.pop(0)
        await self.post("cancel", f"{spare}/annuler/", cancelled_by="patient")

    async def take(self) -> None:
        await self.post("take", f"{self.shown}/prendre/")

    async def place(self) -> None:
        """Propose a place; the next time on this board, take the proposal back."""
        found = WITHDRAW.search(self.body)
        if found:
            await self.post("withdraw", found.group(1).decode())
            return
        slots = SLOT.findall(self.body)
        if not slots:  # the first fragment is still to come, or three answers are awaited
            await self.take()
            return
        asked = re.findall(rb'class="slot ask[^"]*" name="slot" value="(\d+)"', self.body)
        slot = self.load.draw.choice(asked or slots).decode()
        await self.post("propose", f"{self.shown}/proposer/", slot=slot)

    async def call(self) -> None:
        await self.post("call", f"{self.shown}/appel/", whom="patient", result="no_answer")

    async def inform(self) -> None:
        pk = self.load.draw.choice(self.load.given["accepted"])
        await self.post("inform", f"{pk}/informer/", means="phone", result="no_answer")


# The run


@contextlib.contextmanager
def served(folder: str):
    """A real `maillage serve` on this folder; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = Path(folder) / "serve.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "maillage", "serve", "--stop-with-parent"],
            env=os.environ | {"PORT": str(port)},
            stdout=output,
            stderr=output,
        )
    try:
        while "Ctrl-C" not in log.read_text():
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.1)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        said = [line for line in log.read_text().splitlines() if "rror" in line]
        print("\n".join(said[:10]), file=sys.stderr, end="\n" if said else "")


def measure(folder: str) -> dict[str, Any]:
    """Fill the database of the environment, serve it, load it."""
    os.environ |= {"DJANGO_SETTINGS_MODULE": "maillage.config.settings", "VAR": folder}
    django = import_module("django")
    django.setup()
    import_module("django.core.management").call_command("migrate", verbosity=0)
    database = import_module("django.db").connection
    with import_module("bench.database").filling():
        given = fill()
        with database.cursor() as cursor:
            cursor.execute("ANALYZE")  # as the engine does by itself on a database that has lived
    database.close()
    with served(folder) as port:
        load = Load(port, given)
        before = resource.getrusage(resource.RUSAGE_SELF)
        asyncio.run(load.run())
        after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "times": load.times,
        "sizes": load.sizes,
        "errors": load.errors,
        "refused": load.refused,
        "lasted": load.lasted,
        "own_cpu": used / (load.lasted + WARM_SECONDS),
    }


def run(report: Report) -> None:
    for engine in dict.fromkeys(ENGINES if len(sys.argv) < 3 else ENGINES[:1]):
        with tempfile.TemporaryDirectory(prefix="bench-desk-") as folder:
            out = Path(folder) / "measured.json"
            command = [sys.executable, "-m", "bench.desk", folder, str(out)]
            if engine == "postgres":
                command.insert(0, str(ROOT / "tools/postgres"))
            environment = os.environ | {"MAILLAGE_DATABASE_URL": ""}
            subprocess.run(command, cwd=ROOT, env=environment, check=True)
            tell(report, engine, json.loads(out.read_text()))


def tell(report: Report, engine: str, found: dict[str, Any]) -> None:
    times = {kind: np.array(each) for kind, each in found["times"].items()}
    asked = [each for kind in ("nothing", "queue", "fragment") for each in times.get(kind, [])]
    counted = sum(len(each) for kind, each in times.items() if kind != "write")
    report.figure(f"{engine}: requests", counted / found["lasted"], "/s")
    report.figure(f"{engine}: errors", len(found["errors"]), "errors")
    report.figure(f"{engine}: expected refusals (place just taken)", found["refused"], "answers")
    report.figure(f"{engine}: processor of the generator", found["own_cpu"], "cores")
    for name, each in (
        ("polls, nothing new", times.get("nothing", [])),
        ("queue alone", times.get("queue", [])),
        ("whole fragments", times.get("fragment", [])),
        ("polls and fragments", asked),
        ("page after a creation", times.get("page", [])),
        ("creations", times.get("create", [])),
        ("all writes", times.get("write", [])),
    ):
        if len(each):
            label = f"{engine}: {name} ({len(each)})"
            report.figure(f"{label}, median", float(np.percentile(each, 50)), "ms")
            report.figure(f"{label}, p95", float(np.percentile(each, 95)), "ms")
    for name, kind in (("queue alone", "queue"), ("whole fragments", "fragment")):
        if kind in found["sizes"]:
            sizes = np.array(found["sizes"][kind]) / 1000
            report.figure(f"{engine}: {name}, median", float(np.percentile(sizes, 50)), "kB")
            report.figure(f"{engine}: {name}, p95", float(np.percentile(sizes, 95)), "kB")
    for line in sorted(set(found["errors"]))[:10]:
        print(f"  {found['errors'].count(line)} x {line}", file=sys.stderr)


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(measure(sys.argv[1])))
