"""The index of free slots, kept in step inside the transaction of each act that moves one."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from maillage.availability.models import FreeSlot, Slot
from maillage.availability.queries.search import SHELVED, shelved

INSERT = f"INSERT INTO availability_freeslot ({', '.join(SHELVED)}) "
BLOCK = 500


def shelve_slot(slot_id: int) -> None:
    """A place of this slot was taken or given back. The caller holds the lock of the slot."""
    _shelve(Slot.objects.filter(pk=slot_id), FreeSlot.objects.filter(slot=slot_id))


def unshelve_slot(slot_id: int) -> None:
    """The last place of this slot is taken: nobody finds it any more."""
    FreeSlot.objects.filter(slot=slot_id).delete()


def shelve_slots_of(professional_ids: Iterable[int], *, are_new: bool = False) -> None:
    """Slots, absences or visibility of these professionals changed. The caller holds their locks.
    `are_new`: they had no slot before, so nothing is on the shelves yet."""
    ids = list(professional_ids)
    rows = FreeSlot.objects.filter(slot__professional__in=ids)
    _shelve(Slot.objects.filter(professional__in=ids), None if are_new else rows)


def _shelve(slots: QuerySet[Slot], rows: QuerySet[FreeSlot] | None) -> None:
    """Only the rows that differ are read and written: the database compares."""
    wanted = shelved(slots, timezone.now())
    if rows is not None:
        held = rows.values_list(*SHELVED)
        gone = sorted({row[0] for row in held.difference(*wanted)})
        for start in range(0, len(gone), BLOCK):
            FreeSlot.objects.filter(slot__in=gone[start : start + BLOCK]).delete()
        missing = (each.difference(held) for each in wanted)
        wanted = tuple(each for each in missing if each.exists())
    for each in wanted:
        sql, values = each.query.sql_with_params()
        with connection.cursor() as cursor:
            cursor.execute(INSERT + sql, values)
