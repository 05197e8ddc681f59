"""French spaces: no line break before a colon, a semicolon, a question or exclamation mark, nor
inside the quotes. Done once, when a template is compiled."""

import re
from collections.abc import Iterator

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from maillage.kernel.words import NBSP

BEFORE = re.compile(r"(?:(?<=\S)|^) (?=[:;?!»](?:\s|[<.,)»\"]|$))")
AFTER = re.compile(r"« (?=\S)")


def hold(text: str) -> str:
    """
    >>> hold("Est-il venu ? « Oui » : note.").count(NBSP)
    4
    """
    return AFTER.sub(f"«{NBSP}", BEFORE.sub(NBSP, text))


class FrenchSpaces(Extension):
    """Holds punctuation to its word in the text of a template and in its strings."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type in {"data", "string"}:
                yield Token(token.lineno, token.type, hold(token.value))
            else:
                yield token
