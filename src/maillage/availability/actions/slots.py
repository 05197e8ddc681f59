"""From rules to slots: computed again after each change, unchanged rows not written."""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from maillage.availability.actions.shelves import shelve_slots_of
from maillage.availability.enums import HORIZON_DAYS, LIVE
from maillage.availability.models import (
    Booking,
    CptsVisibility,
    FreeSlot,
    Opening,
    Slot,
    UtcMinute,
    WeeklyPeriod,
)
from maillage.availability.queries.slots import (
    OFFERED,
    ComputedSlot,
    SlotKey,
    computed_slots,
)
from maillage.compute import intervals
from maillage.directory.models import Professional
from maillage.kernel import journal, pulse
from maillage.kernel.errors import NotAllowed
from maillage.kernel.permissions import Actor

ROLL_BATCH = 100
COLUMNS = ("period_id", "opening_id", "starts_at", *OFFERED, "ends_at")
COPY = f"COPY availability_slot ({', '.join(COLUMNS)}) FROM STDIN"
NULL = r"\N"
COPY_FROM = 200  # rows; fewer are inserted

# A stored slot, as read for a refresh: (id, withdrawn at, its key, what it follows of its rule).
_Stored = tuple[int, dt.datetime | None, SlotKey, ComputedSlot]


def refresh_slots(professional_ids: Iterable[int]) -> dict[str, int]:
    """Make the open slots of these professionals what their rules say, from now to the horizon.

    A slot that was ever booked is never changed: when its rule is gone it is only closed to others,
    and opened again when the rule comes back; nothing is cut over it while a place of it is held or
    taken. Called inside an action, after the change. Returns
    how many were created, changed, closed, deleted and left alone.
    """
    ids = sorted(set(professional_ids))
    list(
        Professional.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=ids)
        .order_by("pk")
    )
    now = timezone.now()
    wanted = computed_slots(ids, now=now, days=HORIZON_DAYS)
    existing, booked, live = _locked_slots(ids, now)
    counts = dict.fromkeys(("created", "changed", "closed", "deleted", "unchanged"), 0)
    seen: set[SlotKey] = set()
    changed: list[Slot] = []
    gone: list[_Stored] = []
    for stored in existing:
        pk, closed_at, key, held = stored
        rule = wanted.get(key) if key not in seen else None
        if rule is None:
            gone.append(stored)
            continue
        seen.add(key)
        values = held if pk in booked else rule
        if closed_at is None and values == held:
            counts["unchanged"] += 1
        else:
            changed.append(_slot(key, values, pk=pk))
    _withdraw(gone, booked, now, counts)
    counts["changed"] = Slot.objects.bulk_update(
        changed, [*OFFERED, "ends_at", "closed_at"], batch_size=500
    )
    new = {key: rule for key, rule in wanted.items() if key not in seen}
    _insert(_beside(new, [stored for stored in gone if stored[0] in live]), counts)
    shelve_slots_of(ids, are_new=not existing)
    return counts


def _beside(
    new: dict[SlotKey, ComputedSlot], promised: list[_Stored]
) -> dict[SlotKey, ComputedSlot]:
    """Without what would offer again the time of somebody already expected. A window has no hour of
    its own: it may lie over an appointment."""
    if not promised:
        return new
    owner, window = OFFERED.index("professional_id"), OFFERED.index("is_window")
    busy: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for _, _, key, held in promised:
        if not held.offer[window]:
            busy[held.offer[owner]].append((key[2], held.ends_minute))
    return {
        key: rule
        for key, rule in new.items()
        if rule.offer[window]
        or not any(
            key[2] < end and start < rule.ends_minute for start, end in busy[rule.offer[owner]]
        )
    }


def _locked_slots(ids: list[int], now: dt.datetime) -> tuple[list[_Stored], set[int], set[int]]:
    """Slots not over, locked, open ones first; the ids of those ever booked, and of those of which a
    place is held or taken.

    Two statements on purpose: the second sees the bookings committed while the first one waited.
    """
    slots = Slot.objects.filter(professional__in=ids, ends_at__gt=now)
    rows = (
        slots.select_for_update(of=("self",))
        .order_by(F("closed_at").asc(nulls_first=True), "pk")
        .values_list(
            *("pk", "closed_at", "period_id", "opening_id", UtcMinute("starts_at")),
            *(*OFFERED, UtcMinute("ends_at")),
        )
    )
    existing = [(row[0], row[1], row[2:5], ComputedSlot(row[5:-1], row[-1])) for row in rows]
    booked = list(Booking.objects.filter(slot__in=slots).values_list("slot", "state"))
    live = {slot for slot, state in booked if state in LIVE}
    return existing, {slot for slot, _ in booked}, live


def _withdraw(
    gone: list[_Stored], booked: set[int], now: dt.datetime, counts: dict[str, int]
) -> None:
    """Close what was booked or has begun (it was offered, the figures say so), delete the rest."""
    to_close, free = [], []
    for pk, closed_at, key, _ in gone:
        if pk not in booked and key[2] > intervals.minute_of(now):
            free.append(pk)
        elif closed_at is None:
            to_close.append(pk)
    if to_close:
        counts["closed"] = Slot.objects.filter(pk__in=to_close).update(closed_at=now)
    if free:
        FreeSlot.objects.filter(slot__in=free).delete()
        counts["deleted"] = Slot.objects.filter(pk__in=free).delete()[0]


def _insert(new: dict[SlotKey, ComputedSlot], counts: dict[str, int]) -> None:
    """Write new slots: by COPY where the engine has it and they are many."""
    counts["created"] = len(new)
    if len(new) >= COPY_FROM and connection.vendor == "postgresql":
        # Numbers, codes, yes or no, instants: nothing to escape, but what is not there.
        offers = {rule.offer: "\t".join(map(str, rule.offer)) for rule in new.values()}
        minutes = {key[2] for key in new} | {rule.ends_minute for rule in new.values()}
        at = {minute: str(intervals.instant_of(minute)) for minute in minutes}
        lines = (
            f"{period or NULL}\t{opening or NULL}\t{at[start]}"
            f"\t{offers[rule.offer]}\t{at[rule.ends_minute]}\n"
            for (period, opening, start), rule in new.items()
        )
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write("".join(lines))
    else:
        Slot.objects.bulk_create([_slot(key, rule) for key, rule in new.items()], batch_size=1000)


def _slot(key: SlotKey, computed: ComputedSlot, *, pk: int | None = None) -> Slot:
    period, opening, start = key
    return Slot(
        pk=pk,
        period_id=period,
        opening_id=opening,
        starts_at=intervals.instant_of(start),
        ends_at=intervals.instant_of(computed.ends_minute),
        **dict(zip(OFFERED, computed.offer, strict=True)),
    )


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
