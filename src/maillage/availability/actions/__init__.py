"""The verbs of availability: who sees, what is open, which places are taken."""

from maillage.availability.actions.asking import (
    BadAsking,
    pause_asking,
    resume_asking,
    set_asking,
)
from maillage.availability.actions.booking import (
    SlotClosed,
    SlotFull,
    hold_place,
    release_place,
    take_place,
)
from maillage.availability.actions.opening import (
    BadOpening,
    add_absence,
    add_period,
    answer_quickly,
    close_opening,
    end_absence,
    end_period,
    open_once,
)
from maillage.availability.actions.slots import roll_horizon
from maillage.availability.actions.visibility import (
    VisibilityNotChosen,
    choose_visibility,
)
from maillage.availability.actions.week import set_week

__all__ = [
    "BadAsking",
    "BadOpening",
    "SlotClosed",
    "SlotFull",
    "VisibilityNotChosen",
    "add_absence",
    "add_period",
    "answer_quickly",
    "choose_visibility",
    "close_opening",
    "end_absence",
    "end_period",
    "hold_place",
    "open_once",
    "pause_asking",
    "release_place",
    "resume_asking",
    "roll_horizon",
    "set_asking",
    "set_week",
    "take_place",
]
