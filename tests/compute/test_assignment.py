"""Attribution: the rule against every possible attribution, and what must hold of any."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attributions import WEIGHTS, best_by_force, holds, make
from maillage.compute import assignment as a
from maillage.compute import auction as u


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


def test_the_engine_is_told_of_no_diagnosis():
    """A class, a load, places and pairs: whoever adds a column here reads this."""
    told = {each.name for kind in (a.Demand, a.Pairs) for each in dataclasses.fields(kind)}
    of_people = {"priority", "is_heavy", "patient", "doctor", "minutes"}
    assert told == of_people | {"capacity", "load", "heavy_load"}
    numbers = (np.integer, np.floating, np.bool_)
    demand, pairs = make(np.random.default_rng(1), 6, 3)
    for name in told:
        column = getattr(demand, name, getattr(pairs, name, None))
        assert issubclass(column.dtype.type, numbers), name


# Some are held


@pytest.mark.parametrize("seed", range(40))
def test_the_best_of_those_that_hold_some_pairs(seed):
    """Beside every attribution that holds them; and by bids."""
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(2, 7)), int(rng.integers(1, 5)))
    weights = a.AssignmentWeights()
    held = held_rows(rng, demand, pairs)
    found = a.solve(demand, pairs, weights, held)
    holds(demand, pairs, found)
    assert (found.pair[pairs.patient[held]] == held).all()
    only = np.ones(pairs.patient.size, bool)
    only[np.isin(pairs.patient, pairs.patient[held])] = False
    only[held] = True
    key = best_by_force(demand, pairs, weights, only, held)
    assert (*(-found.placed).tolist(), round(found.cost * a.TENTHS)) == key
    near = u.approximate(demand, pairs, weights, goal=0.0, fixed=held)
    assert (near.assignment.pair[pairs.patient[held]] == held).all()
    assert near.assignment.placed.tolist() == found.placed.tolist()
    assert (found.placed.cumsum() <= near.placed_at_most).all()
    assert near.cost_at_least <= found.cost <= near.assignment.cost


def held_rows(rng, demand, pairs):
    """A few rows, one a person, that fit."""
    rows, free = [], demand.capacity.copy()
    for row in rng.permutation(pairs.patient.size)[:3].tolist():
        if free[pairs.doctor[row]] and pairs.patient[row] not in pairs.patient[rows]:
            rows.append(row)
            free[pairs.doctor[row]] -= 1
    return np.array(rows, np.int64)


def test_what_cannot_be_held_is_refused():
    demand, _ = make(np.random.default_rng(1), 3, 2)
    demand = dataclasses.replace(demand, capacity=np.array([1, 1]))
    pairs = a.Pairs(np.array([0, 0, 1]), np.array([0, 1, 0]), np.array([1.0, 2.0, 3.0]))
    for rows in ([0, 1], [0, 2]):
        with pytest.raises(a.BadDemand, match="fixed"):
            a.solve(demand, pairs, a.AssignmentWeights(), np.array(rows))


def test_a_class_sold_for_changes_is_seen(monkeypatch):
    """With prices that are no longer computed, the force above disagrees: it would be seen."""
    monkeypatch.setattr(a, "prices", lambda demand, *_: np.zeros(a.classes_of(demand), np.int64))
    seen = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        demand, pairs = make(rng, int(rng.integers(2, 7)), int(rng.integers(2, 5)))
        found = a.solve(demand, pairs, a.AssignmentWeights())
        key = best_by_force(demand, pairs, a.AssignmentWeights())
        seen += (*(-found.placed).tolist(), round(found.cost * a.TENTHS)) != key
    assert seen > 5
