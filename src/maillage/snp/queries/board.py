"""The desk's board, and the coordinator's follow-up without identity."""

import datetime as dt
import time
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2s

from django.db.models import Count, Q
from django.utils import timezone

from maillage.directory.models import Professional
from maillage.kernel.fields import hashes_of
from maillage.kernel.identifiers import phone_digits
from maillage.snp.enums import AgeBand, CareRequestStatus, Channel, Circle, ProposalState, Reason
from maillage.snp.models import CareRequest, CareRequestEvent, DeskSettings, Proposal
from maillage.snp.models.proposal import replacing
from maillage.snp.queries.desk import forget_settings, settings_of
from maillage.snp.queries.ladder import SEARCHING, circles_open
from maillage.snp.queries.queue import (
    LIVE,
    Moment,
    Queue,
    Row,
    forget_queues,
    on_board,
    proposals_of,
    queue_kept,
    queue_now,
)
from maillage.snp.queries.ranking import Matching, matching_for
from maillage.snp.queries.shelf import forget_shelves, shelf_of
from maillage.snp.queries.shelved import Shortened, matching_on
from maillage.territory.models import Cpts
from maillage.territory.queries import CommuneMap, map_of

S = CareRequestStatus
RANKED_SHOWN = 9
MAP_KEPT_SECONDS = 60
PINS_KEPT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Board:
    """All the board shows. `awaited`: how many answers are waited for, when no other professional
    may be asked before one comes; else 0. `mark`: what is shown of the request in hand, in short
    ("": not to be compared)."""

    queue: Queue
    current: CareRequest | None
    proposals: list[Proposal] = field(default_factory=list)
    history: list[CareRequestEvent] = field(default_factory=list)
    matching: Matching | Shortened | None = None
    awaited: int = 0
    countered: list[Proposal] = field(default_factory=list)
    settings: DeskSettings | None = None
    mark: str = ""

    @property
    def rows(self) -> list[Row]:
        return self.queue.rows

    @property
    def counts(self) -> list[tuple[str, int, str]]:
        return self.queue.counts

    @property
    def moment(self) -> Moment:
        """What a page that shows it asks the rest since."""
        return self.queue.moment

    @property
    def residents(self) -> set[int]:
        """Ids of every resident shown, for the journal."""
        return {self.current.resident_id} if self.current and self.current.resident_id else set()


def board_of(
    cpts: Cpts,
    *,
    selected: int | None,
    now: dt.datetime | None = None,
    kept: bool = False,
    settings: DeskSettings | None = None,
) -> Board:
    """The board with one request in hand: the one asked for, else the first.

    `kept`: the queue and the directory may be those read for another dispatcher of this CPTS since
    its pulse last moved. `settings`: as just read.
    """
    now = now or timezone.now()
    settings = settings or settings_of(cpts, now)
    queue = (queue_kept if kept else queue_now)(cpts, settings, now)
    wanted = selected or (queue.rows[0].id if queue.rows else None)
    current = None if wanted is None else _in_hand(cpts, wanted)
    if current is None:
        return Board(queue=queue, current=None)
    asked = queue.proposals.get(current.pk)
    if asked is None:
        asked = proposals_of(cpts, [current.pk])[current.pk]
    matching = None
    if current.status in SEARCHING:
        matching = _matching(current, settings, now, asked, kept)
    live = [each for each in asked if each.state in LIVE]
    mark = ""
    if current.pk in queue.versions and not isinstance(matching, Matching):
        mark = _mark(current.pk, queue, settings, now, matching)
    return Board(
        queue=queue,
        current=current,
        proposals=live,
        history=history(current),
        matching=matching,
        awaited=_awaited(asked, settings),
        countered=[p for p in asked if p.state == ProposalState.COUNTERED],
        settings=settings,
        mark=mark,
    )


# What changed for a board that follows? Its mark says, in short, what it shows of the request in hand.


@dataclass(frozen=True, slots=True)
class Glance:
    """What to draw again when the request in hand itself is the same. `matching`: its ranking, when
    that or the map changed, which `has_ranked` and `has_map` say."""

    queue: Queue
    mark: str
    care_request: CareRequest | None = None
    matching: Shortened | None = None
    has_ranked: bool = False
    has_map: bool = False
    awaited: int = 0


