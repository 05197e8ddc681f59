"""Searching every national record by a name as it was heard, a telephone or an RPPS number.

A typed word meets the words of names through their keys (`WordKey`), costs are counted on those few
(`compute.spelling`), and the people who have a close word for each are read. Nothing depends on a
collation or on an extension: SQLite and PostgreSQL give the same rows in the same order.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from maillage.compute import spelling
from maillage.directory.enums import WORD_MAX
from maillage.directory.models import (
    CptsProfessional,
    Place,
    Professional,
    ProfessionalWord,
    WordKey,
)
from maillage.directory.queries.search import words_of
from maillage.kernel.identifiers import fold, is_insee, is_rpps_shaped
from maillage.territory.models import Commune, Cpts

SHOWN_MAX = 20
WORDS_MAX = 5  # of those typed: nobody says more of a name
MEANT_MAX = 60  # words one typed word may stand for, and as many it may begin


@dataclass(frozen=True, slots=True)
class Match:
    """One national record, by what the State publishes; `is_here`: in the directory of the CPTS."""

    pk: int
    rpps: str
    name: str
    job: str
    communes: tuple[str, ...]
    is_here: bool


@dataclass(frozen=True, slots=True)
class Matches:
    """The best first; `is_near`: nobody has the words typed; `is_cut`: more than are shown."""

    people: tuple[Match, ...]
    is_near: bool = False
    is_cut: bool = False


def _is_number(word: str) -> bool:
    return word.lstrip("+").isdigit()


def _typed(text: str) -> list[str]:
    words = list(dict.fromkeys(word[:WORD_MAX] for word in words_of(text)))
    # An initial alone would find a tenth of the country.
    return [word for word in words if len(word) > 1][:WORDS_MAX]


def _meant(words: list[str]) -> list[dict[str, int]]:
    """For each word typed, the words of names it may stand for with their cost. One query."""
    asked = {word: spelling.keys_asked(word) for word in words if not _is_number(word)}
    under: dict[str, set[str]] = defaultdict(set)
    for key, name in WordKey.objects.filter(key__in=set().union(*asked.values())).values_list(
        "key", "word"
    ):
        under[key].add(name)
    meant: list[dict[str, int]] = []
    for word in words:
        if word not in asked:
            meant.append({word: spelling.EXACT})
            continue
        names = sorted(set().union(*(under.get(key, ()) for key in asked[word])))
        found = spelling.costs(word, names).tolist()
        best = sorted(pair for pair in zip(found, names, strict=True) if pair[0] < spelling.NEVER)
        # Apart: the many words a short piece begins never push out the one that sounds the same.
        pieces = [pair for pair in best if pair[0] == spelling.PARTIAL][:MEANT_MAX]
        whole = [pair for pair in best if pair[0] != spelling.PARTIAL][:MEANT_MAX]
        meant.append({name: cost for cost, name in sorted(pieces + whole)})
    return meant


def _of_one_word(meant: dict[str, int], narrowed: Q) -> dict[int, list[int]]:
    """Costs by id for one word, which may be thousands of people's: the closest first, then stop."""
    found: dict[int, list[int]] = {}
    for cost in sorted(set(meant.values())):
        names = [name for name, each in meant.items() if each == cost]
        rows = ProfessionalWord.objects.filter(narrowed, word__in=names).order_by("professional")
        for pk in rows.values_list("professional", flat=True)[: 2 * SHOWN_MAX + 1]:
            found.setdefault(pk, [cost])
        if len(found) > SHOWN_MAX:
            break
    return found


def _of_all_words(meant: list[dict[str, int]], narrowed: Q) -> dict[int, list[int]]:
    """Costs by id, one for each word typed, of those who have them all. One query."""
    rows = ProfessionalWord.objects.filter(narrowed, word__in=set().union(*meant))
    for names in meant:
        holders = ProfessionalWord.objects.filter(word__in=list(names))
        rows = rows.filter(professional__in=holders.values("professional"))
    held: dict[int, list[str]] = defaultdict(list)
    for pk, word in rows.values_list("professional", "word"):
        held[pk].append(word)
    return {
        pk: [min(names[word] for word in words if word in names) for names in meant]
        for pk, words in held.items()
    }


def _ranked(meant: list[dict[str, int]], narrowed: Q) -> list[tuple[int, int, int]]:
    """(sum of costs, id, worst cost) of the best people who have every word, one too many."""
    alone = len(meant) == 1
    found = _of_one_word(meant[0], narrowed) if alone else _of_all_words(meant, narrowed)
    return sorted((sum(costs), pk, max(costs)) for pk, costs in found.items())[: SHOWN_MAX + 1]


def _told(cpts: Cpts, ids: Iterable[int]) -> list[Match]:
    """What is shown of these records, in any order. Three queries, inside the scope of the CPTS."""
    people = Professional.objects.in_bulk(list(ids))
    communes: dict[int, list[str]] = defaultdict(list)
    places = Place.objects.filter(professional__in=people, closed_on=None)
    for pk, name in places.order_by("-is_main", "pk").values_list("professional", "commune__name"):
        communes[pk].append(name)
    here = CptsProfessional.objects.in_force(timezone.localdate()).filter(
        cpts=cpts, professional__in=people
    )
    known = set(here.values_list("professional", flat=True))
    return [
        Match(
            pk=pk,
            rpps=each.rpps,
            name=str(each),
            job=each.job,
            communes=tuple(dict.fromkeys(communes[pk])),
            is_here=pk in known,
        )
        for pk, each in people.items()
    ]


def national_search(
    cpts: Cpts, text: str, *, profession: str = "", communes: Iterable[Commune] | None = None
) -> Matches:
    """National records having every word typed, however spelt, the closest first.

    `communes`: only those who practise in one of them. An RPPS number is found whole. Inside the
    scope of the CPTS, which only tells who is in its directory already.
    """
    words = _typed(text)
    narrowed = Q(professional__profession=profession) if profession else Q()
    if communes is not None:
        places = Place.objects.filter(commune__in=list(communes), closed_on=None)
        narrowed &= Q(professional__in=places.values("professional"))
    numbers = [word for word in words if is_rpps_shaped(word)]
    for number in numbers:
        narrowed &= Q(professional__rpps=number)
    meant = _meant([word for word in words if word not in numbers])
    if numbers and not meant:
        numbered = Professional.objects.filter(rpps__in=numbers).order_by("pk")
        ranked = [(0, pk, 0) for pk in numbered.values_list("pk", flat=True)]
    elif meant and all(meant):
        ranked = _ranked(meant, narrowed)
    else:
        return Matches(())
    cost = {pk: total for total, pk, _ in ranked[:SHOWN_MAX]}
    told = _told(cpts, cost)
    told.sort(key=lambda each: (cost[each.pk], fold(each.name), each.pk))
    return Matches(
        tuple(told),
        is_near=bool(ranked) and ranked[0][2] > spelling.PARTIAL,
        is_cut=len(ranked) > SHOWN_MAX,
    )


def communes_named(text: str) -> list[Commune]:
    """Communes of France a person may mean: "Cluny", "Cluny (71)" or an INSEE code."""
    text = text.strip()
    if is_insee(text.upper()):
        return list(Commune.objects.filter(pk=text.upper()))
    named = re.fullmatch(r"(.+?)\s*\((\w{2,3})\)", text)
    name, departement = named.groups() if named else (text, "")
    matching = Commune.objects.filter(name_key=fold(name))
    if departement:
        matching = matching.filter(departement=departement.upper())
    return list(matching)
