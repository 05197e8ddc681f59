"""Travel times: a matrix file, or the table service of an OSRM server."""

import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from maillage.kernel.identifiers import is_insee
from maillage.territory.enums import Point, Refused, TravelRow
from maillage.territory.gateway.files import read_text
from maillage.territory.gateway.http import NoAnswer, checked_address, get_json, host_of

MINUTES_MAX = 1440
COORDINATES_MAX = 100  # of one request: the limit of an OSRM server as installed
SIDE = COORDINATES_MAX // 2
# Codes that one place of the block may cause: the block is cut in two until it is found.
DIVISIBLE = {"TooBig", "NoSegment", "NoTable"}


# A file


def read_travel(path: Path, known: set[str]) -> tuple[list[TravelRow], list[Refused]]:
    """Lines `from,to,minutes` (INSEE codes), separated by commas or semicolons; a first line of
    titles is skipped. Raises UnreadableFile."""
    text = read_text(path)
    first = text[: text.find("\n")] if "\n" in text else text
    delimiter = ";" if first.count(";") >= 2 else ","
    rows: list[TravelRow] = []
    refused: list[Refused] = []
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(csv.reader(text.splitlines(), delimiter=delimiter), start=1):
        if not line or (number == 1 and not is_insee(line[0].strip())):
            continue
        wrong = _wrong_in(line, known, seen)
        if wrong:
            refused.append(Refused("trips", path.name, number, *wrong))
            continue
        origin, destination = line[0].strip(), line[1].strip()
        seen.add((origin, destination))
        rows.append(TravelRow(origin, destination, _minutes(line[2])))
    return rows, refused


def _wrong_in(
    line: list[str], known: set[str], seen: set[tuple[str, str]]
) -> tuple[str, str] | None:
    """The column and the reason, when a line cannot be used."""
    if len(line) < 3:
        return "minutes", "il faut trois valeurs : départ, arrivée, minutes"
    origin, destination = line[0].strip(), line[1].strip()
    for column, code in (("départ", origin), ("arrivée", destination)):
        if code not in known:
            return column, f"« {code} » n'est pas une commune connue"
    if origin == destination:
        return "arrivée", "le départ et l'arrivée sont la même commune"
    if (origin, destination) in seen:
        return "arrivée", f"de {origin} à {destination} est déjà donné plus haut"
    if not 0 <= _minutes(line[2]) <= MINUTES_MAX:
        return "minutes", f"« {line[2].strip()} » n'est pas un nombre de minutes"
    return None


def _minutes(text: str) -> float:
    """NaN when it is not a number."""
    found = re.fullmatch(r"\s*([0-9]{1,4})(?:[.,]([0-9]{1,9}))?\s*", text)
    return float(f"{found[1]}.{found[2] or 0}") if found else math.nan


# An OSRM server