def _digest(*parts) -> str:
    return blake2s(repr(parts).encode(), digest_size=9).hexdigest()


def _turn(pk: int, now: dt.datetime, seconds: int) -> int:
    """Moves every so many seconds, not for all the requests at once."""
    return (int(now.timestamp()) + pk % seconds) // seconds


def _state_of(pk: int, queue: Queue, settings: DeskSettings, now: dt.datetime) -> str:
    """All of it but the ranking: its version, its proposals, the minute."""
    proposals = [(each.pk, each.state, each.is_away) for each in queue.proposals[pk]]
    minute = _turn(pk, now, 60)
    return f"{pk}-{_digest(queue.versions[pk], proposals, settings.directory, minute)}"


def _pins(queue: Queue) -> str:
    """What the map shows of the queue."""
    key = ("pins",)
    if key not in queue.drawn:
        queue.drawn[key] = _digest([(row.id, row.insee, row.urgency) for row in queue.rows])
    return queue.drawn[key]


def _mark(pk: int, queue: Queue, settings: DeskSettings, now: dt.datetime, matching) -> str:
    state = _state_of(pk, queue, settings, now)
    slot = _turn(pk, now, PINS_KEPT_SECONDS)
    ranked = _digest(matching) if matching else ""
    order = _digest([(each.name, each.insee) for each in matching.ranked]) if matching else ""
    return f"{state}.{settings.places}.{ranked}.{order}.{slot}.{_pins(queue)}"


def glance(
    cpts: Cpts, *, selected: int, mark: str, settings: DeskSettings, now: dt.datetime
) -> Glance | None:
    """For a board that shows `mark`; None when the request in hand changed, or may have.

    The pins of the others' requests follow the list a few seconds later.
    """
    queue = queue_kept(cpts, settings, now)
    if selected not in queue.versions or mark.count(".") != 5:
        return None
    state, places, ranked, order, slot, pins = mark.split(".")
    if state != _state_of(selected, queue, settings, now):
        return None
    is_turn = slot != str(_turn(selected, now, PINS_KEPT_SECONDS))
    is_map_due = is_turn and pins != _pins(queue)
    if not is_map_due and (not ranked or places == str(settings.places)):
        return Glance(queue, mark)
    current, matching = _seen(cpts, selected, queue.versions[selected]), None
    asked = queue.proposals[selected]
    if ranked:
        matching = _matching(current, settings, now, asked, kept=True)
        if isinstance(matching, Matching):
            return None
    fresh = _mark(selected, queue, settings, now, matching)
    *_, new_ranked, new_order, new_slot, new_pins = fresh.split(".")
    has_map = is_map_due or order != new_order
    if not has_map:
        fresh = fresh.removesuffix(f"{new_slot}.{new_pins}") + f"{slot}.{pins}"
    return Glance(
        queue=queue,
        mark=fresh,
        care_request=current,
        matching=matching,
        has_ranked=ranked != new_ranked,
        has_map=has_map,
        awaited=_awaited(asked, settings),
    )


def _awaited(asked: list[Proposal], settings: DeskSettings) -> int:
    sent = sum(each.state == ProposalState.SENT for each in asked)
    return sent if sent >= settings.live_proposals_max else 0


@lru_cache(maxsize=512)
def _seen(cpts: Cpts, pk: int, version: int) -> CareRequest:
    """A request as a ranking reads it, at this version or a later one."""
    return CareRequest.objects.select_related("cpts", "commune").get(pk=pk, cpts=cpts)


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
            *("cpts", "commune", "resident", "usual_doctor", "sharing__collected_by__user"),
            *("owner__user", "hand_over__red_flag", "information__notice"),
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
        .filter(phone_key__in=hashes_of(CareRequest, "phone_key", digits, cpts.pk))
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
    """For tests: a minute went by."""
    _map_of_minute.cache_clear()


def forget_board() -> None:
    """For tests: another database may hold another territory, and another board."""
    forget_maps()
    _seen.cache_clear()
    forget_queues()
    forget_shelves()
    forget_settings()


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
            *("professional", "care_request__sharing"),
        )
        .order_by("-state", "booking__slot__starts_at")
    )
