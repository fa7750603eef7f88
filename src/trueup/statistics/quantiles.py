"""Quantiles of what was measured, with bounds by order statistics: no shape is assumed."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats


class Quantile(NamedTuple):
    """A quantile and its one-sided bounds.

    Attributes:
        value: Of the values at hand.
        lower: It is at least this, with the confidence asked for; None when too few values tell.
        upper: It is at most this, likewise.
    """

    value: float
    lower: float | None
    upper: float | None


def quantile(values: npt.ArrayLike, q: float, confidence: float = 0.95) -> Quantile:
    """The q-quantile of independent values, and its distribution-free bounds.

    The k-th smallest of n values lies at or above the quantile with the probability that fewer
    than k of them fall below it, which is binomial.

    Raises:
        ValueError: There are no values, or q or the confidence lie outside 0 to 1.

    Example:
        >>> quantile(range(1, 101), 0.5)
        Quantile(value=50.0, lower=42.0, upper=59.0)
        >>> quantile([3.0, 1.0, 2.0], 0.95).upper is None
        True
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    count = len(ordered)
    if not count or not 0 < q < 1 or not 0 < confidence < 1:
        raise ValueError(f"{count} values, quantile {q}, confidence {confidence}")
    value = float(ordered[max(math.ceil(q * count), 1) - 1])
    # P(X_(k) >= quantile) >= P(Binomial(n, q) <= k - 1)
    above = int(stats.binom.ppf(confidence, count, q)) + 1
    # P(X_(k) <= quantile) >= P(Binomial(n, q) >= k)
    below = int(stats.binom.ppf(1 - confidence, count, q))
    return Quantile(
        value,
        float(ordered[below - 1]) if below >= 1 else None,
        float(ordered[above - 1]) if above <= count else None,
    )


def fewest(q: float, confidence: float = 0.95) -> int:
    """How many values it takes until the largest bounds the q-quantile from above.

    Example:
        >>> fewest(0.95), fewest(0.99)
        (59, 299)
    """
    return math.ceil(math.log(1 - confidence) / math.log(q))
