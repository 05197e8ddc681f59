"""The pages of whoever keeps a professional's availability."""

from maillage.availability.views.diary import (
    add_absence,
    add_period,
    close_opening,
    end_absence,
    end_period,
    open_once,
    quick,
    visibility,
    week,
)
from maillage.availability.views.free import free_slots
from maillage.availability.views.weeks import weeks

__all__ = [
    "add_absence",
    "add_period",
    "close_opening",
    "end_absence",
    "end_period",
    "free_slots",
    "open_once",
    "quick",
    "visibility",
    "week",
    "weeks",
]
