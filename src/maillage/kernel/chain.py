"""The journal proves itself: each line is bound to the one before it by a key that the database
does not hold, and the heads of the chains are kept outside it.

Whoever may write everywhere in the database, but has not the key, cannot change, remove, swap or add
a line without `verify` naming it. Cutting the end off leaves a chain that holds: only a head kept
elsewhere (`anchor`) shows it.
"""

import datetime as dt
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from maillage.kernel import crypto
from maillage.kernel.models import JournalHead, JournalLine

FIELDS = (
    *("number", "at", "kind", "cpts_id", "actor_kind", "seat_id", "user_id", "action"),
    *("purpose", "target", "residents", "data", "sealed_through"),
)
PURPOSE = b"journal"
READ_AT_ONCE = 5_000
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def link(key: bytes, previous: str, values: Sequence[Any]) -> str:
    """HMAC-SHA256 of a line (`values` in the order of FIELDS, `at` in UTC) after the one before it.

    JSON, because no two different lines have the same text, on either engine.
    """
    number, at, *others = values
    text = _encode([previous, number, at.isoformat(), *others])
    return hmac.digest(key, text.encode(), "sha256").hex()


def next_hmac(previous: str, values: dict[str, Any]) -> str:
    return link(crypto.derived(PURPOSE), previous, [values[name] for name in FIELDS])


class Kind(StrEnum):
    """What is wrong at the first line that does not hold."""

    CHANGED = "ligne modifiée, ou écrite sans la clé"
    MISSING = "ligne absente"
    EXTRA = "ligne en trop"
    CUT = "fin du journal coupée"
    REWRITTEN = "journal réécrit depuis l'ancrage"


@dataclass(frozen=True, slots=True)
class Break:
    """The first line of a chain that does not hold. `at`: its date, or of the last one that holds."""

    number: int
    at: dt.datetime | None
    kind: Kind


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one chain: lines read, those that seals replaced, its head, its break."""

    cpts_id: int | None
    lines: int
    sealed: int
    number: int
    hmac: str
    broken: Break | None


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head kept outside the database."""

    at: str
    cpts_id: int | None
    number: int
    hmac: str


def read_anchors(path: Path) -> list[Anchor]:
    """Every head of the file, oldest first; none when there is no file."""
    if not path.exists():
        return []
    return [Anchor(**json.loads(line)) for line in path.read_text("utf-8").splitlines() if line]


def write_anchors(path: Path, anchors: Iterable[Anchor]) -> None:
    """Append to the file, on the disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as out:
        for each in anchors:
            told = {"at": each.at, "cpts_id": each.cpts_id}
            out.write(json.dumps(told | {"number": each.number, "hmac": each.hmac}) + "\n")
        out.flush()
        os.fsync(out.fileno())


def heads(at: dt.datetime) -> list[Anchor]:
    """The heads of the chains that have a line, as they are now."""
    rows = JournalHead.objects.filter(number__gt=0).order_by("chain")
    told = at.astimezone(dt.UTC).isoformat(timespec="seconds")
    return [Anchor(told, row.chain or None, row.number, row.hmac) for row in rows]


def chains(anchors: Iterable[Anchor] = ()) -> list[int | None]:
    """Every chain of which something is known: lines, a head, an anchor. The platform's own first."""
    found = set(JournalLine.objects.order_by().values_list("cpts_id", flat=True).distinct())
    found |= {head or None for head in JournalHead.objects.values_list("chain", flat=True)}
    found |= {each.cpts_id for each in anchors}
    return sorted(found, key=lambda cpts_id: cpts_id or 0)


def verify(cpts_id: int | None, anchors: Iterable[Anchor] = ()) -> Report:
    """Compute the whole chain again, and compare it with its anchors and with its head.

    It may begin after line 1 only where a seal of the same chain says so.
    """
    kept = {each.number: each for each in anchors if each.cpts_id == cpts_id}
    lines = JournalLine.objects.filter(cpts_id=cpts_id)
    seal = lines.filter(kind=JournalLine.Kind.SEAL).order_by("-sealed_through").first()
    sealed = seal.sealed_through or 0 if seal is not None else 0
    walk = _Walk(sealed, str(seal.data.get("hmac")) if seal is not None else "", kept)
    rows = lines.order_by("number").values_list(*FIELDS, "hmac")
    for row in rows.iterator(chunk_size=READ_AT_ONCE):
        if walk.breaks_at(row):
            break
    broken = walk.broken or walk.end(JournalHead.objects.filter(pk=cpts_id or 0).first())
    return Report(cpts_id, walk.lines, sealed, walk.number, walk.hmac, broken)


class _Walk:
    """One chain, line after line."""

    def __init__(self, sealed: int, last: str, anchors: dict[int, Anchor]) -> None:
        self.keys = crypto.derived_all(PURPOSE)
        self.number, self.hmac, self.anchors = sealed, last, anchors
        self.at: dt.datetime | None = None
        self.lines = 0
        self.broken: Break | None = None

    def breaks_at(self, row: tuple[Any, ...]) -> bool:
        number, at, found = row[0], row[1], row[-1]
        if number != self.number + 1:
            kind = Kind.EXTRA if number <= self.number else Kind.MISSING
            self.broken = Break(min(number, self.number + 1), self.at or at, kind)
        elif not self._holds(row[:-1], found):
            self.broken = Break(number, at, Kind.CHANGED)
        elif number in self.anchors and self.anchors[number].hmac != found:
            self.broken = Break(number, at, Kind.REWRITTEN)
        else:
            self.number, self.at, self.hmac = number, at, found
            self.lines += 1
        return self.broken is not None

    def _holds(self, values: tuple[Any, ...], found: str) -> bool:
        """By the key that held the line before; else by another (it was rotated): that one serves."""
        for key in self.keys:
            if hmac.compare_digest(link(key, self.hmac, values), found):
                if key is not self.keys[0]:
                    self.keys.remove(key)
                    self.keys.insert(0, key)
                return True
        return False

    def end(self, head: JournalHead | None) -> Break | None:
        """Lines known elsewhere, after the last one read."""
        known = max([*self.anchors, head.number if head is not None else 0])
        if known > self.number:
            return Break(self.number + 1, self.at, Kind.CUT)
        return None
