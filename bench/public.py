"""The public site of a CPTS of 1 500 professionals, on an SQLite of its own: each page as it comes the
second time, when nothing changed; drawn again at each visit; and as a plain view would draw it."""

import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.db import connection
from django.template import engines
from django.utils import timezone
from django_scopes import scope, scopes_disabled

from bench import Report, alternated
from bench.board import TESTS, start

NAME = "public"
PROFESSIONALS, OFFERS = 1500, 60
RUNS = 200
# Whoever writes a list without thinking of it: every row, each asked for what it shows.
PLAIN = """{% for each in people %}<li><h2>{{ each }}</h2><p>{{ each.job }}</p>
{% for place in each.places.all %}<p>{{ place.address }}, {{ place.commune.name }}</p>{% endfor %}
{% for spoken in each.languages.all %}{{ spoken.get_language_display }} {% endfor %}</li>{% endfor %}"""


def fill() -> Any:
    """A CPTS whose site is open and whose doctors take patients."""
    sys.path.insert(0, str(TESTS))
    factories, people = import_module("factories"), import_module("people")
    people.mark_demo(False)
    with scopes_disabled():
        cpts = factories.make_desk()
    with scope(cpts=cpts):
        by = people.actor_as(cpts, "coordinator")
        factories.fill_directory(cpts, PROFESSIONALS, slots_each=0)
        factories.set_mt(cpts)
        site = {"is_open": True, "lists_professionals": True, "summary": "Des soignants, ensemble."}
        site["address"] = "1 place de l'Exemple"
        import_module("maillage.public.actions").set_site(by=by, cpts=cpts, version=1, **site)
        take_patients(cpts, by)
    return cpts


def take_patients(cpts: Any, by: Any) -> None:
    actions = import_module("maillage.medecin_traitant.actions")
    professionals = import_module("maillage.directory.models").Professional.objects
    until_on = timezone.localdate() + timedelta(days=60)
    doctors = professionals.in_cpts(cpts, timezone.localdate()).filter(profession="10")
    offer = actions.Offer(per_month=2, until_on=until_on, is_public=True)
    for doctor in doctors.order_by("pk")[:OFFERS]:
        actions.record_offer(by=by, cpts=cpts, professional=doctor, offer=offer)


def plain(cpts: Any) -> Callable[[], object]:
    """The list of professionals, whole, by Django's engine: no page, no cache."""
    professionals = import_module("maillage.directory.models").Professional.objects
    template = engines["django"].from_string(PLAIN)

    def draw() -> object:
        with scope(cpts=cpts):
            found = professionals.in_cpts(cpts, timezone.localdate())
            return template.render({"people": found})

    return draw


def measure(report: Report) -> None:
    cpts = fill()
    client = import_module("django.test").Client(SERVER_NAME="localhost")
    forget_pages = import_module("maillage.public.views.site").forget_pages
    commune = import_module("factories").MONTCEAU
    (naive,) = alternated([plain(cpts)], runs=3)
    report.figure("list of professionals, plain view", naive.median_ms, "ms")
    pages = {
        "first page": "",
        "list of doctors": "medecin-traitant/",
        "find a professional": f"professionnels/?profession=10&commune={commune}",
    }
    for name, path in pages.items():
        url = f"/p/{cpts.slug}/{path}"
        answer = client.get(url)
        assert answer.status_code == 200, url
        etag = answer["ETag"]

        def kept(url: str = url) -> object:
            return client.get(url)

        def drawn(url: str = url) -> object:
            forget_pages()
            return client.get(url)

        def same(url: str = url, etag: str = etag) -> object:
            return client.get(url, headers={"If-None-Match": etag})

        # The page is kept again after each time it is drawn.
        again, first, unchanged = alternated([kept, drawn, same], runs=RUNS)
        report.figure(f"{name}, bytes", len(answer.content), "bytes")
        report.figure(f"{name}, kept, median", again.median_ms, "ms", "drawn", first.median_ms)
        report.figure(f"{name}, kept, p95", again.p95_ms, "ms", "drawn", first.p95_ms)
        peer = ("plain view", naive.median_ms) if path.startswith("prof") else (None, None)
        report.figure(f"{name}, drawn, median", first.median_ms, "ms", *peer)
        report.figure(f"{name}, drawn, p95", first.p95_ms, "ms")
        report.figure(f"{name}, unchanged (304), p95", unchanged.p95_ms, "ms")


def run(report: Report) -> None:
    report.path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=report.path.parent, prefix="bench-public-") as folder:
        try:
            start(folder)
            measure(report)
        finally:
            connection.close()
