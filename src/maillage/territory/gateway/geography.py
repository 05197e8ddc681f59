"""The State's public geography API, read into the same rows as the reference files.

Format: `GET /communes` and `GET /epcis`, a JSON array of objects holding the fields asked for; what
is not known is left out. `centre` and `mairie` are GeoJSON points, `surface` is in hectares.
"""

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from maillage.kernel.identifiers import is_insee
from maillage.territory.enums import CommuneRow, EpciRow, Reference, Refused
from maillage.territory.gateway.files import EPCI_KINDS
from maillage.territory.gateway.http import NoAnswer, checked_address, get_json, host_of

EPCI_FIELDS = ("nom", "code", "type")
COMMUNE_FIELDS = (
    *("nom", "code", "codesPostaux", "codeEpci", "codeDepartement", "codeRegion"),
    *("departement", "region", "population", "surface", "centre", "mairie"),
)
HECTARES_PER_KM2 = 100
POPULATION_MAX = 10**8
SURFACE_MAX = 10**7  # hectares: five times the widest commune of France

Row = TypeVar("Row")


class _Wrong(Exception):
    """One field of one entry cannot be understood."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field, self.reason = field, reason


def fetch_reference(address: str, on: dt.date) -> Reference:
    """The EPCI and communes the API gives on the day `on`; raises NoAnswer.

    A bad entry is set aside with its reason; what the API leaves out is left blank.
    """
    address = checked_address(address)
    epcis, no_epcis = _read(address, "epcis", EPCI_FIELDS, _epci)
    source = f"API Géo de l'État ({host_of(address)[:60]}), au {on:%d/%m/%Y}"
    reader = partial(_commune, sirens=set(epcis), year=on.year, source=source)
    communes, no_communes = _read(address, "communes", COMMUNE_FIELDS, reader)
    if not communes:
        raise NoAnswer(f"{host_of(address)} n'a donné aucune commune lisible.")
    return Reference(
        epcis=tuple(epcis.values()),
        communes=tuple(communes.values()),
        refused=tuple(no_epcis + no_communes),
        is_partial=True,
    )


def _read(
    address: str, kind: str, fields: tuple[str, ...], reader: Callable[[dict[str, Any], str], Row]
) -> tuple[dict[str, Row], list[Refused]]:
    """Rows by code, and the entries set aside (their `line` is their rank)."""
    query = urlencode({"fields": ",".join(fields), "format": "json"}, safe=",")
    entries = get_json(f"{address}/{kind}?{query}")
    place = f"{host_of(address)}/{kind}"
    if not isinstance(entries, list):
        raise NoAnswer(f"{place} n'a pas répondu par une liste.")
    rows: dict[str, Row] = {}
    refused = []
    for rank, entry in enumerate(entries, start=1):
        try:
            if not isinstance(entry, dict):
                raise _Wrong("code", "l'entrée n'est pas un objet")
            code = _text(entry, "code", 9)
            if code in rows:
                raise _Wrong("code", f"{code} est déjà donné plus haut")
            rows[code] = reader(entry, code)
        except _Wrong as wrong:
            refused.append(Refused(kind, place, rank, wrong.field, wrong.reason))
    return rows, refused


def _epci(entry: dict[str, Any], code: str) -> EpciRow:
    if not re.fullmatch(r"[0-9]{9}", code):
        raise _Wrong("code", f"« {code} » n'est pas un SIREN (9 chiffres)")
    kind = EPCI_KINDS.get(_text(entry, "type", 20, needed=False))
    return EpciRow(siren=code, name=_text(entry, "nom", 200), kind=kind.value if kind else "")


def _commune(
    entry: dict[str, Any], code: str, *, sirens: set[str], year: int, source: str
) -> CommuneRow:
    if not is_insee(code):
        raise _Wrong("code", f"« {code} » n'est pas un code INSEE")
    epci = _text(entry, "codeEpci", 9, needed=False)
    if epci and epci not in sirens:
        raise _Wrong("codeEpci", f"{epci} n'est pas parmi les EPCI donnés")
    town_hall, centre = _point(entry, "mairie"), _point(entry, "centre")
    longitude, latitude = town_hall or centre or (None, None)
    population = _number(entry, "population", POPULATION_MAX)
    if population is not None and population != int(population):
        raise _Wrong("population", f"« {population} » n'est pas un nombre entier")
    hectares = _number(entry, "surface", SURFACE_MAX)
    overseas = code.startswith(("97", "98"))
    return CommuneRow(
        insee=code,
        name=_text(entry, "nom", 120),
        departement=_text(entry, "codeDepartement", 3, needed=False)
        or code[: 3 if overseas else 2],
        departement_name=_name_in(entry, "departement"),
        region=_text(entry, "codeRegion", 3, needed=False),
        region_name=_name_in(entry, "region"),
        epci=epci,
        postal_codes=_postal_codes(entry),
        longitude=longitude,
        latitude=latitude,
        surface_km2=None if hectares is None else round(hectares / HECTARES_PER_KM2, 4),
        populations=() if population is None else ((year, int(population)),),
        source=source,
        is_rough=town_hall is None and centre is not None,
        is_undated=True,
    )


def _text(entry: dict[str, Any], field: str, length: int, *, needed: bool = True) -> str:
    value = entry.get(field)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not (value := value.strip()):
        raise _Wrong(field, "valeur absente" if not value else "n'est pas un texte")
    if len(value) > length or "\x00" in value:
        raise _Wrong(field, f"« {value[:40]} » n'est pas une valeur attendue ici")
    return value


def _name_in(entry: dict[str, Any], field: str) -> str:
    """The name of the département or the region, an object of its own."""
    inner = entry.get(field)
    if inner is None:
        return ""
    if not isinstance(inner, dict):
        raise _Wrong(field, "n'est pas un objet")
    return _text(inner, "nom", 60, needed=False)


def _postal_codes(entry: dict[str, Any]) -> str:
    codes = entry.get("codesPostaux") or []
    if not isinstance(codes, list) or not all(
        isinstance(code, str) and re.fullmatch(r"[0-9]{5}", code) for code in codes
    ):
        raise _Wrong("codesPostaux", "n'est pas une liste de codes postaux")
    if len(codes) > 66:
        raise _Wrong("codesPostaux", f"{len(codes)} codes postaux pour une commune")
    return " ".join(codes)


def _number(entry: dict[str, Any], field: str, most: float) -> float | None:
    value = entry.get(field)
    if value is None:
        return None
    # NaN compares false.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise _Wrong(field, f"« {str(value)[:40]} » n'est pas un nombre attendu ici")
    return float(value)


def _point(entry: dict[str, Any], field: str) -> tuple[float, float] | None:
    geometry = entry.get(field)
    if geometry is None:
        return None
    try:
        longitude, latitude = (float(each) for each in geometry["coordinates"][:2])
        is_sound = geometry["type"] == "Point" and abs(longitude) <= 180 and abs(latitude) <= 90
    except (TypeError, ValueError, KeyError, IndexError):
        is_sound = False
    if not is_sound:
        raise _Wrong(field, "n'est pas un point en degrés")
    return longitude, latitude
