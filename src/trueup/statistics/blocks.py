"""Errors that stay honest when rows come in blocks: flights of one day share one storm.

The rows of a block may depend on each other in any way; blocks must not depend on each other. It
knows no calendar: what a block is, the caller says. Read ``intervals.py`` next.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trueup.statistics.metrics import Estimate, Metric

FloatArray: TypeAlias = npt.NDArray[np.float64]


def jackknife(
    metric: Metric, labels: npt.ArrayLike, scores: npt.ArrayLike, blocks: npt.ArrayLike
) -> Estimate:
    """A metric over all blocks, with the standard error of leaving out one block at a time.

    With G blocks and the metric without block d as theta(-d), the squared error is
    (G - 1) / G times the sum of (theta(-d) - mean theta(-d))^2 (Quenouille 1956, Tukey 1958). It is
    never less than the error of independent rows, since blocks cannot make rows tell more.

    Args:
        metric: What to measure.
        labels: 0 or 1, shape [n].
        scores: Shape [n].
        blocks: How many rows of each block share each label and score, shape [G, n]. Blocks
            without rows do not count.

    Returns:
        The estimate, with G - 1 degrees of freedom. Its error is infinite with fewer than two
        blocks, or where the metric is undefined without one of them.

    Raises:
        ValueError: If shapes do not fit or rows are malformed.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> days = [[40, 10], [20, 30], [30, 20]]  # rows with label 0 and 1 on three days
        >>> found = jackknife(metric("prevalence"), [0, 1], [0.4, 0.4], days)
        >>> round(found.value, 4), round(found.standard_error, 4), found.degrees_of_freedom
        (0.4, 0.1155, 2)
    """
    y, s = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    parts = np.asarray(blocks, dtype=np.float64)
    if parts.ndim != 2 or parts.shape[1:] != y.shape:
        raise ValueError(f"blocks {parts.shape} do not fit labels {y.shape}")
    parts = parts[parts.any(axis=1)]
    weights = parts.sum(axis=0)
    whole = metric(y, s, weights)
    kept = np.flatnonzero(weights)
    kept = kept[np.argsort(s[kept])]  # so that metrics which sort find little to do
    without = _without_each(metric, y[kept], s[kept], parts[:, kept])
    freedom = max(len(parts) - 1, 0)
    error = float("inf")
    if freedom:
        error = float(np.sqrt(freedom / len(parts) * np.sum((without - without.mean()) ** 2)))
        error = float("inf") if np.isnan(error) else max(error, whole.standard_error)
    return msgspec.structs.replace(whole, standard_error=error, degrees_of_freedom=freedom)


def _without_each(
    metric: Metric, labels: FloatArray, scores: FloatArray, parts: FloatArray
) -> FloatArray:
    row_values = metric.values(labels, scores)
    if row_values is not None:
        # A mean needs no second pass over the rows. A magnitude spreads as its signed mean does:
        # near zero its own values would fold together and seem more certain than they are.
        sums = np.sum(parts * row_values, axis=1)
        sizes = parts.sum(axis=1)
        left = sizes.sum() - sizes
        means: FloatArray = (sums.sum() - sums) / np.where(left > 0, left, np.nan)
        return means
    weights = parts.sum(axis=0)
    values = np.empty(len(parts))
    for place, part in enumerate(parts):
        rest = weights - part
        kept = rest > 0
        values[place] = metric.estimate(labels[kept], scores[kept], rest[kept]).value
    return values
