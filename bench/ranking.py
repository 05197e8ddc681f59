"""Ranking 1 500 professionals over 14 days of 16 slots, beside sorting every suitable slot."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from bench import Report, alternated
from maillage.compute.ranking import (
    Candidates,
    LeftOut,
    OfferedSlots,
    Ranking,
    RankingWeights,
    rank,
    sentences,
)

NAME = "ranking"
PROFESSIONALS, DAYS, SLOTS_A_DAY = 1500, 14, 16
ROWS_SHOWN = 50
RUNS = 15
ORIGIN = datetime(2026, 11, 23, 8, tzinfo=ZoneInfo("Europe/Paris"))
WEIGHTS = RankingWeights(
    weight_delay=1.0,
    weight_travel=2.0,
    usual_doctor_minutes=120.0,
    load_minutes=10.0,
    max_travel_minutes=45.0,
)


def people_and_slots() -> tuple[Candidates, OfferedSlots]:
    """A made-up territory where most may answer (the costly case), with a fixed seed."""
    rng = np.random.default_rng(20261121)
    size = PROFESSIONALS

    def chance(probability: float) -> np.ndarray:
        return rng.random(size) < probability

    candidates = Candidates(
        answers_profession=chance(0.9),
        takes_age=chance(0.97),
        does_kind=chance(0.95),
        barred=np.where(chance(0.05), LeftOut.ABSENT, 0).astype(np.int8),
        is_in_circle=chance(0.98),
        is_same_commune=chance(0.03),
        is_usual_doctor=chance(0.001),
        travel_minutes=np.where(chance(0.02), np.nan, rng.gamma(3, 8, size)),
        load_30_days=rng.poisson(3, size),
    )
    each = DAYS * SLOTS_A_DAY
    offset = rng.integers(0, 30, size)  # nobody opens at quite the same minute
    grid = np.arange(DAYS)[:, None] * 1440 + np.arange(SLOTS_A_DAY) * 30
    freedom = np.repeat(rng.choice([0.0, 0.02, 0.2, 0.6], size, p=[0.03, 0.27, 0.4, 0.3]), each)
    slots = OfferedSlots(
        professional=np.repeat(np.arange(size), each),
        start_minutes=(grid.ravel() + offset[:, None]).ravel(),
        is_free=rng.random(size * each) < freedom,
        is_kind=rng.random(size * each) < 0.8,
    )
    return candidates, slots


def rank_and_tell(candidates: Candidates, slots: OfferedSlots) -> Ranking:
    ranking = rank(candidates=candidates, slots=slots, weights=WEIGHTS, has_travel=True)
    shown = range(min(ROWS_SHOWN, ranking.order.size))
    names = {int(who): f"Dr {who}" for who in ranking.order[:ROWS_SHOWN]}
    sentences(ranking=ranking, positions=shown, names=names, origin=ORIGIN)
    return ranking


def naive_full_sort(
    people: Sequence[tuple[bool, bool, bool, int, bool, bool, bool, float, int]],
    slots: Sequence[tuple[int, int, bool, bool]],
) -> tuple[list[int], list[int]]:
    """Order and chosen slots: every suitable slot scored and sorted, the first of each kept.

    Plain lists in, so that converting arrays is not counted. No reason codes, no sentences: less
    work than ours.
    """
    scored = []
    for index, (who, start, is_free, is_kind) in enumerate(slots):
        answers, takes, does, barred, opened, local, usual, travel, load = people[who]
        if not (is_free and is_kind and answers and takes and does and opened) or barred:
            continue
        if travel != travel:
            travel = 0.0 if local else WEIGHTS.max_travel_minutes
        elif travel > WEIGHTS.max_travel_minutes and not local:
            continue
        score = WEIGHTS.weight_delay * start + WEIGHTS.weight_travel * travel
        score += WEIGHTS.load_minutes * load - WEIGHTS.usual_doctor_minutes * usual
        scored.append((round(score, 6), start, travel, who, index))
    scored.sort()
    chosen: dict[int, int] = {}
    for *_, who, index in scored:
        chosen.setdefault(who, index)
    return list(chosen), list(chosen.values())


def array_full_sort(candidates: Candidates, slots: OfferedSlots) -> np.ndarray:
    """The order by the same full sort on arrays: a harder peer."""
    may = candidates.answers_profession & candidates.takes_age & candidates.does_kind
    travel = candidates.travel_minutes
    may &= (candidates.barred == 0) & candidates.is_in_circle
    may &= ~(travel > WEIGHTS.max_travel_minutes) | candidates.is_same_commune
    unknown = np.where(candidates.is_same_commune, 0.0, WEIGHTS.max_travel_minutes)
    travel = np.where(np.isnan(travel), unknown, travel)
    fixed = WEIGHTS.weight_travel * travel + WEIGHTS.load_minutes * candidates.load_30_days
    fixed -= WEIGHTS.usual_doctor_minutes * candidates.is_usual_doctor
    who, start = slots.professional, slots.start_minutes
    pairs = np.flatnonzero(slots.is_free & slots.is_kind & may[who])
    who, start = who[pairs], start[pairs]
    score = np.round(WEIGHTS.weight_delay * start + fixed[who], 6)
    by_score = who[np.lexsort((who, travel[who], start, score))]
    _, first = np.unique(by_score, return_index=True)
    return by_score[np.sort(first)]


def run(report: Report) -> None:
    candidates, slots = people_and_slots()
    columns = [getattr(candidates, name).tolist() for name in (
        "answers_profession", "takes_age", "does_kind", "barred", "is_in_circle",
        "is_same_commune", "is_usual_doctor", "travel_minutes", "load_30_days",
    )]  # fmt: skip
    people = list(zip(*columns, strict=True))
    rows = list(
        zip(
            slots.professional.tolist(),
            slots.start_minutes.tolist(),
            slots.is_free.tolist(),
            slots.is_kind.tolist(),
            strict=True,
        )
    )

    ranking = rank_and_tell(candidates, slots)
    order, chosen = naive_full_sort(people, rows)
    assert ranking.order.tolist() == order, "the naive sort gives another order"
    assert ranking.slot[ranking.order].tolist() == chosen, "the naive sort chooses other slots"
    assert array_full_sort(candidates, slots).tolist() == order, "the array sort: another order"
    assert ranking.order.size + np.count_nonzero(ranking.left_out != LeftOut.NONE) == PROFESSIONALS

    whole, ordered, naive, arrays = alternated(
        [
            lambda: rank_and_tell(candidates, slots),
            lambda: rank(candidates=candidates, slots=slots, weights=WEIGHTS, has_travel=True),
            lambda: naive_full_sort(people, rows),
            lambda: array_full_sort(candidates, slots),
        ],
        runs=RUNS,
    )
    told = f"order, reasons, sentences of {ROWS_SHOWN} rows"
    report.figure("slots", slots.professional.size, "slots")
    report.figure("professionals ranked", int(ranking.order.size), "people")
    report.figure(f"{told}, median", whole.median_ms, "ms", "naive full sort", naive.median_ms)
    report.figure(f"{told}, p95", whole.p95_ms, "ms", "naive full sort", naive.p95_ms)
    report.figure(
        "order and reasons, median", ordered.median_ms, "ms", "naive full sort", naive.median_ms
    )
    report.figure(
        "order and reasons, median", ordered.median_ms, "ms", "NumPy full sort", arrays.median_ms
    )
