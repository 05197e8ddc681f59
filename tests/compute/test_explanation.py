"""Why this doctor, why not the next, why nobody: by hand, and against solving again."""

import dataclasses

import numpy as np
import pytest

from attributions import make
from maillage.compute import assignment as a
from maillage.compute import explanation as e
from maillage.compute import reassignment as r


def of(capacity, minutes, *, priority=None, load=None):
    minutes = np.array(minutes, float)
    n, m = minutes.shape
    patient, doctor = np.nonzero(np.isfinite(minutes))
    demand = a.Demand(
        priority=np.zeros(n, np.int64) if priority is None else np.array(priority),
        is_heavy=np.zeros(n, bool),
        capacity=np.array(capacity),
        load=np.zeros(m, np.int64) if load is None else np.array(load),
        heavy_load=np.zeros(m, np.int64),
    )
    return demand, a.Pairs(patient, doctor, minutes[patient, doctor])


NAN = float("nan")


@pytest.mark.parametrize(
    ("capacity", "minutes", "load", "why", "more"),
    [
        ([1, 1], [[5, 12]], [0, 0], e.WhyNot.FARTHER, 7),
        ([1, 1], [[5, 6]], [0, 9], e.WhyNot.BUSIER, 1),
        ([1, 0], [[5, 3]], [0, 0], e.WhyNot.FULL, -2),
        ([1, 1], [[5, NAN]], [0, 0], e.WhyNot.NO_OTHER, NAN),
    ],
)
def test_the_runner_up(capacity, minutes, load, why, more):
    demand, pairs = of(capacity, minutes, load=load)
    weights = a.AssignmentWeights()
    found = e.choices(demand, pairs, weights, a.solve(demand, pairs, weights).pair)
    assert found.why_not[0] == why
    assert found.minutes[0] == 5
    assert np.array_equal(found.more_minutes[:1], [more], equal_nan=True)
    assert found.runner_up[0] == (a.NOBODY if why == e.WhyNot.NO_OTHER else 1)
    if why == e.WhyNot.BUSIER:
        assert found.more_people[0] == 9


def test_who_has_whom_was_kept():
    """Validated though another doctor would cost less."""
    demand, pairs = of([1, 1], [[30, 5]])
    weights = a.AssignmentWeights()
    held = a.solve(demand, pairs, weights, fixed=np.array([0]))
    assert held.doctor.tolist() == [0]
    assert e.choices(demand, pairs, weights, held.pair).why_not[0] == e.WhyNot.KEPT


@pytest.mark.parametrize("seed", range(40))
def test_no_free_doctor_would_cost_less(seed):
    """At the best attribution, nobody has a reason to say it was only kept."""
    demand, pairs = make(np.random.default_rng(seed), 20, 6, cap=5)
    weights = a.AssignmentWeights()
    found = e.choices(demand, pairs, weights, a.solve(demand, pairs, weights).pair)
    assert (found.why_not != e.WhyNot.KEPT).all()


def test_why_nobody():
    demand, pairs = of([1, 0], [[5, NAN], [6, NAN], [NAN, 4], [NAN, NAN]])
    found = e.missing(demand, pairs, a.solve(demand, pairs, a.AssignmentWeights()).pair)
    reasons = [e.WhyNobody.PLACED, e.WhyNobody.FULL, e.WhyNobody.NO_PLACE, e.WhyNobody.NO_DOCTOR]
    assert found.why.tolist() == reasons
    assert found.doctor.tolist() == [a.NOBODY, 0, 1, a.NOBODY]
    assert found.places.tolist() == [0, 1, 1, 0]


def test_an_earlier_class_is_counted_before():
    """One doctor, three left out of the classes 0, 1, 1: one more place is for the first."""
    demand, pairs = of([1], [[5], [5], [6], [7]], priority=[0, 0, 1, 1])
    found = e.missing(demand, pairs, a.solve(demand, pairs, a.AssignmentWeights()).pair)
    assert sorted(found.places.tolist()) == [0, 1, 3, 3]


def with_places(demand, pairs, before, who, j, places):
    """Whether that person is placed, once doctor j has so many more places."""
    more = demand.capacity.copy()
    more[j] += places
    change = r.change_of(
        dataclasses.replace(demand, capacity=more), pairs, a.AssignmentWeights(),
        before=before,
    )  # fmt: skip
    return change.after.doctor[who] != a.NOBODY


def left_out(seed):
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, int(rng.integers(4, 20)), int(rng.integers(2, 7)), arcs=0.35, cap=3)
    before = a.solve(demand, pairs, a.AssignmentWeights()).pair
    found = e.missing(demand, pairs, before)
    for who in np.flatnonzero(found.doctor != a.NOBODY):
        yield demand, pairs, before, who, found.doctor[who], found.places[who]


@pytest.mark.parametrize("seed", range(100))
def test_so_many_places_do(seed):
    assert all(with_places(*each) for each in left_out(seed))


def test_a_place_too_few_is_seen():
    """One place less than said does not always do: the number is not idle."""
    every = [each for seed in range(40) for each in left_out(seed)]
    assert sum(not with_places(*each[:-1], each[-1] - 1) for each in every) > len(every) / 4
