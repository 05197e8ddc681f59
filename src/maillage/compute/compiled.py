"""`@compiled`: a function on arrays becomes machine code at its first call."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The machine code is kept on disk, or only for this process where no folder can be written."""
    try:
        made: Any = numba.njit(cache=True)(function)
    except RuntimeError:  # no folder for it: neither beside the source nor the user's own
        made = numba.njit(function)
    return cast(Function, made)
