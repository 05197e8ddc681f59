from collections.abc import Mapping, Set

from maillage.kernel.errors import InvalidTransition


def check_transition(
    table: Mapping[str, Set[str]], source: str, target: str, *, sentence: str
) -> None:
    """Raise InvalidTransition with `sentence` (French, for the person) when `table` forbids the move."""
    if target not in table[source]:
        raise InvalidTransition(sentence)