class _Refusal(Exception):
    """The server understood and declined: `code` is one of its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


def fetch_travel(
    address: str,
    origins: Sequence[Point],
    destinations: Sequence[Point],
    progress: Callable[[int], None] | None = None,
) -> tuple[list[TravelRow], list[Refused]]:
    """Minutes by road from every origin to every destination, the way back apart; None where the
    server knows no route. A place the server cannot put on its roads is set aside. Raises NoAnswer.
    """
    address = checked_address(address)
    rows: list[TravelRow] = []
    refused: list[Refused] = []
    for start in range(0, len(origins), SIDE):
        for first in range(0, len(destinations), SIDE):
            block = origins[start : start + SIDE], destinations[first : first + SIDE]
            rows += _block(address, *block, refused)
            if progress:
                progress(len(block[0]) * len(block[1]))
    return rows, refused


def _block(
    address: str, origins: Sequence[Point], destinations: Sequence[Point], refused: list[Refused]
) -> Iterator[TravelRow]:
    """The trips of one block, cut in two as long as the server declines it."""
    if len(origins) == len(destinations) == 1 and origins[0].insee == destinations[0].insee:
        return
    try:
        durations = _table(address, origins, destinations)
    except _Refusal as refusal:
        if refusal.code not in DIVISIBLE:
            raise NoAnswer(
                f"{host_of(address)} a refusé la demande : {refusal.code} {refusal.message}".rstrip()
            ) from refusal
        if len(origins) > 1 or len(destinations) > 1:
            for part in _halves(origins, destinations):
                yield from _block(address, *part, refused)
        elif refusal.code == "NoTable":
            yield TravelRow(origins[0].insee, destinations[0].insee, None)
        elif refusal.code == "NoSegment":
            reason = "une des deux communes est loin de toute route que le serveur connaît"
            refused.append(_declined(address, origins[0], destinations[0], refused, reason))
        else:
            raise NoAnswer(f"{host_of(address)} refuse même un seul trajet (TooBig).") from refusal
        return
    for origin, line in zip(origins, durations, strict=True):
        for destination, seconds in zip(destinations, line, strict=True):
            if origin.insee == destination.insee:
                continue
            minutes = None if seconds is None else round(seconds / 60, 2)
            if minutes is None or minutes <= MINUTES_MAX:
                yield TravelRow(origin.insee, destination.insee, minutes)
            else:
                reason = f"{minutes:.0f} minutes, plus d'un jour"
                refused.append(_declined(address, origin, destination, refused, reason))


def _declined(
    address: str, origin: Point, destination: Point, before: list[Refused], reason: str
) -> Refused:
    reason = f"de {origin.insee} à {destination.insee}, {reason}"
    return Refused("trips", host_of(address), len(before) + 1, "durations", reason)


def _halves(
    origins: Sequence[Point], destinations: Sequence[Point]
) -> Iterator[tuple[Sequence[Point], Sequence[Point]]]:
    if len(origins) >= len(destinations):
        middle = len(origins) // 2
        yield origins[:middle], destinations
        yield origins[middle:], destinations
    else:
        middle = len(destinations) // 2
        yield origins, destinations[:middle]
        yield origins, destinations[middle:]


def _table(
    address: str, origins: Sequence[Point], destinations: Sequence[Point]
) -> list[list[float | None]]:
    """`durations[i][j]`: seconds from the i-th origin to the j-th destination."""
    points = {point.insee: point for point in (*origins, *destinations)}
    index = {insee: i for i, insee in enumerate(points)}
    where = ";".join(f"{point.longitude:.6f},{point.latitude:.6f}" for point in points.values())
    query = urlencode(
        {
            "sources": ";".join(str(index[point.insee]) for point in origins),
            "destinations": ";".join(str(index[point.insee]) for point in destinations),
            "annotations": "duration",
        },
        safe=";",
    )
    # An error of the question comes with the status 400 and its code in the body.
    answer = get_json(f"{address}/table/v1/driving/{where}?{query}", refusals=frozenset({400}))
    host = host_of(address)
    if not isinstance(answer, dict) or not isinstance(answer.get("code"), str):
        raise NoAnswer(f"La réponse de {host} n'est pas celle d'un serveur OSRM.")
    if answer["code"] != "Ok":
        raise _Refusal(answer["code"][:40], str(answer.get("message") or "")[:200])
    durations = answer.get("durations")
    if not _is_table(durations, len(origins), len(destinations)):
        raise NoAnswer(f"La réponse de {host} n'a pas la forme demandée (durées).")
    return durations


def _is_table(durations: Any, height: int, width: int) -> bool:
    return (
        isinstance(durations, list)
        and len(durations) == height
        and all(isinstance(line, list) and len(line) == width for line in durations)
        and all(
            each is None
            or (
                isinstance(each, int | float)
                and not isinstance(each, bool)
                and 0 <= each < math.inf
            )
            for line in durations
            for each in line
        )
    )
