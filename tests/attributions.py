"""Small attributions drawn at random, and the best one found by trying them all."""

import itertools

import numpy as np

from maillage.compute import assignment as a

WEIGHTS = [
    a.AssignmentWeights(),
    a.AssignmentWeights(travel=1, load_step=0, heavy_step=0),
    a.AssignmentWeights(travel=0.3, load_step=4, heavy_step=7),
]


def make(rng, n, m, *, classes=3, arcs=0.6, cap=2):
    demand = a.Demand(
        priority=rng.integers(0, classes, n),
        is_heavy=rng.random(n) < 0.4,
        capacity=rng.integers(0, cap + 1, m),
        load=rng.integers(0, 3, m),
        heavy_load=rng.integers(0, 2, m),
    )
    may = rng.random((n, m)) < arcs
    patient, doctor = np.nonzero(may)
    return demand, a.Pairs(patient, doctor, rng.integers(0, 40, patient.size) / 2)


def every_attribution(demand, pairs, allowed=True, held=()):
    """Each that fits and holds some rows: the row of each person, how many of each class are placed."""
    rows = [
        [a.NOBODY, *np.flatnonzero((pairs.patient == p) & allowed).tolist()]
        for p in range(demand.priority.size)
    ]
    for choice in itertools.product(*rows):
        pair = np.array(choice, dtype=np.int64)
        taken = pair[pair >= 0]
        used = np.bincount(pairs.doctor[taken], minlength=demand.capacity.size)
        if (used <= demand.capacity).all() and np.isin(held, pair).all():
            classes = int(demand.priority.max()) + 1
            yield pair, np.bincount(demand.priority[pair >= 0], minlength=classes)


def best_by_force(demand, pairs, weights, allowed=True, held=()):
    """Every attribution that holds some rows: the most of class 0, then 1…, then the least cost."""
    found = None
    for pair, placed in every_attribution(demand, pairs, allowed, held):
        key = (*(-placed).tolist(), a.cost_of(demand, pairs, weights, pair))
        found = key if found is None else min(found, key)
    return found


def holds(demand, pairs, found):
    taken = found.pair[found.pair >= 0]
    assert (pairs.patient[taken] == np.flatnonzero(found.pair >= 0)).all()
    assert (pairs.doctor[taken] == found.doctor[found.pair >= 0]).all()
    used = np.bincount(pairs.doctor[taken], minlength=demand.capacity.size)
    assert (used <= demand.capacity).all()
    assert found.placed.sum() == taken.size
    assert (found.placed <= found.asked).all()
