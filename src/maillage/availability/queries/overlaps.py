"""Two cut rules never share an hour: a person would be booked twice.

A window ("this afternoon") has no hour of its own and fits between the others.
"""

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from maillage.availability.models import Opening, WeeklyPeriod


def _wall_spans(
    starts_at: dt.datetime, ends_at: dt.datetime, zone: ZoneInfo
) -> Iterable[tuple[dt.date, int, int]]:
    """Days of the zone that the stretch covers, with the wall-clock minutes in each."""
    first, last = (timezone.localtime(at, zone) for at in (starts_at, ends_at))
    for shift in range((last.date() - first.date()).days + 1):
        day = first.date() + dt.timedelta(days=shift)
        start = first.hour * 60 + first.minute if shift == 0 else 0
        end = last.hour * 60 + last.minute if day == last.date() else 1440
        if end > start:
            yield day, start, end


def meets(period: WeeklyPeriod, starts_at: dt.datetime, ends_at: dt.datetime) -> bool:
    return any(
        day.weekday() == period.weekday
        and period.from_on <= day
        and (period.until_on is None or day <= period.until_on)
        and start < period.ends_minute
        and period.starts_minute < end
        for day, start, end in _wall_spans(starts_at, ends_at, period.place.commune.zone)
    )


def rules_meeting_period(period: WeeklyPeriod, now: dt.datetime) -> bool:
    """Does another period, or a cut opening to come, share hours with this one?"""
    others = WeeklyPeriod.objects.exclude(pk=period.pk).filter(
        Q(until_on=None) | Q(until_on__gte=period.from_on),
        professional=period.professional_id,
        weekday=period.weekday,
        starts_minute__lt=period.ends_minute,
        ends_minute__gt=period.starts_minute,
    )
    if period.until_on is not None:
        others = others.filter(from_on__lte=period.until_on)
    openings = Opening.objects.filter(
        professional=period.professional_id, slot_minutes__isnull=False, ends_at__gt=now
    )
    return others.exists() or any(meets(period, o.starts_at, o.ends_at) for o in openings)


def rules_meeting_opening(opening: Opening) -> bool:
    """Does a period, or another cut opening, share hours with this one?"""
    if opening.slot_minutes is None:
        return False
    others = Opening.objects.exclude(pk=opening.pk).filter(
        professional=opening.professional_id,
        slot_minutes__isnull=False,
        starts_at__lt=opening.ends_at,
        ends_at__gt=opening.starts_at,
    )
    periods = WeeklyPeriod.objects.filter(professional=opening.professional_id).select_related(
        "place__commune"
    )
    return others.exists() or any(meets(p, opening.starts_at, opening.ends_at) for p in periods)
