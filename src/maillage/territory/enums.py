"""Words of the territory: kinds, zones, and the rows that reference files are read into."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.db import models

# Zones of the overseas départements and collectivities, by the first three characters of the INSEE
# code; everything else keeps Europe/Paris.
OVERSEAS_ZONES = {
    "971": "America/Guadeloupe",
    "972": "America/Martinique",
    "973": "America/Cayenne",
    "974": "Indian/Reunion",
    "975": "America/Miquelon",
    "976": "Indian/Mayotte",
    "977": "America/St_Barthelemy",
    "978": "America/Marigot",
    "986": "Pacific/Wallis",
    "987": "Pacific/Tahiti",
    "988": "Pacific/Noumea",
}


def zone_of(insee: str) -> str:
    """IANA time zone of a commune, from its INSEE code."""
    return OVERSEAS_ZONES.get(insee[:3], "Europe/Paris")


class EpciKind(models.TextChoices):
    CC = "CC", "communauté de communes"
    CA = "CA", "communauté d'agglomération"
    CU = "CU", "communauté urbaine"
    METROPOLE = "METRO", "métropole"
    OTHER = "other", "autre"


class OfferKind(models.TextChoices):
    """Professionals counted by commune in open data; the value is the column of the source."""

    DOCTOR = "medecin_generaliste", "médecins généralistes"
    NURSE = "infirmier", "infirmiers"
    PHYSIOTHERAPIST = "kinesitherapeute", "kinésithérapeutes"
    DENTIST = "chirurgien_dentiste", "chirurgiens-dentistes"
    PHARMACY = "pharmacie", "pharmacies"
    SPEECH_THERAPIST = "orthophoniste", "orthophonistes"
    MIDWIFE = "sage_femme", "sages-femmes"
    PODIATRIST = "pedicure_podologue", "pédicures-podologues"


class TravelKind(models.TextChoices):
    """Where known travel times come from."""

    MATRIX = "matrix", "matrice"
    OSRM = "osrm", "calcul d'itinéraire OSRM"


@dataclass(frozen=True, slots=True)
class EpciRow:
    """`kind` is empty when the source does not say it."""

    siren: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class CommuneRow:
    """A commune with its municipal populations, `(year, population)` where known.

    `is_rough`: the centre is not a town hall. `is_undated`: the year of the population is the one it
    was fetched in, its census is not said.
    """

    insee: str
    name: str
    departement: str
    departement_name: str
    region: str
    region_name: str
    epci: str
    postal_codes: str
    longitude: float | None
    latitude: float | None
    surface_km2: float | None
    populations: tuple[tuple[int, int], ...]
    source: str
    is_rough: bool = False
    is_undated: bool = False


@dataclass(frozen=True, slots=True)
class FormerCodeRow:
    code: str
    insee: str


@dataclass(frozen=True, slots=True)
class OutlineRow:
    """`geometry`: GeoJSON text; `fingerprint`: short digest of it, to see a change."""

    insee: str
    geometry: str
    fingerprint: str
    source: str


@dataclass(frozen=True, slots=True)
class OfferRow:
    insee: str
    year: int
    kind: str
    count: int
    source: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A line of a file that was left out: which, which column, and why (French).

    `file` may be an address that answered, `line` the rank of the entry in its answer.
    """

    kind: str
    file: str
    line: int
    column: str
    reason: str

    def __str__(self):
        return f"{self.file}, ligne {self.line}, colonne {self.column} : {self.reason}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything read from reference files, and every line refused.

    `is_partial`: an empty value is one the source does not give, never one to erase.
    """

    epcis: tuple[EpciRow, ...] = ()
    communes: tuple[CommuneRow, ...] = ()
    former_codes: tuple[FormerCodeRow, ...] = ()
    outlines: tuple[OutlineRow, ...] = ()
    offers: tuple[OfferRow, ...] = ()
    refused: tuple[Refused, ...] = ()
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class TravelFacts:
    """Where travel times come from: a name and a vintage, both shown beside each time."""

    kind: str
    name: str
    vintage: str


class TravelRow(NamedTuple):
    """Minutes by road from one commune to another; None: the source knows no route."""

    origin: str
    destination: str
    minutes: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """The centre of a commune, in degrees."""

    insee: str
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class TerritoryFacts:
    """What is published about a real CPTS. `population` is None when nobody recorded one.

    `from_on` is the first day the source speaks of, not a day of foundation: `perimeter_source`.
    """

    slug: str
    name: str
    finess: str
    communes: tuple[str, ...]
    from_on: date
    perimeter_source: str
    perimeter_note: str
    population: int | None
    population_year: int | None
    population_source: str
    population_note: str
