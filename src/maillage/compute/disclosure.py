"""Which cells of a published table are hidden so that no small count can be worked out.

A count under `minimum` (zero too) is hidden; then others, until somebody who reads the table, knows
that counts are whole and not negative, and adds and subtracts as they like, leaves every hidden cell
at least `minimum` wide: its highest possible value less its lowest. (Complementary cell suppression;
J. Castro, Minimum-distance controlled perturbation and cell suppression, in Statistical Disclosure
Control, A. Hundepool et al., Wiley 2012, chapter 4.)

A table and its margins are a circulation: each cell an arc from the node of its row to the node of
its column, each total an arc back. Its bounds are then exact: how far a cell may rise is the flow
that goes back from its end to its start through the other hidden cells (they rise without limit, and
fall to zero), and that flow is whole. Hidden cells are added on the cheapest such way.
"""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ENDLESS = 1 << 60
TOTAL_COST = 3.0  # a row's total says more than one of its cells: hidden later


@dataclass(frozen=True, slots=True)
class HiddenLine:
    """What is hidden of one line of counts, and whether its total is."""

    cells: Bools
    total: bool


@dataclass(frozen=True, slots=True)
class HiddenTable:
    """What is hidden of a table, and of the totals of its rows. Those of its columns are shown."""

    cells: Bools
    rows: Bools


def suppress_line(*, counts: Ints, minimum: int) -> HiddenLine:
    """Hide cells of one line of counts whose total is shown when it reaches `minimum`.

    A `minimum` under 2 hides nothing. Raises ValueError naming the argument.
    """
    _check(counts, 1)
    total = int(counts.sum())
    if minimum < 2:
        return HiddenLine(np.zeros(counts.size, dtype=np.bool_), False)
    if total < minimum:
        return HiddenLine(np.ones(counts.size, dtype=np.bool_), True)
    net = _Net(2)
    for count in counts.tolist():
        net.add(0, 1, count, cost=1.0 + count, hidden=count < minimum)
    net.protect(minimum)
    return HiddenLine(np.array(net.hidden, dtype=np.bool_), False)


def join_columns(*, totals: Ints, minimum: int) -> list[list[int]]:
    """Columns to show apart, then those to show as one: every total left reaches `minimum`, and those
    of the columns joined cannot be worked out. Empty when all of them together are too few."""
    line = suppress_line(counts=totals, minimum=minimum)
    if line.total:
        return []
    apart = [[j] for j in np.flatnonzero(~line.cells).tolist()]
    joined = np.flatnonzero(line.cells).tolist()
    return [*apart, joined] if joined else apart


def suppress_table(*, counts: Ints, minimum: int, impossible: Bools | None = None) -> HiddenTable:
    """Hide cells and row totals of a table (rows, columns) whose column totals are known to all.

    Every column total reaches `minimum` (`join_columns` first). `impossible`: cells that everybody knows
    to be empty; they are shown and protect nothing. A `minimum` under 2 hides nothing.
    Raises ValueError naming the argument.
    """
    _check(counts, 2)
    rows, columns = counts.shape
    if impossible is None:
        impossible = np.zeros(counts.shape, dtype=np.bool_)
    if impossible.shape != counts.shape or counts[impossible].any():
        raise ValueError("impossible: a cell of another table, or of somebody")
    if minimum < 2:
        return HiddenTable(np.zeros(counts.shape, dtype=np.bool_), np.zeros(rows, dtype=np.bool_))
    if rows and (counts.sum(axis=0) < minimum).any():
        raise ValueError("counts: a column total is under the minimum")
    net = _table_net(counts, minimum, impossible)
    net.protect(minimum)
    hidden = np.array(net.hidden, dtype=np.bool_)
    return HiddenTable(
        hidden[: rows * columns].reshape(rows, columns), hidden[rows * columns :].copy()
    )


def _check(counts: Ints, dimensions: int) -> None:
    if counts.ndim != dimensions:
        raise ValueError(f"counts: {dimensions} dimensions")
    if (counts < 0).any():
        raise ValueError("counts: not negative")


def _table_net(counts: Ints, minimum: int, impossible: Bools) -> "_Net":
    """Nodes: the rows, then the columns, then "all columns". Column totals are shown: constants, no
    arc. One row alone is its totals: nothing of it is hidden."""
    rows, columns = counts.shape
    net = _Net(rows + columns + 1)
    every = rows + columns
    for i, row in enumerate(counts.tolist()):
        for j, count in enumerate(row):
            hidden, known = count < minimum, bool(impossible[i, j])
            net.add(i, rows + j, count, cost=1.0 + count, hidden=hidden, known=known)
    for i, total in enumerate(counts.sum(axis=1).tolist()):
        net.add(every, i, total, cost=TOTAL_COST * (1.0 + total), hidden=total < minimum)
    return net


