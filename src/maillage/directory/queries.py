"""Searching the directory of a CPTS, and what a record's page shows."""

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch, Q
from django.utils import timezone

from maillage.accounts.enums import Role, SeatState
from maillage.accounts.models import Seat, User
from maillage.directory.enums import CareKind
from maillage.directory.models import (
    CptsProfessional,
    Delegation,
    Locum,
    Place,
    Professional,
    ProfessionalAccount,
    answered_by,
)
from maillage.kernel.identifiers import fold, phone_digits
from maillage.kernel.permissions import Actor
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


def record_of(cpts: Cpts, professional: Professional) -> CptsProfessional | None:
    """What this CPTS knows of a professional. Inside its scope."""
    return CptsProfessional.objects.filter(cpts=cpts, professional=professional).first()


def account_of(professional: Professional) -> ProfessionalAccount | None:
    """The account linked to the record today."""
    return (
        ProfessionalAccount.objects.filter(professional=professional, ended_on=None)
        .select_related("user", "verified_by")
        .first()
    )


def professional_of_rpps(rpps: str) -> Professional | None:
    """The national record of this number, in whatever CPTS."""
    return Professional.objects.filter(rpps=rpps).first()


def own_records(user_id: int | None):
    """The national record an account is linked to, as a queryset of zero or one."""
    links = ProfessionalAccount.objects.filter(user=user_id, ended_on=None)
    return Professional.objects.filter(pk__in=links.values("professional"))


def linkable_users(cpts: Cpts):
    """People with a professional's seat in the CPTS whose account is not yet a national record."""
    seats = Seat.objects.filter(cpts=cpts, role=Role.PROFESSIONAL).exclude(state=SeatState.LEFT)
    linked = ProfessionalAccount.objects.filter(ended_on=None)
    return User.objects.filter(pk__in=seats.values("user")).exclude(pk__in=linked.values("user"))


def secretaries_of(cpts: Cpts):
    """People with an active secretary's seat in the CPTS."""
    seats = Seat.objects.filter(cpts=cpts, role=Role.SECRETARY).active(timezone.localdate())
    return User.objects.filter(pk__in=seats.values("user"))


def delegations_of(actor: Actor):
    """Delegations the person gave or received, neither over nor taken back."""
    return (
        Delegation.objects.visible_to(actor)
        .filter(ended_at=None)
        .exclude(until_on__lt=timezone.localdate())
        .select_related("professional", "secretary")
        .order_by("from_on", "pk")
    )


def locum_of(professional: Professional, on: dt.date) -> Professional | None:
    """Who answers for this professional on the day `on`, if somebody was named."""
    named = Locum.objects.in_force(on).filter(replaced=professional).select_related("locum").first()
    return named.locum if named else None


def answers_for(user_id: int | None, on: dt.date) -> set[int]:
    """Professionals (by id) this account answers for on the day `on`: its own, those it replaces.

    One query. In a queryset, `models.answered_by` says the same without asking twice.
    """
    return set(answered_by(user_id, on).values_list("pk", flat=True))


def locums_of(professional: Professional):
    """Every replacement of this professional, the latest first."""
    return (
        Locum.objects.filter(replaced=professional)
        .select_related("locum", "replaced")
        .order_by("-from_on", "-pk")
    )


def locum_choices(cpts: Cpts, professional: Professional):
    """Those of the directory of the CPTS who may replace: the same profession."""
    return (
        Professional.objects.in_cpts(cpts, timezone.localdate())
        .filter(profession=professional.profession)
        .exclude(pk=professional.pk)
    )


def replacements_seen(actor: Actor):
    """Replacements, not over, of the people whose delegations page this is: given or received."""
    today = timezone.localdate()
    mine = Q(pk__in=own_records(actor.user_id).values("pk"))
    kept = Delegation.objects.in_force(today).filter(secretary=actor.user_id)
    people = Professional.objects.filter(mine | Q(pk__in=kept.values("professional"))).values("pk")
    return (
        Locum.objects.visible_to(actor)
        .filter(Q(replaced__in=people) | Q(locum__in=people))
        .not_over(today)
        .select_related("locum", "replaced")
    )
