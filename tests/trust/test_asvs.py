"""A1: each requirement of ASVS 5.0, levels 1 and 2, says where it stands, and what it names is there."""

import ast
import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from trusted import evidence

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/security/asvs.csv"
REQUIREMENTS = {"1": 70, "2": 183}  # by level, in ASVS 5.0
STATES = {
    "shown": "a test shows it",
    "written": "a document says it, or a line of the source that no test can better",
    "host": "the machine's, not the software's: a document says so",
    "accepted": "a risk taken, with its document",
    "does not apply": "and why",
}
NAMED = re.compile(r"(?:src|tests|docs|tools)/[\w./-]+\w(?:::\w+)?|[A-Z]+\.md")


def functions_of(path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}


def is_there(name) -> bool:
    path, _, test = name.partition("::")
    return (ROOT / path).is_file() and (not test or test in functions_of(ROOT / path))


def faults_of(rows) -> list[str]:
    """What is wrong in these lines (requirement, level, state, words)."""
    wrong = []
    for each in rows:
        if len(each) != 4:
            wrong.append(f"{each}: four cells, no more")
            continue
        requirement, level, state, words = each
        named = NAMED.findall(words)
        if not re.fullmatch(r"V\d+\.\d+\.\d+", requirement) or level not in REQUIREMENTS:
            wrong.append(f"{requirement}: no requirement of level 1 or 2")
        if state not in STATES:
            wrong.append(f"{requirement}: {state!r} is no state")
        if state == "shown" and not any(name.startswith("tests/") for name in named):
            wrong.append(f"{requirement}: names no test")
        if state in {"written", "host", "accepted"} and not named:
            wrong.append(f"{requirement}: names no document")
        if state == "does not apply" and len(words.split()) < 2:
            wrong.append(f"{requirement}: does not say why")
        wrong += [f"{requirement}: {name} is not there" for name in named if not is_there(name)]
    seen = Counter(each[0] for each in rows)
    return wrong + [f"{requirement}: twice" for requirement, times in seen.items() if times > 1]


def read():
    with FILE.open(encoding="utf-8", newline="") as lines:
        _, *rows = csv.reader(lines)
    return rows


def test_every_requirement_says_where_it_stands():
    rows = read()
    assert faults_of(rows) == []
    assert Counter(level for _, level, _, _ in rows) == REQUIREMENTS
    for state, count in Counter(state for _, _, state, _ in rows).items():
        evidence("A1", f"requirements of ASVS 5.0, levels 1 and 2: {state}", count)


HERE = "tests/trust/test_asvs.py"
FAULTS = {
    "a test taken away": (["V1.1.1", "2", "shown", "tests/trust/test_gone.py"], "is not there"),
    "a test renamed": (["V1.1.1", "2", "shown", f"{HERE}::test_gone"], "is not there"),
    "shown by a document": (["V1.1.1", "2", "shown", "docs/architecture.md"], "names no test"),
    "written nowhere": (["V1.1.1", "2", "written", "One day."], "names no document"),
    "still open": (["V1.1.1", "2", "open", "Not built."], "is no state"),
    "no reason": (["V1.1.1", "2", "does not apply", ""], "does not say why"),
    "level 3": (["V1.1.1", "3", "shown", HERE], "level 1 or 2"),
    "no requirement": (["G14", "2", "shown", HERE], "level 1 or 2"),
    "twice": (["V1.2.1", "1", "shown", HERE], "twice"),
    "a cell too many": (["V1.1.1", "2", "does not apply", "No XML", " no LDAP"], "four cells"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_line_is_seen(name):
    bad, words = FAULTS[name]
    good = ["V1.2.1", "1", "shown", f"{HERE}::test_a_bad_line_is_seen"]
    assert faults_of([good]) == []
    [fault] = faults_of([good, bad])
    assert words in fault
