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
    """Who has whom, and what one change costs."""

    def __init__(
        self, demand: Demand, pairs: Pairs, weights: AssignmentWeights, pair: Int64
    ) -> None:
        self.costs = travel_costs(pairs, weights)
        self.doctor_of = pairs.doctor
        self.is_heavy, self.capacity = demand.is_heavy, demand.capacity
        self.each, self.heavy = steps(weights)
        self.pair = pair.copy()
        m, placed = demand.capacity.size, np.flatnonzero(pair != NOBODY)
        at = pairs.doctor[pair[placed]]
        self.count = np.bincount(at, minlength=m)
        heavies = np.bincount(at[demand.is_heavy[placed]], minlength=m)
        self.load, self.heavies = demand.load + self.count, demand.heavy_load + heavies
        self.people: list[set[int]] = [set() for _ in range(m)]
        for who, j in zip(placed.tolist(), at.tolist(), strict=True):
            self.people[j].add(who)
        self.order = np.argsort(pairs.patient, kind="stable")
        self.start = np.searchsorted(pairs.patient[self.order], np.arange(pair.size + 1))

    def rows(self, who: int) -> Int64:
        return self.order[self.start[who] : self.start[who + 1]]

    def row_to(self, who: int, j: int) -> int:
        """The row of this person with doctor j, or NOBODY."""
        rows = self.rows(who)
        found = rows[self.doctor_of[rows] == j]
        return int(found[0]) if found.size else NOBODY

    def doctor(self, who: int) -> int:
        return int(self.doctor_of[self.pair[who]])

    def move(self, who: int, row: int) -> int:
        """Gives this row to somebody placed; what the cost grows by."""
        heavy = bool(self.is_heavy[who])
        grown = int(self.costs[row] - self.costs[self.pair[who]])
        for j, sign in ((self.doctor(who), -1), (int(self.doctor_of[row]), 1)):
            # The k-th place costs k - 1 steps: what the last one costs is paid back.
            last = 0 if sign > 0 else -1
            grown += sign * self.each * int(self.load[j] + last)
            grown += sign * self.heavy * int(self.heavies[j] + last) if heavy else 0
            self.count[j] += sign
            self.load[j] += sign
            self.heavies[j] += sign * heavy
            (self.people[j].add if sign > 0 else self.people[j].remove)(who)
        self.pair[who] = row
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
    return Gathering(
        after=result(demand, pairs, weights, board.pair[board.pair != NOBODY]),
        households=len(members),
        together_before=before,
        together=sum(_is_together(board, each) for each in members),
        moved=np.flatnonzero(board.pair != pair),
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
    known = [set(board.doctor_of[board.rows(who)].tolist()) for who in members]
    return sorted(set.intersection(*known))


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
        both = [(who, board.row_to(who, j))]
        if board.count[j] >= board.capacity[j]:
            other = _best_swap(board, who, j, may_swap)
            both.append((other, board.row_to(other, left) if other != NOBODY else NOBODY))
        if fixed[who] or both[-1][0] == NOBODY:
            moves = []
            break
        for person, row in both:
            back.append((person, int(board.pair[person])))
            cost += board.move(person, row)
            moves.append((person, row))
    for person, row in reversed(back):
        board.move(person, row)
    return cost, moves


def _best_swap(board: _Board, who: int, j: int, may_swap: Bools) -> int:
    """Who of doctor j changes places with this person at the least cost, or NOBODY."""
    mine, there, left = int(board.pair[who]), board.row_to(who, j), board.doctor(who)
    best, found = 0, NOBODY
    for other in sorted(board.people[j]):
        if not may_swap[other]:
            continue
        row, old = board.row_to(other, left), int(board.pair[other])
        if row == NOBODY:
            continue
        cost = board.move(who, there) + board.move(other, row)
        board.move(other, old)
        board.move(who, mine)
        if found == NOBODY or cost < best:
            best, found = cost, other
    return found
