"""After a refusal or a lost place: who must move, fewest first.

The rule: as many of each class as possible, as in `assignment`; then the fewest people whose doctor
changes; then the least cost. One person who loses their pair starts one path through the doctors:
they take the place of somebody, who takes the place of somebody else, until a free place or a person
of a later class who is left out. The shortest such path is the answer, and a path from somebody left
out to a place that came free is looked for in the same way, until none is worth it.

The graph has two nodes a doctor (the doctor, and the door of the heavy ones), whatever the number of
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
    prices,
    result,
    steps,
    travel_costs,
)
from maillage.compute.compiled import compiled

FAR = 2**61
START = -1  # node before the first of a path
STEP = -1  # instead of a row: inside a doctor, where nobody moves


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

    rows: Int64  # those that may still be
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
    allowed: Bools,
    is_fixed: Bools | None = None,
    places_before: Int64 | None = None,
) -> Reassignment:
    """The attribution that follows `before` (row of Pairs of each person, or NOBODY), the best by its
    rule, when only the rows `allowed` may still be and nobody of `is_fixed` moves.

    `before` is an answer of this module or of `assignment`. Places may have become fewer too, if
    whoever does not fit has lost their row in `allowed`; or more, if `places_before` says how many
    each doctor had.
    """
    case = _case(demand, pairs, weights, before, allowed, is_fixed)
    pair = np.where((before != NOBODY) & allowed[before], before, NOBODY)
    lost = (before != NOBODY) & (pair == NOBODY)
    used = np.minimum(_taken(case, before), demand.capacity)
    if places_before is not None:
        used = np.where(demand.capacity > places_before, demand.capacity, used)
    # `before` is the best there was: once whoever lost their row has one, and no place is freer than
    # before, nothing else can gain.
    while (pair[lost] == NOBODY).any() or (
        (pair == NOBODY).any() and (_taken(case, pair) < used).any()
    ):
        path = _best_path(case, pair, before)
        if path is None:
            break
        for person, row in path:
            pair[person] = row
    after = result(demand, pairs, weights, pair[pair != NOBODY])
    grown = cost_of(demand, pairs, weights, pair) - cost_of(demand, pairs, weights, before)
    fewer = int((before != NOBODY).sum() - (pair != NOBODY).sum())
    return Reassignment(after, np.flatnonzero(pair != before), grown / TENTHS, fewer)


def _case(
    demand: Demand,
    pairs: Pairs,
    weights: AssignmentWeights,
    before: Int64,
    allowed: Bools,
    is_fixed: Bools | None,
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
    return _Case(
        rows=np.flatnonzero(allowed),
        person=pairs.patient.astype(np.int64),
        node=pairs.doctor + np.where(demand.is_heavy[pairs.patient], m, 0),
        paid=paid,
        out=price[demand.priority] * longest + np.where(before == NOBODY, 0, change),
        is_fixed=np.zeros(before.size, bool) if is_fixed is None else is_fixed,
        capacity=demand.capacity.astype(np.int64),
        load=demand.load.astype(np.int64),
        heavy_load=demand.heavy_load.astype(np.int64),
        each=each,
        heavy=heavy,
        change=change,
    )


def _taken(case: _Case, pair: Int64) -> Int64:
    """How many each doctor takes."""
    m = case.capacity.size
    at = np.bincount(case.node[pair[pair != NOBODY]], minlength=2 * m)
    return at[:m] + at[m:]


def _best_path(case: _Case, pair: Int64, before: Int64) -> list[tuple[int, int]] | None:
    """The path that gains most: each person who moves and their new row, or NOBODY. None: no gain."""
    m = case.capacity.size
    at = np.bincount(case.node[pair[pair != NOBODY]], minlength=2 * m)
    back = int(((pair != before) & (pair != NOBODY)).sum())
    reach, by, row = _shortest(case, pair, at, back)
    gain, node, person = _end(case, pair, at, reach)
    if gain >= 0:
        return None
    path = [] if person == NOBODY else [(int(person), NOBODY)]
    while node != START:
        if row[node] != STEP:
            path.append((int(case.person[row[node]]), int(row[node])))
        node = by[node]
    return path


@compiled
def _end(case: _Case, pair: Int64, at: Int64, reach: Int64) -> tuple[int, int, int]:
    """Where the best path ends: what it gains, its last node, and who is left out (NOBODY: it ends on a
    free place)."""
    m = case.capacity.size
    best, node, person = FAR, START, NOBODY
    for j in range(m):
        count = at[j] + at[m + j]
        total = reach[j] + case.each * (case.load[j] + count)
        if count < case.capacity[j] and reach[j] < FAR and total < best:
            best, node, person = total, j, NOBODY
    for i in range(pair.size):
        if pair[i] == NOBODY or case.is_fixed[i]:
            continue
        last = case.node[pair[i]]
        total = reach[last] + case.out[i] - case.paid[pair[i]]
        if reach[last] < FAR and total < best:
            best, node, person = total, last, i
    return best, node, person


@compiled
def _shortest(case: _Case, pair: Int64, at: Int64, back: int) -> tuple[Int64, Int64, Int64]:
    """The least cost to each node, and the node and the row that come last (Bellman and Ford: no cycle
    gains). Those left out enter; those placed go elsewhere; inside a doctor, one more or one less heavy.
    What follows a node may bring `back` as many people to where they were, and save less than a change."""
    m = case.capacity.size
    reach = np.full(2 * m, FAR)
    by, row = np.full(2 * m, START), np.full(2 * m, STEP)
    fresh, is_first, is_any = np.zeros(2 * m, np.bool_), True, True
    best, spare = FAR, back * case.change + case.change // 2
    while is_any:
        ready, is_any = fresh, False
        fresh = np.zeros(2 * m, np.bool_)
        for r in case.rows:
            i = case.person[r]
            now = pair[i]
            if now == r or case.is_fixed[i] or (now == NOBODY) != is_first:
                continue
            if is_first:
                tail, cost = START, case.paid[r] - case.out[i]
            elif ready[case.node[now]]:
                tail = case.node[now]
                cost = reach[tail] + case.paid[r] - case.paid[now]
            else:
                continue
            head = case.node[r]
            if cost < reach[head] and cost < best + spare:
                reach[head], by[head], row[head] = cost, tail, r
                fresh[head], is_any = True, True
        for j in range(m):
            door = case.heavy * (case.heavy_load[j] + at[m + j])
            if at[m + j] < case.capacity[j] and reach[m + j] + door < reach[j]:
                reach[j], by[j], row[j] = reach[m + j] + door, m + j, STEP
                fresh[j], is_any = True, True
            if at[m + j] > 0 and reach[j] + case.heavy - door < reach[m + j]:
                reach[m + j], by[m + j], row[m + j] = reach[j] + case.heavy - door, j, STEP
                fresh[m + j], is_any = True, True
        best = _end(case, pair, at, reach)[0]
        is_first = False
    return reach, by, row
