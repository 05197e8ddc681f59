"""Attribution: the rule against every possible attribution, and what must hold of any."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attributions import WEIGHTS, best_by_force, holds, make
from maillage.compute import assignment as a
from maillage.compute import reassignment as r


@pytest.mark.parametrize("weights", WEIGHTS, ids=["usual", "travel", "load"])
@pytest.mark.parametrize("seed", range(30))
def test_the_best_of_all(seed, weights):
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(1, 7)), int(rng.integers(1, 5)))
    found = a.solve(demand, pairs, weights)
    told = (*(-found.placed).tolist(), round(found.cost * a.TENTHS))
    assert told == best_by_force(demand, pairs, weights)


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 40), m=st.integers(0, 12))
def test_laws(seed, n, m):
    """Nobody twice, no doctor over capacity; the order of the rows, and one more place."""
    rng = np.random.default_rng(seed)
    weights = a.AssignmentWeights()
    demand, pairs = make(rng, n, m, cap=4, arcs=0.3)
    found = a.solve(demand, pairs, weights)
    holds(demand, pairs, found)

    order, who, docs = rng.permutation(pairs.patient.size), rng.permutation(n), rng.permutation(m)
    mixed = a.Demand(
        priority=demand.priority[np.argsort(who)],
        is_heavy=demand.is_heavy[np.argsort(who)],
        capacity=demand.capacity[np.argsort(docs)],
        load=demand.load[np.argsort(docs)],
        heavy_load=demand.heavy_load[np.argsort(docs)],
    )
    rows = a.Pairs(who[pairs.patient][order], docs[pairs.doctor][order], pairs.minutes[order])
    again = a.solve(mixed, rows, weights)
    assert again.cost == found.cost
    assert (again.placed == found.placed).all()

    if m:
        more = demand.capacity.copy()
        more[rng.integers(m)] += 1
        wider = a.Demand(demand.priority, demand.is_heavy, more, demand.load, demand.heavy_load)
        gained = a.solve(wider, pairs, weights).placed.tolist()
        assert gained >= found.placed.tolist()
        assert sum(gained) >= found.placed.sum()


def test_a_class_is_never_sold_for_travel():
    """The first class goes before, however far it makes everybody travel."""
    demand = a.Demand(
        priority=np.array([1, 0]),
        is_heavy=np.array([False, False]),
        capacity=np.array([1]),
        load=np.array([0]),
        heavy_load=np.array([0]),
    )
    pairs = a.Pairs(np.array([0, 1]), np.array([0, 0]), np.array([0.0, 500.0]))
    assert a.solve(demand, pairs, a.AssignmentWeights()).doctor.tolist() == [a.NOBODY, 0]


def test_heavy_charges_are_spread():
    """Four heavy people, two doctors at the same distance: two each; without the step, the nearest."""
    demand = a.Demand(
        priority=np.zeros(4, np.int64),
        is_heavy=np.ones(4, bool),
        capacity=np.array([4, 4]),
        load=np.zeros(2, np.int64),
        heavy_load=np.zeros(2, np.int64),
    )
    patient, doctor = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    pairs = a.Pairs(patient, doctor, np.where(doctor == 0, 5.0, 6.0))
    spread = a.solve(demand, pairs, a.AssignmentWeights(heavy_step=3))
    assert np.bincount(spread.doctor).tolist() == [2, 2]
    near = a.solve(demand, pairs, a.AssignmentWeights(load_step=0, heavy_step=0))
    assert np.bincount(near.doctor, minlength=2).tolist() == [4, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: a.Pairs(p.patient[:1], p.doctor, p.minutes), "sizes"),
        (lambda p: a.Pairs(p.patient + 9, p.doctor, p.minutes), "patient out of range"),
        (lambda p: a.Pairs(p.patient, p.doctor + 9, p.minutes), "doctor out of range"),
        (lambda p: a.Pairs(p.patient, p.doctor, p.minutes - 99), "minutes"),
        (lambda p: a.Pairs(p.patient, p.doctor, p.minutes * np.nan), "minutes"),
        (lambda p: a.Pairs(p.patient * 0, p.doctor * 0, p.minutes), "twice"),
    ],
)
def test_bad_pairs_are_refused(change, said):
    demand, _ = make(np.random.default_rng(1), 3, 2)
    pairs = a.Pairs(np.array([0, 1, 2]), np.array([0, 1, 1]), np.array([1.0, 2.0, 3.0]))
    with pytest.raises(a.BadDemand, match=said):
        a.solve(demand, change(pairs), a.AssignmentWeights())


# After a refusal


def best_change_by_force(demand, pairs, weights, before, allowed):
    """Every attribution of the rows allowed: the most by class, the fewest changes, the least cost."""
    rows = [
        [a.NOBODY, *np.flatnonzero((pairs.patient == p) & allowed).tolist()]
        for p in range(demand.priority.size)
    ]
    found = None
    for choice in itertools.product(*rows):
        pair = np.array(choice, dtype=np.int64)
        used = np.bincount(pairs.doctor[pair[pair >= 0]], minlength=demand.capacity.size)
        if (used > demand.capacity).any():
            continue
        placed = np.bincount(demand.priority[pair >= 0], minlength=int(demand.priority.max()) + 1)
        key = (
            *(-placed).tolist(),
            int((pair != before).sum()),
            a.cost_of(demand, pairs, weights, pair),
        )
        found = key if found is None else min(found, key)
    return found


@pytest.mark.parametrize("weights", WEIGHTS, ids=["usual", "travel", "load"])
@pytest.mark.parametrize("seed", range(60))
def test_the_fewest_changes_of_all(seed, weights):
    """One refusal, or a doctor who takes nobody any more."""
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(2, 7)), int(rng.integers(2, 5)))
    before = a.solve(demand, pairs, weights).pair
    placed = np.flatnonzero(before >= 0)
    allowed = np.ones(pairs.patient.size, bool)
    if placed.size:
        lost = before[rng.choice(placed)]
        allowed[pairs.doctor == pairs.doctor[lost] if seed % 3 == 0 else lost] = False
    change = r.change_of(demand, pairs, weights, before=before, allowed=allowed)
    holds(demand, pairs, change.after)
    assert allowed[change.after.pair[change.after.pair >= 0]].all()
    told = (
        *(-change.after.placed).tolist(),
        change.moved.size,
        round(change.after.cost * a.TENTHS),
    )
    assert told == best_change_by_force(demand, pairs, weights, before, allowed)
    cost = a.cost_of(demand, pairs, weights, before) / a.TENTHS
    assert change.price_minutes == pytest.approx(change.after.cost - cost)


def test_nothing_moves_when_nothing_is_lost():
    demand, pairs = make(np.random.default_rng(5), 40, 12, cap=4)
    before = a.solve(demand, pairs, a.AssignmentWeights()).pair
    allowed = np.ones(pairs.patient.size, bool)
    change = r.change_of(demand, pairs, a.AssignmentWeights(), before=before, allowed=allowed)
    assert (change.moved.size, change.price_minutes, change.fewer) == (0, 0.0, 0)
