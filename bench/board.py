"""The dispatcher's board: 200 open requests and 1 500 professionals, on an SQLite of its own."""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.template import engines
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from bench import Report, alternated

NAME = "board"
REQUESTS, PROFESSIONALS, ROWS_SHOWN = 200, 1500, 50
SLOTS_EACH = 8
RUNS, ROW_RUNS = 11, 60
TESTS = Path(__file__).resolve().parents[1] / "tests"

# The same row of the queue, as Django's own engine writes it.
PEER = """{% for r in rows %}
<li><a id="req-{{ r.id }}" class="req u{{ r.urgency }}" href="{{ board_url }}?demande={{ r.id }}">
<span class="line"><span class="grow"><b>{{ r.reason }}</b>{% if r.note %}
<span class="muted">{{ r.note }}</span>{% endif %}</span><time datetime="{{ r.received_at|date:'c' }}">
{{ r.received_at|timesince }}</time></span>
<span class="line muted"><span class="grow">{{ r.commune }} · {{ r.profession }} · {{ r.age_band }}
</span></span><span class="line"><span class="chip {{ r.status_tone }}">{{ r.status_label }}</span>
<span class="grow{% if r.alert %} call{% else %} muted{% endif %}">{% if r.alert %}{{ r.alert }}
{% else %}{{ r.proposal|default:r.channel }}{% endif %}</span>{% if r.owner %}
<span class="chip">{{ r.owner }}</span>{% endif %}</span></a></li>{% endfor %}"""


def start(folder: str) -> None:
    """Django on a new SQLite of this folder, whatever the environment says."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
    os.environ.pop("MAILLAGE_DATABASE_URL", None)
    django.setup()
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    settings.WHITENOISE_AUTOREFRESH = True
    connection.settings_dict["NAME"] = str(Path(folder) / "board.sqlite3")
    call_command("migrate", verbosity=0)


def fill() -> tuple[Any, Any]:
    """The desk's seat and its CPTS, with everything on the board."""
    sys.path.insert(0, str(TESTS))
    factories, people = import_module("factories"), import_module("people")
    people.mark_demo(False)
    with scopes_disabled():
        cpts = factories.make_desk()
    with scope(cpts=cpts):
        desk = people.actor_as(cpts, "dispatcher")
        factories.fill_directory(cpts, PROFESSIONALS, slots_each=SLOTS_EACH)
        factories.fill_board(desk, REQUESTS)
    timezone.now = lambda: factories.MONDAY  # the board of that morning
    return desk, cpts


def cpu(functions: Sequence[Callable[[], object]], runs: int) -> list[float]:
    """Processor time of one call of each, in milliseconds: the median, run in turn."""
    taken: list[list[float]] = [[] for _ in functions]
    for _ in range(runs):
        for function, times in zip(functions, taken, strict=True):
            begin = time.process_time_ns()
            function()
            times.append((time.process_time_ns() - begin) / 1e6)
    return [statistics.median(times) for times in taken]


def measure(report: Report) -> None:
    desk, cpts = fill()
    client = import_module("django.test").Client(SERVER_NAME="localhost")
    client.force_login(desk.seat.user)
    url = reverse("snp:board", kwargs={"cpts": cpts.slug})
    assert client.get(url).status_code == 200
    with CaptureQueriesContext(connection) as seen:
        client.get(url)
    queries = len(seen)
    (page,) = alternated([lambda: client.get(url)], runs=RUNS)

    with scope(cpts=cpts):
        board = import_module("maillage.snp.queries").board_of(cpts, selected=0)
    rows = board.rows[:ROWS_SHOWN]
    context = {
        "rows": rows,
        "queue": "",
        "counts": board.counts,
        "board_url": url,
        "new_url": url,
        "current": None,
        "current_id": None,
        "mark": "",
        "map": None,
        "matching": None,
        "pins": [],
        "is_fragment": True,
        "messages": [],
        "cpts": cpts,
        "professions": {},
    }
    ours = engines["jinja2"].env.get_template("snp/_board.html")
    peer = engines["django"].from_string(PEER)
    views = import_module("maillage.snp.views.board_page")
    shown = replace(board.queue, rows=rows, drawn={})

    def write() -> None:
        """Every line, as when none was drawn before."""
        views._line.cache_clear()
        shown.drawn.clear()
        ours.render(context | {"queue": views.queue_of(shown, url, None)})

    list_ms, peer_ms = cpu([write, lambda: peer.render(context)], runs=ROW_RUNS)
    (page_cpu,) = cpu([lambda: client.get(url)], runs=RUNS)
    report.figure("queries of the page", queries, "queries", "a select per row", row_by_row(cpts))
    report.figure("page, median", page.median_ms, "ms")
    report.figure("page, p95", page.p95_ms, "ms")
    report.figure("page", page_cpu, "ms CPU")
    report.figure(
        f"list of {ROWS_SHOWN} rows written", list_ms, "ms CPU", "Django's template engine", peer_ms
    )


def row_by_row(cpts: Any) -> int:
    """How many queries the rows alone take when each is asked for what it shows."""
    models = import_module("maillage.snp.models")
    with scope(cpts=cpts), CaptureQueriesContext(connection) as seen:
        for each in models.CareRequest.objects.filter(cpts=cpts).open():
            str(each.commune), str(each.owner and each.owner.user)
            for proposal in each.proposals.filter(state__in=["sent", "accepted"]):
                str(proposal.professional), str(proposal.booking.slot.place.commune)
    return len(seen)


def run(report: Report) -> None:
    report.path.parent.mkdir(parents=True, exist_ok=True)
    now = timezone.now
    with tempfile.TemporaryDirectory(dir=report.path.parent, prefix="bench-board-") as folder:
        try:
            start(folder)
            measure(report)
        finally:
            connection.close()
            timezone.now = now
