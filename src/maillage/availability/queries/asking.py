"""How much a professional accepts to be asked: pause, quiet hours, places of the week."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils import timezone

from maillage.availability.enums import BookingState, PauseUntil
from maillage.availability.models import AskingPreferences, Booking
from maillage.availability.queries.people import end_of_day, wall_instant, zone_of_practice
from maillage.directory.models import Professional


@dataclass(frozen=True, slots=True)
class Asking:
    """What a professional chose, as it stands now. `quiet_until`: the end of the quiet hours in
    course; `taken`: places already taken this week, whatever the CPTS."""

    is_paused: bool
    paused_until: dt.datetime | None
    weekly_cap: int | None
    taken: int
    quiet_from_minute: int | None
    quiet_to_minute: int | None
    quiet_until: dt.datetime | None
    for_neighbours: bool
    zone: ZoneInfo

    @property
    def is_capped(self) -> bool:
        return self.weekly_cap is not None and self.taken >= self.weekly_cap


def week_start(now: dt.datetime) -> dt.datetime:
    """Monday at midnight, in the current zone."""
    local = timezone.localtime(now)
    monday = local.date() - dt.timedelta(days=local.weekday())
    return dt.datetime.combine(monday, dt.time(), local.tzinfo)


def is_quiet(from_minute: int, to_minute: int, zone: ZoneInfo, now: dt.datetime) -> bool:
    """Within quiet hours of the wall clock of the zone; they may pass midnight."""
    wall = now.astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    if from_minute < to_minute:
        return from_minute <= minute < to_minute
    return minute >= from_minute or minute < to_minute


def quiet_end(
    from_minute: int, to_minute: int, zone: ZoneInfo, now: dt.datetime
) -> dt.datetime | None:
    """When the quiet hours in course end; None outside them."""
    if not is_quiet(from_minute, to_minute, zone, now):
        return None
    wall = now.astimezone(zone)
    passes_midnight = to_minute <= wall.hour * 60 + wall.minute
    day = wall.date() + dt.timedelta(days=1) if passes_midnight else wall.date()
    end = wall_instant(day, to_minute, zone)
    # The night the clocks go back shows that hour twice: the second one, once the first is past.
    return end if end.astimezone(dt.UTC) > now else end.replace(fold=1)


def quiet_until(professional: Professional, now: dt.datetime) -> dt.datetime | None:
    """When this professional may be disturbed again; None when they may now."""
    chosen = AskingPreferences.objects.filter(professional=professional).first()
    if chosen is None or chosen.quiet_from_minute is None:
        return None
    zone = zone_of_practice(professional)
    return quiet_end(chosen.quiet_from_minute, chosen.quiet_to_minute, zone, now)


def taken_this_week(professional: Professional, now: dt.datetime) -> int:
    """Places taken in slots of this week, Monday to Sunday: what the weekly cap counts."""
    monday = week_start(now)
    return Booking.objects.filter(
        slot__professional=professional,
        state=BookingState.TAKEN,
        slot__starts_at__gte=monday,
        slot__starts_at__lt=monday + dt.timedelta(days=7),
    ).count()


def asking_of(professional: Professional, now: dt.datetime) -> Asking:
    """The choices in force; without any, nothing is limited."""
    chosen = AskingPreferences.objects.filter(professional=professional).first()
    chosen = chosen or AskingPreferences(professional=professional)
    until, zone = chosen.paused_until, zone_of_practice(professional)
    quiet = None
    if chosen.quiet_from_minute is not None:
        quiet = quiet_end(chosen.quiet_from_minute, chosen.quiet_to_minute, zone, now)
    is_paused = chosen.paused_at is not None and (until is None or until > now)
    return Asking(
        is_paused=is_paused,
        paused_until=until if is_paused else None,
        weekly_cap=chosen.weekly_cap,
        taken=taken_this_week(professional, now),
        quiet_from_minute=chosen.quiet_from_minute,
        quiet_to_minute=chosen.quiet_to_minute,
        quiet_until=quiet,
        for_neighbours=chosen.for_neighbours,
        zone=zone,
    )


def pause_end(
    until: str, zone: ZoneInfo, now: dt.datetime, day: dt.date | None = None
) -> dt.datetime | None:
    """The instant a pause ends: midnight tonight, before next Monday, or before `day`, the first day
    back; None when only the professional ends it."""
    if until == PauseUntil.EVENING:
        return end_of_day(now, zone)
    if until == PauseUntil.MONDAY:
        today = now.astimezone(zone).date()
        return wall_instant(today + dt.timedelta(days=7 - today.weekday()), 0, zone)
    return wall_instant(day, 0, zone) if until == PauseUntil.DAY and day else None
