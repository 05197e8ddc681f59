"""How far the search may widen, who answers for a request, and its two deadlines."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Exists
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.directory.models import CptsProfessional
from maillage.kernel.permissions import Permission
from maillage.snp.enums import (
    CIRCLE_MINUTES,
    LADDER,
    WATCHED,
    CareRequestStatus,
    Circle,
    OwnerReason,
)
from maillage.snp.models import (
    Agreement,
    AgreementProfession,
    CareRequest,
    DeskSettings,
    OnCall,
    RingMember,
)
from maillage.territory.models import Cpts

S = CareRequestStatus
SEARCHING = (S.NEW, S.PROPOSED)


# Owners


def active_seats(cpts: Cpts | int, now: dt.datetime):
    return Seat.objects.active(timezone.localdate(now)).filter(cpts=cpts)


def on_call_seat(cpts: Cpts | int, now: dt.datetime) -> Seat | None:
    """Whom the roster names now, when their seat is still active."""
    return (
        active_seats(cpts, now)
        .filter(
            pk__in=OnCall.objects.filter(cpts=cpts, starts_at__lte=now, ends_at__gt=now).values(
                "seat"
            )
        )
        .select_related("user")
        .first()
    )


def standby(cpts: Cpts | int, now: dt.datetime) -> tuple[Seat, OwnerReason] | None:
    """Who answers when nobody of the desk does: the person on call, else the coordinator, else the
    administrator; None when the CPTS has none of them."""
    seat = on_call_seat(cpts, now)
    if seat is not None:
        return seat, OwnerReason.ON_CALL
    for role, why in (
        (Role.COORDINATOR, OwnerReason.COORDINATOR),
        (Role.ADMINISTRATOR, OwnerReason.ADMINISTRATOR),
    ):
        seat = (
            active_seats(cpts, now).filter(role=role).select_related("user").order_by("pk").first()
        )
        if seat is not None:
            return seat, why
    return None


DUTY_ROLES = (Role.COORDINATOR, Role.ADMINISTRATOR)
DESK = frozenset({Permission.SNP_DESK, Permission.RESIDENT_DESK})


def lent_to(seat: Seat, now: dt.datetime) -> frozenset[Permission]:
    """Whoever answers for a request holds the desk as long as they do: the coordinator or the
    administrator on call, or named owner of a request still open. Others: nothing more."""
    if seat.role not in DUTY_ROLES:
        return frozenset()
    answers = CareRequest.objects.filter(cpts=seat.cpts_id, owner=seat, closed_at=None)
    on_call = OnCall.objects.filter(
        cpts=seat.cpts_id, seat=seat, starts_at__lte=now, ends_at__gt=now
    )
    duty = Seat.objects.filter(Exists(answers) | Exists(on_call), pk=seat.pk)
    return DESK if duty.exists() else frozenset()


# Circles


def circle_exists(care_request: CareRequest, circle: str, now: dt.datetime) -> bool:
    """Is there anybody to ask in this circle? The whole CPTS, the duty person and the 15 always are."""
    today = timezone.localdate(now)
    if circle == Circle.USUAL_DOCTOR:
        return (
            care_request.usual_doctor_id is not None
            and CptsProfessional.objects.filter(
                cpts=care_request.cpts_id, professional=care_request.usual_doctor_id, left_on=None
            ).exists()
        )
    if circle == Circle.RING:
        return (
            care_request.ring_id is not None
            and RingMember.objects.in_force(today).filter(ring=care_request.ring_id).exists()
        )
    if circle == Circle.NEIGHBOURS:
        return agreements_of(care_request.cpts_id, care_request.profession, now).exists()
    return True


def agreements_of(cpts_id: int, profession: str, now: dt.datetime):
    """Agreements in force with a neighbour for this profession."""
    covered = AgreementProfession.objects.filter(profession=profession).values("agreement")
    return Agreement.objects.between(cpts_id).in_force(now).filter(pk__in=covered)


def minutes_of(circle: str, settings: DeskSettings) -> int | None:
    """How long a circle lasts; None for the last one, which lasts until a person acts."""
    column = CIRCLE_MINUTES.get(circle)
    return None if column is None else getattr(settings, column)


def circles_open(circle: str) -> tuple[Circle, ...]:
    """The circles already opened when `circle` is: itself and those before."""
    return LADDER[: LADDER.index(Circle(circle)) + 1]


# Deadlines


class DeadlineState(StrEnum):
    WATCHED = "watched"  # no place accepted and announced yet, and time is left
    KEPT = "kept"  # planned (then real) start of care before it
    LATE = "late"  # after it, whether care is planned or not
    NOT_COUNTED = "not_counted"  # cancelled, merged, or taken over by the 15


@dataclass(frozen=True, slots=True)
class Deadline:
    """One of the two promises, from the first reception, in calendar time."""

    hours: int
    at: dt.datetime
    state: DeadlineState

    @property
    def is_watched(self) -> bool:
        return self.state == DeadlineState.WATCHED

    @property
    def is_late(self) -> bool:
        return self.state == DeadlineState.LATE


def deadline_state(
    *,
    status: str,
    at: dt.datetime,
    planned_at: dt.datetime | None,
    care_started_at: dt.datetime | None,
    now: dt.datetime,
) -> DeadlineState:
    """Kept if care starts before `at`; watched until a place is accepted and the patient informed.

    A missed or withdrawn appointment opens the watch again. The planned start counts until the
    outcome is known, then the real one.
    """
    if status in (S.CANCELLED, S.MERGED, S.HANDED_OVER):
        return DeadlineState.NOT_COUNTED
    start = care_started_at or planned_at
    if status == S.HONOURED or status == S.INFORMED:
        return DeadlineState.KEPT if start is not None and start <= at else DeadlineState.LATE
    if now > at or (status == S.ACCEPTED and start is not None and start > at):
        return DeadlineState.LATE
    return DeadlineState.WATCHED


def deadlines(
    *,
    status: str,
    received_at: dt.datetime,
    planned_at: dt.datetime | None,
    care_started_at: dt.datetime | None,
    settings: DeskSettings,
    now: dt.datetime,
) -> tuple[Deadline, Deadline]:
    def one(hours: int) -> Deadline:
        at = received_at + dt.timedelta(hours=hours)
        state = deadline_state(
            status=status, at=at, planned_at=planned_at, care_started_at=care_started_at, now=now
        )
        return Deadline(hours, at, state)

    return one(settings.first_deadline_hours), one(settings.second_deadline_hours)


def deadlines_of(
    care_request: CareRequest, settings: DeskSettings, now: dt.datetime
) -> tuple[Deadline, Deadline]:
    return deadlines(
        status=care_request.status,
        received_at=care_request.received_at,
        planned_at=care_request.planned_at,
        care_started_at=care_request.care_started_at,
        settings=settings,
        now=now,
    )


def pressing_deadline(found: tuple[Deadline, Deadline]) -> Deadline | None:
    """The one to show on a line: the next still watched, else the last that is late."""
    watched = [each for each in found if each.is_watched]
    late = [each for each in found if each.is_late]
    return watched[0] if watched else late[-1] if late else None


def late_hours(received_at: dt.datetime, start: dt.datetime, settings: DeskSettings) -> int:
    """The longest deadline a start is already after; 0 when it keeps both."""
    waited = (start - received_at) / dt.timedelta(hours=1)
    hours = (settings.second_deadline_hours, settings.first_deadline_hours)
    return next((each for each in hours if waited > each), 0)


# What the clock looks at


def awaits_a_person(care_request: CareRequest) -> bool:
    """Must somebody of the desk do something now? While an answer or the hour is awaited, no."""
    status = care_request.status
    if status == S.HANDED_OVER:
        return care_request.closed_at is None
    if care_request.closed_at is not None:
        return False
    if status in (S.NEW, S.ACCEPTED, S.MISSED):
        return True
    return bool(care_request.alert or care_request.to_tell)


def next_watch(care_request: CareRequest, settings: DeskSettings) -> dt.datetime | None:
    """The next instant a reminder or a warning is due, None when nothing is to come."""
    due = []
    if care_request.waiting_since is not None:
        remind = dt.timedelta(minutes=settings.remind_minutes)
        escalate = dt.timedelta(minutes=settings.escalate_minutes)
        if care_request.reminded_at is None:
            due.append(care_request.waiting_since + remind)
        elif care_request.escalated_at is None:
            due.append(care_request.waiting_since + escalate)
        else:  # again and again, until somebody acts
            due.append(care_request.escalated_at + escalate)
    before = dt.timedelta(minutes=settings.warn_minutes)
    for hours in (settings.first_deadline_hours, settings.second_deadline_hours):
        at = care_request.received_at + dt.timedelta(hours=hours)
        if is_to_warn(care_request, hours, at):
            due.append(at - before)
            break
    return min(due, default=None)


def is_to_warn(care_request: CareRequest, hours: int, at: dt.datetime) -> bool:
    """Is the deadline watched and not told yet? One known to be missed was told when its place was
    chosen; it is told again if that place falls through."""
    is_chosen_late = (
        care_request.status == S.ACCEPTED
        and care_request.planned_at is not None
        and care_request.planned_at > at
    )
    return (
        care_request.status in WATCHED and care_request.warned_hours < hours and not is_chosen_late
    )
