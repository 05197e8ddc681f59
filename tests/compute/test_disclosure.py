"""Hidden cells against a reader who tries every table that agrees with what is shown."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.compute import disclosure
from maillage.compute.disclosure import suppress_line, suppress_table
from maillage.compute.percentiles import percentiles

MINIMUM = 3


def ways(total, cells, most):
    """Every list of whole numbers from 0 that adds to `total`."""
    if cells == 1:
        if total <= most:
            yield (total,)
        return
    for first in range(min(total, most) + 1):
        for rest in ways(total - first, cells - 1, most):
            yield (first, *rest)


def what_a_reader_finds_in_a_line(counts, hidden):
    """For each hidden cell, the values it may have: every table that agrees is tried."""
    found = [set() for _ in counts]
    if hidden.total:
        return None  # nothing is shown but that the total is small
    left = int(sum(counts[~hidden.cells]))
    for guess in ways(int(sum(counts)) - left, max(int(hidden.cells.sum()), 1), 99):
        for index, value in zip(np.flatnonzero(hidden.cells), guess, strict=False):
            found[index].add(value)
    return found


def what_a_reader_finds(counts, hidden_cells, hidden_rows):
    """Values each hidden cell, and each hidden row total, may have, by trying every table."""
    rows, columns = counts.shape
    sums = counts.sum(axis=0)
    of_column = []
    for j in range(columns):
        unknown = np.flatnonzero(hidden_cells[:, j])
        left = int(sums[j] - counts[~hidden_cells[:, j], j].sum())
        of_column.append(
            [
                dict(zip(unknown.tolist(), guess, strict=True))
                for guess in (ways(left, len(unknown), left) if len(unknown) else [()])
            ]
        )
    cells = {(i, j): set() for i, j in zip(*np.nonzero(hidden_cells), strict=True)}
    totals = {int(i): set() for i in np.flatnonzero(hidden_rows)}
    for guess in itertools.product(*of_column):
        table = [[guess[j].get(i, counts[i, j]) for j in range(columns)] for i in range(rows)]
        if any(sum(table[i]) != counts[i].sum() for i in range(rows) if not hidden_rows[i]):
            continue
        for i, j in cells:
            cells[i, j].add(int(table[i][j]))
        for i in totals:
            totals[i].add(int(sum(table[i])))
    return cells, totals


def breaches(found, minimum=MINIMUM):
    return [cell for cell, values in found.items() if max(values) - min(values) < minimum]


@st.composite
def tables(draw):
    rows, columns = draw(st.sampled_from([(2, 1), (3, 1), (4, 1), (2, 2), (3, 2), (2, 3)]))
    values = st.integers(0, 5)
    cells = [[draw(values) for _ in range(columns)] for _ in range(rows)]
    for j in range(columns):  # its column totals reach the minimum
        short = MINIMUM - sum(row[j] for row in cells)
        if short > 0:
            cells[draw(st.integers(0, rows - 1))][j] += short
    return np.array(cells, dtype=np.int64)


def test_by_hand():
    # 2 is small; with the row's total shown, another cell of its row is hidden, then of its column.
    counts = np.array([[2, 30, 40], [20, 35, 60], [25, 50, 70]])
    hidden = suppress_table(counts=counts, minimum=11)
    assert hidden.cells.tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, False],
    ]
    assert not hidden.rows.any()


def test_a_line_by_hand():
    hidden = suppress_line(counts=np.array([280, 6, 9, 25]), minimum=11)
    assert hidden.cells.tolist() == [False, True, True, False] and not hidden.total
    alone = suppress_line(counts=np.array([280, 6, 25]), minimum=11)
    assert alone.cells.tolist() == [False, True, True], "a cell alone is what its total lacks"
    assert suppress_line(counts=np.array([3, 4]), minimum=11).total
    assert not suppress_line(counts=np.array([0, 1]), minimum=1).cells.any()


@given(st.lists(st.integers(0, 7), min_size=1, max_size=5))
def test_no_reader_pins_a_hidden_cell_of_a_line(values):
    counts = np.array(values, dtype=np.int64)
    hidden = suppress_line(counts=counts, minimum=MINIMUM)
    assert (hidden.cells | (counts >= MINIMUM)).all()
    found = what_a_reader_finds_in_a_line(counts, hidden)
    assert hidden.total == (counts.sum() < MINIMUM)
    if found is not None:
        assert not breaches({i: found[i] for i in np.flatnonzero(hidden.cells)})


@settings(max_examples=60)
@given(tables())
def test_no_reader_pins_a_hidden_cell_of_a_table(counts):
    hidden = suppress_table(counts=counts, minimum=MINIMUM)
    assert (hidden.cells | (counts >= MINIMUM)).all(), "a small cell is shown"
    assert (hidden.rows | (counts.sum(axis=1) >= MINIMUM)).all(), "a small total is shown"
    cells, totals = what_a_reader_finds(counts, hidden.cells, hidden.rows)
    assert not breaches(cells) and not breaches(totals)


@settings(max_examples=20)
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_protects_as_well(counts, random):
    order = random.sample(range(len(counts)), len(counts))
    hidden = suppress_table(counts=counts[order], minimum=MINIMUM)
    cells, totals = what_a_reader_finds(counts[order], hidden.cells, hidden.rows)
    assert not breaches(cells) and not breaches(totals)


def test_the_reader_wins_when_only_small_cells_are_hidden(monkeypatch):
    """The attack is a real one: it reads a table without complementary suppression."""
    monkeypatch.setattr(disclosure._Net, "protect", lambda net, minimum: None)
    counts = np.array([[2, 9], [8, 7], [6, 9]])
    hidden = suppress_table(counts=counts, minimum=MINIMUM)
    cells, _ = what_a_reader_finds(counts, hidden.cells, hidden.rows)
    assert cells[0, 0] == {2}
    with pytest.raises(AssertionError):
        test_no_reader_pins_a_hidden_cell_of_a_table.hypothesis.inner_test(counts)


def test_a_table_where_nothing_is_small_is_shown_whole():
    counts = np.arange(12, 36).reshape(6, 4)
    hidden = suppress_table(counts=counts, minimum=11)
    assert not hidden.cells.any() and not hidden.rows.any()


def test_refusals():
    with pytest.raises(ValueError, match="counts"):
        suppress_table(counts=np.array([[1, 2]]), minimum=11)
    with pytest.raises(ValueError, match="counts"):
        suppress_line(counts=np.array([-1, 2]), minimum=11)
    with pytest.raises(ValueError, match="counts"):
        suppress_line(counts=np.array([[1], [2]]), minimum=11)


# Percentiles


def nearest_rank(values, p):
    """The definition, word for word: the smallest value that p % of them do not exceed."""
    return min(v for v in values if sum(w <= v for w in values) * 100 >= p * len(values))


def test_percentiles_by_hand():
    values = np.arange(1, 11, dtype=float)
    assert percentiles(values=values, at=(10, 50, 90, 95, 100)) == [1, 5, 9, 10, 10]
    assert percentiles(values=np.array([]), at=(50,)) == []


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(1, 100))
def test_percentiles_against_their_definition(values, p):
    assert percentiles(values=np.array(values, dtype=float), at=(p,)) == [nearest_rank(values, p)]


def test_percentiles_refuse():
    with pytest.raises(ValueError, match="at"):
        percentiles(values=np.array([1.0]), at=(0,))
    with pytest.raises(ValueError, match="values"):
        percentiles(values=np.array([np.nan]), at=(50,))
