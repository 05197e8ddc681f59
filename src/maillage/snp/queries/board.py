"""The desk's board, and the coordinator's follow-up without identity."""

import datetime as dt
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Value, When
from django.utils import timezone

from maillage.availability.models import Booking
from maillage.directory.models import Professional
from maillage.kernel.identifiers import phone_digits
from maillage.snp.enums import (
    AWAY,
    OPEN,
    AgeBand,
    CareRequestStatus,
    Channel,
    Circle,
    InformState,
    ProposalState,
    Reason,
)
from maillage.snp.models import CareRequest, CareRequestEvent, DeskSettings, Proposal
from maillage.snp.models.proposal import replacing
from maillage.snp.queries.desk import settings_of
from maillage.snp.queries.ladder import (
    SEARCHING,
    Deadline,
    circles_open,
    deadlines,
    pressing_deadline,
)
from maillage.snp.queries.ranking import Matching, Shortened, matching_for, matching_on
from maillage.snp.queries.shelf import forget_shelves, shelf_of
from maillage.snp.queries.words import slot_text
from maillage.territory.models import Cpts
from maillage.territory.queries import CommuneMap, map_of

S = CareRequestStatus
LIVE = (ProposalState.SENT, ProposalState.ACCEPTED)
RANKED_SHOWN = 9
MAP_KEPT_SECONDS = 60
QUEUE_KEPT = dt.timedelta(seconds=5)  # what waiting changes; the rest moves the pulse
TONES = {
    S.NEW: "info",
    S.PROPOSED: "warn",
    S.ACCEPTED: "ok",
    S.INFORMED: "",
    S.MISSED: "bad",
    S.HANDED_OVER: "bad",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One open request, as a line of the board."""

    id: int
    number: int
    reason: str
    note: str
    age_band: str
    commune: str
    insee: str
    status: str
    status_label: str
    status_tone: str
    channel: str
    profession: str
    received_at: dt.datetime
    urgency: int
    owner: str
    proposal: str
    alert: str
    resident_id: int | None
    circle: str
    deadline: Deadline | None  # the one that matters now: watched or late, the nearest first


@dataclass(frozen=True, slots=True)
class Board:
    """All the board shows. `version`: the pulse it was read at. `residents`: ids of every
    resident shown, for the journal. `awaited`: how many answers are waited for, when no other
    professional may be asked before one comes; else 0."""

    version: int
    rows: list[Row]
    counts: list[tuple[str, int, str]]
    current: CareRequest | None
    proposals: list[Proposal] = field(default_factory=list)
    history: list[CareRequestEvent] = field(default_factory=list)
    matching: Matching | Shortened | None = None
    awaited: int = 0
    countered: list[Proposal] = field(default_factory=list)
    settings: DeskSettings | None = None

    @property
    def residents(self) -> set[int]:
        return {self.current.resident_id} if self.current and self.current.resident_id else set()


def on_board(cpts: Cpts):
    """Open requests, and those handed to the 15 that nobody there has taken over yet."""
    return CareRequest.objects.filter(cpts=cpts).filter(
        Q(status__in=OPEN) | Q(status=S.HANDED_OVER, closed_at=None)
    )


def _found(cpts: Cpts) -> list[dict]:
    first = Case(
        When(status=S.HANDED_OVER, then=Value(0)),
        When(~Q(alert=""), then=Value(1)),
        When(status=S.NEW, then=Value(2)),
        When(status=S.ACCEPTED, then=Value(3)),
        When(status=S.PROPOSED, then=Value(4)),
        default=Value(5),
        output_field=IntegerField(),
    )
    return list(
        on_board(cpts)
        .order_by(first, "received_at", "pk")
        .values(
            *("pk", "number", "reason", "note", "age_band", "commune_id", "commune__name"),
            *("status", "channel", "received_at", "alert", "inform_state", "resident_id"),
            *("owner__user__given_name", "owner__user__family_name", "profession", "to_tell"),
            *("circle", "planned_at", "care_started_at"),
        )
    )


def _proposals(cpts: Cpts, care_requests: list[int]) -> dict[int, list]:
    """By request: what waits, what was accepted, what was refused, other hours proposed."""
    away = Booking.objects.under_absence().filter(pk=OuterRef("booking"))
    by_request = defaultdict(list)
    for proposal in (
        Proposal.objects.filter(
            cpts=cpts,
            care_request__in=care_requests,
            state__in=[*LIVE, ProposalState.REFUSED, ProposalState.COUNTERED],
        )
        .annotate(is_away=Exists(away))
        .select_related("professional", "booking__slot__place__commune", "agreement")
        .order_by("sent_at", "pk")
    ):
        by_request[proposal.care_request_id].append(proposal)
    return by_request


def _alert(row: dict, proposals: list[Proposal]) -> str:
    if row["status"] == S.HANDED_OVER:
        return "À transmettre au 15 : reprise à confirmer"
    if any(p.is_away and p.state == ProposalState.ACCEPTED for p in proposals):
        return AWAY
    if row["to_tell"]:
        return " ; ".join(filter(None, [f"À dire au patient : {row['to_tell']}", row["alert"]]))
    return row["alert"]


def _pressing(row: dict, settings: DeskSettings, now: dt.datetime) -> Deadline | None:
    found = deadlines(
        status=row["status"],
        received_at=row["received_at"],
        planned_at=row["planned_at"],
        care_started_at=row["care_started_at"],
        settings=settings,
        now=now,
    )
    return pressing_deadline(found)


def _row(row: dict, proposals: list[Proposal], settings: DeskSettings, now: dt.datetime) -> Row:
    status = S(row["status"])
    proposals = [each for each in proposals if each.state in LIVE]
    alert = _alert(row, proposals)
    waiting = status in SEARCHING
    pressing = _pressing(row, settings, now)
    is_late = pressing is not None and pressing.is_late and status != S.INFORMED
    waited = (now - row["received_at"]).total_seconds() / 60 if waiting else 0
    if alert or is_late or (waiting and waited >= settings.late_minutes):
        urgency = 3
    elif (waiting and waited >= settings.soon_minutes) or status == S.ACCEPTED:
        urgency = 2
    else:
        urgency = 1
    label = status.label
    if status == S.ACCEPTED:
        label = f"Acceptée, patient {InformState(row['inform_state']).label}"
    return Row(
        id=row["pk"],
        number=row["number"],
        reason=Reason(row["reason"]).label if row["reason"] else "Transmis au 15",
        note=row["note"],
        age_band=AgeBand(row["age_band"]).label if row["age_band"] else "âge non demandé",
        commune=row["commune__name"],
        insee=row["commune_id"],
        status=status.value,
        status_label=label,
        status_tone=TONES[status],
        channel=Channel(row["channel"]).label,
        profession=row["profession"],
        received_at=row["received_at"],
        urgency=urgency,
        owner=f"{row['owner__user__given_name'] or ''} "
        f"{(row['owner__user__family_name'] or '')[:1]}".strip(),
        proposal=" ; ".join(f"{p.professional}, {slot_text(p.booking.slot)}" for p in proposals),
        alert=alert,
        resident_id=row["resident_id"],
        circle=Circle(row["circle"]).label if waiting else "",
        deadline=pressing,
    )


def _counts(rows: list[Row]) -> list[tuple[str, int, str]]:
    by = {status: sum(row.status == status for row in rows) for status in S.values}
    late = sum(row.urgency == 3 for row in rows)
    return [
        ("À traiter", by[S.NEW], ""),
        ("En attente de réponse", by[S.PROPOSED], ""),
        ("Patients à informer", by[S.ACCEPTED], "warn" if by[S.ACCEPTED] else ""),
        ("Informés", by[S.INFORMED], ""),
        ("Trop longues ou en alerte", late, "bad" if late else ""),
    ]


@dataclass(frozen=True, slots=True)
class _Queue:
    """The part of the board that is the same for everybody, read at one version of the pulse."""

    rows: list[Row]
    counts: list[tuple[str, int, str]]
    proposals: dict[int, list]
    at: dt.datetime


def _queue_now(cpts: Cpts, settings: DeskSettings, now: dt.datetime, also: set[int]) -> _Queue:
    found = _found(cpts)
    shown = {row["pk"] for row in found}
    proposals = _proposals(cpts, sorted(shown | also))
    rows = [_row(row, proposals[row["pk"]], settings, now) for row in found]
    # What is under an absence is found only now: whatever calls comes first, the order kept.
    rows.sort(key=lambda row: not row.alert)
    return _Queue(rows, _counts(rows), {pk: proposals[pk] for pk in shown | also}, now)


_queues: dict[int, tuple[int, _Queue]] = {}  # by CPTS: the version it was read at
_reading = threading.Lock()


def _queue_kept(cpts: Cpts, settings: DeskSettings, now: dt.datetime) -> _Queue:
    """The queue at this version or a later one: dispatchers who ask together are answered once."""
    with _reading:
        version, queue = _queues.get(cpts.pk, (-1, None))
        is_old = queue is not None and not queue.at <= now < queue.at + QUEUE_KEPT
        if queue is None or is_old or version < settings.version:
            queue = _queue_now(cpts, settings, now, set())
            _queues[cpts.pk] = (settings.version, queue)
    return queue


def board_of(
    cpts: Cpts, *, selected: int | None, now: dt.datetime | None = None, kept: bool = False
) -> Board:
    """The board with one request in hand: the one asked for, else the first.

    `kept`: the queue and the directory may be those read for another dispatcher of this CPTS since
    its pulse last moved.
    """
    now = now or timezone.now()
    settings = settings_of(cpts, now)
    also = {selected} - {None}
    queue = _queue_kept(cpts, settings, now) if kept else _queue_now(cpts, settings, now, also)
    rows, counts = queue.rows, queue.counts
    wanted = selected or (rows[0].id if rows else None)
    current = None if wanted is None else _in_hand(cpts, wanted)
    if current is None:
        return Board(version=settings.version, rows=rows, counts=counts, current=None)
    asked = queue.proposals.get(current.pk)
    if asked is None:
        asked = _proposals(cpts, [current.pk])[current.pk]
    matching = None
    if current.status in SEARCHING:
        matching = _matching(current, settings, now, asked, kept)
    live = [each for each in asked if each.state in LIVE]
    sent = sum(each.state == ProposalState.SENT for each in live)
    return Board(
        version=settings.version,
        rows=rows,
        counts=counts,
        current=current,
        proposals=live,
        history=history(current),
        matching=matching,
        awaited=sent if sent >= settings.live_proposals_max else 0,
        countered=[p for p in asked if p.state == ProposalState.COUNTERED],
        settings=settings,
    )


def _matching(
    current: CareRequest, settings: DeskSettings, now: dt.datetime, asked: list, kept: bool
) -> Matching | Shortened:
    """Neighbours are ranked from the database: what they lend is told by their own counters."""
    if kept and Circle.NEIGHBOURS not in circles_open(current.circle):
        minute = now.replace(second=0, microsecond=0)
        shelf = shelf_of(current, settings, minute)
        return matching_on(shelf, current, settings=settings, shown=RANKED_SHOWN, asked=asked)
    return matching_for(current, now=now, settings=settings, shown=RANKED_SHOWN, asked=asked)


def _in_hand(cpts: Cpts, care_request_id: int) -> CareRequest | None:
    return (
        CareRequest.objects.filter(pk=care_request_id, cpts=cpts)
        .select_related(
            *("cpts", "commune", "resident", "usual_doctor"),
            *("owner__user", "agreement_by__user", "hand_over__red_flag"),
        )
        .first()
    )


def called_from(cpts: Cpts, phone: str) -> list[CareRequest]:
    """Requests on the board whose number to call back is this one, the newest first."""
    digits = phone_digits(phone)
    if digits is None:
        return []
    return list(
        on_board(cpts)
        .filter(phone=digits)
        .select_related("commune")
        .order_by("-received_at", "-pk")
    )


def recent_map_of(cpts: Cpts, on: dt.date) -> CommuneMap | None:
    """The map of the perimeter at most a minute old: the board is drawn again and again."""
    return _map_of_minute(cpts, on, int(time.monotonic() // MAP_KEPT_SECONDS))


@lru_cache(maxsize=64)
def _map_of_minute(cpts: Cpts, on: dt.date, minute: int) -> CommuneMap | None:
    return map_of(cpts, on)


def forget_maps() -> None:
    """For tests: another database may hold another territory, and another board."""
    _map_of_minute.cache_clear()
    _queues.clear()
    forget_shelves()


def history(care_request: CareRequest) -> list[CareRequestEvent]:
    """What happened, in order, with its author."""
    return list(care_request.events.select_related("by_seat__user").order_by("at", "pk"))


def follow_up(cpts: Cpts, *, now: dt.datetime, days: int = 7) -> dict:
    """Counts and a list without identity, phone or note: what the coordinator may see."""
    recent = CareRequest.objects.filter(cpts=cpts, received_at__gt=now - dt.timedelta(days=days))
    counts = dict(recent.values_list("status").annotate(n=Count("pk")).order_by())
    rows = list(
        recent.order_by("-received_at", "-pk").values(
            *("pk", "number", "received_at", "status", "channel", "age_band", "commune__name"),
            *("profession", "reason", "closed_at", "inform_state"),
        )[:200]
    )
    for row in rows:
        row["status_label"] = S(row["status"]).label
        row["channel_label"] = Channel(row["channel"]).label
        row["reason_label"] = Reason(row["reason"]).label if row["reason"] else "–"
        row["age_label"] = AgeBand(row["age_band"]).label if row["age_band"] else "–"
    return {
        "days": days,
        "total": sum(counts.values()),
        "counts": [(S(status).label, counts.get(status, 0)) for status in S.values],
        "rows": rows,
    }


def to_do_for(professional: Professional, cpts: Cpts, *, now: dt.datetime) -> list[Proposal]:
    """What waits for a professional, and for whom they replace: proposals to answer, then what was
    accepted, soonest first."""
    return list(
        Proposal.objects.filter(
            Q(professional=professional) | Q(replacing([professional.pk], timezone.localdate(now))),
            Q(state=ProposalState.SENT)
            | Q(
                state=ProposalState.ACCEPTED,
                care_request__status__in=[S.ACCEPTED, S.INFORMED],
            ),
            cpts=cpts,
        )
        .select_related(
            *("care_request__commune", "care_request__resident", "booking__slot__place__commune"),
            "professional",
        )
        .order_by("-state", "booking__slot__starts_at")
    )
