"""Why this doctor, why not the next one, and why nobody: numbers only, the sentences belong elsewhere.

The runner-up of somebody placed is the other doctor they may have that would cost least, travel and
load together, if one person more were taken there.

Somebody left out knows no doctor, or knows only doctors without places, or doctors whose places went to
others. For the last two: the doctor where the fewest more places do, when they are given by
`reassignment` (classes, then the fewest changes). Before this person come those left out of an earlier
class who could come there, directly or by others moving, and those of the same class who may have that
doctor: with one place more than these, it is this person's turn.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from maillage.compute.assignment import (
    NOBODY,
    AssignmentWeights,
    Bools,
    Demand,
    Int64,
    Pairs,
    steps,
    travel_costs,
)

Floats = NDArray[np.float64]


class WhyNot(IntEnum):
    """Why somebody does not have their runner-up."""

    NO_OTHER = 0  # no other doctor is possible
    FULL = 1  # every place there is taken
    FARTHER = 2  # mostly the travel
    BUSIER = 3  # mostly the load
    KEPT = 4  # it would cost less, but who has whom was kept


class WhyNobody(IntEnum):
    """Why somebody is left out."""

    PLACED = 0
    NO_DOCTOR = 1  # no pair: nobody within reach, or nobody who may take them
    NO_PLACE = 2  # these doctors take nobody
    FULL = 3  # their places went to others


@dataclass(frozen=True, slots=True)
class Choices:
    """Of each person: `minutes` and `runner_up` (doctor or NOBODY), how many minutes farther and how
    many more people that doctor would follow (beside one's own), and `why_not`. NaN or zero where
    there is none."""

    minutes: Floats
    runner_up: Int64
    more_minutes: Floats
    more_people: Int64
    why_not: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Missing:
    """Of each person: `why` nobody; `doctor` where `places` more would do at most (NOBODY, 0)."""

    why: NDArray[np.int8]
    doctor: Int64
    places: Int64


def choices(demand: Demand, pairs: Pairs, weights: AssignmentWeights, pair: Int64) -> Choices:
    """`pair`: row of Pairs of each person or NOBODY."""
    n, rows = pair.size, np.arange(pairs.patient.size)
    count, entry = _entry_costs(demand, pairs, weights, pair)
    others = rows[(pair[pairs.patient] != NOBODY) & (pair[pairs.patient] != rows)]
    # By person, then cost, then doctor: the first of each is the runner-up.
    order = others[np.lexsort((pairs.doctor[others], entry[others], pairs.patient[others]))]
    who, first = np.unique(pairs.patient[order], return_index=True)
    row = order[first]
    own, next_doctor = pairs.doctor[pair[who]], pairs.doctor[row]
    minutes = np.full(n, np.nan)
    placed = pair != NOBODY
    minutes[placed] = pairs.minutes[pair[placed]]
    runner_up, more_people = np.full(n, NOBODY, np.int64), np.zeros(n, np.int64)
    more_minutes, why_not = np.full(n, np.nan), np.zeros(n, np.int8)
    runner_up[who] = next_doctor
    more_minutes[who] = pairs.minutes[row] - minutes[who]
    # Beside each other as they would be: the runner-up with one more, one's own with this person.
    more_people[who] = (demand.load + count)[next_doctor] + 1 - (demand.load + count)[own]
    travel = travel_costs(pairs, weights)
    farther = travel[row] - travel[pair[who]]
    busier = entry[row] - entry[pair[who]] - farther
    why = np.where(farther >= busier, WhyNot.FARTHER, WhyNot.BUSIER)
    why = np.where(farther + busier < 0, WhyNot.KEPT, why)
    why = np.where((count >= demand.capacity)[next_doctor], WhyNot.FULL, why)
    why_not[who] = why
    return Choices(minutes, runner_up, more_minutes, more_people, why_not)


def _entry_costs(
    demand: Demand, pairs: Pairs, weights: AssignmentWeights, pair: Int64
) -> tuple[Int64, Int64]:
    """How many each doctor takes; of each row of Pairs, what it costs (its last place, when it is
    taken) or would cost."""
    m, each, heavy = demand.capacity.size, *steps(weights)
    taken = pair[pair != NOBODY]
    count = np.bincount(pairs.doctor[taken], minlength=m)
    is_heavy = demand.is_heavy[pairs.patient]
    heavies = np.bincount(pairs.doctor[taken[is_heavy[taken]]], minlength=m)
    is_taken = np.zeros(pairs.patient.size, np.int64)
    is_taken[taken] = 1
    at = pairs.doctor
    entry = travel_costs(pairs, weights) + each * ((demand.load + count)[at] - is_taken)
    entry += np.where(is_heavy, heavy * ((demand.heavy_load + heavies)[at] - is_taken), 0)
    return count, entry


def missing(demand: Demand, pairs: Pairs, pair: Int64) -> Missing:
    """Of an attribution that is the best by `assignment`. `pair`: row of each person or NOBODY."""
    n = pair.size
    left = pair == NOBODY
    why, doctor = np.zeros(n, np.int8), np.full(n, NOBODY, np.int64)
    places = np.zeros(n, np.int64)
    rows = np.flatnonzero(left[pairs.patient])
    has_pair, has_place = np.zeros(n, bool), np.zeros(n, bool)
    has_pair[pairs.patient[rows]] = True
    has_place[pairs.patient[rows[demand.capacity[pairs.doctor[rows]] > 0]]] = True
    why[left] = WhyNobody.NO_DOCTOR
    why[left & has_pair] = WhyNobody.NO_PLACE
    why[left & has_place] = WhyNobody.FULL
    minutes = np.full(n, np.inf)
    moves = _moves(demand, pairs, pair)
    classes = int(demand.priority.max(initial=-1)) + 1
    for j in np.unique(pairs.doctor[rows]):
        coming = np.unique(pairs.patient[rows[_reaching(int(j), moves)[pairs.doctor[rows]]]])
        own = rows[pairs.doctor[rows] == j]
        who, far = pairs.patient[own], pairs.minutes[own]
        earlier = np.bincount(demand.priority[coming], minlength=classes).cumsum()
        earlier = np.append(0, earlier)[demand.priority[who]]
        need = earlier + np.bincount(demand.priority[who], minlength=classes)[demand.priority[who]]
        is_better = (doctor[who] == NOBODY) | (need < places[who])
        is_better |= (need == places[who]) & (far < minutes[who])
        chosen = who[is_better]
        doctor[chosen], places[chosen], minutes[chosen] = j, need[is_better], far[is_better]
    return Missing(why, doctor, places)


def _moves(demand: Demand, pairs: Pairs, pair: Int64) -> Bools:
    """Row j: the doctors from whom somebody could move to doctor j."""
    m = demand.capacity.size
    now = pair[pairs.patient]
    placed = np.flatnonzero((now != NOBODY) & (now != np.arange(now.size)))
    may = np.zeros((m, m), bool)
    may[pairs.doctor[placed], pairs.doctor[now[placed]]] = True
    return may


def _reaching(j: int, moves: Bools) -> Bools:
    """The doctors from whom somebody could come to j, by others moving; j too."""
    is_in: Bools = np.arange(len(moves)) == j
    last = is_in
    while last.any():
        last = moves[last].any(axis=0) & ~is_in
        is_in |= last
    return is_in
