"""Sheets of the desk: what is open at the end of a shift, a day as it went, the day in counts."""

import datetime as dt
from collections import Counter, defaultdict
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Prefetch

from maillage.accounts.enums import Role
from maillage.kernel.words import plural
from maillage.snp.enums import CareRequestStatus, ProposalState
from maillage.snp.models import CareRequest, DeskSettings, HandOver, Proposal
from maillage.snp.queries.board import on_board
from maillage.snp.queries.desk import settings_of
from maillage.snp.queries.ladder import (
    Deadline,
    DeadlineState,
    active_seats,
    deadline_state,
    deadlines_of,
)
from maillage.snp.queries.words import slot_text
from maillage.territory.models import Cpts

S = CareRequestStatus
HOUR = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One request on a sheet, without identity: `deadline` is the next one still watched."""

    care_request: CareRequest
    asked: str
    deadline: Deadline | None
    is_late: bool

    @property
    def call(self) -> str:
        if self.care_request.status == S.HANDED_OVER and self.care_request.closed_at is None:
            return "À transmettre au 15 : reprise à confirmer"
        return self.care_request.alert or self.care_request.to_tell


def _told(found):
    """With what a row says: its commune, its owner, who was asked and where it stands."""
    live = Proposal.objects.filter(
        state__in=[ProposalState.SENT, ProposalState.ACCEPTED, ProposalState.COUNTERED]
    ).select_related("professional", "booking__slot__place__commune")
    return found.select_related("commune", "owner__user").prefetch_related(
        Prefetch("proposals", queryset=live.order_by("pk"), to_attr="live")
    )


def _row(care_request: CareRequest, settings: DeskSettings, now: dt.datetime) -> SheetRow:
    both = deadlines_of(care_request, settings, now)
    return SheetRow(
        care_request=care_request,
        asked=" ; ".join(
            f"{each.professional}, {slot_text(each.booking.slot)}" for each in care_request.live
        ),
        deadline=next((each for each in both if each.is_watched), None),
        is_late=any(each.state == DeadlineState.LATE for each in both),
    )


def _pressing(row: SheetRow, now: dt.datetime) -> tuple:
    """The 15 first, then what calls, then the nearest deadline."""
    is_out = row.care_request.status == S.HANDED_OVER
    at = row.deadline.at if row.deadline else now + 1000 * HOUR
    return (not is_out, not row.call, at, row.care_request.received_at)


def open_rows(cpts: Cpts, now: dt.datetime) -> list[SheetRow]:
    """Everything on the board, the most pressing first."""
    settings = settings_of(cpts, now)
    rows = [_row(each, settings, now) for each in _told(on_board(cpts))]
    return sorted(rows, key=lambda row: _pressing(row, now))


def relievers(cpts: Cpts, seat_id: int | None, now: dt.datetime):
    """Who may take the shift: dispatchers and coordinators in activity, but oneself."""
    return (
        active_seats(cpts, now)
        .filter(role__in=[Role.DISPATCHER, Role.COORDINATOR])
        .exclude(pk=seat_id)
        .select_related("user")
        .order_by("-role", "user__family_name", "pk")
    )


# A day


def day_span(cpts: Cpts, day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    """Midnight to midnight, in the clock of the CPTS."""
    zone = ZoneInfo(cpts.zone)
    return (
        dt.datetime.combine(day, dt.time(), zone),
        dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone),
    )


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the desk, without identity. `hours`: (hour, requests received in it)."""

    hours: list[tuple[int, list[SheetRow]]]
    to_tell: list[CareRequest]
    open: list[SheetRow]
    counts: "DayCounts"


