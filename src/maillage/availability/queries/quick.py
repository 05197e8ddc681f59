"""What a professional says in two taps, and what of it still stands."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q
from django.utils import timezone

from maillage.availability.enums import LIVE, QUICK_WINDOWS, AbsenceReason, QuickAnswer
from maillage.availability.models import Absence, Opening
from maillage.availability.queries.people import end_of_day, main_place, wall_instant
from maillage.directory.models import Professional


def quick_span(
    answer: str, now: dt.datetime, zone: ZoneInfo
) -> tuple[dt.datetime, dt.datetime, int] | None:
    """From when, until when and for how many an answer stands; None when its moment has passed."""
    if answer == QuickAnswer.HOUR:
        start, end, places = now, now + dt.timedelta(hours=1), 1
    else:
        today = timezone.localdate(now, zone)
        first, last, places = QUICK_WINDOWS[QuickAnswer(answer)]
        start = max(now, wall_instant(today, first, zone))
        end = wall_instant(today, last, zone)
    start, end = (at.replace(second=0, microsecond=0) for at in (start, end))
    return (start, end, places) if end > now and end > start else None


def day_off(professional: Professional, now: dt.datetime, zone: ZoneInfo):
    """The absence « pas aujourd'hui » of this day."""
    return Absence.objects.filter(
        professional=professional,
        reason=AbsenceReason.FULL_DAY,
        ended_at=None,
        starts_at__lt=end_of_day(now, zone),
        ends_at__gt=now,
    )


def quick_openings(professional: Professional, now: dt.datetime):
    """Quick answers still standing, with `places_left`."""
    return (
        professional.openings.filter(ends_at__gt=now)
        .exclude(quick_answer="")
        .annotate(
            places_left=F("capacity")
            - Count("slots__bookings", filter=Q(slots__bookings__state__in=LIVE))
        )
        .order_by("starts_at", "pk")
    )


@dataclass(frozen=True, slots=True)
class QuickChoice:
    """An answer that still makes sense now; `note` says what it covers."""

    value: str
    label: str
    note: str


@dataclass(frozen=True, slots=True)
class QuickState:
    """What may be said today from a phone, and what was."""

    professional: Professional
    choices: list[QuickChoice]
    openings: list[Opening]
    absence: Absence | None
    zone: ZoneInfo | None


def quick_state(professional: Professional, now: dt.datetime) -> QuickState:
    """For `availability/_quick.html`; no choice when no place of practice is known."""
    place = main_place(professional)
    if place is None:
        return QuickState(professional, [], [], None, None)
    zone = place.commune.zone
    absence = day_off(professional, now, zone).first()
    choices = []
    for answer in QuickAnswer:
        if answer == QuickAnswer.NOT_TODAY:
            if absence is None:
                choices.append(QuickChoice(answer, answer.label, "rien n'est proposé"))
        elif span := quick_span(answer, now, zone):
            end = timezone.localtime(span[1], zone)
            places = "2 places, " if span[2] == 2 else ""
            note = f"{places}jusqu'à {end.hour}\u00a0h" + (f"\u00a0{end:%M}" if end.minute else "")
            choices.append(QuickChoice(answer, answer.label, note))
    return QuickState(professional, choices, list(quick_openings(professional, now)), absence, zone)
