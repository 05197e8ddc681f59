"""The requests received in a period and what became of them, read once as arrays."""

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import BigIntegerField, F, Func
from django.utils import timezone
from numpy.typing import NDArray

from maillage.snp.enums import CareRequestStatus, EventKind, InformResult, ProposalState
from maillage.snp.models import (
    CareRequest,
    CareRequestEvent,
    DeskSettings,
    InformAttempt,
    Proposal,
)
from maillage.snp.queries.desk import settings_of
from maillage.territory.models import Cpts

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

NEVER = np.iinfo(np.int64).min  # no such moment
HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
PLACED = (CareRequestStatus.ACCEPTED, CareRequestStatus.INFORMED, CareRequestStatus.HONOURED)


class Micros(Func):
    """A moment as `moments` reads it, without making a Python date of each: microseconds since 1970
    on PostgreSQL, the text SQLite keeps."""

    output_field = BigIntegerField()
    arity = 1

    def get_db_converters(self, connection):
        return []

    def as_sqlite(self, compiler, connection, **context):
        # No longer a column: the driver makes a date of each moment of a column.
        return self.as_sql(compiler, connection, template="(%(expressions)s || '')", **context)

    def as_postgresql(self, compiler, connection, **context):
        template = "CAST(EXTRACT(EPOCH FROM %(expressions)s) * 1000000 AS BIGINT)"
        return self.as_sql(compiler, connection, template=template, **context)


class HourOf(Func):
    """The whole hours since 1970 of a moment."""

    output_field = BigIntegerField()
    arity = 1

    def as_sqlite(self, compiler, connection, **context):
        # Without its microseconds, that SQLite would round.
        whole = "strftime('%%%%s', substr(%(expressions)s, 1, 19))"
        template = f"(CAST({whole} AS INTEGER) / 3600)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_postgresql(self, compiler, connection, **context):
        template = "CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s) / 3600) AS BIGINT)"
        return self.as_sql(compiler, connection, template=template, **context)


def moments(values) -> Ints:
    """What `Micros` gave, NEVER where there is no moment (numpy's "not a time" is that number)."""
    if any(isinstance(each, str) for each in values):
        return np.array(values, dtype="datetime64[us]").astype(np.int64)
    return np.array([NEVER if each is None else each for each in values], dtype=np.int64)


