"""Reads of the territory: perimeter, populations and their sources, travel times, the map."""

from maillage.territory.queries.map import (
    Area,
    CommuneMap,
    map_of,
)
from maillage.territory.queries.names import (
    forget_names,
    names_of,
)
from maillage.territory.queries.reach import (
    Reached,
    communes_within,
    forget_reach,
)
from maillage.territory.queries.sheet import (
    CommuneLine,
    CommuneSheet,
    TerritoryPopulation,
    TerritorySheet,
    YearTotal,
    commune_choices,
    commune_sheet,
    perimeter,
    population_of,
    sheet_of,
)
from maillage.territory.queries.travel import (
    TRAVEL_NOTE,
    TRAVEL_SOURCE,
    Journeys,
    Travel,
    forget_centres,
    forget_trips,
    journeys_of,
    known_communes,
    travel_minutes,
)

__all__ = [
    "Area",
    "CommuneLine",
    "CommuneMap",
    "CommuneSheet",
    "Journeys",
    "Reached",
    "TRAVEL_NOTE",
    "TRAVEL_SOURCE",
    "TerritoryPopulation",
    "TerritorySheet",
    "Travel",
    "YearTotal",
    "commune_sheet",
    "communes_within",
    "forget_centres",
    "forget_names",
    "forget_reach",
    "forget_trips",
    "journeys_of",
    "known_communes",
    "map_of",
    "commune_choices",
    "names_of",
    "perimeter",
    "population_of",
    "sheet_of",
    "travel_minutes",
]
