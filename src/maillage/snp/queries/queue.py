"""The queue of a desk: its open requests, a line each, the same for every dispatcher."""

import datetime as dt
import threading
from collections import defaultdict
from copy import copy
from dataclasses import dataclass, field, replace

from django.db.models import Case, Exists, IntegerField, OuterRef, Q, Value, When

from maillage.availability.models import Booking
from maillage.kernel import pulse
from maillage.kernel.fields import opened
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
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.ladder import SEARCHING, Deadline, deadlines, pressing_deadline
from maillage.snp.queries.words import slot_text
from maillage.territory.models import Cpts

S = CareRequestStatus
LIVE = (ProposalState.SENT, ProposalState.ACCEPTED)
QUEUE_KEPT = dt.timedelta(seconds=5)  # what waiting or an absence changes; the rest moves the pulse
QUEUE_WHOLE = dt.timedelta(minutes=1)  # read again from the first line to the last
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
class Moment:
    """What is shown holds every act up to `version` of the pulse, and what waiting had changed at
    `ms` of the clock."""

    version: int
    ms: int = 0

    def __str__(self) -> str:
        return f"{self.version}.{self.ms}"

    @classmethod
    def read(cls, text: str) -> "Moment | None":
        version, _, ms = text.partition(".")
        try:
            return cls(int(version), int(ms or 0))
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Queue:
    """Read at one version of the pulse, that of `settings`; `at`: what waiting had changed by then.
    `proposals`, `said` (the columns of each), `versions` and `moved` are by request; `drawn`: what
    the page made of the rows, by what the drawing depends on besides.

    `moved`: a page that shows what was true then, or later, has the row as it is. `followed`: since
    when that is known."""

    rows: list[Row]
    counts: list[tuple[str, int, str]]
    proposals: dict[int, list[Proposal]]
    versions: dict[int, int]
    settings: DeskSettings
    at: dt.datetime
    said: dict[int, dict]
    read_at: dt.datetime
    drawn: dict[tuple, str] = field(default_factory=dict)
    moved: dict[int, Moment] = field(default_factory=dict)
    followed: Moment | None = None

    @property
    def moment(self) -> Moment:
        return Moment(self.settings.version, _ms(self.at))

    def moved_since(self, shown: Moment) -> list[Row] | None:
        """The rows that a page of that moment, drawn by whatever worker, may show otherwise; None
        when that is not known."""
        first = self.followed
        if first is None or not first.version <= shown.version <= self.settings.version:
            return None
        if shown.ms < first.ms:
            return None
        moved = self.moved
        return [
            row
            for row in self.rows
            if moved[row.id].version > shown.version or moved[row.id].ms > shown.ms
        ]


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def on_board(cpts: Cpts):
    """Open requests, and those handed to the 15 that nobody there has taken over yet."""
    return CareRequest.objects.filter(cpts=cpts).filter(
        Q(status__in=OPEN) | Q(status=S.HANDED_OVER, closed_at=None)
    )


def _order(cpts: Cpts) -> dict[int, int]:
    """The version of each, what calls first first."""
    first = Case(
        When(status=S.HANDED_OVER, then=Value(0)),
        When(~Q(alert=""), then=Value(1)),
        When(status=S.NEW, then=Value(2)),
        When(status=S.ACCEPTED, then=Value(3)),
        When(status=S.PROPOSED, then=Value(4)),
        default=Value(5),
        output_field=IntegerField(),
    )
    return dict(on_board(cpts).order_by(first, "received_at", "pk").values_list("pk", "version"))


def _said(cpts: Cpts, care_requests: list[int]) -> list[dict]:
    rows = list(
        on_board(cpts)  # again: some may be over since
        .filter(pk__in=care_requests)
        .order_by()
        .values(
            *("pk", "number", "reason", "note", "age_band", "commune_id", "commune__name"),
            *("status", "channel", "received_at", "alert", "inform_state", "resident_id"),
            *("owner__user__given_name", "owner__user__family_name", "profession", "to_tell"),
            *("circle", "planned_at", "care_started_at", "version"),
        )
    )
    for row in rows:
        for name in ("note", "to_tell"):
            row[name] = opened(row[name], pk=row["pk"], cpts_id=cpts.pk)
    return rows


def _asked(cpts: Cpts, care_requests: list[int]) -> list[int]:
    """Those somebody was asked for. Most that just changed have nobody: the wide read is spared."""
    found = Proposal.objects.filter(cpts=cpts, care_request__in=care_requests)
    return list(found.order_by().values_list("care_request", flat=True).distinct())


def proposals_of(cpts: Cpts, care_requests: list[int]) -> dict[int, list]:
    """By request: what waits, what was accepted, what was refused, other hours proposed."""
    away = Booking.objects.under_absence().filter(pk=OuterRef("booking"))
    by_request = defaultdict(list)
    if not care_requests:
        return by_request
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


