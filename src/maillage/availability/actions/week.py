"""One week for another, from a date on: a secretary enters those of many professionals."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from maillage.availability import queries
from maillage.availability.actions.opening import BadOpening
from maillage.availability.actions.slots import refresh_slots
from maillage.availability.actions.visibility import cpts_ids_of, usual_flags
from maillage.availability.enums import LIVE
from maillage.availability.models import Booking, Slot, WeeklyPeriod
from maillage.availability.queries import SaidPeriod, WeekPlan
from maillage.availability.rules import can_edit_availability
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor


@transaction.atomic
def set_week(
    *, by: Actor, professional: Professional, from_on: dt.date, said: Sequence[SaidPeriod]
) -> WeekPlan:
    """Make `said` the only week of this professional from `from_on` on; nothing said, no week.

    Periods alike are left alone, so that the same week said twice changes nothing. Places already
    taken stay taken. Returns what changed. Raises NotAllowed, VisibilityNotChosen, BadOpening.
    """
    if not can_edit_availability(by, professional):
        raise NotAllowed("Vous ne pouvez pas changer les disponibilités de ce professionnel.")
    professional = Professional.objects.select_for_update(of=("self",), no_key=True).get(
        pk=professional.pk
    )
    if from_on < timezone.localdate():
        raise BadOpening("Une semaine se saisit à partir d'aujourd'hui, pas pour une date passée.")
    flags = usual_flags(professional) if said else {}
    (line,) = queries.week_lines([professional], from_on)
    plan = queries.week_plan(line, said)
    if plan.refusal:
        raise BadOpening(plan.refusal)
    if not plan.is_change:
        return plan
    held = _held_slots(professional, plan, from_on)
    WeeklyPeriod.objects.filter(pk__in=[each.pk for each in plan.ended]).update(
        until_on=from_on - dt.timedelta(days=1)
    )
    counts = {name: len(getattr(plan, name)) for name in ("added", "ended", "removed")}
    WeeklyPeriod.objects.filter(pk__in=[each.pk for each in plan.removed]).delete()
    for period in plan.added:
        for flag, is_on in flags.items():
            setattr(period, flag, is_on)
    WeeklyPeriod.objects.bulk_create(plan.added)
    _carry(held, plan.added)
    refresh_slots([professional.pk])
    journal.record(
        "availability.week_set",
        professional,
        by=by,
        cpts=by.cpts_id,
        professional=professional.pk,
        **counts,
    )
    pulse.bump(*cpts_ids_of(professional))
    return plan


def _held_slots(
    professional: Professional, plan: WeekPlan, from_on: dt.date
) -> list[tuple[Slot, dt.date, int]]:
    """Slots in which somebody holds a place and that no rule would offer, with their wall time.

    Those of the periods replaced, and those a former week left closed. Locked first, then looked
    at: a place taken meanwhile is seen.
    """
    replaced = [each.pk for each in plan.replaced]
    slots = professional.slots.filter(
        Q(period__in=replaced) | Q(closed_at__isnull=False),
        opening=None,
        ends_at__gt=timezone.now(),
    )
    locked = list(slots.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
    held = Booking.objects.filter(slot__in=locked, state__in=LIVE).values("slot")
    found = []
    for slot in Slot.objects.filter(pk__in=held).select_related("place__commune"):
        start = timezone.localtime(slot.starts_at, slot.place.commune.zone)
        if start.date() >= from_on:
            found.append((slot, start.date(), start.hour * 60 + start.minute))
    return found


def _carry(held: list[tuple[Slot, dt.date, int]], added: Sequence[WeeklyPeriod]) -> None:
    """A slot the new week offers too stays the same slot, with the places taken in it."""
    moved = defaultdict(list)
    for slot, day, minute in held:
        for period in added:
            if _offers(period, slot, day, minute):
                moved[period.pk].append(slot.pk)
    for period_id, slot_ids in moved.items():
        Slot.objects.filter(pk__in=slot_ids).update(period=period_id)


def _offers(period: WeeklyPeriod, slot: Slot, day: dt.date, minute: int) -> bool:
    since = minute - period.starts_minute
    return (
        period.weekday == day.weekday()
        and (period.place_id, period.kind) == (slot.place_id, slot.kind)
        and slot.ends_at - slot.starts_at == dt.timedelta(minutes=period.slot_minutes)
        and since >= 0
        and since % period.slot_minutes == 0
        and minute + period.slot_minutes <= period.ends_minute
    )
