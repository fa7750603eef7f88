"""Which cell of its column every value belongs to, for many hours at once.

Counting hour by hour with `statistics.summaries` gives the same counts and takes ten times as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np

from trueup.lifecycle.monitoring.counts import FloatArray, Vector
from trueup.statistics.summaries import CATEGORY_EXTRAS, NUMERIC_EXTRAS, Bins


def count_by_hour(
    bins: Bins, values: Sequence[Any] | FloatArray, hours: Vector, rows: int
) -> Vector:
    """Counts of a column for each hour.

    Args:
        bins: The frozen cells.
        values: Numbers, or words and flags; None for missing.
        hours: The hour of each value, below `rows`.
        rows: How many hours.

    Returns:
        Shape [rows, bins.size]; every row is what `summaries.count` gives for the hour's values.
    """
    cells = _of_words(bins, values) if bins.kind == "category" else _of_numbers(bins, values)
    found = np.bincount(hours * bins.size + cells, minlength=rows * bins.size)
    return found.reshape(rows, bins.size)


def _of_numbers(bins: Bins, values: Sequence[Any] | FloatArray) -> Vector:
    numbers = np.asarray(values, dtype=np.float64)  # None becomes NaN
    cells = np.searchsorted(np.array(bins.edges), numbers, side="right").astype(np.int64)
    missing, infinite, below, above = range(bins.size - len(NUMERIC_EXTRAS), bins.size)
    if bins.low is not None:
        cells[numbers < bins.low] = below
    if bins.high is not None:
        cells[numbers > bins.high] = above
    cells[np.isinf(numbers)] = infinite
    cells[np.isnan(numbers)] = missing
    return cells


def _of_words(bins: Bins, values: Sequence[Any] | FloatArray) -> Vector:
    other, new, missing = range(bins.size - len(CATEGORY_EXTRAS), bins.size)
    cell_of: dict[Any, int] = dict.fromkeys(bins.rare, other)
    cell_of |= {value: cell for cell, value in enumerate(bins.values)}
    flags = {True: "true", False: "false"}  # training keeps flags as words
    cell_of |= {flag: cell_of[word] for flag, word in flags.items() if word in cell_of}
    cell_of[None] = missing
    unknown = other if bins.is_open else new
    return np.fromiter(map(cell_of.get, values, repeat(unknown)), np.int64, len(values))
