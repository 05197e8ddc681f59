"""The second pass of an attribution: households that can have one doctor.

The rule: households are taken by the class of their first member, then in their order. One whose
placed members have several doctors is gathered on the doctor where it costs least, if every member may
have that doctor and the cost (travel and load, as in `assignment`) grows by no more than
`worth_minutes`. A member takes a free place, else changes places with somebody who belongs to no
household, if they may have the doctor left. Nobody is left out or placed by it, and nobody fixed moves.
"""

from collections.abc import Iterable
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
    result,
    steps,
    travel_costs,
)

ALONE = -1


@dataclass(frozen=True, slots=True)
class Gathering:
    """`after`; how many households have several members placed, how many of them had one doctor before
    and have one now; who moved; and the price, in minutes."""

    after: Assignment
    households: int
    together_before: int
    together: int
    moved: Int64
    price_minutes: float


class _Board:
    """Who has whom, and what one change costs. Plain lists: it is read one number at a time."""

    def __init__(
        self, demand: Demand, pairs: Pairs, weights: AssignmentWeights, pair: Int64
    ) -> None:
        self.costs: list[int] = travel_costs(pairs, weights).tolist()
        self.doctor_of: list[int] = pairs.doctor.tolist()
        self.is_heavy: list[bool] = demand.is_heavy.tolist()
        self.capacity: list[int] = demand.capacity.tolist()
        self.each, self.heavy = steps(weights)
        self.pair: list[int] = pair.tolist()
        m, placed = demand.capacity.size, np.flatnonzero(pair != NOBODY)
        at = pairs.doctor[pair[placed]]
        count = np.bincount(at, minlength=m)
        heavies = np.bincount(at[demand.is_heavy[placed]], minlength=m)
        self.count: list[int] = count.tolist()
        self.load: list[int] = (demand.load + count).tolist()
        self.heavies: list[int] = (demand.heavy_load + heavies).tolist()
        self.people: list[set[int]] = [set() for _ in range(m)]
        for who, j in zip(placed.tolist(), at.tolist(), strict=True):
            self.people[j].add(who)
        self.order = np.argsort(pairs.patient, kind="stable")
        self.start = np.searchsorted(pairs.patient[self.order], np.arange(pair.size + 1))
        self.known: dict[int, dict[int, int]] = {}

    def rows(self, who: int) -> dict[int, int]:
        """By doctor that this person may have, the row."""
        if who not in self.known:
            mine = self.order[self.start[who] : self.start[who + 1]].tolist()
            self.known[who] = {self.doctor_of[row]: row for row in mine}
        return self.known[who]

    def doctor(self, who: int) -> int:
        return self.doctor_of[self.pair[who]]

    def move(self, who: int, row: int) -> int:
        """Gives this row to somebody placed; what the cost grows by."""
        heavy = self.is_heavy[who]
        grown = self.costs[row] - self.costs[self.pair[who]]
        for j, sign in ((self.doctor(who), -1), (self.doctor_of[row], 1)):
            # The k-th place costs k - 1 steps: what the last one costs is paid back.
            last = 0 if sign > 0 else -1
            grown += sign * self.each * (self.load[j] + last)
            grown += sign * self.heavy * (self.heavies[j] + last) if heavy else 0
            self.count[j] += sign
            self.load[j] += sign
            self.heavies[j] += sign * heavy
            (self.people[j].add if sign > 0 else self.people[j].remove)(who)
        self.pair[who] = row
        return grown

    def swap_cost(self, who: int, other: int, row: int) -> int:
        """What the cost grows by when `who` takes the place of `other`, who takes theirs by this row."""
        left, j = self.doctor(who), self.doctor(other)
        grown = self.costs[self.rows(who)[j]] - self.costs[self.pair[who]]
        grown += self.costs[row] - self.costs[self.pair[other]]
        if self.is_heavy[who] and not self.is_heavy[other]:
            grown += self.heavy * (self.heavies[j] - self.heavies[left] + 1)
        elif self.is_heavy[other] and not self.is_heavy[who]:
            grown += self.heavy * (self.heavies[left] - self.heavies[j] + 1)
        return grown


