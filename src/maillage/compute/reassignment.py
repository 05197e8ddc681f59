"""After a refusal or a lost place: who must move, fewest first.

The rule: as many of each class as possible, as in `assignment`; then the fewest people whose doctor
changes; then the least cost. One person who loses their pair starts one path through the doctors:
they take the place of somebody, who takes the place of somebody else, until a free place or a person
of a later class who is left out. The shortest such path is the answer, and a path from somebody left
out to a place that came free is looked for in the same way, until none is worth it.

The graph has two nodes a doctor (the doctor, and the door of the heavy ones), whatever the number of
people: between two nodes only the cheapest move counts.
"""

from dataclasses import dataclass

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
    prices,
    result,
    steps,
    travel_costs,
)

FAR = np.int64(2**62)
START = -1  # tail of an edge that begins a path
STEP = -1  # label of an edge inside a doctor: nobody moves


@dataclass(frozen=True, slots=True)
class Reassignment:
    """`after`, the people who `moved` (indices, whoever lost their pair included), and the price: what
    the cost grew by, in minutes, and how many fewer are placed."""

    after: Assignment
    moved: Int64
    price_minutes: float
    fewer: int


@dataclass(frozen=True, slots=True)
class _Edges:
    """Rows: from a node (or START) to a node, its cost, and the row of Pairs taken (or STEP)."""

    tail: Int64
    head: Int64
    cost: Int64
    row: Int64


@dataclass(frozen=True, slots=True)
class _Ends:
    """How a path may end at a node: its cost, and who is left out (NOBODY: a free place)."""

    node: Int64
    cost: Int64
    person: Int64


@dataclass(frozen=True, slots=True)
class _Case:
    """`node` and `paid` of each row of Pairs, a change counted; `out`, of each person left out."""

    demand: Demand
    pairs: Pairs
    weights: AssignmentWeights
    rows: Int64  # those that may still be
    node: Int64
    paid: Int64
    out: Int64


def change_of(
    demand: Demand, pairs: Pairs, weights: AssignmentWeights, before: Int64, allowed: Bools
) -> Reassignment:
    """The attribution that follows `before` (row of Pairs of each person, or NOBODY), the best by its
    rule, when only the rows `allowed` may still be.

    Places may have become fewer too, if whoever does not fit has lost their row in `allowed`.
    """
    case = _case(demand, pairs, weights, before, allowed)
    pair = np.where((before != NOBODY) & allowed[before], before, NOBODY)
    lost = (before != NOBODY) & (pair == NOBODY)
    used = np.minimum(_taken(case, before)[0], demand.capacity)
    # `before` is the best there was: once whoever lost their row has one, and no place is freer than
    # before, nothing else can gain.
    while (pair[lost] == NOBODY).any() or (
        (pair == NOBODY).any() and (_taken(case, pair)[0] < used).any()
    ):
        path = _best_path(case, pair)
        if path is None:
            break
        for person, row in path:
            pair[person] = row
    after = result(demand, pairs, weights, pair[pair != NOBODY])
    grown = cost_of(demand, pairs, weights, pair) - cost_of(demand, pairs, weights, before)
    fewer = int((before != NOBODY).sum() - (pair != NOBODY).sum())
    return Reassignment(after, np.flatnonzero(pair != before), grown / TENTHS, fewer)


def _case(
    demand: Demand, pairs: Pairs, weights: AssignmentWeights, before: Int64, allowed: Bools
) -> _Case:
    """One change costs more than any travel a path may save; a class, more than any changes."""
    costs = travel_costs(pairs, weights)
    price = prices(demand, costs, weights)
    change = int(price[-1]) if price.size else 1
    longest = 2 * min(demand.capacity.size, demand.priority.size) + 3
    m = demand.capacity.size
    is_before = before[pairs.patient] == np.arange(pairs.patient.size)
    return _Case(
        demand=demand,
        pairs=pairs,
        weights=weights,
        rows=np.flatnonzero(allowed),
        node=pairs.doctor + np.where(demand.is_heavy[pairs.patient], m, 0),
        paid=costs + np.where(is_before, 0, change),
        out=price[demand.priority] * longest + np.where(before == NOBODY, 0, change),
    )


