"""The verbs of the territory: load reference data and travel times, open a CPTS and describe it."""

from maillage.territory.actions.cpts import (
    PerimeterRefused,
    SlugTaken,
    UnknownCommune,
    close_cpts,
    create_cpts,
    record_part,
    record_population,
    set_perimeter,
)
from maillage.territory.actions.reference import (
    Counts,
    LoadReport,
    load_extract,
    load_reference,
)
from maillage.territory.actions.travel import load_travel

__all__ = [
    "Counts",
    "LoadReport",
    "PerimeterRefused",
    "SlugTaken",
    "UnknownCommune",
    "close_cpts",
    "create_cpts",
    "load_extract",
    "load_reference",
    "load_travel",
    "record_part",
    "record_population",
    "set_perimeter",
]
