"""The FINESS file of open data, read into frozen rows. Never touches the database.

Format `etalab-cs1100502-stock` (and 507, with positions): no header of columns, `;` between values,
first line `finess;etalab;<n>;<date>`, then one `structureet` line per establishment. UTF-8 or latin-1.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from maillage.directory.enums import KindRow, StructureFile, StructureRow
from maillage.kernel.identifiers import is_finess, is_insee, phone_digits
from maillage.territory.enums import Refused
from maillage.territory.gateway import UnreadableFile

SOURCE = "FINESS, extraction {name}"
COLUMNS = (
    *("section", "nofinesset", "nofinessej", "rs", "rslongue", "complrs", "compldistrib"),
    *("numvoie", "typvoie", "voie", "compvoie", "lieuditbp", "commune", "departement"),
    *("libdepartement", "ligneacheminement", "telephone", "telecopie", "categetab"),
    *("libcategetab", "categagretab", "libcategagretab", "siret", "codeape", "codemft"),
    *("libmft", "codesph", "libsph", "dateouv", "dateautor", "datemaj"),
)
# Municipal arrondissements (INSEE) and the commune that holds them.
DISTRICTS = {r"751(0[1-9]|1\d|20)": "75056", r"6938[1-9]": "69123", r"132(0[1-9]|1[0-6])": "13055"}
OLDEST = date(1500, 1, 1)


class _Wrong(Exception):
    """One value of one line cannot be understood."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column, reason)
        self.column, self.reason = column, reason


def read_structures(path: Path) -> StructureFile:
    """Everything the file holds; lines that cannot be kept are told in `refused`.

    Raises UnreadableFile: missing, cut, or not a FINESS file.
    """
    lines = _content(path).splitlines()
    found = re.match(r"finess;etalab;[^;]*;(\d{4}-\d\d-\d\d)", lines[0] if lines else "")
    if not found:
        raise UnreadableFile(
            f"Le fichier {path.name} ne commence pas comme un fichier FINESS « etalab »."
        )
    rows: dict[str, StructureRow] = {}
    kinds: dict[str, KindRow] = {}
    seen: set[str] = set()
    refused = []
    for number, line in _structures(lines):
        seen.add(line["nofinesset"])
        try:
            row = _structure(line, number, rows)
            kinds.setdefault(row.kind, _kind(line))
        except _Wrong as wrong:
            refused.append(Refused("structures", path.name, number, wrong.column, wrong.reason))
        else:
            rows[row.finess] = row
    if not seen:
        raise UnreadableFile(f"Le fichier {path.name} ne contient aucun établissement.")
    return StructureFile(
        name=path.name,
        source=SOURCE.format(name=path.name.removesuffix(".gz").removesuffix(".csv"))[:120],
        vintage=_date(found[1], "date") or date.min,
        kinds=tuple(kinds.values()),
        structures=tuple(rows.values()),
        refused=tuple(refused),
        seen=frozenset(seen),
    )


def _content(path: Path) -> str:
    try:
        raw = path.read_bytes()
        raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    except FileNotFoundError as error:
        raise UnreadableFile(f"Le fichier {path} n'existe pas.") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableFile(f"Le fichier {path.name} est coupé ou abîmé.") from error
    except OSError as error:
        raise UnreadableFile(f"Le fichier {path.name} ne peut pas être lu.") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _structures(lines: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered `structureet` lines (the first line of the file is 1); short ones read as empty."""
    for number, line in enumerate(lines, start=1):
        values = line.split(";")
        if values[0] == "structureet":
            missing = [""] * (len(COLUMNS) - len(values))
            yield number, dict(zip(COLUMNS, map(str.strip, values + missing), strict=False))


def _structure(line: dict[str, str], number: int, rows: dict[str, StructureRow]) -> StructureRow:
    finess = _finess(line, "nofinesset")
    if finess in rows:
        raise _Wrong("nofinesset", f"{finess} est déjà donné plus haut")
    name = line["rslongue"] or line["rs"]
    if not name:
        raise _Wrong("rs", "valeur absente")
    if not re.fullmatch(r"[0-9]{3,4}", line["categetab"]):
        raise _Wrong("categetab", f"« {line['categetab']} » n'est pas une catégorie")
    street = " ".join(
        line[column] for column in ("numvoie", "compvoie", "typvoie", "voie") if line[column]
    )
    parts = (line["compldistrib"], street, line["lieuditbp"])
    return StructureRow(
        finess=finess,
        name=" ".join(name.split())[:120],
        kind=line["categetab"],
        insee=_insee(line),
        legal_finess=_finess(line, "nofinessej") if line["nofinessej"] else "",
        address=" ".join(", ".join(part for part in parts if part).split())[:200],
        postal_line=line["ligneacheminement"][:80],
        phone=phone_digits(line["telephone"]) or "",
        opened_on=_date(line["dateouv"], "dateouv"),
        line=number,
    )


def _kind(line: dict[str, str]) -> KindRow:
    return KindRow(
        code=line["categetab"],
        label=line["libcategetab"][:120] or line["categetab"],
        group_code=line["categagretab"][:4],
        group_label=line["libcategagretab"][:120],
    )


def _finess(line: dict[str, str], column: str) -> str:
    if not is_finess(line[column]):
        raise _Wrong(column, f"« {line[column]} » n'est pas un numéro FINESS (9 caractères)")
    return line[column]


def _insee(line: dict[str, str]) -> str:
    """Département and commune; overseas, `9A` to `9F` are written for 97."""
    departement = line["departement"]
    insee = ("97" if re.fullmatch(r"9[A-Z]", departement) else departement) + line["commune"]
    if not is_insee(insee):
        raise _Wrong("commune", f"« {insee} » n'est pas un code INSEE")
    for pattern, commune in DISTRICTS.items():
        if re.fullmatch(pattern, insee):
            return commune
    return insee


def _date(text: str, column: str) -> date | None:
    if not text:
        return None
    try:
        value = date.fromisoformat(text)
    except ValueError as error:
        raise _Wrong(column, f"« {text} » n'est pas une date") from error
    if value < OLDEST:
        raise _Wrong(column, f"« {text} » n'est pas une date possible")
    return value
