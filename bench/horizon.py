"""Fourteen days of slots for 1 500 professionals, computed, written, computed again, on both engines.

HORIZON_PEOPLE makes a shorter run. The peer is Django's bulk_create of the same rows.
"""

import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from bench import Report
from bench.database import filling

NAME = "horizon"
PEOPLE = int(os.environ.get("HORIZON_PEOPLE", "1500"))
SLOTS_A_DAY, DAYS, ONE_RUNS, PEER_PEOPLE = 16, 14, 40, 150
ROOT = Path(__file__).resolve().parents[1]


def fill() -> list[Any]:
    """Fictitious doctors who open 16 slots of 20 minutes a day, from tomorrow on."""
    availability = import_module("maillage.availability.models")
    directory = import_module("maillage.directory.models")
    commune = import_module("maillage.territory.models").Commune.objects.create(
        insee="71137", name="Exemple", name_key="exemple", longitude=4.659, latitude=46.434
    )
    people = directory.Professional.objects.bulk_create(
        directory.Professional(
            rpps=f"9999{n:07}", given_name="Prénom", family_name=f"Fictif{n}", profession="10"
        )
        for n in range(PEOPLE)
    )
    places = directory.Place.objects.bulk_create(
        directory.Place(professional=each, commune=commune, is_main=True) for each in people
    )
    now = timezone.now()
    availability.UsualVisibility.objects.bulk_create(
        availability.UsualVisibility(professional=each, for_pro=True, chosen_at=now)
        for each in people
    )
    availability.WeeklyPeriod.objects.bulk_create(
        availability.WeeklyPeriod(
            professional=each,
            place=place,
            kind="office",
            mode="bookable",
            for_pro=True,
            weekday=weekday,
            starts_minute=9 * 60,
            ends_minute=9 * 60 + 20 * SLOTS_A_DAY,
            slot_minutes=20,
            from_on=timezone.localdate() + dt.timedelta(days=1),
        )
        for each, place in zip(people, places, strict=True)
        for weekday in range(7)
    )
    return people


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = function()
    return time.perf_counter() - begin, result


def by_bulk_create() -> float:
    """Seconds Django takes to write the slots of the first professionals again, for as many."""
    model = import_module("maillage.availability.models").Slot
    some = list(model.objects.order_by("professional", "starts_at")[: PEER_PEOPLE * 224])
    with transaction.atomic():
        for each in some:
            each.pk, each.period_id = None, None
        taken, _ = seconds(lambda: model.objects.bulk_create(some, batch_size=1000))
        transaction.set_rollback(True)
    return taken * model.objects.count() / len(some)


def row_versions() -> set[tuple[Any, ...]]:
    """What PostgreSQL changes whenever it writes a row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text, ctid::text FROM availability_slot")
        slots = set(cursor.fetchall())
        cursor.execute("SELECT slot_id, xmin::text, ctid::text FROM availability_freeslot")
        return slots | set(cursor.fetchall())


def one_engine() -> dict[str, Any]:
    """Everything on the engine of the environment."""
    actions = import_module("maillage.availability.actions")
    refresh = import_module("maillage.availability.actions.slots").refresh_slots
    system = import_module("maillage.accounts.rules").SYSTEM
    call_command("migrate", verbosity=0)
    is_postgres = connection.vendor == "postgresql"
    with filling():
        people = fill()
        if is_postgres:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")

    def one(each: Any) -> dict[str, int]:
        with transaction.atomic():
            return refresh([each.pk])

    first, counts = seconds(lambda: actions.roll_horizon(by=system))
    assert counts["created"] == PEOPLE * SLOTS_A_DAY * DAYS, counts
    if is_postgres:
        with filling(), connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    before = row_versions() if is_postgres else set()
    again, same = seconds(lambda: actions.roll_horizon(by=system))
    assert same == dict.fromkeys(same, 0) | {"unchanged": counts["created"]}, same
    assert before == (row_versions() if is_postgres else set()), "unchanged rows were written"
    times = [seconds(lambda each=each: one(each))[0] * 1000 for each in people[:ONE_RUNS]]
    peer = by_bulk_create()
    tomorrow = timezone.now() + dt.timedelta(days=1)
    now, timezone.now = timezone.now, lambda: tomorrow
    try:
        moved, counts = seconds(lambda: actions.roll_horizon(by=system))
    finally:
        timezone.now = now
    return {
        "first": first,
        "again": again,
        "moved": moved,
        "moved_rows": counts["created"],
        "peer": peer,
        "one_median": statistics.median(times),
        "one_p95": statistics.quantiles(times, n=20, method="inclusive")[-1],
    }


def child(engine: str) -> dict[str, Any]:
    """This bench on one engine, in a new process and a new database."""
    with tempfile.TemporaryDirectory(prefix="bench-horizon-") as folder:
        environment = os.environ | {"VAR": folder, "MAILLAGE_DATABASE_URL": ""}
        command = [sys.executable, "-m", "bench.horizon"]
        if engine == "PostgreSQL":
            environment.pop("MAILLAGE_DATABASE_URL")
            command = [str(ROOT / "tools/postgres"), *command]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return json.loads(done.stdout.splitlines()[-1])


def run(report: Report) -> None:
    slots = PEOPLE * SLOTS_A_DAY * DAYS
    for engine in ("PostgreSQL", "SQLite"):
        each = child(engine)
        report.figure(
            f"{engine}, {slots} slots computed and written, with their index",
            each["first"],
            "s",
            "bulk_create of the slots alone",
            each["peer"],
        )
        report.figure(f"{engine}, computed again, no row written", each["again"], "s")
        report.figure(f"{engine}, a day later, {each['moved_rows']} new", each["moved"], "s")
        report.figure(f"{engine}, one professional, median", each["one_median"], "ms")
        report.figure(f"{engine}, one professional, p95", each["one_p95"], "ms")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "maillage.config.settings")
    django.setup()
    print(json.dumps(one_engine()))
