"""Where a free slot is looked for: a narrow index of what may be taken, kept beside the truth."""

from typing import ClassVar

from django.db import models
from django.db.models import F, FloatField, IntegerField, Q, Value
from django.db.models.functions import Cast, Coalesce, Floor

from maillage.availability.models.slots import Slot
from maillage.kernel.models import NATIONAL
from maillage.kernel.retention import Retention, RetentionClass

# Cells of about 8 km by 8 km in mainland France, numbered row by row from the south-west.
CELL_LATITUDE, CELL_LONGITUDE, CELLS_IN_A_ROW = 0.072, 0.1, 4096
NOWHERE = 0  # the cell of a commune whose centre is unknown


def _line(degrees: str, offset: int, size: float):
    shifted = F(degrees) + Value(float(offset), output_field=FloatField())
    return Cast(Floor(shifted / Value(size, output_field=FloatField())), IntegerField())


def cell_expression(commune: str):
    """The cell of a commune reached by the path `commune`, as the database computes it."""
    row = _line(f"{commune}__latitude", 90, CELL_LATITUDE)
    column = _line(f"{commune}__longitude", 180, CELL_LONGITUDE)
    return Coalesce(row * CELLS_IN_A_ROW + column, Value(NOWHERE), output_field=IntegerField())


class FreeSlot(models.Model):
    """One slot with a place left, on one of the shelves where a desk looks.

    Shelf: the cell of the place for a slot everybody may see (a number from 0), else minus the id
    of a CPTS it is given to, one row for each. Nothing is decided from here: it says where to look,
    and `Slot.objects.open(...).given_to(...)` says what is there.
    """

    tenancy: ClassVar[str] = NATIONAL
    retention: ClassVar[Retention] = Retention(kind=RetentionClass.AVAILABILITY, part_of="slot")

    pk = models.CompositePrimaryKey("slot_id", "shelf")
    slot = models.ForeignKey(
        Slot, on_delete=models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    shelf = models.IntegerField()
    profession = models.CharField(max_length=2)
    commune = models.CharField("code INSEE du lieu", max_length=5)
    starts_at = models.DateTimeField()
    # The last microsecond at which it may still be taken.
    until_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(until_at__gte=F("starts_at")), name="free_slot_until_after_start"
            )
        ]
        indexes = [
            # Everything the search reads: the table itself is not opened.
            models.Index(
                fields=["profession", "shelf", "starts_at", "slot", "until_at", "commune"],
                name="free_slot_search",
            )
        ]

    def __str__(self):
        return f"{self.slot_id} sur {self.shelf}"
