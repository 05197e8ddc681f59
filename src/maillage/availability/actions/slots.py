"""From rules to slots: computed again after each change, unchanged rows not written."""

import datetime as dt
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from maillage.availability.enums import HORIZON_DAYS
from maillage.availability.models import Absence, Booking, Opening, Slot, WeeklyPeriod
from maillage.availability.queries import computed_slots
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor

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

    A slot with a live booking is never changed: when its rule is gone it is only closed to others.
    Called inside an action, after the change. Returns how many were created, changed, closed,
    deleted and left alone.
    """
    ids = sorted(set(professional_ids))
    list(Professional.objects.select_for_update(of=("self",)).filter(pk__in=ids).order_by("pk"))
    now = timezone.now()
    wanted = {
        (slot.period_id, slot.opening_id, slot.starts_at): slot
        for slot in computed_slots(ids, now=now, days=HORIZON_DAYS)
    }
    bookings = Booking.objects.filter(slot=OuterRef("pk"))
    # `of` names the slots alone: the row locks keep a place from being taken meanwhile.
    existing = list(
        Slot.objects.select_for_update(of=("self",))
        .filter(professional__in=ids, ends_at__gt=now)
        .annotate(is_booked=Exists(bookings))
        .order_by("pk")
    )
    counts = dict.fromkeys(("created", "changed", "closed", "deleted", "unchanged"), 0)
    seen, changed, gone = set(), [], []
    for slot in existing:
        key = (slot.period_id, slot.opening_id, slot.starts_at)
        rule = wanted.get(key) if key not in seen else None
        if rule is None:
            gone.append(slot)
            continue
        seen.add(key)
        if slot.closed_at is None and all(
            getattr(slot, name) == getattr(rule, name) for name in SHARED
        ):
            counts["unchanged"] += 1
            continue
        slot.closed_at = None
        if not slot.is_booked:
            for name in SHARED:
                setattr(slot, name, getattr(rule, name))
        changed.append(slot)
    counts["changed"] = Slot.objects.bulk_update(changed, [*SHARED, "closed_at"], batch_size=500)
    _withdraw(gone, now, counts)
    new = [slot for key, slot in wanted.items() if key not in seen]
    Slot.objects.bulk_create(new, batch_size=1000)
    counts["created"] = len(new)
    return counts


def _withdraw(gone: list[Slot], now: dt.datetime, counts: dict[str, int]) -> None:
    begun = [slot for slot in gone if slot.is_booked or (slot.starts_at <= now)]
    to_close = [slot.pk for slot in begun if slot.closed_at is None and slot.ends_at > now]
    # What has begun without anyone coming is kept as it was: it was offered, the figures say so.
    free = [slot.pk for slot in gone if slot not in begun]
    counts["closed"] = Slot.objects.filter(pk__in=to_close).update(closed_at=now)
    counts["deleted"] = Slot.objects.filter(pk__in=free).delete()[0]


@transaction.atomic
def roll_horizon(*, by: Actor, professionals: Iterable[int] | None = None) -> dict[str, int]:
    """Move the horizon: every professional with a rule, or those named. Raises NotAllowed."""
    if by.kind != "system":
        raise NotAllowed("L'horizon avance tout seul.")
    if professionals is None:
        rules = (WeeklyPeriod, Opening, Absence)
        professionals = {
            pk for model in rules for pk in model.objects.values_list("professional", flat=True)
        }
    counts = refresh_slots(professionals)
    if counts["created"] or counts["changed"] or counts["closed"] or counts["deleted"]:
        journal.record("availability.horizon_rolled", None, by=by, cpts=None, **counts)
        pulse.bump_all(
            Professional.objects.filter(pk__in=list(professionals))
            .exclude(cpts_visibilities=None)
            .values_list("cpts_visibilities__cpts", flat=True)
            .distinct()
        )
    return counts
