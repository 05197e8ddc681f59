"""Searching the directory of a CPTS, and what a record's page shows."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch
from django.utils import timezone

from maillage.directory.enums import CareKind
from maillage.directory.models import (
    Place,
    Professional,
)
from maillage.kernel.identifiers import fold, phone_digits
from maillage.territory.models import Commune, Cpts

# Words said before a name, which no record holds.
TITLES = {"dr", "docteur", "docteure", "m", "mme", "monsieur", "madame", "le", "la", "de"}
# Dice similarity of letter pairs from which two words are taken for the same, badly spelt.
LIKENESS = 0.55
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


def _pairs(word: str) -> set[str]:
    framed = f" {word} "
    return {framed[i : i + 2] for i in range(len(framed) - 1)}


def likeness(a: set[str], b: set[str]) -> float:
    """Dice coefficient of two sets of letter pairs, from 0 (nothing alike) to 1 (the same)."""
    return 2 * len(a & b) / (len(a) + len(b))


def _close_words(word: str, vocabulary: Iterable[str]) -> dict[str, float]:
    """Words of the vocabulary that `word` may be, with their likeness; numbers match exactly."""
    if word.isdigit():
        return {each: 1.0 for each in vocabulary if word in each}
    pairs = _pairs(word)
    close = {}
    for each in vocabulary:
        if word in each:
            close[each] = 1.0
        elif abs(len(each) - len(word)) <= 3 and not each.isdigit():
            score = likeness(pairs, _pairs(each))
            if score >= LIKENESS:
                close[each] = score
    return close


def near_keys(words: list[str], keys: list[tuple[int, str]]) -> list[int]:
    """Ids of the records whose key holds a word close to each word typed, the likest first.

    `keys`: (id, search key), in the order that settles ties. One comparison per different word.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for pk, key in keys:
        for word in set(key.split()):
            holders[word].append(pk)
    scores: dict[int, float] = {}
    for index, word in enumerate(words):
        best: dict[int, float] = {}
        for each, score in _close_words(word, holders).items():
            for pk in holders[each]:
                best[pk] = max(score, best.get(pk, 0.0))
        kept = best.keys() if index == 0 else best.keys() & scores.keys()
        scores = {pk: scores.get(pk, 0.0) + best[pk] for pk in kept}
    order = {pk: position for position, (pk, _) in enumerate(keys)}
    return sorted(scores, key=lambda pk: (-scores[pk], order[pk]))[:NEAR_MAX]


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
