"""After a refusal, a lost place, a newcomer: who must move, fewest first.

The rule: as many of each class as possible, as in `assignment`; then the fewest people whose doctor
changes, whoever is left out or comes in counted; then the least cost. It is one flow, where a change
costs more than any travel and a class more than any changes.

When little is lost a few paths say the same much sooner. One person who enters starts a path through
the doctors: they take the place of somebody, who takes the place of somebody else, until a free place
or a person of a later class who is left out. The shortest such path is taken, until none gains. The
graph has two nodes a doctor (the doctor, and the door of the heavy ones), whatever the number of
people: a path visits a node once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from maillage.compute.assignment import (
    NOBODY,
    TENTHS,
    Assignment,
    AssignmentWeights,
    Bools,
    Demand,
    Int64,
    Pairs,
    cost_of,
    least_cost,
    prices,
    result,
    steps,
    travel_costs,
    without,
)

FAR = 2**61
START = -1  # node before the first of a path: the last of the arrays
STEP = -1  # instead of a row: inside a doctor, where nobody moves
PATHS = 5  # above, one flow is sooner than more paths


@dataclass(frozen=True, slots=True)
class Reassignment:
    """`after`, the people who `moved` (indices, whoever lost their pair included), and the price: what
    the cost grew by, in minutes, and how many fewer are placed."""

    after: Assignment
    moved: Int64
    price_minutes: float
    fewer: int


class _Case(NamedTuple):
    """Of each row of Pairs: the person, the node, and what is paid, a change counted. Of each person:
    what being left out costs, and whether nothing of theirs may change. Of each doctor: the places."""

    rows: Int64  # those that may still be, of people who may move
    who: Int64  # of each of these, the person
    person: Int64
    node: Int64
    paid: Int64
    out: Int64
    is_fixed: Bools
    capacity: Int64
    load: Int64
    heavy_load: Int64
    each: int
    heavy: int
    change: int  # more than all the travel and load that a path may save, twice


def change_of(
    demand: Demand,
    pairs: Pairs,
    weights: AssignmentWeights,
    *,
    before: Int64,
    allowed: Bools | None = None,
    is_fixed: Bools | None = None,
    had: Bools | None = None,
    paths: int = PATHS,
) -> Reassignment:
    """The attribution that follows `before` (row of Pairs of each person, or NOBODY), the best by its
    rule, when only the rows `allowed` may still be and nobody of `is_fixed` moves.

    `before` is any attribution, of more people than a doctor has places for now, too. `had`: who also
    had a doctor, of whom no row is left. `paths`: how many are tried before the flow.
    """
    may = np.ones(pairs.patient.size, bool) if allowed is None else allowed
    fixed = np.zeros(before.size, bool) if is_fixed is None else is_fixed
    lost = np.zeros(before.size, bool) if had is None else had & (before == NOBODY)
    case = _case(demand, pairs, weights, before, lost, may, fixed)
    gone = np.flatnonzero((before != NOBODY) & ~fixed)
    pair = before.copy()
    pair[gone[~may[before[gone]]]] = NOBODY
    if not _by_paths(case, pair, before, paths):
        pair = _by_flow(case, demand, pairs, weights, before)
    after = result(demand, pairs, weights, pair[pair != NOBODY])
    grown = cost_of(demand, pairs, weights, pair) - cost_of(demand, pairs, weights, before)
    fewer = int((before != NOBODY).sum() + lost.sum() - (pair != NOBODY).sum())
    moved = np.flatnonzero((pair != before) | lost)
    return Reassignment(after, moved, grown / TENTHS, fewer)


def _case(
    demand: Demand,
    pairs: Pairs,
    weights: AssignmentWeights,
    before: Int64,
    lost: Bools,
    allowed: Bools,
    is_fixed: Bools,
) -> _Case:
    """One change costs more than any travel a path may save; a class, more than any changes."""
    costs = travel_costs(pairs, weights)
    price = prices(demand, costs, weights)
    change = int(price[-1]) if price.size else 1
    longest = 2 * min(demand.capacity.size, demand.priority.size) + 3
    each, heavy = steps(weights)
    paid = costs + change
    paid[before[before != NOBODY]] -= change
    m = demand.capacity.size
    rows = np.flatnonzero(allowed & ~is_fixed[pairs.patient])
    return _Case(
        rows=rows,
        who=pairs.patient[rows],
        person=pairs.patient,
        node=pairs.doctor + np.where(demand.is_heavy[pairs.patient], m, 0),
        paid=paid,
        out=price[demand.priority] * longest + np.where((before != NOBODY) | lost, change, 0),
        is_fixed=is_fixed,
        capacity=demand.capacity.astype(np.int64),
        load=demand.load.astype(np.int64),
        heavy_load=demand.heavy_load.astype(np.int64),
        each=each,
        heavy=heavy,
        change=change,
    )


def _by_flow(
    case: _Case, demand: Demand, pairs: Pairs, weights: AssignmentWeights, before: Int64
) -> Int64:
    """The row of each person. Raises BadDemand: more people fixed than a doctor has places."""
    held = before[case.is_fixed & (before != NOBODY)]
    rest, _ = without(demand, pairs, held)
    rows = case.rows
    free = Pairs(pairs.patient[rows], pairs.doctor[rows], pairs.minutes[rows])
    taken = rows[least_cost(rest, free, case.paid[rows], case.out, steps(weights))]
    return result(demand, pairs, weights, np.append(held, taken)).pair


def _by_paths(case: _Case, pair: Int64, before: Int64, most: int) -> bool:
    """Makes `pair` the same by paths. False: more than so many, or a doctor has too many people at
    first."""
    m = case.capacity.size
    for _ in range(most):
        at = np.bincount(case.node[pair[pair != NOBODY]], minlength=2 * m)
        if (at[:m] + at[m:] > case.capacity).any():
            return False
        path = _best_path(case, pair, at, before) if case.rows.size else None
        if path is None:
            return True
        for person, row in path:
            pair[person] = row
    return False


def _best_path(case: _Case, pair: Int64, at: Int64, before: Int64) -> list[tuple[int, int]] | None:
    """The path that gains most: each person who moves and their new row, or NOBODY. None: no gain."""
    back = int(((pair != before) & (pair != NOBODY)).sum())
    leaver, end = _ends(case, pair, at)
    reach, by, row = _shortest(case, pair, at, end, back)
    node = int(np.argmin(reach[:-1] + end)) if end.size else START
    if node == START or reach[node] + end[node] >= 0:
        return None
    path = [] if leaver[node] == NOBODY else [(int(leaver[node]), NOBODY)]
    while node != START:
        if row[node] != STEP:
            path.append((int(case.person[row[node]]), int(row[node])))
        node = int(by[node])
    return path


def _ends(case: _Case, pair: Int64, at: Int64) -> tuple[Int64, Int64]:
    """What it costs to end at each node, and who is left out there (NOBODY: a free place is taken)."""
    m = case.capacity.size
    leaver, end = np.full(2 * m, NOBODY), np.full(2 * m, FAR)
    who = np.flatnonzero((pair != NOBODY) & ~case.is_fixed)
    cost = case.out[who] - case.paid[pair[who]]
    dear = np.argsort(-cost, kind="stable")  # the least is written last
    node = case.node[pair[who]][dear]
    leaver[node], end[node] = who[dear], cost[dear]
    count = at[:m] + at[m:]
    place = np.where(count < case.capacity, case.each * (case.load + count), FAR)
    is_free = place < end[:m]
    leaver[:m][is_free], end[:m][is_free] = NOBODY, place[is_free]
    return leaver, end


def _shortest(
    case: _Case, pair: Int64, at: Int64, end: Int64, back: int
) -> tuple[Int64, Int64, Int64]:
    """The least cost to each node, and the node and the row that come last (Bellman and Ford: no cycle
    gains). Those left out enter; those placed go elsewhere; inside a doctor, one more or one less heavy.
    What follows a node may bring `back` as many people to where they were, and save less than a change."""
    m = case.capacity.size
    reach, by, row = np.full(2 * m + 1, FAR), np.full(2 * m, START), np.full(2 * m, STEP)
    reach[START] = 0
    is_fresh = np.arange(2 * m + 1) == 2 * m
    # From where each person comes, and what is no longer paid.
    tail = np.where(pair == NOBODY, START, case.node[pair])[case.who]
    paid = case.paid[case.rows] - np.where(pair == NOBODY, case.out, case.paid[pair])[case.who]
    door = case.heavy * (case.heavy_load + at[m:])
    may_add, may_take = at[m:] < case.capacity, at[m:] > 0
    worth = back * case.change + case.change // 2
    while is_fresh.any():
        best = min(0, int((reach[:-1] + end).min())) + worth
        near = np.flatnonzero(is_fresh[tail])
        head, cost = case.node[case.rows[near]], reach[tail[near]] + paid[near]
        is_less = cost < np.minimum(reach[head], best)
        near, head, cost = near[is_less], head[is_less], cost[is_less]
        least = reach[:-1].copy()
        np.minimum.at(least, head, cost)
        is_fresh[:-1], is_fresh[START] = least < reach[:-1], False
        is_best = np.flatnonzero(cost == least[head])[::-1]  # of equals, the first is written last
        near, head = near[is_best], head[is_best]
        by[head], row[head], reach[:-1] = tail[near], case.rows[near], least
        for ways, to, of, more in (
            (may_add, slice(0, m), slice(m, 2 * m), door),
            (may_take, slice(m, 2 * m), slice(0, m), case.heavy - door),
        ):
            is_less = ways & (reach[of] + more < reach[to])
            reach[to][is_less] = (reach[of] + more)[is_less]
            by[to][is_less], row[to][is_less] = np.arange(2 * m)[of][is_less], STEP
            is_fresh[to] |= is_less
    return reach, by, row
