"""What comes from outside: a list of the CPAM; the starting settings proposed with the package."""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from maillage.kernel.errors import DomainError
from maillage.kernel.identifiers import fold, is_insee
from maillage.medecin_traitant.enums import Answer, CpamFile, CpamRow, Quarantined

NEEDED = ("nom", "prenom", "date_naissance", "insee")
SAID = {"oui": Answer.YES, "o": Answer.YES, "1": Answer.YES, "non": Answer.NO, "n": Answer.NO} | {
    "0": Answer.NO,
    "": "",
}
SIZE_MAX = 5_000_000
ROWS_MAX = 20_000


class UnreadableList(DomainError):
    """The file is not a list that can be read."""


class _Wrong(Exception):
    """One line cannot be understood."""


@dataclass(frozen=True, slots=True)
class ProposedSettings:
    """A dated proposal: numbers of MtSettings, for the coordination to review."""

    proposed_on: str
    source: str
    values: dict[str, int]


@cache
def proposed_settings() -> ProposedSettings:
    folder = resources.files("maillage.medecin_traitant").joinpath("data")
    return ProposedSettings(
        **json.loads(folder.joinpath("proposed_settings.json").read_text("utf-8"))
    )


def read_cpam_file(path: Path) -> CpamFile:
    """A list on disk. Raises UnreadableList."""
    try:
        if path.stat().st_size > SIZE_MAX:
            raise UnreadableList(f"Le fichier dépasse {SIZE_MAX // 1_000_000} Mo.")
        return read_cpam_list(path.read_bytes())
    except OSError as error:
        raise UnreadableList(f"Le fichier {path} ne peut pas être lu.") from error


def read_cpam_list(content: bytes) -> CpamFile:
    """Columns nom;prenom;date_naissance;insee, and telephone;courriel;ald;c2s where there are; `;`
    or `,`; UTF-8 or latin-1. Lines that cannot be understood are told in `refused`.

    Raises UnreadableList: too big, not text, without these columns, or empty.
    """
    lines = _reader(content)
    rows: list[CpamRow] = []
    refused: list[Quarantined] = []
    seen: set[tuple[str, str, dt.date]] = set()
    for number, line in lines:
        if len(rows) + len(refused) >= ROWS_MAX:
            raise UnreadableList(f"La liste dépasse {ROWS_MAX} lignes : coupez-la.")
        try:
            row = _row(number, line)
            same = (fold(row.family_name), fold(row.given_name), row.birth_date)
            if same in seen:
                raise _Wrong("cette personne est déjà donnée plus haut")
        except _Wrong as wrong:
            refused.append(Quarantined(number, str(wrong)))
        else:
            seen.add(same)
            rows.append(row)
    if not rows and not refused:
        raise UnreadableList("La liste est vide.")
    return CpamFile(tuple(rows), tuple(refused))


def _reader(content: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Numbered lines (the line of the columns is 1), by the folded name of their columns."""
    if len(content) > SIZE_MAX:
        raise UnreadableList(f"Le fichier dépasse {SIZE_MAX // 1_000_000} Mo.")
    if b"\0" in content:
        raise UnreadableList("Ce n'est pas un fichier de texte : enregistrez-le en CSV.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    first = text.split("\n", 1)[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if ";" in first else ",")
    try:
        columns = [fold(each).replace(" ", "_") for each in next(lines, [])]
        missing = [each for each in NEEDED if each not in columns]
        if missing:
            raise UnreadableList(f"Il manque des colonnes : {', '.join(missing)}.")
        return iter(
            [
                (number, dict(zip(columns, map(str.strip, line), strict=False)))
                for number, line in enumerate(lines, start=2)
                if any(each.strip() for each in line)
            ]
        )
    except csv.Error as error:
        raise UnreadableList("Le fichier est coupé ou abîmé.") from error


def _row(number: int, line: Mapping[str, str]) -> CpamRow:
    insee = line.get("insee", "").upper()
    if not line.get("nom") or not line.get("prenom"):
        raise _Wrong("nom ou prénom absent")
    if len(line["nom"]) > 80 or len(line["prenom"]) > 80:
        raise _Wrong("nom ou prénom trop long")
    if not is_insee(insee):
        raise _Wrong("code de commune (INSEE) absent ou mal écrit")
    email = line.get("courriel", "")
    if email and ("@" not in email or len(email) > 254):
        raise _Wrong("adresse électronique mal écrite")
    return CpamRow(
        line=number,
        family_name=line["nom"],
        given_name=line["prenom"],
        birth_date=_day(line.get("date_naissance", "")),
        insee=insee,
        phone=line.get("telephone", ""),
        email=email,
        ald=_answer(line, "ald"),
        c2s=_answer(line, "c2s"),
    )


def _answer(line: Mapping[str, str], column: str) -> str:
    said = fold(line.get(column, ""))
    if said not in SAID:
        raise _Wrong(f"{column} : répondez oui ou non")
    return SAID[said]


def _day(text: str) -> dt.date:
    for order in ("%Y-%m-%d", "%d/%m/%Y"):
        try:
            return dt.datetime.strptime(text, order).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise _Wrong("date de naissance absente ou mal écrite")
