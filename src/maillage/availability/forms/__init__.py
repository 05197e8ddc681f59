"""What is typed about availability."""

from maillage.availability.forms.diary import (
    AbsenceForm,
    EndForm,
    OpeningForm,
    PeriodForm,
    QuickForm,
    VisibilityForm,
)
from maillage.availability.forms.free import FreeSlotForm
from maillage.availability.forms.week_text import (
    Misread,
    format_week,
    parse_week,
    tell_week,
)
from maillage.availability.forms.weeks import WeeksForm, next_monday

__all__ = [
    "AbsenceForm",
    "EndForm",
    "FreeSlotForm",
    "Misread",
    "OpeningForm",
    "PeriodForm",
    "QuickForm",
    "VisibilityForm",
    "WeeksForm",
    "format_week",
    "next_monday",
    "parse_week",
    "tell_week",
]
