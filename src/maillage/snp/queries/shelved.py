"""The ranking on what is kept of the directory: the same as from the database, nearly for nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils import timezone

from maillage.compute import ranking
from maillage.directory.enums import CareKind
from maillage.snp.enums import Circle
from maillage.snp.models import CareRequest, DeskSettings, Proposal
from maillage.snp.queries.ladder import circles_open
from maillage.snp.queries.pool import ASKED, in_circle, wanted_kinds
from maillage.snp.queries.ranking import (
    Candidate,
    Kept,
    LeftOutGroup,
    groups_of,
    keep_order,
    ranked_rows,
    weights_of,
)
from maillage.snp.queries.shelf import Shelf, Stand, shelf_of
from maillage.territory import queries as territory


@dataclass(frozen=True, slots=True)
class Shortened:
    """What a board shows of a `Matching`: the first rows; the others by reason."""

    ranked: tuple[Candidate, ...]
    left_out_groups: list[LeftOutGroup]


@dataclass(frozen=True, slots=True)
class _Order:
    """A ranking of the people of a stand. `told`: why those already asked are left out."""

    result: ranking.Ranking
    travel: dict
    where: np.ndarray  # the communes met, and which one for each person
    commune_of: np.ndarray
    is_offered: np.ndarray
    told: dict[int, str]


def _order(
    shelf: Shelf, care_request: CareRequest, settings: DeskSettings, asked: Iterable[Proposal]
) -> _Order:
    told = {each.professional_id: ASKED[each.state] for each in asked if each.state in ASKED}
    kinds, stand = wanted_kinds(care_request), shelf.stand
    columns = stand.columns
    is_kind = np.isin(stand.kind, list(kinds))
    is_free = shelf.places_left > 0
    where, commune_of = np.unique(shelf.communes(is_free & is_kind), return_inverse=True)
    travel = territory.travel_minutes(care_request.commune, filter(None, where.tolist()))
    minutes = [getattr(travel.get(insee), "minutes", None) for insee in where.tolist()]
    is_in_circle = in_circle(care_request, stand.now)
    result = ranking.rank(
        candidates=ranking.Candidates(
            answers_profession=columns["answers"] & ~np.isin(columns["pk"], list(told)),
            takes_age=stand.takes_age(care_request.age_band),
            does_kind=np.logical_or.reduce([columns[f"does_{kind}"] for kind in kinds]),
            barred=shelf.barred,
            is_in_circle=np.array([is_in_circle(pk) for pk in stand.index], dtype=bool),
            is_same_commune=(where == care_request.commune_id)[commune_of],
            is_usual_doctor=columns["pk"] == (care_request.usual_doctor_id or -1),
            travel_minutes=np.array([np.nan if m is None else m for m in minutes], dtype=float)[
                commune_of
            ],
            load_30_days=shelf.load,
        ),
        slots=ranking.OfferedSlots(
            professional=stand.person,
            start_minutes=stand.start_minutes,
            is_free=is_free,
            is_kind=is_kind,
        ),
        weights=weights_of(settings),
        has_travel=kinds != {CareKind.REMOTE},
    )
    return _Order(result, travel, where, commune_of, is_free & is_kind, told)


def _rows(
    shelf: Shelf,
    order: _Order,
    care_request: CareRequest,
    settings: DeskSettings,
    positions: Sequence[int],
) -> tuple[Candidate, ...]:
    stand = shelf.stand
    near = {near for at in positions for near in (at - 1, at, at + 1)}
    ranked = order.result.order.tolist()
    people = {i: stand.people[i]["pk"] for at, i in enumerate(ranked) if at in near}
    return ranked_rows(
        *(care_request, stand.people, order.result, order.travel),
        {pk: str(order.where[order.commune_of[i]]) for i, pk in people.items()},
        {pk: shelf.slots_of(i, order.is_offered) for i, pk in people.items()},
        *(stand.now, positions, settings),
    )


def matching_on(
    shelf: Shelf,
    care_request: CareRequest,
    *,
    settings: DeskSettings,
    shown: int,
    asked: Iterable[Proposal],
) -> Shortened:
    """`matching_for` on what is kept of the directory: the same rows, no query but the travel."""
    order = _order(shelf, care_request, settings, asked)
    positions = range(len(order.result.order))[:shown]
    return Shortened(
        _rows(shelf, order, care_request, settings, positions),
        _groups(shelf.stand, order.result, order.told),
    )


def standing_of(
    care_request: CareRequest, professional_id: int, settings: DeskSettings
) -> tuple[Candidate, Kept] | None:
    """One professional in the whole order, and that order as a shortlist keeps it; None when they are
    not ranked, or when neighbours are: what those lend is told by their own counters."""
    if Circle.NEIGHBOURS in circles_open(care_request.circle):
        return None
    shelf = shelf_of(care_request, settings, timezone.now().replace(second=0, microsecond=0))
    asked = care_request.proposals.filter(state__in=ASKED)
    order = _order(shelf, care_request, settings, asked)
    people, result = shelf.stand.people, order.result
    ranked = [people[i]["pk"] for i in result.order.tolist()]
    if professional_id not in ranked:
        return None
    at = ranked.index(professional_id)
    (candidate,) = _rows(shelf, order, care_request, settings, [at])
    out = {
        people[i]["pk"]: ranking.left_out_sentence(result.left_out[i])
        for i in np.flatnonzero(result.left_out != ranking.LeftOut.NONE).tolist()
        if result.left_out[i] != ranking.LeftOut.PROFESSION
    }
    return candidate, keep_order(ranked, out | order.told)


def _groups(stand: Stand, result: ranking.Ranking, told: dict[int, str]) -> list[LeftOutGroup]:
    pairs = [(told[pk], stand.names[stand.index[pk]]) for pk in told if pk in stand.index]
    out = result.left_out
    for code in np.unique(out[out != ranking.LeftOut.NONE]).tolist():
        reason = ranking.left_out_sentence(code)
        pairs += [
            (reason, stand.names[i])
            for i in np.flatnonzero(out == code).tolist()
            if stand.people[i]["pk"] not in told
        ]
    return groups_of(pairs)
