"""Attribution of very many people: not always the best, but with a certified distance to it.

People bid for places, each for the one that costs them least (travel and the place's price), up to
what makes them indifferent to their second choice, plus `step`. A doctor keeps the bids that are
worth most once load is paid, as in the exact rule; whoever is turned out bids again. The prices of
the first, coarse bids are where the finer ones start from, somewhat lower.

Whatever the prices are, they prove something (the dual of the flow of `assignment`): no attribution
can cost less than what everybody would pay at these prices, minus what the doctors would earn. And
doctors whose price passes a threshold are together a bottleneck: people who know only them cannot be
placed in more than their places.

Sources: D. P. Bertsekas, "The auction algorithm for assignment and other network flow problems"
(Interfaces 20, 1990); A. S. Kelso and V. P. Crawford, "Job matching, coalition formation, and gross
substitutes" (Econometrica 50, 1982) for doctors who keep the best set of bids.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from maillage.compute.assignment import (
    NOBODY,
    TENTHS,
    AssignmentWeights,
    Bools,
    Certified,
    Demand,
    Int64,
    Pairs,
    check,
    classes_of,
    result,
    steps,
    travel_costs,
    without,
)
from maillage.compute.compiled import compiled

Int32 = NDArray[np.int32]

GRAIN = 16  # of a unit of cost: the least step of a bid
COARSER = 4  # how much coarser each round of bids is than the next
AGAIN = 10  # how often a round is made again, at most, when a lowered price kept places empty
LOWER = 3  # by how many steps of the round before the prices are lowered
FAR = 2**60
SPAN = 2  # price of a class above the next, in times the dearest pair


@dataclass(frozen=True, slots=True)
class Bids:
    """Row of Pairs of each person or NOBODY, the doctors' prices (of a person, of a heavy one), the
    cost, those left out counted at their price, and the least it can be, in units of cost."""

    pair: Int64
    price: Int64
    cost: int
    cost_at_least: float


class _Rows(NamedTuple):
    """The pairs by person, the cheapest first: those of i are start[i] to start[i + 1]."""

    start: Int64
    doctor: Int32
    cost: Int32
    row: Int32


class _Market(NamedTuple):
    """What stands: who weighs more, what being left out costs, and the doctors."""

    is_heavy: Bools
    out: Int64
    capacity: Int64
    load: Int64
    heavy_load: Int64
    first: Int64  # of each doctor's places in the books
    each: int
    heavy: int


class _Books(NamedTuple):
    """Bids kept by each doctor, two heaps (light, heavy), the lowest first; and the prices shown."""

    bid: Int64  # 2 x places
    who: Int32
    size: Int64  # 2 x doctors
    price: Int64
    floor: Int64


def approximate(
    demand: Demand,
    pairs: Pairs,
    weights: AssignmentWeights,
    *,
    goal: float = 0.002,
    fixed: Int64 | None = None,
) -> Certified:
    """An attribution by the rule of `assignment`, finer and finer until its gap is at most `goal`, or
    the bids cannot be finer; the rows `fixed` of Pairs are held. Raises BadDemand."""
    check(demand, pairs)
    rest, free, rows = demand, pairs, None
    if fixed is not None and fixed.size:
        rest, rows = without(demand, pairs, fixed)
        free = Pairs(pairs.patient[rows], pairs.doctor[rows], pairs.minutes[rows])
    costs = travel_costs(free, weights)
    highest = int((rest.load + rest.capacity).max(initial=0))
    dearest = int(costs.max(initial=0)) + sum(steps(weights)) * highest + 1
    price = SPAN * dearest * np.arange(classes_of(rest), 0, -1, dtype=np.int64)
    out = price[rest.priority]

    def is_near(bids: Bids) -> bool:
        lost = int(out[bids.pair == NOBODY].sum())
        return bids.cost - bids.cost_at_least <= goal * max(bids.cost_at_least - lost, 0)

    bids = auction(rest, free, costs, out, steps(weights), is_near)
    # Costs are whole: a bound is rounded up.
    least = np.ceil(bids.cost_at_least - int(out[bids.pair == NOBODY].sum()) - 1e-9)
    least, most = max(int(least), 0), _bottleneck(rest, free, bids.price)
    taken = bids.pair[bids.pair != NOBODY]
    if rows is not None and fixed is not None:
        taken = np.append(fixed, rows[taken])
        held = result(demand, pairs, weights, fixed)
        least += round(held.cost * TENTHS)
        most += held.placed.cumsum()
    return Certified(result(demand, pairs, weights, taken), most, least / TENTHS)


def auction(
    demand: Demand,
    pairs: Pairs,
    costs: Int64,
    out: Int64,
    load_steps: tuple[int, int],
    is_near: Callable[[Bids], bool],
) -> Bids:
    """Bids until `is_near`, or as fine as they get. `out`: what leaving each person out costs."""
    n, m = demand.priority.size, demand.capacity.size
    places = int(demand.capacity.sum())
    rows = _Rows(*_sorted_rows(n, pairs.patient, pairs.doctor, costs))
    market = _Market(
        is_heavy=demand.is_heavy,
        out=out.astype(np.int64) * GRAIN,
        capacity=demand.capacity.astype(np.int64),
        load=demand.load.astype(np.int64),
        heavy_load=demand.heavy_load.astype(np.int64),
        first=np.cumsum(demand.capacity) - demand.capacity,
        each=load_steps[0] * GRAIN,
        heavy=load_steps[1] * GRAIN,
    )
    books = _Books(
        bid=np.empty(2 * places, np.int64),
        who=np.empty(2 * places, np.int32),
        size=np.zeros(2 * m, np.int64),
        price=np.zeros(2 * m, np.int64),
        floor=np.zeros(m, np.int64),
    )
    taken = np.full(n, NOBODY, np.int64)
    step, again = max(int(out.max(initial=0)) * GRAIN // COARSER**2, 1), 0
    cheapest, surest, pair = FAR, -FAR, taken
    while True:
        _round(step, rows, market, books, taken)
        total, least = _value(rows, market, books.price, taken)
        surest = max(surest, least)
        if total < cheapest:
            cheapest = total
            pair = np.where(taken == NOBODY, NOBODY, rows.row[taken] if rows.row.size else NOBODY)
        bids = Bids(pair, books.price // GRAIN, cheapest // GRAIN, surest / GRAIN)
        if is_near(bids):
            return bids
        is_stuck = _lower(LOWER * step, market, books)
        again = again + 1 if is_stuck and again < AGAIN else 0
        if not again and step == 1:
            return bids
        step = step if again else max(step // COARSER, 1)


def _bottleneck(demand: Demand, pairs: Pairs, price: Int64) -> Int64:
    """Of the classes 0 to c together, how many can be placed at most: of the people who know only
    doctors dearer than a threshold, no more than these have places. The best threshold of each c."""
    n, m = demand.priority.size, demand.capacity.size
    cheapest = np.full(n, FAR)
    np.minimum.at(cheapest, pairs.patient, price[:m][pairs.doctor])
    dear = np.sort(np.unique(price[:m]))
    order = np.argsort(price[:m])
    behind = np.append(np.cumsum(demand.capacity[order][::-1])[::-1], 0)
    places = behind[np.searchsorted(price[:m][order], dear)]  # of doctors at this price or above
    most = np.zeros(classes_of(demand), np.int64)
    for c in range(most.size):
        people = np.sort(cheapest[demand.priority <= c])
        alone = int((people == FAR).sum())
        only = people.size - alone - np.searchsorted(people, dear)
        most[c] = people.size - alone - max(0, int((only - places).max(initial=0)))
    return most


@compiled
def _sorted_rows(
    n: int, patient: Int64, doctor: Int64, cost: Int64
) -> tuple[Int64, Int32, Int32, Int32]:
    start = np.zeros(n + 1, np.int64)
    for a in range(patient.size):
        start[patient[a] + 1] += 1
    for i in range(n):
        start[i + 1] += start[i]
    end = start[:-1].copy()
    to = np.empty(patient.size, np.int32)
    paid = np.empty(patient.size, np.int32)
    row = np.empty(patient.size, np.int32)
    for a in range(patient.size):
        i = patient[a]
        k = end[i]
        end[i] += 1
        # Equal costs stand by doctor: the order of the rows given changes nothing.
        while k > start[i] and (
            paid[k - 1] > cost[a] or (paid[k - 1] == cost[a] and to[k - 1] > doctor[a])
        ):
            to[k], paid[k], row[k] = to[k - 1], paid[k - 1], row[k - 1]
            k -= 1
        to[k], paid[k], row[k] = doctor[a], cost[a], a
    return start, to, paid, row


@compiled
def _push(books: _Books, base: int, size: int, bid: int, who: int) -> None:
    k = size
    while k > 0:
        up = (k - 1) >> 1
        if books.bid[base + up] <= bid:
            break
        books.bid[base + k] = books.bid[base + up]
        books.who[base + k] = books.who[base + up]
        k = up
    books.bid[base + k] = bid
    books.who[base + k] = who


@compiled
def _pop(books: _Books, base: int, size: int) -> int:
    """Takes the lowest bid out of a heap of this size; whose it was."""
    gone = books.who[base]
    last = size - 1
    bid, who = books.bid[base + last], books.who[base + last]
    k = 0
    while True:
        down = 2 * k + 1
        if down >= last:
            break
        if down + 1 < last and books.bid[base + down + 1] < books.bid[base + down]:
            down += 1
        if books.bid[base + down] >= bid:
            break
        books.bid[base + k] = books.bid[base + down]
        books.who[base + k] = books.who[base + down]
        k = down
    books.bid[base + k] = bid
    books.who[base + k] = who
    return int(gone)


@compiled
def _worth(j: int, market: _Market, books: _Books) -> tuple[int, int, int, int]:
    """What one more person costs doctor j: on a free place, instead of the lowest light bid, instead of
    the lowest heavy one; and what one more heavy one costs at the door."""
    m = market.capacity.size
    light, heavy = books.size[j], books.size[m + j]
    first = market.first[j]
    count = light + heavy
    free, lowest, lowest_heavy = FAR, FAR, FAR
    if count < market.capacity[j]:
        free = max(books.floor[j], market.each * (market.load[j] + count))
    if light > 0:
        lowest = books.bid[first]
    if heavy > 0:
        lowest_heavy = books.bid[books.bid.size // 2 + first]
    return free, lowest, lowest_heavy, market.heavy * (market.heavy_load[j] + heavy)


@compiled
def _show(j: int, market: _Market, books: _Books) -> None:
    """The prices of doctor j: the least bid that would be kept."""
    free, lowest, lowest_heavy, door = _worth(j, market, books)
    place = min(free, lowest)
    books.price[j] = min(place, lowest_heavy - (door - market.heavy))
    books.price[market.capacity.size + j] = min(min(place + door, lowest_heavy), FAR)


@compiled
def _keep(j: int, is_heavy: bool, bid: int, who: int, market: _Market, books: _Books) -> int:
    """Doctor j keeps this bid; who is turned out for it, or NOBODY."""
    m, half, first = market.capacity.size, books.bid.size // 2, market.first[j]
    free, lowest, lowest_heavy, door = _worth(j, market, books)
    # The door is paid for a heavy one more, and paid back for a heavy one less.
    heavy_out = lowest_heavy - door if is_heavy else lowest_heavy - (door - market.heavy)
    gone = NOBODY
    if free > min(lowest, heavy_out):
        if lowest <= heavy_out:
            gone = _pop(books, first, books.size[j])
            books.size[j] -= 1
        else:
            gone = _pop(books, half + first, books.size[m + j])
            books.size[m + j] -= 1
    if is_heavy:
        _push(books, half + first, books.size[m + j], bid, who)
        books.size[m + j] += 1
    else:
        _push(books, first, books.size[j], bid, who)
        books.size[j] += 1
    _show(j, market, books)
    return gone


@compiled
def _round(step: int, rows: _Rows, market: _Market, books: _Books, taken: Int64) -> None:
    """Everybody bids anew, whoever is turned out again, until all have a place or prefer none."""
    m = market.capacity.size
    books.size[:] = 0
    for j in range(m):
        _show(j, market, books)
    for each in range(taken.size):
        i = each
        while i != NOBODY:
            kind = m if market.is_heavy[i] else 0
            least, second, best = market.out[i], market.out[i], NOBODY
            for a in range(rows.start[i], rows.start[i + 1]):
                paid = np.int64(rows.cost[a]) * GRAIN
                if paid >= second:
                    break  # prices are not below zero: nothing better comes after
                total = paid + books.price[kind + rows.doctor[a]]
                if total < least:
                    second, least, best = least, total, a
                elif total < second:
                    second = total
            taken[i] = best
            if best == NOBODY:
                break
            j = rows.doctor[best]
            bid = books.price[kind + j] + second - least + step
            i = _keep(j, kind > 0, bid, i, market, books)


@compiled
def _lower(margin: int, market: _Market, books: _Books) -> bool:
    """Where the next round's prices start: lower than these, and at nothing where a price kept places
    empty. Whether there were any."""
    m, is_stuck = market.capacity.size, False
    for j in range(m):
        count = books.size[j] + books.size[m + j]
        load = market.each * (market.load[j] + count)
        if count < market.capacity[j] and books.floor[j] > load:
            books.floor[j] = 0
            is_stuck = True
        else:
            books.floor[j] = max(0, min(books.price[j], FAR >> 1) - margin)
    return is_stuck


@compiled
def _value(rows: _Rows, market: _Market, price: Int64, taken: Int64) -> tuple[int, int]:
    """What the attribution costs, and the least that any costs by these prices."""
    m = market.capacity.size
    total, least = 0, 0
    count, heavies = np.zeros(m, np.int64), np.zeros(m, np.int64)
    for i in range(taken.size):
        kind = m if market.is_heavy[i] else 0
        lowest = int(market.out[i])
        for a in range(rows.start[i], rows.start[i + 1]):
            lowest = min(lowest, int(rows.cost[a]) * GRAIN + int(price[kind + rows.doctor[a]]))
        least += lowest
        if taken[i] == NOBODY:
            total += market.out[i]
            continue
        total += int(rows.cost[taken[i]]) * GRAIN
        j = rows.doctor[taken[i]]
        total += market.each * (market.load[j] + count[j])
        count[j] += 1
        if market.is_heavy[i]:
            total += market.heavy * (market.heavy_load[j] + heavies[j])
            heavies[j] += 1
    for j in range(m):
        for k in range(market.capacity[j]):
            least -= max(0, price[j] - market.each * (market.load[j] + k))
            least -= max(0, price[m + j] - price[j] - market.heavy * (market.heavy_load[j] + k))
    return total, least
