import contextlib
import datetime as dt
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from django_scopes import scope

from maillage.kernel.permissions import Permission
from maillage.territory import actions, gateway, queries


@dataclass(frozen=True)
class Somebody:
    """An actor as `accounts` gives them, with what the territory asks of one."""

    kind: str = "seat"
    cpts_id: int | None = None
    granted: frozenset = frozenset({Permission.TERRITORY_VIEW})
    seat_id: int | None = None
    user_id: int | None = None
    label: str = "quelqu'un"

    def may(self, permission, cpts):
        return self.kind == "system" or permission in self.granted


SYSTEM = Somebody(kind="system")


@pytest.fixture(autouse=True)
def fresh_memories():
    queries.forget_centres()


@pytest.fixture
def system():
    return SYSTEM


@pytest.fixture
def somebody():
    return Somebody


@pytest.fixture
def today():
    return dt.date(2026, 11, 23)


@pytest.fixture
def extract(db):
    """The packaged communes, loaded."""
    rows = gateway.read_extract()
    actions.load_extract(by=SYSTEM, extract=rows)
    return rows


@pytest.fixture
def open_territory(extract):
    """Opens one of the real territories: `open_territory("golfe")` gives its Cpts."""
    facts = {each.slug: each for each in gateway.read_territories()}

    def opened(slug):
        each = facts[slug]
        cpts = actions.create_cpts(by=SYSTEM, slug=slug, name=each.name, finess=each.finess)
        actions.set_perimeter(
            by=SYSTEM,
            cpts=cpts,
            communes=each.communes,
            from_on=each.from_on,
            source=each.perimeter_source,
            note=each.perimeter_note,
        )
        if each.population:
            with scope(cpts=cpts):
                actions.record_population(
                    by=SYSTEM,
                    cpts=cpts,
                    population=each.population,
                    year=each.population_year,
                    source=each.population_source,
                    note=each.population_note,
                )
        cpts.refresh_from_db()
        return cpts

    return opened


@pytest.fixture
def saone(open_territory):
    return open_territory("centre-saone-et-loire")


@dataclass(frozen=True)
class Answer:
    """What a local server says. `sent`: bytes really sent of those announced."""

    body: object = b""
    status: int = 200
    sent: int | None = None

    @property
    def raw(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@pytest.fixture
def serve():
    """Opens a local server: `serve(answer)` gives its address; `answer(path, query)` an Answer."""
    opened = []

    def opening(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                said = answer(parts.path, query)
                self.send_response(said.status)
                self.send_header("Content-Length", str(len(said.raw)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # whoever asked has left
                    self.wfile.write(said.raw[: said.sent])

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        opened.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield opening
    for server, thread in opened:
        server.shutdown()
        thread.join()
        server.server_close()
