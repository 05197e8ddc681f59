"""Every code written in the journal, anywhere in the source, has its French words."""

import ast
from pathlib import Path

import pytest

import maillage
from maillage.availability.enums import BookingState
from maillage.home.enums import ACTS, READS
from maillage.snp.enums import CareRequestStatus

SRC = Path(maillage.__file__).parent
# What an f-string is made of when it is no parameter of its function.
VALUES = {
    "state": [state.value for state in BookingState],
    "wanted.value": [CareRequestStatus.HONOURED.value, CareRequestStatus.MISSED.value],
}


def constants(node):
    """The texts an expression may be: a text, or one of the two of a condition."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.IfExp):
        return constants(node.body) + constants(node.orelse)
    return []


def given(tree, name, function):
    """The texts the module's calls of `function` give its parameter `name`."""
    names = [arg.arg for arg in function.args.args]
    if name not in names:
        return VALUES[name]
    at = names.index(name)
    return [
        text
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == function.name
        for text in constants(call.args[at])
    ]


def code_in(call, verb):
    """What a call gives as its code; None when it writes no line of that kind."""
    if not isinstance(call, ast.Call):
        return None
    if ast.unparse(call.func) == f"journal.{verb}":
        return call.args[0]
    if verb == "record_read" and ast.unparse(call.func) == "read":  # of a page, kernel.pages
        return call.args[1]
    return None


def codes_of(tree, verb):
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in ast.walk(function):
            first = code_in(call, verb)
            if first is None:
                continue
            if isinstance(first, ast.JoinedStr):
                start, hole = first.values
                for text in given(tree, ast.unparse(hole.value), function):
                    yield start.value + text
            elif isinstance(first, ast.Name):
                yield from given(tree, first.id, function)
            else:
                found = constants(first)
                assert found, ast.unparse(first)
                yield from found


@pytest.mark.parametrize(("verb", "words"), [("record", ACTS), ("record_read", READS)])
def test_every_code_recorded_has_its_words_and_no_word_is_for_nothing(verb, words):
    found = {
        code
        for path in SRC.rglob("*.py")
        if "migrations" not in path.parts
        for code in codes_of(ast.parse(path.read_text("utf-8")), verb)
    }
    assert found == set(words)
