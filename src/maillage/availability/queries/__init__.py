"""Reads of availability."""

from maillage.availability.queries.agenda import (
    AgendaDay,
    Run,
    Sheet,
    agenda,
    has_places_under,
    sheet_of,
)
from maillage.availability.queries.asking import (
    Asking,
    asking_of,
    is_quiet,
    pause_end,
    quiet_end,
    quiet_until,
    taken_this_week,
    week_start,
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
from maillage.availability.queries.search import (
    FreeSlotLine,
    FreeSlots,
    communes_to_search,
    free_slots_near,
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
    "Asking",
    "FreeSlotLine",
    "FreeSlots",
    "QuickChoice",
    "QuickState",
    "Run",
    "Sheet",
    "agenda",
    "asking_of",
    "communes_to_search",
    "computed_slots",
    "cptss_of",
    "day_off",
    "editable_professionals",
    "free_slots_near",
    "has_places_under",
    "end_of_day",
    "is_quiet",
    "kinds_of",
    "main_place",
    "open_places",
    "pause_end",
    "places_under",
    "professional_of",
    "quick_openings",
    "quick_span",
    "quick_state",
    "quiet_end",
    "quiet_until",
    "rules_meeting_opening",
    "rules_meeting_period",
    "sheet_of",
    "slots_for_desk",
    "taken_this_week",
    "visibility_of",
    "wall_instant",
    "week_lines",
    "week_start",
    "week_plan",
    "zone_of_practice",
]
