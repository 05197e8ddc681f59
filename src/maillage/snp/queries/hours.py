"""When the desk is open, and when the permanence des soins (PDSA) takes over."""

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays
from django.utils import timezone

from maillage.snp.enums import HOLIDAY, HoursKind
from maillage.snp.models import DeskSettings
from maillage.snp.queries.desk import settings_of
from maillage.territory.models import Cpts

DAYS_BACK = 14  # no desk stays shut longer between two openings without being set again


@lru_cache(maxsize=64)
def public_holidays(year: int) -> frozenset[dt.date]:
    """The eleven public holidays of the whole country (Code du travail, L3133-1)."""
    return frozenset(holidays.country_holidays("FR", years=year))


def weekday_of(day: dt.date) -> int:
    """0 for Monday to 6; 7 for a public holiday."""
    return HOLIDAY if day in public_holidays(day.year) else day.weekday()


def spans_on(settings: DeskSettings, kind: str, day: dt.date) -> list[tuple[int, int]]:
    """Minutes of the wall clock, in order."""
    return sorted(
        (hours.opens_minute, hours.closes_minute)
        for hours in settings.hours.all()
        if hours.kind == kind and hours.weekday == weekday_of(day)
    )


def is_within(settings: DeskSettings, kind: str, zone: str, now: dt.datetime) -> bool:
    wall = now.astimezone(ZoneInfo(zone))
    minute = wall.hour * 60 + wall.minute
    return any(opens <= minute < closes for opens, closes in spans_on(settings, kind, wall.date()))


def desk_is_open(
    cpts: Cpts, now: dt.datetime | None = None, settings: DeskSettings | None = None
) -> bool:
    """`settings`: as just read."""
    now = now or timezone.now()
    return is_within(settings or settings_of(cpts, now), HoursKind.DESK, cpts.zone, now)


def is_pdsa(cpts: Cpts, now: dt.datetime | None = None) -> bool:
    """Are these the hours of the permanence des soins, as the CPTS recorded them?"""
    now = now or timezone.now()
    return is_within(settings_of(cpts, now), HoursKind.PDSA, cpts.zone, now)


def last_closing(cpts: Cpts, now: dt.datetime) -> dt.datetime | None:
    """The end of the last opening; None while the desk is open, or when it never opens."""
    settings, zone = settings_of(cpts, now), ZoneInfo(cpts.zone)
    if is_within(settings, HoursKind.DESK, cpts.zone, now):
        return None
    wall = now.astimezone(zone)
    for back in range(DAYS_BACK):
        day = wall.date() - dt.timedelta(days=back)
        ends = [
            dt.datetime.combine(day, dt.time(), zone) + dt.timedelta(minutes=closes)
            for _, closes in spans_on(settings, HoursKind.DESK, day)
        ]
        past = [end for end in ends if end <= wall]
        if past:
            return max(past)
    return None
