"""In whose rows the code stands: the scope that is open, told to the database.

`scope(cpts=…)` opens the rows of one CPTS, `scopes_disabled()` those of all of them, and each place
that does the latter is on the list of tests/trust/test_row_security.py. Without either: no row.
"""

from contextlib import AbstractContextManager
from typing import Any

from django_scopes import get_scope, scope, scopes_disabled

EVERY = "*"
NONE = ""


def current() -> str:
    """What the connection is told: the id of the CPTS in scope, `EVERY`, or `NONE`."""
    state = get_scope()
    if not state.get("_enabled", True):
        return EVERY
    cpts = state.get("cpts")
    return NONE if cpts is None else str(getattr(cpts, "pk", cpts))


def inside(cpts: Any) -> AbstractContextManager[None]:
    """The scope of `cpts` (a CPTS or its id); what belongs to no CPTS stands beyond them all."""
    held: AbstractContextManager[None] = (
        scopes_disabled() if cpts is None else scope(cpts=getattr(cpts, "pk", cpts))
    )
    return held
