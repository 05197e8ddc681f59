"""Who looks for a médecin traitant, and which doctor could take them: the best of all attributions.

People and doctors are rows of arrays; only the pairs that may be (`Pairs`) are known, so that a
doctor's criteria, a refusal or a travel limit is the absence of a pair. The engine knows of a person
a class, a load and the pairs: no age, no diagnosis.

The rule, in this order:

1. as many as possible of class 0, then of class 1 without losing any of class 0, and so on;
2. the least total cost: travel of each pair, plus a load that grows with each person a doctor takes,
   the k-th one costing `load_step x (k - 1)`, and the k-th heavy one `heavy_step x (k - 1)` more, so
   that both are spread over the doctors.

It is a minimum-cost flow, solved exactly by OR-Tools. A person left out of class c costs the flow
`price[c]`. Two attributions differ by paths that meet each doctor once, so a price that passes what
such a path may save, and the next class's price, makes the order strict and not a matter of weights.
Costs are whole numbers: minutes are counted in tenths.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import min_cost_flow

Integers = NDArray[np.integer[Any]]
Int64 = NDArray[np.int64]
Bools = NDArray[np.bool_]

NOBODY = -1
TENTHS = 10  # of a minute, the unit of every cost


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs that may be, one row each: `patient` and `doctor` (indices), `minutes` of travel."""

    patient: Int64
    doctor: Int64
    minutes: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Demand:
    """People (n): `priority`, from 0, the first served; `is_heavy`, who weighs more on a doctor.

    Doctors (m): `capacity`, how many they take; `load` and `heavy_load`, how many they already took.
    """

    priority: Int64
    is_heavy: Bools
    capacity: Int64
    load: Int64
    heavy_load: Int64


@dataclass(frozen=True, slots=True)
class AssignmentWeights:
    """What a minute costs, and what each more person, and each more heavy one, costs a doctor.

    In minutes; settings of the CPTS, shown beside every result.
    """

    travel: float = 1.0
    load_step: float = 1.0
    heavy_step: float = 2.0


@dataclass(frozen=True, slots=True)
class Assignment:
    """`doctor` of each person (NOBODY when left out), the cost in minutes, and by class how many were
    asked for and placed."""

    doctor: Int64
    cost: float
    asked: Int64
    placed: Int64
    pair: Int64 = field(repr=False)  # row of Pairs taken by each person, NOBODY when left out


@dataclass(frozen=True, slots=True)
class Certified:
    """`assignment`, and what bounds it: no attribution places more than `placed_at_most[c]` people of
    the classes 0 to c together; none that places as many of each class costs less than
    `cost_at_least` (minutes)."""

    assignment: Assignment
    placed_at_most: Int64
    cost_at_least: float

    @property
    def gap(self) -> float:
        """How far the cost is from the bound, over the bound; infinite above a bound of nothing."""
        above = self.assignment.cost - self.cost_at_least
        if not above:
            return 0.0
        return above / self.cost_at_least if self.cost_at_least else float("inf")


class BadDemand(ValueError):
    """Arrays that do not fit together."""


def check(demand: Demand, pairs: Pairs) -> None:
    """Raises BadDemand: a size, an index or a sign that cannot be; a pair said twice."""
    n, m = demand.priority.size, demand.capacity.size
    if demand.is_heavy.size != n or {demand.load.size, demand.heavy_load.size} - {m}:
        raise BadDemand("people and doctors: arrays of different sizes")
    if not pairs.patient.size == pairs.doctor.size == pairs.minutes.size:
        raise BadDemand("pairs: arrays of different sizes")
    for name, index, size in (("patient", pairs.patient, n), ("doctor", pairs.doctor, m)):
        if index.size and (index.min() < 0 or index.max() >= size):
            raise BadDemand(f"pairs: {name} out of range")
    if min((each.min() for each in (demand.priority, demand.capacity) if each.size), default=0) < 0:
        raise BadDemand("a class or a capacity below zero")
    if pairs.minutes.size and not (np.isfinite(pairs.minutes).all() and pairs.minutes.min() >= 0):
        raise BadDemand("pairs: a travel time that is not a number of minutes")
    keys = pairs.patient * np.int64(max(m, 1)) + pairs.doctor
    keys.sort()
    if (keys[1:] == keys[:-1]).any():
        raise BadDemand("pairs: a pair said twice")


def classes_of(demand: Demand) -> int:
    return int(demand.priority.max(initial=-1)) + 1


def travel_costs(pairs: Pairs, weights: AssignmentWeights, rows: Int64 | None = None) -> Int64:
    """In tenths of a minute, of these rows or of all."""
    minutes = pairs.minutes if rows is None else pairs.minutes[rows]
    return np.rint(minutes * weights.travel * TENTHS).astype(np.int64)


def steps(weights: AssignmentWeights) -> tuple[int, int]:
    return round(weights.load_step * TENTHS), round(weights.heavy_step * TENTHS)


def prices(demand: Demand, costs: Int64, weights: AssignmentWeights) -> Int64:
    """What leaving out one person of each class costs, the first class the most.

    Between two attributions, a path meets each doctor once: it changes two pairs there at most and
    one step of load at each end of it.
    """
    each, heavy = steps(weights)
    m = demand.capacity.size
    highest = int((demand.load + demand.capacity).max(initial=0))
    longest = min(m, demand.priority.size) + 1
    gap = 2 * longest * (int(costs.max(initial=0)) + (each + heavy) * highest) + 1
    return gap * np.arange(classes_of(demand), 0, -1, dtype=np.int64)


