"""Distances against a plain table, sounds, keys: what is one mistake away is filed together."""

import random
import string

import pytest

from maillage.compute import spelling
from maillage.compute.spelling import EXACT, NEVER, PARTIAL

WORDS = (
    *("lefebvre", "philippe", "gonzalez", "coquelicot", "mirabelle", "tournesol", "chataigne"),
    *("bruyere", "quinoa", "noisetier", "jasmin", "hortensia", "edelweiss", "guimauve", "lys"),
)


def by_table(a, b):
    """Optimal string alignment, cell by cell."""
    table = [[i + j for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def test_distances_are_those_of_the_table():
    rng = random.Random(1)

    def word():
        return "".join(rng.choices("abc", k=rng.randint(1, 8)))

    for _ in range(200):
        typed, others = word(), [word() for _ in range(20)]
        assert spelling.distances(typed, others).tolist() == [by_table(typed, o) for o in others]
    assert spelling.distances("abc", []).tolist() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("philippe", "filipe"),
        ("thibault", "tibo"),
        ("renault", "renau"),
        ("cecile", "sesile"),
        ("laurent", "lorand"),
        ("christelle", "cristel"),
        ("schmitt", "chmit"),
        ("quentin", "kantin"),
        ("oeuvrard", "euvrar"),
        ("gonzalez", "gonsales"),
    ],
)
def test_what_is_heard_alike_is_close(one, other):
    (cost,) = spelling.costs(other, [one]).tolist()
    assert cost <= 3
    assert spelling.keys(one) & spelling.keys_asked(other)


def mistakes(word):
    """Every word one edit away."""
    for at in range(len(word) + 1):
        for letter in string.ascii_lowercase:
            yield word[:at] + letter + word[at:]
            if at < len(word):
                yield word[:at] + letter + word[at + 1 :]
        if at < len(word):
            yield word[:at] + word[at + 1 :]
        if at + 1 < len(word):
            yield word[:at] + word[at + 1] + word[at] + word[at + 2 :]


@pytest.mark.parametrize("word", WORDS)
def test_one_mistake_anywhere_still_meets_the_word(word):
    filed = spelling.keys(word)
    every = sorted(set(mistakes(word)))
    met = [each for each in every if filed & spelling.keys_asked(each)]
    assert len(met) >= (0.97 if len(word) > 5 else 0.9) * len(every)
    costs = [spelling.costs(each, [word]).tolist()[0] for each in every]
    assert max(costs) <= (2 if len(word) > 3 else 3) or len(word) <= 3


def test_two_mistakes_mostly_meet_the_word():
    rng = random.Random(2)
    met = total = 0
    for word in WORDS:
        if len(word) < 6:
            continue
        for _ in range(60):
            twice = rng.choice(list(mistakes(rng.choice(list(mistakes(word))))))
            total += 1
            met += bool(spelling.keys(word) & spelling.keys_asked(twice))
    assert met / total > 0.85


def test_costs_go_from_the_same_to_never():
    words = ["martin", "martinet", "marin", "martel", "coquelicot", "0353011234"]
    assert spelling.costs("martin", words).tolist() == [EXACT, PARTIAL, 2, 4, NEVER, NEVER]
    assert spelling.costs("0353", words).tolist() == [NEVER] * 5 + [PARTIAL]
    assert spelling.costs("ly", ["lys", "li", "ly"]).tolist() == [2, 2, EXACT]
    assert spelling.costs("x", []).tolist() == []


def test_a_long_word_has_few_keys():
    long = "".join(random.Random(3).choices(string.ascii_lowercase, k=80))
    assert len(spelling.keys(long)) <= 20 and len(spelling.keys_asked(long)) <= 140
    for word in (*WORDS, long, "h", "sss", "99"):
        assert all(0 < len(key) <= len(word) + 1 for key in spelling.keys(word))
