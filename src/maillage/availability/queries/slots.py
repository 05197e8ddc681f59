"""From rules to slots, and the slots a desk may see."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from maillage.availability.models import Absence, Opening, Slot, WeeklyPeriod
from maillage.compute import intervals
from maillage.territory.models import Cpts

# What a slot takes from its rule, in the order of `ComputedSlot.offer`.
OFFERED = ("professional_id", "place_id", "kind", "mode", "capacity")
OFFERED += ("for_public", "for_pro", "for_snp", "for_cpts", "is_window")

# The period or the opening, and the UTC minute of the start: what makes two slots the same one.
SlotKey = tuple[int | None, int | None, int]


class ComputedSlot(NamedTuple):
    """A slot as its rule gives it, not stored: `offer` holds the values of OFFERED."""

    offer: tuple
    ends_minute: int


def computed_slots(
    professional_ids: Iterable[int], *, now: dt.datetime, days: int
) -> dict[SlotKey, ComputedSlot]:
    """The slots the rules of these professionals give from `now` on, for `days` days."""
    periods, openings, slots = _expanded(list(professional_ids), now, days)
    keep = slots.end > intervals.minute_of(now)
    offers = {
        intervals.Source.WEEKLY.value: {pk: _offer(each) for pk, each in periods.items()},
        intervals.Source.OPENING.value: {pk: _offer(each) for pk, each in openings.items()},
    }
    weekly = intervals.Source.WEEKLY.value
    return {
        (
            source if kind == weekly else None,
            None if kind == weekly else source,
            start,
        ): ComputedSlot(offers[kind][source], end)
        for kind, source, start, end in zip(
            slots.source_kind[keep].tolist(),
            slots.source[keep].tolist(),
            slots.start[keep].tolist(),
            slots.end[keep].tolist(),
            strict=True,
        )
    }


def _expanded(
    ids: list[int], now: dt.datetime, days: int
) -> tuple[dict[int, WeeklyPeriod], dict[int, Opening], intervals.Slots]:
    # The same day whoever asks: a page under another zone must not move the horizon.
    today = now.astimezone(dt.UTC).date()
    periods = {
        period.pk: period
        for period in WeeklyPeriod.objects.filter(professional__in=ids)
        .exclude(until_on__lt=today - dt.timedelta(days=1))
        .select_related("place__commune")
    }
    openings = {
        opening.pk: opening
        for opening in Opening.objects.filter(professional__in=ids, ends_at__gt=now).select_related(
            "place__commune"
        )
    }
    # One just over may still cover the beginning of a window of today.
    absences = Absence.objects.filter(
        professional__in=ids, ended_at=None, ends_at__gt=now - dt.timedelta(days=1)
    )
    slots = intervals.expand(
        periods=[_period(each) for each in periods.values()],
        openings=[_opening(each) for each in openings.values()],
        absences=[
            intervals.Absence(owner=a.professional_id, starts_at=a.starts_at, ends_at=a.ends_at)
            for a in absences
        ],
        # A day of margin on both sides for the zones ahead of and behind Paris.
        first_on=today - dt.timedelta(days=1),
        before_on=today + dt.timedelta(days=days + 1),
    )
    return periods, openings, slots


def _period(period: WeeklyPeriod) -> intervals.WeeklyPeriod:
    return intervals.WeeklyPeriod(
        id=period.pk,
        owner=period.professional_id,
        weekday=period.weekday,
        starts_minute=period.starts_minute,
        ends_minute=period.ends_minute,
        slot_minutes=period.slot_minutes,
        capacity=period.capacity,
        from_on=period.from_on,
        until_on=period.until_on,
        zone=period.place.commune.zone.key,
    )


def _opening(opening: Opening) -> intervals.Opening:
    length = opening.ends_at - opening.starts_at
    return intervals.Opening(
        id=opening.pk,
        owner=opening.professional_id,
        starts_at=opening.starts_at,
        ends_at=opening.ends_at,
        slot_minutes=opening.slot_minutes or int(length.total_seconds() // 60),
        capacity=opening.capacity,
        zone=opening.place.commune.zone.key,
    )


def _offer(rule: WeeklyPeriod | Opening) -> tuple:
    is_window = isinstance(rule, Opening) and rule.slot_minutes is None
    return (*(getattr(rule, name) for name in OFFERED[:-1]), is_window)


def slots_for_desk(
    cpts: Cpts, professional_ids: Iterable[int], *, now: dt.datetime, until: dt.datetime
):
    """Open slots the desk of `cpts` may see, with `places_left`, full ones too, soonest first."""
    return (
        Slot.objects.open(now)
        .given_to(cpts)
        .filter(professional__in=professional_ids, starts_at__lt=until)
        .with_places_left()
        .order_by("professional_id", "starts_at", "pk")
    )
