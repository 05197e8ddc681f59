"""The index of free slots, kept in step inside the transaction of each act that moves one."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from maillage.availability.models import FreeSlot, Slot
from maillage.availability.queries.search import Shelved, shelved

COLUMNS = ("slot_id", "shelf", "profession", "commune", "starts_at", "until_at")
COPY = f"COPY availability_freeslot ({', '.join(COLUMNS)}) FROM STDIN"
BLOCK = 500


def shelve_slot(slot_id: int) -> None:
    """A place of this slot was taken or given back. The caller holds the lock of the slot."""
    _shelve(Slot.objects.filter(pk=slot_id), FreeSlot.objects.filter(slot=slot_id))


def unshelve_slot(slot_id: int) -> None:
    """The last place of this slot is taken: nobody finds it any more."""
    FreeSlot.objects.filter(slot=slot_id).delete()


def shelve_slots_of(professional_ids: Iterable[int]) -> None:
    """Slots, absences or visibility of these professionals changed. The caller holds their locks."""
    ids = list(professional_ids)
    _shelve(
        Slot.objects.filter(professional__in=ids),
        FreeSlot.objects.filter(slot__professional__in=ids),
    )


def _shelve(slots: QuerySet[Slot], rows: QuerySet[FreeSlot]) -> None:
    """Only the rows that differ are written."""
    wanted = shelved(slots, timezone.now())
    held = set(rows.values_list(*COLUMNS))
    gone = sorted({row[0] for row in held.difference(wanted)})
    for start in range(0, len(gone), BLOCK):
        FreeSlot.objects.filter(slot__in=gone[start : start + BLOCK]).delete()
    again = set(gone)
    _write([row for row in wanted if row not in held or row[0] in again])


def _write(rows: list[Shelved]) -> None:
    if len(rows) >= BLOCK and connection.vendor == "postgresql":
        with connection.cursor() as cursor, cursor.copy(COPY) as copy:
            copy.write("".join(f"{s}\t{f}\t{p}\t{c}\t{a}\t{u}\n" for s, f, p, c, a, u in rows))
        return
    FreeSlot.objects.bulk_create(
        [FreeSlot(**dict(zip(COLUMNS, row, strict=True))) for row in rows], batch_size=BLOCK
    )