def gather(
    demand: Demand,
    pairs: Pairs,
    weights: AssignmentWeights,
    *,
    pair: Int64,
    household: Int64,
    worth_minutes: float,
    is_fixed: Bools | None = None,
) -> Gathering:
    """`pair`: row of Pairs of each person or NOBODY. `household`: number of each person's, or ALONE."""
    if household.shape != pair.shape:
        raise ValueError("household: one number per person")
    fixed = np.zeros(pair.size, bool) if is_fixed is None else is_fixed
    board = _Board(demand, pairs, weights, pair)
    members = _members(demand, pair, household)
    before = sum(_is_together(board, each) for each in members)
    may_swap = (household == ALONE) & ~fixed
    price = 0
    for each in members:
        if _is_together(board, each):
            continue
        tries = [_try(board, each, j, fixed, may_swap) for j in _common(board, each)]
        tries = [(cost, moves) for cost, moves in tries if moves]
        if not tries:
            continue
        cost, moves = min(tries, key=lambda found: found[0])
        if cost <= worth_minutes * TENTHS:
            price += sum(board.move(who, row) for who, row in moves)
    after = np.array(board.pair, np.int64)
    return Gathering(
        after=result(demand, pairs, weights, after[after != NOBODY]),
        households=len(members),
        together_before=before,
        together=sum(_is_together(board, each) for each in members),
        moved=np.flatnonzero(after != pair),
        price_minutes=price / TENTHS,
    )


def _members(demand: Demand, pair: Int64, household: Int64) -> list[list[int]]:
    """Of each household with several placed, these people; the households in the order of the rule."""
    found: dict[int, list[int]] = {}
    for who in np.flatnonzero((household != ALONE) & (pair != NOBODY)).tolist():
        found.setdefault(int(household[who]), []).append(who)
    several = [(number, each) for number, each in found.items() if len(each) > 1]
    several.sort(key=lambda one: (int(demand.priority[one[1]].min()), one[0]))
    return [each for _, each in several]


def _is_together(board: _Board, members: list[int]) -> bool:
    return len({board.doctor(who) for who in members}) == 1


def _common(board: _Board, members: list[int]) -> Iterable[int]:
    """Doctors that every member may have."""
    return sorted(set.intersection(*(set(board.rows(who)) for who in members)))


def _try(
    board: _Board, members: list[int], j: int, fixed: Bools, may_swap: Bools
) -> tuple[int, list[tuple[int, int]]]:
    """What gathering on doctor j costs, and the moves it takes (none: impossible). Leaves the board as
    it was."""
    cost = 0
    moves: list[tuple[int, int]] = []
    back: list[tuple[int, int]] = []
    for who in members:
        left = board.doctor(who)
        if left == j:
            continue
        both = [(who, board.rows(who)[j])]
        if board.count[j] >= board.capacity[j]:
            other = _best_swap(board, who, j, may_swap)
            both.append((other, board.rows(other)[left] if other != NOBODY else NOBODY))
        if fixed[who] or both[-1][0] == NOBODY:
            moves = []
            break
        for person, row in both:
            back.append((person, board.pair[person]))
            cost += board.move(person, row)
            moves.append((person, row))
    for person, row in reversed(back):
        board.move(person, row)
    return cost, moves


def _best_swap(board: _Board, who: int, j: int, may_swap: Bools) -> int:
    """Who of doctor j changes places with this person at the least cost, or NOBODY."""
    left, best, found = board.doctor(who), 0, NOBODY
    for other in sorted(board.people[j]):
        if not may_swap[other] or left not in board.rows(other):
            continue
        cost = board.swap_cost(who, other, board.rows(other)[left])
        if found == NOBODY or cost < best:
            best, found = cost, other
    return found
