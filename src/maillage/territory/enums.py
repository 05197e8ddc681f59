"""Words of the territory: kinds, zones, and the rows that reference files are read into."""

from dataclasses import dataclass
from datetime import date

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


@dataclass(frozen=True, slots=True)
class EpciRow:
    siren: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class CommuneRow:
    """A commune with its municipal populations, `(year, population)` where known."""

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
    """A line of a file that was left out: which, which column, and why (French)."""

    kind: str
    file: str
    line: int
    column: str
    reason: str

    def __str__(self):
        return f"{self.file}, ligne {self.line}, colonne {self.column} : {self.reason}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Everything read from reference files, and every line refused."""

    epcis: tuple[EpciRow, ...] = ()
    communes: tuple[CommuneRow, ...] = ()
    former_codes: tuple[FormerCodeRow, ...] = ()
    outlines: tuple[OutlineRow, ...] = ()
    offers: tuple[OfferRow, ...] = ()
    refused: tuple[Refused, ...] = ()


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
