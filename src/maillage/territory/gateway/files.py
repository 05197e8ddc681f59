"""Reference files and the packaged extract, read into frozen rows.

Each reader answers `(rows, refused)`: nothing is dropped in silence. A file that cannot be read at
all (missing, wrong encoding, cut, a column missing) raises `UnreadableFile`.
"""

import csv
import gzip
import hashlib
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from maillage.kernel.errors import DomainError
from maillage.kernel.identifiers import is_insee
from maillage.territory.enums import (
    CommuneRow,
    EpciKind,
    EpciRow,
    FormerCodeRow,
    OfferKind,
    OfferRow,
    OutlineRow,
    Reference,
    Refused,
    TerritoryFacts,
)

COMMUNES = "communes.csv.gz"
EPCIS = "epci.csv.gz"
FORMER_CODES = "passage_anciens_codes_vers_2026.csv.gz"
DISTRICTS = "arrondissements_municipaux.csv"
OFFERS = "offre_sante_bpe2013_par_commune.csv.gz"
OUTLINES = "contours_communes_france_simplifie.geojson.gz"
FINER_OUTLINES = "contours_departements"  # a folder, optional; its outlines win

COMMUNE_SOURCE = "INSEE, code officiel géographique 2026 (découpage administratif Etalab)"
POPULATION_SOURCE = "INSEE, population municipale {year}"
OFFER_YEAR = 2013
OFFER_SOURCE = "INSEE, base permanente des équipements 2013"
OUTLINE_SOURCE = "IGN/INSEE, contours 2018 simplifiés, codes 2026"
FINER_SOURCE = "IGN/INSEE, contours 2018, codes 2026"

EPCI_KINDS = {kind.value: kind for kind in EpciKind} | {"MET69": EpciKind.METROPOLE}
PEOPLE = re.compile(r"pop(\d{4})")
COMMUNE_COLUMNS = ["insee", "nom", "dep", "dep_nom", "reg", "reg_nom", "epci", "codes_postaux"]
PLACE_COLUMNS = ["lon", "lat", "lon_chef_lieu", "lat_chef_lieu", "surface_km2"]

Line = tuple[int, dict[str, str]]


class UnreadableFile(DomainError):
    """The file cannot be read at all; nothing was written."""


