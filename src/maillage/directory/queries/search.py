"""Searching the directory of one CPTS: exact words first, else those nearest to what was typed."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Prefetch
from django.utils import timezone

from maillage.compute import spelling
from maillage.directory.enums import TITLES, WORD_MAX, CareKind
from maillage.directory.models import (
    Place,
    Professional,
)
from maillage.kernel.identifiers import fold, phone_digits
from maillage.territory.models import Commune, Cpts

NEAR_MAX = 50

KIND_FIELDS = {
    CareKind.OFFICE: "does_office",
    CareKind.HOME: "does_home",
    CareKind.REMOTE: "does_remote",
}


@dataclass(frozen=True, slots=True)
class Found:
    """Result of a search: records in order, and whether they are only near what was typed."""

    professionals: object
    is_near: bool


def words_of(text: str) -> list[str]:
    """What to look for: a telephone or RPPS number as one word, else folded words without titles.

    >>> words_of("Dr Éloïse Müller")
    ['eloise', 'muller']
    >>> words_of("03 53 01 12 34")
    ['0353011234']
    """
    if not re.search(r"[^\W\d_]", text):
        digits = re.sub(r"\D", "", text)
        if text.strip().startswith(("+", "00")):
            digits = phone_digits(text) or digits
        return [digits] if digits else []
    words = fold(text).split()
    return [word for word in words if word not in TITLES] or words


def name_words(text: str) -> set[str]:
    """Words a name is found by, without those that tell nobody from another.

    >>> sorted(name_words("Dr Jean-François de l'Étang"))
    ['etang', 'francois', 'jean', 'l']
    """
    words = {word[:WORD_MAX] for word in fold(text).split()}
    return words - TITLES or words


def near_keys(words: list[str], keys: list[tuple[int, str]]) -> list[int]:
    """Ids of the records whose key holds a word close to each word typed, the closest first.

    `keys`: (id, search key), in the order that settles ties. One comparison per different word.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for pk, key in keys:
        for word in set(key.split()):
            holders[word].append(pk)
    vocabulary = sorted(holders)
    total: dict[int, int] = {}
    for index, word in enumerate(words):
        best: dict[int, int] = {}
        for each, cost in _close(word, vocabulary).items():
            for pk in holders[each]:
                best[pk] = min(cost, best.get(pk, cost))
        kept = best.keys() if index == 0 else best.keys() & total.keys()
        total = {pk: total.get(pk, 0) + best[pk] for pk in kept}
    order = {pk: position for position, (pk, _) in enumerate(keys)}
    return sorted(total, key=lambda pk: (total[pk], order[pk]))[:NEAR_MAX]


def _close(word: str, vocabulary: Sequence[str]) -> dict[str, int]:
    """Words of the vocabulary that may be meant, with their cost, the closest first."""
    found = spelling.costs(word, vocabulary).tolist()
    pairs = sorted((cost, each) for each, cost in zip(vocabulary, found, strict=True))
    return {each: cost for cost, each in pairs if cost < spelling.NEVER}


def directory_of(cpts: Cpts):
    """Professionals in the directory of the CPTS today, with what a list shows of them."""
    open_places = Place.objects.filter(closed_on=None).select_related("commune")
    return Professional.objects.in_cpts(cpts, timezone.localdate()).prefetch_related(
        Prefetch("places", queryset=open_places, to_attr="open_places")
    )


def search(
    cpts: Cpts, text: str = "", *, profession: str = "", commune: str = "", kind: str = ""
) -> Found:
    """Search the directory of a CPTS: name, job, commune, RPPS, telephone; accents do not matter.

    Every word must be found; when no record has them all, records with words close to them.
    """
    found = directory_of(cpts)
    if profession:
        found = found.filter(profession=profession)
    if commune:
        practising = Place.objects.filter(commune=commune, closed_on=None)
        found = found.filter(pk__in=practising.values("professional"))
    if kind in KIND_FIELDS:
        found = found.filter(**{KIND_FIELDS[kind]: True})
    words = words_of(text)
    exact = found
    for word in words:
        exact = exact.filter(search_key__contains=word)
    if not words or exact.exists():
        return Found(exact, is_near=False)
    ids = near_keys(words, list(found.values_list("pk", "search_key")))
    near = {each.pk: each for each in found.filter(pk__in=ids)}
    return Found([near[pk] for pk in ids], is_near=True)


def communes_of(cpts: Cpts):
    """Communes where somebody of the directory practises, for the filter."""
    professionals = Professional.objects.in_cpts(cpts, timezone.localdate())
    places = Place.objects.filter(closed_on=None, professional__in=professionals.values("pk"))
    return Commune.objects.filter(pk__in=places.values("commune")).order_by("name_key", "pk")