class _Net:
    """Arcs with a whole count each; the hidden ones are what a reader does not know."""

    def __init__(self, nodes: int) -> None:
        self.around: list[list[int]] = [[] for _ in range(nodes)]
        self.start: list[int] = []
        self.end: list[int] = []
        self.count: list[int] = []
        self.cost: list[float] = []
        self.hidden: list[bool] = []

    def add(
        self, start: int, end: int, count: int, *, cost: float, hidden: bool, known: bool = False
    ) -> None:
        """`known`: nothing goes through, whatever is hidden."""
        arc = len(self.start)
        self.start.append(start)
        self.end.append(end)
        self.count.append(count)
        self.cost.append(cost)
        self.hidden.append(hidden and not known)
        if not known:
            self.around[start].append(arc)
            self.around[end].append(arc)

    def protect(self, minimum: int) -> None:
        """Hide more until each hidden arc is `minimum` wide, the first ones first."""
        wide = [False] * len(self.count)
        waiting = [arc for arc, hidden in enumerate(self.hidden) if hidden]
        while waiting:
            again = []
            for arc in waiting:
                if not wide[arc]:
                    again += self._widen(arc, minimum, wide)
            waiting = sorted(set(again))

    def _widen(self, arc: int, minimum: int, wide: list[bool]) -> list[int]:
        """Make one arc wide enough; the arcs hidden for it."""
        up = self._push(arc, minimum, rises=True, only_hidden=True)
        down: dict[int, int] = {}
        if up.get(arc, 0) < minimum:
            down = self._push(arc, minimum - up.get(arc, 0), rises=False, only_hidden=True)
        for rises in (True, False):
            known = abs((up if rises else down).get(arc, 0))
            missing = minimum - up.get(arc, 0) + down.get(arc, 0)
            if missing <= 0:
                break
            # Asked whole again, with more cells to go through.
            changed = self._push(arc, known + missing, rises=rises, only_hidden=False)
            up, down = (changed, down) if rises else (up, changed)
        added = [each for each in {*up, *down} if not self.hidden[each]]
        for each in added:
            self.hidden[each] = True
        for each in {*up, *down}:
            ends = (up.get(each, 0), down.get(each, 0), 0)
            wide[each] = wide[each] or max(ends) - min(ends) >= minimum
        return added

    def _push(self, arc: int, wanted: int, *, rises: bool, only_hidden: bool) -> dict[int, int]:
        """How counts may change together when that of `arc` rises (or falls) by `wanted` at most:
        the change of each arc, whole. Hidden arcs cost nothing; others their cost."""
        if not rises:
            wanted = min(wanted, self.count[arc])
        source, sink = (
            (self.end[arc], self.start[arc]) if rises else (self.start[arc], self.end[arc])
        )
        change: dict[int, int] = {}
        done = 0
        while done < wanted:
            way = self._way(source, sink, arc, change, only_hidden)
            if not way:
                break
            room = min(
                [wanted - done]
                + [self.count[a] + change.get(a, 0) for a, forward in way if not forward]
            )
            for a, forward in way:
                change[a] = change.get(a, 0) + (room if forward else -room)
            done += room
        change = {a: by for a, by in change.items() if by}
        return change | ({arc: done if rises else -done} if done else {})

    def _way(
        self, source: int, sink: int, but: int, change: dict[int, int], only_hidden: bool
    ) -> list[tuple[int, bool]]:
        """A way from a node to another: arcs taken forward (they rise) or back (they fall, when
        something is left). The cheapest; through hidden arcs only, the one that lets most through.
        Empty when there is none."""
        best: dict[int, float] = {source: -float(ENDLESS) if only_hidden else 0.0}
        came: dict[int, tuple[int, bool]] = {}
        heap = [(best[source], source)]
        while heap:
            reached, node = heapq.heappop(heap)
            if node == sink:
                break
            if reached > best[node]:
                continue
            for a in self.around[node]:
                if a == but or (only_hidden and not self.hidden[a]):
                    continue
                forward = self.start[a] == node
                left = ENDLESS if forward else self.count[a] + change.get(a, 0)
                if left <= 0:
                    continue
                other = self.end[a] if forward else self.start[a]
                if only_hidden:
                    then = max(reached, -float(left))
                else:
                    then = reached + (0.0 if self.hidden[a] or a in change else self.cost[a])
                if other not in best or then < best[other]:
                    best[other] = then
                    came[other] = (a, forward)
                    heapq.heappush(heap, (then, other))
        return self._traced(source, sink, came)

    def _traced(
        self, source: int, sink: int, came: dict[int, tuple[int, bool]]
    ) -> list[tuple[int, bool]]:
        way: list[tuple[int, bool]] = []
        node = sink
        while node != source:
            if node not in came:
                return []
            a, forward = came[node]
            way.append((a, forward))
            node = self.start[a] if forward else self.end[a]
        return way[::-1]