class _Wrong(Exception):
    """One value of one line cannot be understood."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column, reason)
        self.column, self.reason = column, reason

    def at(self, kind: str, path: Path, line: int) -> Refused:
        return Refused(kind, path.name, line, self.column, self.reason)


def read_reference(directory: Path) -> Reference:
    """Everything a directory of reference files holds. The finer outlines and the municipal
    arrondissements are optional; the others are required (raises UnreadableFile)."""
    if not directory.is_dir():
        raise UnreadableFile(f"Le dossier {directory} n'existe pas.")
    epcis, no_epcis = read_epcis(directory / EPCIS)
    communes, no_communes = read_communes(directory / COMMUNES, {each.siren for each in epcis})
    known = {each.insee for each in communes}
    former, no_former = read_former_codes(directory / FORMER_CODES, known)
    offers, no_offers = read_offers(directory / OFFERS, known, _districts(directory / DISTRICTS))
    outlines, no_outlines = read_outlines(directory / OUTLINES, known, source=OUTLINE_SOURCE)
    finest = {each.insee: each for each in outlines}
    for path in sorted((directory / FINER_OUTLINES).glob("communes_*.geojson.gz")):
        finer, no_finer = read_outlines(path, known, source=FINER_SOURCE)
        finest |= {each.insee: each for each in finer}
        no_outlines += no_finer
    return Reference(
        epcis=tuple(epcis),
        communes=tuple(communes),
        former_codes=tuple(former),
        outlines=tuple(finest.values()),
        offers=tuple(offers),
        refused=tuple(no_epcis + no_communes + no_former + no_offers + no_outlines),
    )


def read_epcis(path: Path) -> tuple[list[EpciRow], list[Refused]]:
    rows, refused = {}, []
    for number, line in _lines(path, ["epci", "nom", "type"]):
        try:
            siren = _matching(line, "epci", r"\d{9}", "n'est pas un SIREN (9 chiffres)")
            _new(rows, siren, "epci")
            kind = EPCI_KINDS.get(line["type"], EpciKind.OTHER)
            rows[siren] = EpciRow(siren=siren, name=_text(line, "nom"), kind=kind.value)
        except _Wrong as wrong:
            refused.append(wrong.at("epcis", path, number))
    return list(rows.values()), refused


def read_communes(path: Path, sirens: set[str]) -> tuple[list[CommuneRow], list[Refused]]:
    """Communes, the town hall as centre when known, else the middle of the outline."""
    rows, refused = {}, []
    for number, line in _lines(path, COMMUNE_COLUMNS + PLACE_COLUMNS):
        try:
            insee = _insee(line, "insee")
            _new(rows, insee, "insee")
            rows[insee] = _commune(line, insee, sirens)
        except _Wrong as wrong:
            refused.append(wrong.at("communes", path, number))
    return list(rows.values()), refused


def read_former_codes(path: Path, known: set[str]) -> tuple[list[FormerCodeRow], list[Refused]]:
    rows, refused = {}, []
    for number, line in _lines(path, ["ancien", "code2026"]):
        try:
            code = _insee(line, "ancien")
            _new(rows, code, "ancien")
            if code in known:
                raise _Wrong("ancien", f"{code} est encore le code d'une commune")
            rows[code] = FormerCodeRow(code=code, insee=_known(line["code2026"], "code2026", known))
        except _Wrong as wrong:
            refused.append(wrong.at("former_codes", path, number))
    return list(rows.values()), refused


def read_offers(
    path: Path, known: set[str], districts: dict[str, str] | None = None
) -> tuple[list[OfferRow], list[Refused]]:
    """Counts above zero, summed over the former communes and municipal arrondissements that one
    commune now holds (the source lists every place that has something: absent means none)."""
    totals: Counter[tuple[str, str]] = Counter()
    refused = []
    for number, line in _lines(path, ["insee_origine", "insee2026", *OfferKind.values]):
        try:
            code = line["insee2026"] or (districts or {}).get(line["insee_origine"], "")
            insee = _known(code, "insee2026", known)
            counts = {kind: _count(line, kind) or 0 for kind in OfferKind.values}
        except _Wrong as wrong:
            refused.append(wrong.at("offers", path, number))
            continue
        for kind, count in counts.items():
            totals[insee, kind] += count
    rows = [
        OfferRow(insee=insee, year=OFFER_YEAR, kind=kind, count=count, source=OFFER_SOURCE)
        for (insee, kind), count in totals.items()
        if count
    ]
    return rows, refused


def read_outlines(
    path: Path, known: set[str], *, source: str
) -> tuple[list[OutlineRow], list[Refused]]:
    """Outlines of a GeoJSON collection; the `line` of a refusal is the rank of the feature."""
    try:
        features = json.loads(read_text(path))["features"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableFile(
            f"Le fichier {path.name} n'est pas une collection GeoJSON lisible."
        ) from error
    rows, refused = {}, []
    for number, feature in enumerate(features, start=1):
        try:
            insee = _known((feature.get("properties") or {}).get("insee"), "insee", known)
            _new(rows, insee, "insee")
            geometry = _geometry(feature.get("geometry"))
        except _Wrong as wrong:
            refused.append(wrong.at("outlines", path, number))
            continue
        digest = hashlib.sha256(geometry.encode()).hexdigest()[:16]
        rows[insee] = OutlineRow(insee, geometry, digest, source)
    return list(rows.values()), refused


def read_extract() -> Reference:
    """The communes of the real territories of the demo, packaged with their source."""
    text = resources.files("maillage.territory").joinpath("data", "communes_extract.csv")
    epcis, communes, offers = {}, [], []
    for line in csv.DictReader(text.read_text("utf-8").splitlines()):
        epcis[line["epci"]] = EpciRow(
            line["epci"], line["epci_nom"], EPCI_KINDS[line["epci_type"]].value
        )
        communes.append(_commune(line, line["insee"], set(epcis)))
        offers += [
            OfferRow(line["insee"], OFFER_YEAR, kind, int(line[kind]), OFFER_SOURCE)
            for kind in OfferKind.values
            if line[kind] != "0"
        ]
    return Reference(epcis=tuple(epcis.values()), communes=tuple(communes), offers=tuple(offers))


def read_territories() -> tuple[TerritoryFacts, ...]:
    """The published facts of the ten real CPTSs of the demo."""
    text = resources.files("maillage.territory").joinpath("data", "territories.json")
    return tuple(
        TerritoryFacts(
            **(
                each
                | {
                    "communes": tuple(each["communes"]),
                    "from_on": date.fromisoformat(each["from_on"]),
                }
            )
        )
        for each in json.loads(text.read_text("utf-8"))["territories"]
    )


def _commune(line: dict[str, str], insee: str, sirens: set[str]) -> CommuneRow:
    epci = line["epci"]
    if epci and epci not in sirens:
        raise _Wrong("epci", f"{epci} n'est pas dans le fichier des EPCI")
    longitude, latitude = _point(line, "lon_chef_lieu", "lat_chef_lieu") or (
        _point(line, "lon", "lat") or (None, None)
    )
    years = [(name, int(found[1])) for name in line if (found := PEOPLE.fullmatch(name or ""))]
    populations = ((year, _count(line, name)) for name, year in years)
    return CommuneRow(
        insee=insee,
        name=_text(line, "nom"),
        departement=_text(line, "dep"),
        departement_name=_text(line, "dep_nom"),
        region=_text(line, "reg"),
        region_name=_text(line, "reg_nom"),
        epci=epci,
        postal_codes=" ".join(line["codes_postaux"].split("|")),
        longitude=longitude,
        latitude=latitude,
        surface_km2=_number(line, "surface_km2"),
        populations=tuple((year, count) for year, count in populations if count is not None),
        source=COMMUNE_SOURCE,
    )


def _districts(path: Path) -> dict[str, str]:
    """Municipal arrondissement to commune (Paris, Lyon, Marseille); empty without the file."""
    if not path.exists():
        return {}
    return {line["insee"]: line["commune"] for _, line in _lines(path, ["insee", "commune"])}


def read_text(path: Path) -> str:
    """The text of a file, compressed or not; raises UnreadableFile."""
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UnreadableFile(f"Le fichier {path.name} manque dans {path.parent}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"Le fichier {path.name} n'est pas en UTF-8.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFile(f"Le fichier {path.name} est coupé ou abîmé.") from error
    except OSError as error:
        raise UnreadableFile(f"Le fichier {path.name} ne peut pas être lu.") from error


def _lines(path: Path, columns: Iterable[str]) -> Iterator[Line]:
    """Numbered lines of a CSV (the header is line 1); short lines read as empty values."""
    reader = csv.DictReader(read_text(path).splitlines(), restval="")
    missing = sorted(set(columns) - set(reader.fieldnames or ()))
    if missing:
        raise UnreadableFile(
            f"Le fichier {path.name} n'a pas la colonne attendue : {', '.join(missing)}."
        )
    for line in reader:
        yield reader.line_num, line


def _text(line: dict[str, str], column: str) -> str:
    if not (value := line[column].strip()):
        raise _Wrong(column, "valeur absente")
    return value


def _matching(line: dict[str, str], column: str, pattern: str, reason: str) -> str:
    value = line[column]
    if not re.fullmatch(pattern, value):
        raise _Wrong(column, f"« {value} » {reason}")
    return value


def _insee(line: dict[str, str], column: str) -> str:
    if not is_insee(line[column]):
        raise _Wrong(column, f"« {line[column]} » n'est pas un code INSEE")
    return line[column]


def _known(code: Any, column: str, known: set[str]) -> str:
    if code not in known:
        raise _Wrong(column, f"« {code or ''} » n'est pas une commune connue")
    return str(code)


def _new(rows: dict[str, Any], key: str, column: str) -> None:
    if key in rows:
        raise _Wrong(column, f"{key} est déjà donné plus haut")


def _count(line: dict[str, str], column: str) -> int | None:
    value = line[column]
    if value == "":
        return None
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise _Wrong(column, f"« {value} » n'est pas un nombre entier")
    return int(value)


def _number(line: dict[str, str], column: str, limit: float = 1e6) -> float | None:
    if line[column] == "":
        return None
    try:
        value = float(line[column])
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        raise _Wrong(column, f"« {line[column]} » n'est pas un nombre attendu ici")
    return value


def _point(line: dict[str, str], longitude: str, latitude: str) -> tuple[float, float] | None:
    x, y = _number(line, longitude, 180), _number(line, latitude, 90)
    if (x is None) != (y is None):
        raise _Wrong(longitude, "la longitude et la latitude vont ensemble")
    return None if x is None or y is None else (x, y)


def _geometry(geometry: Any) -> str:
    """The text of a Polygon or MultiPolygon whose rings are closed and on the globe."""
    try:
        polygons = geometry["coordinates"]
        if geometry["type"] == "Polygon":
            polygons = [polygons]
        elif geometry["type"] != "MultiPolygon":
            raise _Wrong("geometry", f"« {geometry['type']} » n'est pas un polygone")
        rings = [np.array(ring, dtype=float) for polygon in polygons for ring in polygon]
        sound = rings and all(
            ring.ndim == 2
            and len(ring) >= 4
            and ring.shape[1] == 2
            and (ring[0] == ring[-1]).all()
            and (np.abs(ring) <= (180, 90)).all()
            for ring in rings
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _Wrong("geometry", "contour illisible") from error
    if not sound:
        raise _Wrong("geometry", "contour ouvert, trop court ou hors du globe")
    return json.dumps(geometry, separators=(",", ":"))
