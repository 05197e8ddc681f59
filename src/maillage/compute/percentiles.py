"""Percentiles by nearest rank: a delay that somebody really waited, never one in between.

The percentile p of n values is the one of rank ceil(p n / 100), the smallest value that at least p %
of them do not exceed (R. Hyndman and Y. Fan, Sample quantiles in statistical packages, 1996, type 1).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def percentiles(*, values: Floats, at: Sequence[int]) -> list[float]:
    """The percentiles `at` (1 to 100) of `values` (any unit, any order); none of no value.

    Raises ValueError naming the argument.
    """
    if values.ndim != 1 or np.isnan(values).any():
        raise ValueError("values: one dimension, no NaN")
    if any(not 1 <= p <= 100 for p in at):
        raise ValueError("at: from 1 to 100")
    if values.size == 0:
        return []
    ordered = np.sort(values)
    return [float(ordered[-(-p * values.size // 100) - 1]) for p in at]
