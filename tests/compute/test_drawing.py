"""Shapes of a map: cells share the plane, borders shared stay shared, paths say what was drawn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.compute import drawing

points_apart = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=9, unique=True
).map(lambda pairs: 20.0 * np.array(pairs, float))


def test_the_frame_keeps_the_shape_of_the_world():
    frame = drawing.frame_of(
        longitude=np.array([4.0, 5.0]), latitude=np.array([46.0, 47.0]), size=1000, margin=10
    )
    assert frame.height == 1000
    # At 46.5° a degree of longitude is cos(46.5°) = 0.688 of one of latitude.
    assert (frame.width - 20) / (frame.height - 20) == pytest.approx(0.688, abs=0.002)
    assert frame.point(4.0, 47.0) == (10.0, 10.0)
    x, y = frame.point(5.0, 46.0)
    assert (x, y) == (pytest.approx(frame.width - 10, abs=1), 990.0)


def test_nothing_to_frame_is_named():
    with pytest.raises(ValueError, match="longitude"):
        drawing.frame_of(longitude=np.array([]), latitude=np.array([]), size=9, margin=1)


@settings(max_examples=60)
@given(points_apart)
def test_cells_share_the_hull_without_gap_or_overlap(points):
    radius = 30.0
    found = drawing.cells(points=points, radius=radius)
    turn = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    circle = radius * np.column_stack([np.cos(turn), np.sin(turn)])
    outside = drawing.hull((points[:, None] + circle[None]).reshape(-1, 2))
    areas = [abs(drawing.area(cell)) for cell in found]
    assert sum(areas) == pytest.approx(abs(drawing.area(outside)))
    assert min(areas) > 0


@settings(max_examples=60)
@given(points_apart, st.floats(0, 800), st.floats(0, 800))
def test_a_place_is_in_the_cell_of_its_nearest_centre(points, x, y):
    """Brute-force oracle: wherever a cell claims a place, no other centre is nearer."""
    distances = np.hypot(*(points - (x, y)).T)
    for cell, distance in zip(drawing.cells(points=points, radius=30.0), distances, strict=True):
        if drawing.contains(cell, x, y):
            assert distance <= distances.min() + 1e-6


def test_a_radius_of_nothing_is_named():
    with pytest.raises(ValueError, match="radius"):
        drawing.cells(points=np.zeros((1, 2)), radius=0)


def test_a_path_is_read_back_as_the_ring_it_draws():
    ring = np.array([[10, 10], [30, 5], [25, 40]])
    text = drawing.path([ring, ring + 100])
    first, second = text.removesuffix("z").split("zM")
    start, steps = first.removeprefix("M").split("l")
    drawn = [tuple(map(int, start.split(",")))]
    for step in steps.split(" "):
        dx, dy = map(int, step.split(","))
        drawn.append((drawn[-1][0] + dx, drawn[-1][1] + dy))
    assert drawn == [tuple(point) for point in ring.tolist()]
    assert second.startswith("110,110l")


def test_a_ring_too_small_for_the_grid_is_not_drawn():
    assert len(drawing.snap(np.array([[1.1, 1.1], [1.2, 1.1], [1.2, 1.2]]))) == 0


def test_the_middle_of_a_square_and_the_town_hall_of_a_crescent():
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10]])
    assert drawing.label_point([square], (1.0, 1.0)) == (5.0, 5.0)
    crescent = np.array([[0, 0], [30, 0], [30, 30], [0, 30], [0, 28], [28, 28], [28, 2], [0, 2]])
    assert drawing.label_point([crescent], (29.0, 15.0)) == (29.0, 15.0)


def test_of_two_labels_that_touch_the_heavier_is_kept():
    shown = drawing.labels_that_fit(
        x=np.array([0.0, 5.0, 100.0]),
        y=np.array([0.0, 3.0, 0.0]),
        widths=np.array([20.0, 20.0, 20.0]),
        height=10.0,
        weight=np.array([1.0, 2.0, 0.0]),
    )
    assert shown.tolist() == [False, True, True]