def solve(
    demand: Demand, pairs: Pairs, weights: AssignmentWeights, fixed: Int64 | None = None
) -> Assignment:
    """The best attribution, exactly, of those that hold the rows `fixed` of Pairs. Raises BadDemand."""
    check(demand, pairs)
    held = np.zeros(0, np.int64) if fixed is None else fixed
    rest, rows = without(demand, pairs, held)
    free = Pairs(pairs.patient[rows], pairs.doctor[rows], pairs.minutes[rows])
    costs = travel_costs(free, weights)
    out = prices(rest, costs, weights)[rest.priority]
    taken = rows[least_cost(rest, free, costs, out, steps(weights))]
    return result(demand, pairs, weights, np.append(held, taken))


def without(demand: Demand, pairs: Pairs, fixed: Int64) -> tuple[Demand, Int64]:
    """What is left once the rows `fixed` are given: their places are taken and weigh on the doctors, and
    the rows of other people. Raises BadDemand: a person fixed twice, a doctor over capacity."""
    who, at = pairs.patient[fixed], pairs.doctor[fixed]
    m = demand.capacity.size
    count = np.bincount(at, minlength=m)
    if np.unique(who).size != who.size or (count > demand.capacity).any():
        raise BadDemand("fixed: a person twice, or more people than a doctor has places")
    is_fixed = np.zeros(demand.priority.size, bool)
    is_fixed[who] = True
    rest = Demand(
        priority=demand.priority,
        is_heavy=demand.is_heavy,
        capacity=demand.capacity - count,
        load=demand.load + count,
        heavy_load=demand.heavy_load + np.bincount(at[demand.is_heavy[who]], minlength=m),
    )
    return rest, np.flatnonzero(~is_fixed[pairs.patient])


def least_cost(
    demand: Demand, pairs: Pairs, costs: Int64, out: Int64, load_steps: tuple[int, int]
) -> Int64:
    """The rows of Pairs that cost least, when leaving each person out costs `out`.

    The flow: source -> person -> doctor (or the doctor's heavy door) -> sink; a doctor's exits are
    as many arcs as places, each dearer than the one before.
    """
    n, m = demand.priority.size, demand.capacity.size
    each, heavy = load_steps
    flow = min_cost_flow.SimpleMinCostFlow()
    doors, sink = n + m, n + 2 * m  # heavy doors come after the doctors
    target = n + pairs.doctor + np.where(demand.is_heavy[pairs.patient], m, 0)
    arcs = flow.add_arcs_with_capacity_and_unit_cost(
        pairs.patient, target, np.ones(costs.size, np.int64), costs
    )
    _exits(flow, doors + np.arange(m), n + np.arange(m), demand.capacity, demand.heavy_load, heavy)
    _exits(flow, n + np.arange(m), np.full(m, sink), demand.capacity, demand.load, each)
    flow.add_arcs_with_capacity_and_unit_cost(
        np.arange(n), np.full(n, sink), np.ones(n, np.int64), out
    )
    flow.set_nodes_supplies(np.append(np.arange(n), sink), np.append(np.ones(n, np.int64), -n))
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise BadDemand(f"no flow: {status}")
    return np.flatnonzero(flow.flows(arcs))


def _exits(flow: Any, tail: Int64, head: Int64, places: Int64, before: Int64, step: int) -> None:
    """From each tail, as many arcs of one place as it has, the k-th (after `before`) costing k steps;
    one arc for all when a step costs nothing."""
    if step == 0:
        flow.add_arcs_with_capacity_and_unit_cost(
            tail, head, places.astype(np.int64), np.zeros(tail.size, np.int64)
        )
        return
    at = np.repeat(np.arange(tail.size), places)
    rank = np.arange(at.size) - np.repeat(np.cumsum(places) - places, places)
    flow.add_arcs_with_capacity_and_unit_cost(
        tail[at], head[at], np.ones(at.size, np.int64), step * (before[at] + rank)
    )


def result(demand: Demand, pairs: Pairs, weights: AssignmentWeights, taken: Int64) -> Assignment:
    """What these rows of the pairs make: who has whom, and what it costs."""
    pair = np.full(demand.priority.size, NOBODY, np.int64)
    pair[pairs.patient[taken]] = taken
    doctor = np.where(pair == NOBODY, NOBODY, pairs.doctor[pair] if pairs.doctor.size else NOBODY)
    classes = classes_of(demand)
    is_placed = pair != NOBODY
    return Assignment(
        doctor=doctor,
        cost=cost_of(demand, pairs, weights, pair) / TENTHS,
        asked=np.bincount(demand.priority, minlength=classes),
        placed=np.bincount(demand.priority[is_placed], minlength=classes),
        pair=pair,
    )


def cost_of(demand: Demand, pairs: Pairs, weights: AssignmentWeights, pair: Int64) -> int:
    """Travel and load of an attribution, in tenths of a minute, without the price of those left out."""
    taken = pair[pair != NOBODY]
    m = demand.capacity.size
    each, heavy = steps(weights)
    count = np.bincount(pairs.doctor[taken], minlength=m)
    heavies = np.bincount(pairs.doctor[taken[demand.is_heavy[pairs.patient[taken]]]], minlength=m)
    total = int(travel_costs(pairs, weights, taken).sum())
    for number, before, step in ((count, demand.load, each), (heavies, demand.heavy_load, heavy)):
        # The k-th after `before` costs k steps: an arithmetic series.
        total += step * int((number * before + number * (number - 1) // 2).sum())
    return total
