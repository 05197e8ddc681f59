"""What the health page tells; and, for other pages of the house, reads across every app."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.utils import timezone

import maillage
from maillage.accounts.models import Notice, Seat
from maillage.kernel import instance
from maillage.kernel.models import Beat

LOOPS = {"notices": "l'envoi des messages", "clock": "l'horloge"}
SILENCE = dt.timedelta(minutes=2)


def pending_migrations() -> int:
    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def silent_loops(now: dt.datetime) -> list[str]:
    """Loops without a sign of life for two minutes; a younger database may have none yet."""
    beats = dict(Beat.objects.values_list("name", "at"))
    declared = instance.current()
    since = declared.created_at if declared is not None else now
    return [name for name in LOOPS if now - beats.get(name, since) > SILENCE]


def health() -> tuple[dict[str, Any], int]:
    """The state of the platform and its HTTP status: 200, or 503 when something is broken.

    Broken: the database does not answer, a migration waits, a loop is silent for two minutes.
    """
    state: dict[str, Any] = {
        "status": "broken",
        "version": maillage.__version__,
        "database": {"engine": connection.vendor, "ok": False},
        "pending_migrations": None,
        "last_notice_sent": None,
        "last_clock_tick": None,
        "problems": [],
    }
    now = timezone.now()
    try:
        state["pending_migrations"] = pending_migrations()
        state["database"]["ok"] = True
        if state["pending_migrations"]:
            state["problems"].append("Des migrations attendent : lancez « maillage migrate ».")
            return state, 503
        state["last_notice_sent"] = Notice.objects.aggregate(at=Max("sent_at"))["at"]
        state["last_clock_tick"] = (
            Beat.objects.filter(name="clock").values_list("at", flat=True).first()
        )
        silent = silent_loops(now)
    except DatabaseError:
        state["database"]["ok"] = False
        state["problems"].append("La base de données ne répond pas.")
        return state, 503
    state["problems"] += [
        f"Sans nouvelle depuis plus de deux minutes : {LOOPS[name]}." for name in silent
    ]
    if not silent:
        state["status"] = "ok"
    return state, 503 if silent else 200


def seat_labels(seat_ids: Iterable[int | None]) -> dict[int, str]:
    """Who holds each seat, for the data-protection officer's reading of the journal."""
    seats = Seat.objects.filter(pk__in={pk for pk in seat_ids if pk}).select_related("user")
    return {seat.pk: f"{seat.user} ({seat.get_role_display()})" for seat in seats}
