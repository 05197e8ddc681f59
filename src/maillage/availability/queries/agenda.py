"""The professional's own page: the coming days and the rules they come from."""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, F, OuterRef, Q
from django.utils import timezone

from maillage.availability.enums import LIVE, BookingState
from maillage.availability.models import (
    Absence,
    Booking,
    CptsVisibility,
    Opening,
    Slot,
    UsualVisibility,
    WeeklyPeriod,
)
from maillage.availability.queries.people import zone_of_practice
from maillage.directory.models import Professional


def agenda(professional: Professional, *, now: dt.datetime, days: int):
    """A professional's own slots of the coming days: `places_left`, `taken` and `held` places.

    Withdrawn ones only while somebody holds a place in them.
    """
    live = Booking.objects.filter(slot=OuterRef("pk"), state__in=LIVE)
    return (
        professional.slots.filter(
            Q(closed_at=None) | Exists(live),
            ends_at__gt=now,
            starts_at__lt=now + dt.timedelta(days=days),
        )
        .annotate(
            taken=Count("bookings", filter=Q(bookings__state=BookingState.TAKEN)),
            held=Count("bookings", filter=Q(bookings__state=BookingState.HELD)),
            places_left=F("capacity") - F("taken") - F("held"),
        )
        .select_related("place__commune")
        .order_by("starts_at", "pk")
    )


@dataclass(slots=True)
class Run:
    """Slots that follow each other and are alike: one line instead of ten."""

    first: Slot
    ends_at: dt.datetime
    count: int
    places_left: int


@dataclass(frozen=True, slots=True)
class AgendaDay:
    """A day of the zone of practice and its slots; never who they are for."""

    day: dt.date
    runs: list[Run]
    places_left: int
    taken: int
    held: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the availability page of one professional shows."""

    zone: ZoneInfo
    days: list[AgendaDay]
    periods: list[WeeklyPeriod]
    openings: list[Opening]
    absences: list[Absence]
    under_absence: list[Booking]
    usual: UsualVisibility | None
    given_count: int


def sheet_of(professional: Professional, *, now: dt.datetime, days: int) -> Sheet:
    """The coming days and the rules of a professional, for whoever keeps them."""
    zone = zone_of_practice(professional)
    by_day = defaultdict(list)
    for slot in agenda(professional, now=now, days=days):
        by_day[timezone.localdate(slot.starts_at, zone)].append(slot)
    today = timezone.localdate(now, zone)
    span = sorted({today + dt.timedelta(days=n) for n in range(days)} | set(by_day))
    periods = professional.periods.exclude(until_on__lt=today)
    absences = professional.absences.filter(ended_at=None, ends_at__gt=now)
    taken = Booking.objects.filter(slot__professional=professional, slot__ends_at__gt=now)
    return Sheet(
        zone=zone,
        days=[_agenda_day(day, by_day[day]) for day in span],
        periods=list(periods.select_related("place__commune")),
        openings=list(
            professional.openings.filter(ends_at__gt=now).select_related("place__commune")
        ),
        absences=list(absences),
        under_absence=list(
            taken.under_absence().select_related("slot").order_by("slot__starts_at")
        ),
        usual=UsualVisibility.objects.filter(professional=professional).first(),
        given_count=CptsVisibility.objects.filter(professional=professional)
        .filter(Q(snp=True) | Q(members=True))
        .count(),
    )


def has_places_under(absence: Absence) -> bool:
    """Does a place still to come, already taken, lie under the absence?"""
    return Booking.objects.filter(
        slot__professional=absence.professional_id,
        slot__starts_at__lt=absence.ends_at,
        slot__ends_at__gt=max(absence.starts_at, timezone.now()),
        state=BookingState.TAKEN,
    ).exists()


def _agenda_day(day: dt.date, slots: list[Slot]) -> AgendaDay:
    runs: list[Run] = []
    for slot in slots:
        left = 0 if slot.closed_at else slot.places_left
        last = runs[-1] if runs else None
        if last and last.ends_at == slot.starts_at and _look(last.first) == _look(slot):
            last.ends_at = slot.ends_at
            last.count += 1
            last.places_left += left
        else:
            runs.append(Run(slot, slot.ends_at, 1, left))
    return AgendaDay(
        day=day,
        runs=runs,
        places_left=sum(run.places_left for run in runs),
        taken=sum(slot.taken for slot in slots),
        held=sum(slot.held for slot in slots),
    )


def _look(slot: Slot) -> tuple:
    names = ("kind", "mode", "place_id", "capacity", "taken", "held", "is_window", "closed_at")
    return tuple(getattr(slot, name) for name in names) + (slot.ends_at - slot.starts_at,)