def _best_path(case: _Case, pair: Int64) -> list[tuple[int, int]] | None:
    """The path that gains most: each person who moves and their new row, or NOBODY. None: no gain."""
    edges, ends = _edges(case, pair), _ends(case, pair)
    reach, by = _shortest(edges, 2 * case.demand.capacity.size)
    if not ends.node.size:
        return None
    total = np.where(reach[ends.node] < FAR, reach[ends.node] + ends.cost, FAR)
    end = int(total.argmin())
    if total[end] >= 0:
        return None
    path = [] if ends.person[end] == NOBODY else [(int(ends.person[end]), NOBODY)]
    node = int(ends.node[end])
    while node != START:
        edge = by[node]
        row = int(edges.row[edge])
        if row != STEP:
            path.append((int(case.pairs.patient[row]), row))
        node = int(edges.tail[edge])
    return path


def _edges(case: _Case, pair: Int64) -> _Edges:
    """Those left out enter; those placed go elsewhere; inside a doctor, one more or one less heavy."""
    demand, m = case.demand, case.demand.capacity.size
    rows = case.rows[pair[case.pairs.patient[case.rows]] != case.rows]
    person = case.pairs.patient[rows]
    now = pair[person]
    is_placed = now != NOBODY
    leaves = np.where(is_placed, case.paid[now], case.out[person])
    _, heavies = _taken(case, pair)
    step = steps(case.weights)[1]
    more = np.flatnonzero(heavies < demand.capacity)
    less = np.flatnonzero(heavies > 0)
    onto = step * (demand.heavy_load + heavies)
    return _Edges(
        tail=np.concatenate([np.where(is_placed, case.node[now], START), more + m, less]),
        head=np.concatenate([case.node[rows], more, less + m]),
        cost=np.concatenate([case.paid[rows] - leaves, onto[more], step - onto[less]]),
        row=np.concatenate([rows, np.full(more.size + less.size, STEP)]),
    )


def _ends(case: _Case, pair: Int64) -> _Ends:
    demand = case.demand
    count, _ = _taken(case, pair)
    free = np.flatnonzero(count < demand.capacity)
    placed = np.flatnonzero(pair != NOBODY)
    onto = steps(case.weights)[0] * (demand.load + count)
    return _Ends(
        node=np.concatenate([free, case.node[pair[placed]]]),
        cost=np.concatenate([onto[free], case.out[placed] - case.paid[pair[placed]]]),
        person=np.concatenate([np.full(free.size, NOBODY), placed]),
    )


def _taken(case: _Case, pair: Int64) -> tuple[Int64, Int64]:
    """How many each doctor takes, and how many heavy ones."""
    m = case.demand.capacity.size
    at = np.bincount(case.node[pair[pair != NOBODY]], minlength=2 * m)
    return at[:m] + at[m:], at[m:]


def _shortest(edges: _Edges, size: int) -> tuple[Int64, Int64]:
    """The least cost to each node, and the edge that comes last (Bellman and Ford: no cycle gains)."""
    reach, by = np.full(size, FAR), np.full(size, START, np.int64)
    ready = np.flatnonzero(edges.tail == START)
    inner = np.flatnonzero(edges.tail != START)
    while ready.size:
        tail = edges.tail[ready]
        cost = edges.cost[ready] + np.where(tail == START, 0, reach[tail])
        best = np.full(size, FAR)
        np.minimum.at(best, edges.head[ready], cost)
        is_better = best < reach
        last = is_better[edges.head[ready]] & (cost == best[edges.head[ready]])
        by[edges.head[ready[last]]] = ready[last]
        reach[is_better] = best[is_better]
        ready = inner[is_better[edges.tail[inner]]]
    return reach, by