def queue_now(cpts: Cpts, settings: DeskSettings, now: dt.datetime) -> Queue:
    """The whole queue, read now."""
    return _queue(cpts, None, settings, now)


def _queue(cpts: Cpts, before: Queue | None, settings: DeskSettings, now: dt.datetime) -> Queue:
    """After another, reads again only what changed: every act on a request moves its version."""
    order = _order(cpts)
    kept = {} if before is None else {row.id: row for row in before.rows}
    same = {pk for pk, version in order.items() if pk in kept and before.versions[pk] == version}
    changed = [pk for pk in order if pk not in same]
    said = {row["pk"]: row for row in _said(cpts, changed)} if changed else {}
    asked = proposals_of(cpts, changed if before is None else _asked(cpts, changed))
    for pk, row in said.items():
        kept[pk] = _row(row, asked[pk], settings, now)
    shown = [pk for pk in order if pk in said or pk in same]
    # What is under an absence is found only now: whatever calls comes first, the order kept.
    rows = sorted((kept[pk] for pk in shown), key=lambda row: not row.alert)
    return Queue(
        rows=rows,
        counts=_counts(rows),
        proposals={pk: asked[pk] if pk in said else before.proposals[pk] for pk in shown},
        versions={pk: said[pk]["version"] if pk in said else order[pk] for pk in shown},
        settings=settings,
        at=now if before is None else before.at,
        said={pk: said[pk] if pk in said else before.said[pk] for pk in shown},
        read_at=now if before is None else before.read_at,
    )


def _waited(cpts: Cpts, before: Queue, settings: DeskSettings, now: dt.datetime) -> Queue:
    """After another, what changed and what waiting or an absence made of the rest."""
    queue = _queue(cpts, before, settings, now)
    asked = [each for proposals in queue.proposals.values() for each in proposals]
    away = Booking.objects.under_absence().filter(pk__in=[each.booking_id for each in asked])
    under = set(away.values_list("pk", flat=True)) if asked else set()
    proposals = {
        pk: [_told_away(each, each.booking_id in under) for each in found]
        for pk, found in queue.proposals.items()
    }
    rows = [_row(queue.said[pk], proposals[pk], settings, now) for pk in queue.versions]  # in order
    rows.sort(key=lambda row: not row.alert)
    return replace(queue, rows=rows, counts=_counts(rows), proposals=proposals, at=now, drawn={})


def _told_away(proposal: Proposal, is_away: bool) -> Proposal:
    """Another worker's thread may hold the same proposal: a copy is changed, never itself."""
    if proposal.is_away != is_away:
        proposal = copy(proposal)
        proposal.is_away = is_away
    return proposal


def _followed(cpts: Cpts, queue: Queue, before: Queue | None) -> Queue:
    """Says of each row when it moved, `before` having been read by this worker too.

    The pulse is read again, now that the rows are: a row may hold an act newer than the version its
    queue was read at, which a page drawn by another worker may not show yet. (A change of the
    directory draws the whole board again: what it did to a row and undid need not be told.)
    """
    is_whole = before is None or before.at != queue.at
    moment = Moment(pulse.version(cpts.pk), _ms(queue.at) if is_whole else 0)
    if before is None:
        return replace(queue, moved=dict.fromkeys(queue.versions, moment), followed=moment)
    rows, moved = {row.id: row for row in before.rows}, {}
    for row in queue.rows:
        was = rows.get(row.id)
        is_same = was is row or was == row
        if is_same and before.versions[row.id] == queue.versions[row.id]:
            moved[row.id] = before.moved[row.id]
        else:
            moved[row.id] = moment
    return replace(queue, moved=moved, followed=before.followed)


_queues: dict[int, Queue] = {}  # by CPTS
_reading = threading.Lock()


def queue_kept(cpts: Cpts, settings: DeskSettings, now: dt.datetime) -> Queue:
    """The queue at this version or a later one: dispatchers who ask together are answered once."""
    with _reading:
        queue = before = _queues.get(cpts.pk)
        if before is not None and now <= before.at - QUEUE_KEPT:
            before = None  # the clock was put back
        if (
            before is None
            or now >= before.read_at + QUEUE_WHOLE
            or before.settings.directory < settings.directory
        ):
            queue = queue_now(cpts, settings, now)
        elif now >= before.at + QUEUE_KEPT:
            queue = _waited(cpts, before, settings, now)
        elif before.settings.version < settings.version:
            queue = _queue(cpts, before, settings, now)
        if queue is not before:
            queue = _queues[cpts.pk] = _followed(cpts, queue, before)
    return queue


def forget_queues() -> None:
    """For tests: another database may hold another board."""
    _queues.clear()
