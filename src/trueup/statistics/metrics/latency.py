"""How long calls take: a quantile of times, from calls or from a histogram of them."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from trueup.statistics.metrics.binary import tied
from trueup.statistics.metrics.estimates import Estimate, FloatArray, totals, undefined

FEWEST_CALLS: Final = 37  # below, not even the slowest call bounds the quantile by an error
_LATENCY_SHARE: Final = 0.95


def latency_p95_ms(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Milliseconds within which 95 of 100 calls are answered; `scores` are milliseconds.

    The i-th of n calls in order stands at the share (i - 1/2) / n, and between two calls the
    quantile is interpolated (Hazen 1914). The standard error is by order statistics (Woodruff
    1952): with h = sqrt(0.95 x 0.05 / n), the larger of Q(0.95 + h) - Q(0.95) and
    Q(0.95) - Q(0.95 - h). Taking the larger keeps bounds honest although slow calls spread wide.
    It is infinite below 37 calls, where 0.95 + h lies beyond the slowest of them.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("latency_p95_ms")([0] * 4, [2, 3, 4, 90], [40, 40, 15, 5]).value
        47.0
    """
    n, positives = totals(labels, weights)
    if n <= 0:
        return undefined(n, positives)
    value, error = quantile(scores, weights, _LATENCY_SHARE)
    return Estimate(value, error if n >= FEWEST_CALLS else float("inf"), round(n), positives)


def quantile(values: FloatArray, weights: FloatArray, share: float) -> tuple[float, float]:
    """Hazen's quantile of weighted values, and its error by order statistics (Woodruff 1952).

    Example:
        >>> quantile(np.array([1.0, 2.0, 3.0]), np.ones(3), 0.5)
        (2.0, 0.8660254037844386)
    """
    at, *at_label = tied(np.zeros(values.size), values, weights)
    times = at_label[0] + at_label[1]
    n = float(np.sum(weights))
    passed = np.cumsum(times)
    # Values that are equal stand side by side: the first and the last of them say it all.
    half = np.minimum(times, 1.0) / 2
    shares = np.stack([passed - times + half, passed - half], axis=1).ravel() / n
    reach = math.sqrt(share * (1 - share) / n)
    asked = [share, share - reach, share + reach]
    value, below, above = np.interp(asked, shares, np.repeat(at, 2)).tolist()
    return value, max(above - value, value - below)


def quantile_from_histogram(edges: npt.ArrayLike, counts: npt.ArrayLike, q: float) -> float:
    """A quantile of binned values such as latencies, rows spread evenly inside their bin.

    Args:
        edges: Bin edges, ascending, shape [B + 1], in the unit of the result; the last may be
            infinite.
        counts: Rows per bin, shape [B].
        q: Between 0 and 1.

    Returns:
        The quantile; the lower edge of a bin without end; NaN without rows.

    Raises:
        ValueError: If shapes do not fit or q is outside 0 to 1.

    Example:
        >>> quantile_from_histogram([0, 10, 20, float("inf")], [50, 40, 10], 0.7)
        15.0
    """
    marks = np.asarray(edges, dtype=np.float64)
    cells = np.asarray(counts, dtype=np.float64)
    if marks.shape != (cells.size + 1,) or not 0 <= q <= 1:
        raise ValueError(f"{marks.size} edges, {cells.size} counts and q={q} do not fit")
    total = cells.sum()
    if total == 0:
        return float("nan")
    passed = np.cumsum(cells)
    target = q * total
    # An empty bin cannot hold the quantile, even where the running count just reaches it.
    cell = int(np.flatnonzero((passed >= target) & (cells > 0))[0])
    if np.isinf(marks[cell + 1]):
        return float(marks[cell])
    inside = (target - (passed[cell] - cells[cell])) / cells[cell]
    return float(marks[cell] + inside * (marks[cell + 1] - marks[cell]))
