"""Who waits: their class by the written rules, the list, what the clock looks at."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Max, OuterRef, Q, Subquery
from django.utils import timezone

from maillage.accounts.enums import Role
from maillage.accounts.models import Seat
from maillage.compute.waiting import Found, told_found
from maillage.kernel.permissions import Actor
from maillage.medecin_traitant.enums import (
    LAST_RANK,
    OPEN,
    TO_CALL,
    Answer,
    AttributionState,
    Criterion,
    DoctorRequestState,
    EventKind,
)
from maillage.medecin_traitant.models import (
    Attribution,
    DoctorRequest,
    DoctorRequestEvent,
    MtSettings,
    PriorityRule,
)
from maillage.residents import queries as residents
from maillage.territory.models import Cpts

PLACED_DAYS = 365  # requests an announced wait is counted on
# A doctor said yes, and it held as far as anybody knows.
HAVE_FOUND = (
    *(DoctorRequestState.ACCEPTED, DoctorRequestState.DECLARED),
    DoctorRequestState.CLOSED_AFTER_SIX_MONTHS,
)


def age_on(birth_date: dt.date | None, on: dt.date) -> int | None:
    if birth_date is None:
        return None
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def _meets(rule: PriorityRule, doctor_request: DoctorRequest, age: int | None, days: int) -> bool:
    match rule.criterion:
        case Criterion.ALD:
            return doctor_request.ald == Answer.YES
        case Criterion.C2S:
            return doctor_request.c2s == Answer.YES
        case Criterion.AGE_FROM:
            return age is not None and age >= rule.threshold
        case Criterion.WAITING_DAYS:
            return days >= rule.threshold
        case _:
            return not doctor_request.can_travel


def priority_of(
    doctor_request: DoctorRequest, rules: Sequence[PriorityRule], today: dt.date
) -> tuple[int, PriorityRule | None]:
    """The first class one of whose rules is met, and that rule; the last class when none is."""
    age = age_on(doctor_request.resident.birth_date, today)
    days = (today - timezone.localdate(doctor_request.waits_since)).days
    for rule in sorted(rules, key=lambda each: (each.rank, each.pk)):
        if _meets(rule, doctor_request, age, days):
            return rule.rank, rule
    return LAST_RANK, None


def class_text(*ranks: int) -> str:
    """Classes in words: "priorités 3, 4 ou aucune"."""
    first = [str(rank) for rank in ranks if rank < LAST_RANK]
    if not first:
        return "sans priorité"
    told = f"priorité{'s' if len(first) > 1 else ''} {', '.join(first)}"
    return f"{told} ou aucune" if LAST_RANK in ranks else told


# The list


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; empty: everybody."""

    rank: int | None = None
    commune: str = ""
    waits_days: int = 0
    state: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line: the request, its class, the rule that gave it, the age, the days of wait."""

    doctor_request: DoctorRequest
    rank: int
    rule: PriorityRule | None
    age: int | None
    days: int
    is_late: bool


def waiting_of(
    cpts: Cpts, rules: Sequence[PriorityRule], filters: Filters, *, now: dt.datetime
) -> list[Waiting]:
    """Open requests, those of one state, or those closed with a call to make: the first class first,
    then the longest wait."""
    today = timezone.localdate(now)
    rows = DoctorRequest.objects.filter(cpts=cpts)
    if filters.state == TO_CALL:
        rows = rows.to_call()
    else:
        rows = rows.filter(state__in=[filters.state] if filters.state else OPEN)
    if filters.commune:
        rows = rows.filter(commune=filters.commune)
    if filters.waits_days:
        rows = rows.filter(waits_since__lte=now - dt.timedelta(days=filters.waits_days))
    rows = rows.select_related("resident", "commune", "owner__user", "doctor")
    lines = [_line(row, rules, today) for row in rows.order_by("waits_since", "pk")]
    if filters.rank is not None:
        lines = [each for each in lines if each.rank == filters.rank]
    return sorted(lines, key=lambda each: each.rank)  # stable: the wait stays in order


def _line(row: DoctorRequest, rules: Sequence[PriorityRule], today: dt.date) -> Waiting:
    rank, rule = priority_of(row, rules, today)
    is_followed = row.state in OPEN or bool(row.alert)
    return Waiting(
        doctor_request=row,
        rank=rank,
        rule=rule,
        age=age_on(row.resident.birth_date, today),
        days=(today - timezone.localdate(row.waits_since)).days,
        is_late=is_followed and row.deadline_on is not None and row.deadline_on < today,
    )


def alike(actor: Actor, doctor_request: DoctorRequest) -> list[DoctorRequest]:
    """Other open requests of somebody who may be the same person: same telephone, or same name with
    the birth date or the commune."""
    resident = doctor_request.resident
    found = residents.find(
        actor,
        doctor_request.cpts,
        phone=resident.phone,
        family_name=resident.family_name,
        given_name=resident.given_name,
        birth_date=resident.birth_date,
        commune=doctor_request.commune,
    )
    others = DoctorRequest.objects.filter(cpts=doctor_request.cpts_id, resident__in=found).open()
    return list(
        others.exclude(pk=doctor_request.pk).select_related("resident", "commune").order_by("pk")
    )


def next_number(cpts: Cpts) -> int:
    """Under a lock of the CPTS."""
    return (DoctorRequest.objects.filter(cpts=cpts).aggregate(n=Max("number"))["n"] or 0) + 1


def estimate_of(cpts: Cpts, settings: MtSettings, *, now: dt.datetime) -> Found | None:
    """How long the requests received within a year took to find a doctor, those that still wait too;
    None: too few to say. A request given up or found otherwise counts as long as it lasted."""
    since = now - dt.timedelta(days=PLACED_DAYS)
    accepted = DoctorRequestEvent.objects.filter(
        cpts=cpts, doctor_request=OuterRef("pk"), kind=EventKind.ACCEPTED
    ).order_by("-at")
    received = DoctorRequest.objects.filter(cpts=cpts, waits_since__gte=since).exclude(
        state=DoctorRequestState.MERGED
    )
    found, days = [], []
    for state, begun, closed, at in received.values_list(
        "state", "waits_since", "closed_at", Subquery(accepted.values("at")[:1])
    ):
        is_found = state in HAVE_FOUND and at is not None
        found.append(is_found)
        days.append(max(((at if is_found else closed or now) - begun).days, 0))
    return told_found(np.array(days, np.int64), np.array(found, np.bool_), settings.small_cell_min)


# Who answers for a request, and what the clock looks at


def default_owner(cpts: Cpts | int, now: dt.datetime) -> Seat | None:
    """Who answers when nobody of the desk took it: a coordinator, else an administrator."""
    seats = Seat.objects.filter(cpts=cpts).active(timezone.localdate(now)).select_related("user")
    for role in (Role.COORDINATOR, Role.ADMINISTRATOR):
        found = seats.filter(role=role).order_by("pk").first()
        if found is not None:
            return found
    return None


def orphans(cpts: Cpts, now: dt.datetime) -> list[DoctorRequest]:
    """Requests open, or with a call to make, whose owner has left."""
    here = Seat.objects.filter(cpts=cpts).active(timezone.localdate(now)).values("pk")
    rows = DoctorRequest.objects.filter(cpts=cpts).exclude(owner__in=here)
    return [*rows.open(), *rows.to_call()]


def due_reminders(cpts: Cpts, settings: MtSettings, now: dt.datetime) -> list[DoctorRequest]:
    """Requests past their deadline, open or with a call to make, and those accepted whose declaration
    is not confirmed: not reminded of since as long as there is between two."""
    since = now - dt.timedelta(days=settings.remind_days)
    rows = DoctorRequest.objects.filter(cpts=cpts)
    past = rows.filter(deadline_on__lt=timezone.localdate(now))
    past = past.filter(Q(reminded_at=None) | Q(reminded_at__lte=since))
    since_check = now - dt.timedelta(days=settings.confirm_days)
    accepted_then = Attribution.objects.filter(
        cpts=cpts, state=AttributionState.ACCEPTED, answered_at__lte=since_check
    )
    unconfirmed = rows.filter(
        state=DoctorRequestState.ACCEPTED, pk__in=accepted_then.values("doctor_request")
    )
    return [
        *past.open().exclude(state=DoctorRequestState.ACCEPTED),
        *past.to_call(),
        *unconfirmed.filter(Q(reminded_at=None) | Q(reminded_at__lte=since_check)),
    ]


def not_declared(cpts: Cpts, now: dt.datetime) -> list[DoctorRequest]:
    """Accepted, and the time to declare is over."""
    return list(
        DoctorRequest.objects.filter(
            cpts=cpts,
            state=DoctorRequestState.ACCEPTED,
            deadline_on__lt=timezone.localdate(now),
        )
    )