def micros(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


def local(at: Ints, zone: ZoneInfo) -> Ints:
    """The same moments on the wall clock of a zone, in microseconds since the first of January 1970
    there. Zones change on a whole hour of the universal time."""
    hours, inverse = np.unique(at // HOUR, return_inverse=True)
    offsets = [
        dt.datetime.fromtimestamp(hour * 3600, zone).utcoffset() // dt.timedelta(microseconds=1)
        for hour in hours.tolist()
    ]
    return at + np.array(offsets, dtype=np.int64)[inverse.reshape(-1)]


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the wall clock of a CPTS, both included."""

    first_on: dt.date
    last_on: dt.date
    zone: ZoneInfo

    @property
    def starts_at(self) -> dt.datetime:
        return dt.datetime.combine(self.first_on, dt.time(), self.zone)

    @property
    def ends_at(self) -> dt.datetime:
        return dt.datetime.combine(self.last_on + dt.timedelta(days=1), dt.time(), self.zone)


@dataclass(frozen=True)
class Sample:
    """One place per request in the arrays of requests (moments in microseconds, NEVER when there is
    none); `proposal_of` and `reoriented_of` say the place of the request of each other row."""

    cpts: Cpts
    period: Period
    now: int
    id: Ints
    received: Ints
    start: Ints
    status: NDArray
    channel: NDArray
    profession: NDArray
    commune: NDArray
    first_hours: Ints
    second_hours: Ints
    proposed: Ints
    accepted: Ints
    informed: Ints
    proposal_id: Ints
    proposal_of: Ints
    proposal_state: NDArray
    refusal: NDArray
    is_asked: Bools
    outcome: NDArray
    reoriented_id: Ints
    reoriented_of: Ints

    @cached_property
    def wall(self) -> Ints:
        """The local moment of reception."""
        return local(self.received, self.period.zone)


REQUEST_COLUMNS = ("pk", "status", "channel", "profession", "commune_id")


def sample_of(cpts: Cpts, period: Period, now: dt.datetime | None = None) -> Sample:
    """Five queries, whatever the number of requests. Raises DeskNotSet before any settings."""
    now = now or timezone.now()
    settings_of(cpts, now)
    requests = CareRequest.objects.filter(
        cpts=cpts, received_at__gte=period.starts_at, received_at__lt=period.ends_at
    )
    found = list(
        requests.annotate(
            received=Micros("received_at"),
            planned=Micros("planned_at"),
            started=Micros("care_started_at"),
        )
        .order_by()
        .values_list(*REQUEST_COLUMNS, "received", "planned", "started")
    )
    ids, status, channel, profession, commune, received, planned, started = _columns(found, 8)
    status, received = np.array(status, dtype="U11"), moments(received)
    planned, started = moments(planned), moments(started)
    is_placed = np.isin(status, PLACED)
    first, second = _deadlines(cpts, received)
    ids = np.array(ids, dtype=np.int64)
    inside = {"cpts": cpts, "care_request__in": requests.values("pk")}
    proposals = _proposals(inside, ids, is_placed)
    accepted = proposals.pop("accepted")
    reoriented = CareRequestEvent.objects.filter(kind=EventKind.REORIENTED, **inside)
    event_id, event_of = _columns(
        list(reoriented.order_by().values_list("pk", "care_request_id")), 2
    )
    return Sample(
        cpts=cpts,
        period=period,
        now=micros(now),
        id=ids,
        received=received,
        start=np.where(is_placed, np.where(started != NEVER, started, planned), NEVER),
        status=status,
        channel=np.array(channel, dtype="U12"),
        profession=np.array(profession, dtype="U2"),
        commune=np.array(commune, dtype="U5"),
        first_hours=first,
        second_hours=second,
        accepted=accepted,
        informed=_informed(inside, ids, accepted),
        reoriented_id=np.array(event_id, dtype=np.int64),
        reoriented_of=_places(ids, event_of),
        **proposals,
    )


def _columns(rows: list[tuple], width: int) -> list:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _places(ids: Ints, wanted) -> Ints:
    """Where each wanted request stands in `ids`; all of them are there."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, np.array(wanted, dtype=np.int64), sorter=order)]


def _deadlines(cpts: Cpts, received: Ints) -> tuple[Ints, Ints]:
    """The two deadlines in force when each request came: a change of settings rewrites no past."""
    rows = list(
        DeskSettings.objects.filter(cpts=cpts)
        .order_by("valid_from", "pk")
        .values_list("valid_from", "first_deadline_hours", "second_deadline_hours")
    )
    since = np.array([micros(row[0]) for row in rows], dtype=np.int64)
    which = np.maximum(np.searchsorted(since, received, side="right") - 1, 0)
    return tuple(np.array([row[i] for row in rows], dtype=np.int64)[which] for i in (1, 2))


def _proposals(inside: dict, ids: Ints, is_placed: Bools) -> dict:
    rows = list(
        Proposal.objects.filter(**inside)
        .annotate(sent=Micros("sent_at"), answered=Micros("answered_at"))
        .order_by()
        .values_list(
            *("pk", "care_request_id", "state", "refusal_reason", "answered_via", "outcome"),
            *("sent", "answered"),
        )
    )
    pks, of, state, refusal, via, outcome, sent, answered = _columns(rows, 8)
    of, state = _places(ids, of), np.array(state, dtype="U9")
    proposed = np.full(ids.size, np.iinfo(np.int64).max)
    np.minimum.at(proposed, of, moments(sent))
    proposed[proposed == np.iinfo(np.int64).max] = NEVER
    accepted = np.full(ids.size, NEVER)
    stands = (state == ProposalState.ACCEPTED) & is_placed[of]
    accepted[of[stands]] = moments(answered)[stands]
    return {
        "proposal_id": np.array(pks, dtype=np.int64),
        "proposal_of": of,
        "proposal_state": state,
        "refusal": np.array(refusal, dtype="U12"),
        "is_asked": np.array(via, dtype="U6") != "booked",
        "outcome": np.array(outcome, dtype="U9"),
        "proposed": proposed,
        "accepted": accepted,
    }


def _informed(inside: dict, ids: Ints, accepted: Ints) -> Ints:
    """When the patient was first told of the appointment that still stands."""
    rows = InformAttempt.objects.filter(result=InformResult.REACHED, **inside).annotate(
        told=Micros(F("at"))
    )
    of, told = _columns(list(rows.order_by().values_list("care_request_id", "told")), 2)
    of, told = _places(ids, of), moments(told)
    counts = (accepted[of] != NEVER) & (told >= accepted[of])
    informed = np.full(ids.size, np.iinfo(np.int64).max)
    np.minimum.at(informed, of[counts], told[counts])
    informed[informed == np.iinfo(np.int64).max] = NEVER
    return informed