def day_of(cpts: Cpts, day: dt.date, *, now: dt.datetime) -> Day:
    start, end = day_span(cpts, day)
    settings, zone = settings_of(cpts, now), ZoneInfo(cpts.zone)
    received = CareRequest.objects.filter(cpts=cpts, received_at__gte=start, received_at__lt=end)
    by_hour: dict[int, list[SheetRow]] = defaultdict(list)
    for each in _told(received).order_by("received_at", "pk"):
        by_hour[each.received_at.astimezone(zone).hour].append(_row(each, settings, now))
    still = [row for row in open_rows(cpts, now) if row.care_request.received_at < end]
    to_tell = CareRequest.objects.filter(cpts=cpts).exclude(to_tell="").order_by("pk")
    return Day(
        hours=sorted(by_hour.items()),
        to_tell=list(to_tell),
        open=still,
        counts=day_counts(cpts, day, now=now),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCounts:
    """A day in counts. `received` leaves out what was merged; `arranged` of them have care planned
    or begun within the first deadline; `breached` deadlines fell that day with nothing in time."""

    received: int
    arranged: int
    open: int
    owners: tuple[tuple[str, int], ...]
    breached: int
    refused: int
    unanswered: int
    handed_over: int
    hours: int


def day_counts(cpts: Cpts, day: dt.date, *, now: dt.datetime) -> DayCounts:
    start, end = day_span(cpts, day)
    settings = settings_of(cpts, now)
    hours = (settings.first_deadline_hours, settings.second_deadline_hours)
    columns = ("received_at", "status", "planned_at", "care_started_at")
    since = start - max(hours) * HOUR
    rows = CareRequest.objects.filter(cpts=cpts, received_at__gte=since, received_at__lt=end)
    rows = list(rows.exclude(status=S.MERGED).values(*columns))
    received = [row for row in rows if row["received_at"] >= start]
    owners = Counter(
        str(each.owner.user) for each in on_board(cpts).select_related("owner__user") if each.owner
    )
    asked = Proposal.objects.filter(cpts=cpts)
    return DayCounts(
        received=len(received),
        arranged=sum(_is_arranged(row, hours[0] * HOUR) for row in received),
        open=on_board(cpts).count(),
        owners=tuple(sorted(owners.items())),
        breached=sum(
            start <= row["received_at"] + each * HOUR < min(end, now)
            and _state(row, each, now) == DeadlineState.LATE
            for row in rows
            for each in set(hours)
        ),
        refused=asked.filter(
            state=ProposalState.REFUSED, answered_at__gte=start, answered_at__lt=end
        ).count(),
        unanswered=asked.filter(
            state=ProposalState.EXPIRED, expires_at__gte=start, expires_at__lt=end
        ).count(),
        handed_over=HandOver.objects.filter(cpts=cpts, at__gte=start, at__lt=end).count(),
        hours=hours[0],
    )


def _state(row: dict, hours: int, now: dt.datetime) -> DeadlineState:
    return deadline_state(
        status=row["status"],
        at=row["received_at"] + hours * HOUR,
        planned_at=row["planned_at"],
        care_started_at=row["care_started_at"],
        now=now,
    )


def _is_arranged(row: dict, within: dt.timedelta) -> bool:
    start = row["care_started_at"] or row["planned_at"]
    is_placed = row["status"] in (S.ACCEPTED, S.INFORMED, S.HONOURED)
    return is_placed and start is not None and start <= row["received_at"] + within


def day_text(counts: DayCounts) -> str:
    """The counts as lines of a mail."""
    owners = ", ".join(f"{name} ({number})" for name, number in counts.owners)
    lines = [
        f"{plural(counts.received, 'demande reçue', 'demandes reçues')}, "
        f"dont {counts.arranged} avec un rendez-vous dans les {counts.hours} h.",
        f"{plural(counts.open, 'demande ouverte', 'demandes ouvertes')}"
        + (f" : {owners}." if owners else "."),
        f"{plural(counts.breached, 'délai dépassé', 'délais dépassés')}, "
        f"{plural(counts.refused, 'refus', 'refus')}, "
        f"{plural(counts.unanswered, 'proposition sans réponse', 'propositions sans réponse')}, "
        f"{plural(counts.handed_over, 'transmission au 15', 'transmissions au 15')}.",
    ]
    return "\n".join(lines)
