"""The names of the communes, kept in memory: a perimeter of hundreds is asked for at each search."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from maillage.territory.models import Commune

KEPT_SECONDS = 600


@dataclass(frozen=True, slots=True)
class _Names:
    """By INSEE code: where the commune stands in the alphabet, and its name."""

    ranked: dict[str, tuple[int, str]]
    until: float


_kept: dict[str, _Names] = {}


def names_of(codes: Iterable[str]) -> dict[str, str]:
    """Names by INSEE code, in alphabetical order; those that came since the memory was made come
    last, a commune that nobody knows is left out."""
    kept = _kept.get("")
    if kept is None or kept.until <= time.monotonic():
        rows = Commune.objects.order_by("name_key", "pk").values_list("pk", "name")
        ranked = {code: (rank, name) for rank, (code, name) in enumerate(rows)}
        kept = _kept[""] = _Names(ranked, time.monotonic() + KEPT_SECONDS)
    asked = set(codes)
    found = sorted((kept.ranked[code], code) for code in asked if code in kept.ranked)
    names = {code: name for (_, name), code in found}
    if late := asked - names.keys():
        names |= Commune.objects.filter(pk__in=late).values_list("pk", "name")
    return names


def forget_names() -> None:
    """Empty the in-process memory of the names (it empties itself within ten minutes)."""
    _kept.clear()
