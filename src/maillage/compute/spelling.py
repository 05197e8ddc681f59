"""Words as people misspell them: how far two words are, and the keys that bring them together.

Words are folded: lower-case ASCII letters and digits. The sound is a rough French one (ph is f, eau
is o, doubled letters are one, the last silent letters go): it need not be right, only the same for
spellings people mistake for each other. The keys are those of symmetric deletion (two words one edit
apart share a word with one letter less; W. Garbe, SymSpell, 2012), taken on the sound.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

NEVER = 99  # cost of a word that cannot be meant
EXACT, PARTIAL = 0, 1
PARTIAL_LETTERS = 3  # from how many letters a piece of a word is searched for
HALF = 4  # letters of the first and last pieces of a sound
LONG = 16  # letters of a sound that make its keys: what comes after is read, not filed

# In this order. Groups of letters first, then letters, then what is doubled or silent.
_GROUPS = (
    *(("ph", "f"), ("sch", "$"), ("ch", "$"), ("sh", "$"), ("h", ""), ("eau", "o"), ("au", "o")),
    *(("ce", "se"), ("ci", "si"), ("cy", "si"), ("qu", "k"), ("ge", "je"), ("gi", "ji")),
    *(("gy", "ji"), ("ai", "e"), ("ei", "e"), ("ae", "e"), ("oe", "e")),
    *(("en", "an"), ("em", "am")),
)
_ALIKE = str.maketrans("cqyzxw", "kkissv")
_DOUBLED = re.compile(r"(.)\1+")
_SILENT = re.compile("(?<=..)(?:es?|l?[stdxp]+)$")


@lru_cache(maxsize=2**16)
def sound(word: str) -> str:
    """How a French reader says a word, roughly; the word itself when nothing is left of it.

    >>> sound("philippe"), sound("filipe"), sound("laurent"), sound("lorand")
    ('filip', 'filip', 'loran', 'loran')
    """
    said = word
    for group, written in _GROUPS:
        said = said.replace(group, written)
    said = _DOUBLED.sub(r"\1", said.translate(_ALIKE))
    return _SILENT.sub("", said) or word


def _with_less(text: str, times: int) -> set[str]:
    """The text without 0 to `times` of its letters."""
    every = last = {text}
    for _ in range(times):
        last = {each[:i] + each[i + 1 :] for each in last for i in range(len(each))} - {""}
        every = every | last
    return every


def _pieces(word: str, said: str) -> set[str]:
    pieces = {f"^{word[:PARTIAL_LETTERS]}"}
    if len(said) > HALF:
        pieces |= {f"<{said[:HALF]}", f">{said[-HALF:]}"}
    return pieces


def keys(word: str) -> set[str]:
    """What a word is filed under: about a dozen texts, none longer than the word and one sign."""
    said = sound(word)
    return _with_less(said[:LONG], 1) | _pieces(word, said)


def keys_asked(word: str) -> set[str]:
    """What to look under for a word as typed: any word one edit away shares one, most at two."""
    said = sound(word)
    return _with_less(said[:LONG], 2) | _pieces(word, said)


def distances(word: str, words: Sequence[str]) -> Ints:
    """Edits from `word` to each of `words`: a letter more, less, other, or two neighbours swapped.

    Optimal string alignment distance, one row of its table at a time over all words at once.
    """
    if not words:
        return np.zeros(0, dtype=np.int64)
    table = np.array([each.encode("ascii") for each in words], dtype=bytes)
    width = table.dtype.itemsize
    letters = table.view(np.uint8).reshape(len(words), width)
    steps = np.arange(width + 1, dtype=np.int16)
    before = last = np.broadcast_to(steps, (len(words), width + 1))
    typed = word.encode("ascii")
    for row, letter in enumerate(typed):
        now = np.empty((len(words), width + 1), dtype=np.int16)
        now[:, 0] = row + 1
        np.minimum(last[:, :-1] + (letters != letter), last[:, 1:] + 1, out=now[:, 1:])
        if row:
            swapped = (letters[:, :-1] == letter) & (letters[:, 1:] == typed[row - 1])
            tried = np.where(swapped, before[:, :-2] + 1, now[:, 2:])
            np.minimum(now[:, 2:], tried, out=now[:, 2:])
        # A letter more costs one from the cell on the left: the running minimum says it at once.
        now = np.minimum.accumulate(now - steps, axis=1) + steps
        before, last = last, now
    lengths = np.array([len(each) for each in words])
    counted: Ints = last[np.arange(len(words)), lengths].astype(np.int64)
    return counted


def _edits_allowed(letters: int) -> int:
    """Two short words one edit apart are two words; a long one bears more."""
    return (letters > 2) + (letters > 4) + (letters > 10)


def costs(word: str, words: Sequence[str]) -> Ints:
    """What each of `words` costs when `word` was typed: 0 the same, 1 a piece of it, NEVER not it.

    Then 2 for one edit or the same sound, 3 for one edit of the sound, 4 and 5 for two, 6 and 7
    for three. A number is itself or a piece.
    """
    found = np.full(len(words), NEVER, dtype=np.int64)
    other = []
    for index, each in enumerate(words):
        if each == word:
            found[index] = EXACT
        elif len(word) >= PARTIAL_LETTERS and word in each:
            found[index] = PARTIAL
        elif not word.isdigit() and not each.isdigit():
            other.append(index)
    said = sound(word)
    written = _within(_edits_allowed(len(word)), word, {at: words[at] for at in other})
    heard = _within(_edits_allowed(len(said) - 2), said, {at: sound(words[at]) for at in other})
    for index, edits in heard.items():
        found[index] = 2 * edits + 1 if edits else 2
    for index, edits in written.items():
        found[index] = min(found[index], 2 * edits)
    return found


def _within(most: int, word: str, others: dict[int, str]) -> dict[int, int]:
    """Edits to those at most so many away; a length too different needs no counting."""
    near = {at: each for at, each in others.items() if abs(len(each) - len(word)) <= most}
    edits = distances(word, list(near.values())).tolist()
    return {at: count for at, count in zip(near, edits, strict=True) if count <= most}
