"""State of availability: who sees it, the rules of a professional, the slots computed from them."""

from maillage.availability.models.rules import Absence, Offer, Opening, WeeklyPeriod
from maillage.availability.models.slots import Booking, Slot
from maillage.availability.models.visibility import (
    AskingPreferences,
    CptsVisibility,
    UsualVisibility,
    kept_by,
)

__all__ = [
    "Absence",
    "AskingPreferences",
    "Booking",
    "CptsVisibility",
    "Offer",
    "Opening",
    "Slot",
    "UsualVisibility",
    "WeeklyPeriod",
    "kept_by",
]
