"""When something changes, beside every attribution: the most of each class, the fewest changes, the
least cost."""

import dataclasses

import numpy as np
import pytest

from attributions import WEIGHTS, every_attribution, holds, make
from maillage.compute import assignment as a
from maillage.compute import reassignment as r

WAYS = [0, 2, 100]  # by the flow; a few paths, then the flow; by paths


def best_change_by_force(demand, pairs, weights, before, *, allowed=True, held=(), had=False):
    """Every attribution of the rows allowed: the most by class, the fewest changes, the least cost."""
    found = None
    for pair, placed in every_attribution(demand, pairs, allowed, held):
        key = (
            *(-placed).tolist(),
            int(((pair != before) | had).sum()),
            a.cost_of(demand, pairs, weights, pair),
        )
        found = key if found is None else min(found, key)
    return found


def told_of(change):
    placed, cost = (-change.after.placed).tolist(), round(change.after.cost * a.TENTHS)
    return (*placed, change.moved.size, cost)


def any_attribution(rng, demand, pairs, capacity):
    """Far from the best: rows drawn one after another, while they fit."""
    pair, free = np.full(demand.priority.size, a.NOBODY), capacity.copy()
    for row in rng.permutation(pairs.patient.size).tolist():
        who, at = pairs.patient[row], pairs.doctor[row]
        if pair[who] == a.NOBODY and free[at] and rng.random() < 0.8:
            pair[who] = row
            free[at] -= 1
    return pair


@pytest.mark.parametrize("paths", WAYS)
@pytest.mark.parametrize("weights", WEIGHTS, ids=["usual", "travel", "load"])
@pytest.mark.parametrize("seed", range(60))
def test_the_fewest_changes_of_all(seed, weights, paths):
    """After the best: one refusal, or a doctor who takes nobody any more."""
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(2, 7)), int(rng.integers(2, 5)))
    before = a.solve(demand, pairs, weights).pair
    placed = np.flatnonzero(before >= 0)
    allowed = np.ones(pairs.patient.size, bool)
    if placed.size:
        lost = before[rng.choice(placed)]
        allowed[pairs.doctor == pairs.doctor[lost] if seed % 3 == 0 else lost] = False
    change = r.change_of(demand, pairs, weights, before=before, allowed=allowed, paths=paths)
    holds(demand, pairs, change.after)
    assert allowed[change.after.pair[change.after.pair >= 0]].all()
    key = best_change_by_force(demand, pairs, weights, before, allowed=allowed)
    assert told_of(change) == key
    cost = a.cost_of(demand, pairs, weights, before) / a.TENTHS
    assert change.price_minutes == pytest.approx(change.after.cost - cost)


@pytest.mark.parametrize("paths", WAYS)
@pytest.mark.parametrize("seed", range(120))
def test_after_any_attribution(seed, paths):
    """Chosen by people, not the best: newcomers of every class, places more or fewer than people
    hold, refusals, people whose doctor is no row any more."""
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(2, 8)), int(rng.integers(2, 4)))
    weights = WEIGHTS[seed % len(WEIGHTS)]
    before = any_attribution(rng, demand, pairs, demand.capacity)
    places = np.maximum(demand.capacity + rng.integers(-1, 2, demand.capacity.size), 0)
    demand = dataclasses.replace(demand, capacity=places)
    allowed = rng.random(pairs.patient.size) < 0.9
    had = (before == a.NOBODY) & (rng.random(before.size) < 0.3)
    change = r.change_of(
        demand, pairs, weights, before=before, allowed=allowed, had=had, paths=paths
    )
    holds(demand, pairs, change.after)
    key = best_change_by_force(demand, pairs, weights, before, allowed=allowed, had=had)
    assert told_of(change) == key
    was = int((before >= 0).sum() + had.sum())
    assert change.fewer == was - change.after.placed.sum()


@pytest.mark.parametrize("paths", WAYS)
@pytest.mark.parametrize("seed", range(60))
def test_nobody_fixed_moves(seed, paths):
    """The fewest changes of the others, beside every attribution that holds them."""
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(3, 7)), int(rng.integers(2, 5)))
    weights = a.AssignmentWeights()
    before = a.solve(demand, pairs, weights).pair
    if seed % 2:
        before = any_attribution(rng, demand, pairs, demand.capacity)
    is_fixed = rng.random(before.size) < 0.4
    allowed = rng.random(pairs.patient.size) < 0.8
    change = r.change_of(
        demand, pairs, weights, before=before, allowed=allowed, is_fixed=is_fixed, paths=paths
    )
    assert (change.after.pair[is_fixed] == before[is_fixed]).all()
    held = before[is_fixed & (before >= 0)]
    # A fixed person left out stays out; the others take no row that is not allowed.
    may = np.where(is_fixed[pairs.patient], np.isin(np.arange(allowed.size), held), allowed)
    key = best_change_by_force(demand, pairs, weights, before, allowed=may, held=held)
    assert told_of(change) == key


@pytest.mark.parametrize("seed", range(5))
def test_paths_and_flow_agree_on_more_people(seed):
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, 120, 15, cap=9, arcs=0.3)
    before = a.solve(demand, pairs, a.AssignmentWeights()).pair
    if seed % 2:
        before = any_attribution(rng, demand, pairs, demand.capacity)
    allowed = rng.random(pairs.patient.size) < 0.95
    told = [
        told_of(
            r.change_of(
                demand, pairs, WEIGHTS[0], before=before, allowed=allowed, paths=paths
            )
        )
        for paths in (0, 1000)
    ]  # fmt: skip
    assert told[0] == told[1]


@pytest.mark.parametrize("paths", WAYS)
def test_nothing_moves_when_nothing_is_lost(paths):
    demand, pairs = make(np.random.default_rng(5), 40, 12, cap=4)
    before = a.solve(demand, pairs, a.AssignmentWeights()).pair
    change = r.change_of(demand, pairs, a.AssignmentWeights(), before=before, paths=paths)
    assert (change.moved.size, change.price_minutes, change.fewer) == (0, 0.0, 0)


def test_nobody_and_no_doctor():
    for n, m in ((0, 0), (3, 0), (0, 3), (3, 2)):
        demand, pairs = make(np.random.default_rng(1), n, m, arcs=0)
        before = np.full(n, a.NOBODY)
        change = r.change_of(demand, pairs, a.AssignmentWeights(), before=before)
        assert (change.moved.size, change.fewer) == (0, 0)


def test_more_people_fixed_than_places_is_refused():
    demand, pairs = make(np.random.default_rng(1), 3, 1, arcs=1)
    demand = dataclasses.replace(demand, capacity=np.array([2]))
    fixed = np.ones(3, bool)
    with pytest.raises(a.BadDemand, match="places"):
        r.change_of(
            demand, pairs, a.AssignmentWeights(), before=np.arange(3), is_fixed=fixed
        )  # fmt: skip
