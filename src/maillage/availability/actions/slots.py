"""From rules to slots: computed again after each change, unchanged rows not written."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from maillage.availability.enums import HORIZON_DAYS
from maillage.availability.models import (
    Booking,
    CptsVisibility,
    Opening,
    Slot,
    WeeklyPeriod,
)
from maillage.availability.queries import computed_slots
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor

ROLL_BATCH = 50
SHARED = (
    "place_id",
    "kind",
    "mode",
    "capacity",
    "for_public",
    "for_pro",
    "for_snp",
    "for_cpts",
    "ends_at",
    "is_window",
)


def refresh_slots(professional_ids: Iterable[int]) -> dict[str, int]:
    """Make the open slots of these professionals what their rules say, from now to the horizon.

    A slot that was ever booked is never changed: when its rule is gone it is only closed to others,
    and opened again when the rule comes back. Called inside an action, after the change. Returns
    how many were created, changed, closed, deleted and left alone.
    """
    ids = sorted(set(professional_ids))
    list(Professional.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk"))
    now = timezone.now()
    wanted = {_key(slot): slot for slot in computed_slots(ids, now=now, days=HORIZON_DAYS)}
    existing, booked = _locked_slots(ids, now)
    counts = dict.fromkeys(("created", "changed", "closed", "deleted", "unchanged"), 0)
    seen, changed, gone = set(), [], []
    for slot in existing:
        key = _key(slot)
        rule = wanted.get(key) if key not in seen else None
        if rule is None:
            gone.append(slot)
            continue
        seen.add(key)
        differs = any(getattr(slot, name) != getattr(rule, name) for name in SHARED)
        if slot.closed_at is None and (slot.pk in booked or not differs):
            counts["unchanged"] += 1
            continue
        slot.closed_at = None
        if slot.pk not in booked:
            for name in SHARED:
                setattr(slot, name, getattr(rule, name))
        changed.append(slot)
    _withdraw(gone, booked, now, counts)
    counts["changed"] = Slot.objects.bulk_update(changed, [*SHARED, "closed_at"], batch_size=500)
    new = [slot for key, slot in wanted.items() if key not in seen]
    Slot.objects.bulk_create(new, batch_size=1000)
    counts["created"] = len(new)
    return counts


def _key(slot: Slot) -> tuple[int | None, int | None, dt.datetime]:
    return slot.period_id, slot.opening_id, slot.starts_at


def _locked_slots(ids: list[int], now: dt.datetime) -> tuple[list[Slot], set[int]]:
    """Slots not over, locked, open ones first; and the ids of those ever booked.

    Two statements on purpose: the second sees the bookings committed while the first one waited.
    """
    slots = Slot.objects.filter(professional__in=ids, ends_at__gt=now)
    existing = list(
        slots.select_for_update(of=("self",)).order_by(F("closed_at").asc(nulls_first=True), "pk")
    )
    booked = Booking.objects.filter(slot__in=slots).values_list("slot", flat=True)
    return existing, set(booked)


def _withdraw(gone: list[Slot], booked: set[int], now: dt.datetime, counts: dict[str, int]) -> None:
    """Close what was booked or has begun (it was offered, the figures say so), delete the rest."""
    kept = [slot for slot in gone if slot.pk in booked or slot.starts_at <= now]
    to_close = [slot.pk for slot in kept if slot.closed_at is None]
    free = {slot.pk for slot in gone} - {slot.pk for slot in kept}
    counts["closed"] = Slot.objects.filter(pk__in=to_close).update(closed_at=now)
    counts["deleted"] = Slot.objects.filter(pk__in=free).delete()[0]


def roll_horizon(*, by: Actor, professionals: Iterable[int] | None = None) -> dict[str, int]:
    """Move the horizon: every professional with a rule, or those named. Raises NotAllowed.

    One transaction for each batch of professionals, so that nobody waits behind the whole country.
    """
    if by.kind != "system":
        raise NotAllowed("L'horizon avance tout seul.")
    if professionals is None:
        professionals = {
            pk
            for model in (WeeklyPeriod, Opening)
            for pk in model.objects.values_list("professional", flat=True)
        }
    ids, total = sorted(set(professionals)), Counter()
    for start in range(0, len(ids), ROLL_BATCH):
        total.update(_roll(ids[start : start + ROLL_BATCH], by=by))
    return dict(total)


@transaction.atomic
def _roll(ids: list[int], *, by: Actor) -> dict[str, int]:
    counts = refresh_slots(ids)
    if counts["created"] or counts["changed"] or counts["closed"] or counts["deleted"]:
        journal.record("availability.horizon_rolled", None, by=by, cpts=None, **counts)
        pulse.bump(
            *CptsVisibility.objects.filter(professional__in=ids)
            .values_list("cpts", flat=True)
            .distinct()
        )
    return counts
