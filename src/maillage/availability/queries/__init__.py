"""Reads of availability."""

from maillage.availability.queries.agenda import (
    AgendaDay,
    Run,
    Sheet,
    agenda,
    has_places_under,
    sheet_of,
)
from maillage.availability.queries.overlaps import (
    rules_meeting_opening,
    rules_meeting_period,
)
from maillage.availability.queries.people import (
    cptss_of,
    editable_professionals,
    end_of_day,
    kinds_of,
    main_place,
    open_places,
    professional_of,
    visibility_of,
    wall_instant,
    zone_of_practice,
)
from maillage.availability.queries.quick import (
    QuickChoice,
    QuickState,
    day_off,
    quick_openings,
    quick_span,
    quick_state,
)
from maillage.availability.queries.slots import (
    computed_slots,
    slots_for_desk,
)
from maillage.availability.queries.week import (
    SaidPeriod,
    WeekLine,
    WeekPlan,
    places_under,
    week_lines,
    week_plan,
)

__all__ = [
    "SaidPeriod",
    "WeekLine",
    "WeekPlan",
    "AgendaDay",
    "QuickChoice",
    "QuickState",
    "Run",
    "Sheet",
    "agenda",
    "computed_slots",
    "cptss_of",
    "day_off",
    "editable_professionals",
    "has_places_under",
    "end_of_day",
    "kinds_of",
    "main_place",
    "open_places",
    "places_under",
    "professional_of",
    "quick_openings",
    "quick_span",
    "quick_state",
    "rules_meeting_opening",
    "rules_meeting_period",
    "sheet_of",
    "slots_for_desk",
    "visibility_of",
    "wall_instant",
    "week_lines",
    "week_plan",
    "zone_of_practice",
]
