"""Households gathered on one doctor: the stated rule, by hand and on what is drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attributions import holds, make
from maillage.compute import assignment as a
from maillage.compute import households as h

TRAVEL = a.AssignmentWeights(load_step=0, heavy_step=0)


def of(capacity, minutes, *, heavy=(), priority=None):
    """`minutes`: one row a person, one column a doctor; NaN where the pair may not be."""
    minutes = np.array(minutes, float)
    n, m = minutes.shape
    patient, doctor = np.nonzero(np.isfinite(minutes))
    demand = a.Demand(
        priority=np.zeros(n, np.int64) if priority is None else np.array(priority),
        is_heavy=np.isin(np.arange(n), heavy),
        capacity=np.array(capacity),
        load=np.zeros(m, np.int64),
        heavy_load=np.zeros(m, np.int64),
    )
    return demand, a.Pairs(patient, doctor, minutes[patient, doctor])


def gathered(demand, pairs, household, worth, weights=TRAVEL, **more):
    pair = a.solve(demand, pairs, weights).pair
    return h.gather(
        demand, pairs, weights,
        pair=pair, household=np.array(household), worth_minutes=worth, **more,
    )  # fmt: skip


NAN = float("nan")


def test_a_free_place_is_taken():
    """A couple at five and six minutes from two doctors that have places: one minute's price."""
    case = of([2, 2], [[5, 6], [9, 8]])
    found = gathered(*case, [1, 1], worth=3)
    assert found.after.doctor.tolist() == [0, 0]
    assert (found.households, found.together_before, found.together) == (1, 0, 1)
    assert (found.price_minutes, found.moved.tolist()) == (1.0, [1])


def test_it_is_not_worth_more_than_said():
    case = of([2, 2], [[5, 16], [19, 8]])
    assert gathered(*case, [1, 1], worth=10.9).after.doctor.tolist() == [0, 1]
    assert gathered(*case, [1, 1], worth=11.0).after.doctor.tolist() in ([0, 0], [1, 1])


def test_somebody_alone_changes_places():
    """Both doctors are full; the third person, who knows both, goes to the other."""
    case = of([2, 1], [[5, 6], [9, 8], [4, 5]])
    found = gathered(*case, [1, 1, h.ALONE], worth=5)
    assert found.after.doctor.tolist() == [0, 0, 1]
    assert found.after.placed.tolist() == [3]
    assert found.price_minutes == 2.0


def test_nobody_of_another_household_or_fixed_is_moved():
    case = of([2, 1], [[5, 6], [9, 8], [4, 5]])
    assert gathered(*case, [1, 1, 2], worth=50).moved.size == 0
    kept = gathered(*case, [1, 1, h.ALONE], worth=50, is_fixed=np.array([False, False, True]))
    assert kept.after.doctor[2] == 0
    none = gathered(*case, [1, 1, h.ALONE], worth=50, is_fixed=np.array([True, True, False]))
    assert none.moved.size == 0


def test_a_doctor_that_one_may_not_have_gathers_nobody():
    case = of([2, 2], [[5, NAN], [NAN, 8]])
    found = gathered(*case, [1, 1], worth=500)
    assert (found.together, found.moved.size, found.price_minutes) == (0, 0, 0.0)


def test_load_is_counted_in_the_price():
    """Two heavy people at one doctor cost a step of each kind more."""
    case = of([2, 2], [[5, 6], [9, 8]], heavy=[0, 1])
    weights = a.AssignmentWeights(load_step=2, heavy_step=3)
    found = gathered(*case, [1, 1], worth=100, weights=weights)
    assert found.price_minutes == 1 + 2 + 3
    assert gathered(*case, [1, 1], worth=5.9, weights=weights).moved.size == 0


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 40), m=st.integers(1, 8))
def test_laws(seed, n, m):
    """As many placed by class, no doctor over capacity, none separated, the price is what it says, and
    no household is worth more than was said."""
    rng = np.random.default_rng(seed)
    demand, pairs = make(rng, n, m, cap=6, arcs=0.6)
    household = np.where(rng.random(n) < 0.5, rng.integers(0, max(n // 3, 1), n), h.ALONE)
    is_fixed = rng.random(n) < 0.1
    weights = a.AssignmentWeights()
    before = a.solve(demand, pairs, weights)
    found = h.gather(
        demand, pairs, weights,
        pair=before.pair, household=household, worth_minutes=8, is_fixed=is_fixed,
    )  # fmt: skip
    holds(demand, pairs, found.after)
    assert found.after.placed.tolist() == before.placed.tolist()
    assert found.together_before <= found.together <= found.households
    assert found.price_minutes == pytest.approx(found.after.cost - before.cost)
    assert found.price_minutes <= 8 * (found.together - found.together_before) + 1e-9
    assert (found.after.pair[is_fixed] == before.pair[is_fixed]).all()
    assert ((found.after.pair >= 0) == (before.pair >= 0)).all()


def test_one_number_a_person():
    case = of([1], [[5]])
    with pytest.raises(ValueError, match="household"):
        gathered(*case, [1, 1], worth=1)
