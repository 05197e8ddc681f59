"""What is told of a waiting list, against a reader who tries every list that agrees with it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maillage.compute import waiting
from maillage.compute.disclosure import HiddenTable, join_columns, suppress_table
from maillage.compute.waiting import Found, told_found, told_line, told_table, told_waits

MINIMUM = 2
PLACES, CLASSES, AGES = range(2), range(2), range(3)
# Of age 2, nobody is of class 0: the rules say so, and are known.
CELLS = [each for each in itertools.product(PLACES, CLASSES, AGES) if each[1:] != (0, 2)]
IMPOSSIBLE = np.array([[False, False], [False, False], [True, False]])


def lists(total):
    """Every way to put so many people in the cells."""
    for bars in itertools.combinations(range(total + len(CELLS) - 1), len(CELLS) - 1):
        edges = (-1, *bars, total + len(CELLS) - 1)
        yield tuple(b - a - 1 for a, b in itertools.pairwise(edges))


def counted(people):
    """By age and class, by place."""
    ages, places = np.zeros((3, 2), np.int64), np.zeros(2, np.int64)
    for (place, rank, age), n in zip(CELLS, people, strict=True):
        ages[age, rank] += n
        places[place] += n
    return ages, places


def told(people):
    """Every number on the page, None where it is hidden."""
    ages, places = counted(people)
    table = told_table(ages, MINIMUM, IMPOSSIBLE)
    return (
        table.groups,
        [table.totals, table.rows],
        told_line(places, MINIMUM) if sum(people) >= MINIMUM else [None, None],
    )


def small(people):
    """The small counts somebody may look for: each cell of each table, joint or not."""
    ages, places = counted(people)
    return [*ages.ravel().tolist(), *ages.sum(axis=1).tolist(), *ages.sum(axis=0).tolist(),
            *places.tolist()]  # fmt: skip


def agrees(guess, page):
    """Whether this list would show the same numbers where some are shown."""
    groups, (totals, rows), line = page
    ages, places = counted(guess)
    joined = np.stack([ages[:, each].sum(axis=1) for each in groups], axis=1)
    if joined.sum(axis=0).tolist() != totals:
        return False
    for mine, (total, cells) in zip(joined, rows, strict=True):
        if total not in (None, mine.sum()):
            return False
        if any(n not in (None, m) for n, m in zip(cells, mine.tolist(), strict=True)):
            return False
    return all(n in (None, m) for n, m in zip(line, places.tolist(), strict=True))


def pinned(people):
    """Counts from 1 to the minimum that one who tries every list finds out."""
    page = told(people)
    if not page[0]:
        return []
    found = [set() for _ in small(people)]
    for guess in lists(sum(people)):
        if agrees(guess, page):
            for values, n in zip(found, small(guess), strict=True):
                values.add(n)
    return [values for values in found if len(values) == 1 and 0 < min(values) < MINIMUM]


@st.composite
def people(draw):
    where = draw(st.lists(st.sampled_from(range(len(CELLS))), min_size=2, max_size=6))
    return tuple(where.count(cell) for cell in range(len(CELLS)))


@settings(max_examples=25, deadline=None)
@given(people())
def test_no_reader_finds_a_small_count_in_all_the_tables(each):
    assert pinned(each) == []


def only_small(*, counts, minimum, impossible=None):
    never = np.zeros(counts.shape, bool) if impossible is None else impossible
    return HiddenTable((counts < minimum) & ~never, counts.sum(axis=1) < minimum)


def test_the_reader_finds_one_when_only_small_cells_are_hidden(monkeypatch):
    monkeypatch.setattr(waiting, "suppress_table", only_small)
    assert any(pinned(each) for each in lists(4))


def values_of_a_cell(counts, hidden, cell):
    """What this cell may be, for who knows the totals told and that the last row has nobody at first."""
    first, second = counts.sum(axis=0).tolist()
    found = set()
    for a in range(first + 1):
        for b, c in itertools.product(range(second + 1), repeat=2):
            guess = np.array([[a, b], [first - a, c], [0, second - b - c]])
            same = hidden.cells | (guess == counts)
            rows = hidden.rows | (guess.sum(axis=1) == counts.sum(axis=1))
            if same.all() and rows.all() and guess.min() >= 0:
                found.add(int(guess[cell]))
    return found


def test_what_everybody_knows_protects_nothing():
    counts = np.array([[4, 1], [5, 6], [0, 5]])
    never = np.array([[False, False], [False, False], [True, False]])
    knows = suppress_table(counts=counts, minimum=2, impossible=never)
    assert not knows.cells[2, 0]
    found = values_of_a_cell(counts, knows, (0, 1))
    assert max(found) - min(found) >= 2
    # Seeded: an empty cell that the rules explain is taken for one more hidden count.
    ignores = suppress_table(counts=counts, minimum=2)
    assert values_of_a_cell(counts, ignores, (0, 1)) == {1}


def test_what_cannot_be_is_of_nobody():
    with pytest.raises(ValueError, match="impossible"):
        suppress_table(
            counts=np.array([[5], [4]]), minimum=3, impossible=np.array([[True], [False]])
        )


def test_columns_put_together():
    assert join_columns(totals=np.array([12, 30, 2]), minimum=5) == [[1], [0, 2]]
    assert join_columns(totals=np.array([12, 30, 9]), minimum=5) == [[0], [1], [2]]
    assert join_columns(totals=np.array([1, 3]), minimum=5) == []


# Waits


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([10, 20, 40, 50]), min_size=1, max_size=9))
def test_waits_leave_each_side_of_the_promise_in_doubt(days):
    """Every list of waits that shows the same: how many may be late goes as far as the minimum."""
    shown = told_waits(np.array(days), 30, MINIMUM)
    if shown.count is None or shown.late is not None:
        return
    late = {
        sum(day > 30 for day in guess)
        for guess in itertools.combinations_with_replacement([10, 20, 40, 50], len(days))
        if told_waits(np.array(guess), 30, MINIMUM) == shown
    }
    # The very rule is known too: that it hides tells that one side is small, and not which number.
    assert len(late) > 1 or shown.median_days is None


def test_waits_by_hand():
    shown = told_waits(np.array([1, 2, 3, 70, 80, 90, 100]), 60, 3)
    assert (shown.count, shown.kept, shown.late) == (7, 3, 4)
    assert (shown.median_days, shown.long_days) == (70, 70)
    few = told_waits(np.array([1, 2, 3, 70, 80, 90]), 60, 3)
    assert (few.count, few.median_days, few.long_days) == (6, None, None)
    assert told_waits(np.array([1, 2]), 60, 3).count is None


def test_how_long_it_takes_counts_those_who_still_wait():
    days = np.array([7, 14, 21, 28, 200, 200, 200])
    found = np.array([True, True, True, True, False, False, False])
    assert told_found(days, found, 3) == Found(4)  # 4 of 7 in 28 days; the median of the 4 is 17
    assert told_found(days, found & (days < 20), 3) == Found(None)
    assert told_found(days[:6], found[:6], 3) is None


def test_somebody_who_left_early_is_neither_found_nor_waiting_for_ever():
    # Of 4 still there on day 10, 2 find: half of whoever is left, though 2 left on day 1.
    days = np.array([1, 1, 1, 1, 10, 10, 10, 30, 30, 30])
    found = np.array([False] * 4 + [True] * 3 + [False] * 3)
    assert told_found(days, found, 2) == Found(2)


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=1, max_size=12))
def test_how_long_it_takes_is_never_of_a_few(rows):
    days, found = np.array([d for d, _ in rows]), np.array([f for _, f in rows])
    told = told_found(days, found, MINIMUM)
    if told is not None and told.weeks is not None:
        assert found.sum() >= MINIMUM and len(rows) > 2 * MINIMUM
        assert told.weeks * 7 >= days[found].min()
