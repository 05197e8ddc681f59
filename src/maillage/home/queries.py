"""What the health page tells; and, for other pages of the house, reads across every app."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

import maillage
from maillage.accounts import queries as accounts
from maillage.accounts.models import Seat
from maillage.home.enums import LINES
from maillage.kernel import instance
from maillage.kernel.models import Beat, JournalLine
from maillage.kernel.permissions import Actor
from maillage.residents.models import Resident
from maillage.snp.models import CareRequest
from maillage.territory.models import Cpts

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
        state["last_notice_sent"] = accounts.last_sent_at()
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


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal and its words. `care_request`: the « n° » the desk knows, or None."""

    row: JournalLine
    said: str
    who: str
    care_request: int | None


def journal_of(actor: Actor, *, kind: str = "", action: str = "", resident_id: int | None = None):
    """Lines the actor may read, newest first; of one kind, of one act or page, about one resident."""
    lines = JournalLine.objects.visible_to(actor).order_by("-at", "-pk")
    if kind in JournalLine.Kind.values:
        lines = lines.filter(kind=kind)
    if action in LINES:
        lines = lines.filter(action=action)
    if resident_id is not None:
        lines = lines.filter(_about(actor, resident_id))
    return lines


def _about(actor: Actor, resident_id: int) -> Q:
    """Whoever was shown them, and whatever was done to their record or to one of their requests."""
    requests = CareRequest.objects.filter(cpts=actor.cpts_id, resident=resident_id)
    targets = [_target(CareRequest, pk) for pk in requests.values_list("pk", flat=True)]
    shown = JournalLine.objects.annotate(ids=Cast("residents", TextField())).filter(
        cpts_id=actor.cpts_id, ids__regex=rf"(^|[^0-9]){resident_id}([^0-9]|$)"
    )
    return Q(pk__in=shown.values("pk")) | Q(target__in=[*targets, _target(Resident, resident_id)])


def _target(model: type, pk: int) -> str:
    """As the journal writes the object of an act."""
    return f"{model._meta.label_lower}:{pk}"


def told(lines: Iterable[JournalLine], cpts: Cpts) -> list[Line]:
    """Lines in words: the act, who, and the number of the request where there is one."""
    rows = list(lines)
    seats = seat_labels(row.seat_id for row in rows)
    of_request = re.compile(rf"{CareRequest._meta.label_lower}:([0-9]+)")
    named = {row.pk: int(m[1]) for row in rows if (m := of_request.fullmatch(row.target))}
    numbers = dict(
        CareRequest.objects.filter(cpts=cpts, pk__in=set(named.values())).values_list(
            "pk", "number"
        )
    )
    return [
        Line(
            row=row,
            said=LINES.get(row.action, row.action),
            who=_who(row, seats),
            care_request=numbers.get(named.get(row.pk, 0)),
        )
        for row in rows
    ]


JOURNAL_COLUMNS = (
    *("numéro", "moment", "nature", "qui", "acte ou page", "finalité", "objet"),
    "habitants montrés",
)


def journal_rows(lines: Iterable[JournalLine], cpts: Cpts) -> Iterator[list[str]]:
    """Lines as the cells of a table, the names of the columns first."""
    yield [*JOURNAL_COLUMNS]
    for each in told(lines, cpts):
        row = each.row
        yield [
            str(row.number),
            timezone.localtime(row.at).isoformat(timespec="seconds"),
            row.get_kind_display(),
            each.who,
            each.said,
            row.purpose,
            row.target,
            " ".join(str(pk) for pk in row.residents),
        ]


def _who(row: JournalLine, seats: dict[int, str]) -> str:
    if row.seat_id:
        return seats.get(row.seat_id, f"rôle {row.seat_id}")
    if row.user_id:
        return f"compte {row.user_id}"
    return {"link": "lien signé", "system": "la plateforme"}.get(row.actor_kind, row.actor_kind)
