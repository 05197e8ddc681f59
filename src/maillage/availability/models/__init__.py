"""State of availability: who sees it, the rules of a professional, the slots computed from them."""

from maillage.availability.models.free import (
    CELL_LATITUDE,
    CELL_LONGITUDE,
    CELLS_IN_A_ROW,
    NOWHERE,
    FreeSlot,
    cell_expression,
)
from maillage.availability.models.rules import Absence, Offer, Opening, WeeklyPeriod
from maillage.availability.models.slots import Booking, Slot, UtcMinute
from maillage.availability.models.visibility import (
    AskingPreferences,
    CptsVisibility,
    UsualVisibility,
    kept_by,
)

__all__ = [
    "CELLS_IN_A_ROW",
    "CELL_LATITUDE",
    "CELL_LONGITUDE",
    "Absence",
    "AskingPreferences",
    "Booking",
    "CptsVisibility",
    "FreeSlot",
    "NOWHERE",
    "Offer",
    "Opening",
    "Slot",
    "UsualVisibility",
    "UtcMinute",
    "WeeklyPeriod",
    "cell_expression",
    "kept_by",
]
