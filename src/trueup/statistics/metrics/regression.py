"""Metrics of numbers that are predicted: means over rows, and what follows from them.

They are those of scikit-learn. Read ``quantiles.py`` for predictions of several levels.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from trueup.statistics.metrics.binary import excess, squared_error
from trueup.statistics.metrics.estimates import (
    Estimate,
    FloatArray,
    Smooth,
    mean_of,
    total,
    totals,
    undefined,
)
from trueup.statistics.metrics.latency import quantile

# Of Robson & Whitlock's 95 % bound of the end of a range, in standard errors of a normal law.
_END: Final = 19 / 1.6448536269514722


def mae(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean absolute error."""
    return mean_of(absolute_error(labels, scores), labels, weights, is_bounded=False)


def mse(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean squared error."""
    return mean_of(squared_error(labels, scores), labels, weights, is_bounded=False)


def mape(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean absolute error as a share of the label; huge where a label is 0, as in scikit-learn."""
    return mean_of(relative_error(labels, scores), labels, weights, is_bounded=False)


def smape(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean absolute error as a share of the mean of label and prediction: 0 to 2.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("smape")([2.0, 0.0], [6.0, 0.0]).value
        0.5
    """
    return mean_of(symmetric_error(labels, scores), labels, weights, is_bounded=False)


def bias(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Distance of the mean prediction from the mean label, whichever is larger.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("bias")([1.0, 2.0], [3.0, 1.0]).value
        0.5
    """
    signed = mean_of(excess(labels, scores), labels, weights, is_bounded=False)
    return Estimate(abs(signed.value), signed.standard_error, signed.n, signed.positives)


def rmse(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """Root of the mean squared error.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("rmse")([0.0, 0.0], [3.0, 3.0]).value
        3.0
    """
    n = total(weights)
    if n <= 0:
        return Smooth(math.nan, np.zeros(0))
    squares = squared_error(labels, scores)
    mean = total(weights * squares) / n
    root = math.sqrt(mean)
    return Smooth(root, (squares - mean) / (2 * root * n) if root > 0 else np.zeros(labels.size))


def r2(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """Share of the labels' variance that the predictions explain; undefined if they are all alike.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("r2")([0.0, 2.0], [0.0, 1.0]).value
        0.5
    """
    n = total(weights)
    middle = total(weights * labels) / n if n > 0 else 0.0
    spread = (labels - middle) ** 2
    around, missed = total(weights * spread), total(weights * squared_error(labels, scores))
    if around <= 0:
        return Smooth(math.nan, np.zeros(0))
    # The mean of the labels moves with the weights, too, but the sum around it is least there.
    slopes = -squared_error(labels, scores) / around + missed / around**2 * spread
    return Smooth(1 - missed / around, slopes)


def median_absolute_error(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """The absolute error that half of the rows keep; its error is by order statistics."""
    n, positives = totals(labels, weights)
    if n <= 0:
        return undefined(n, positives)
    value, error = quantile(absolute_error(labels, scores), weights, 0.5)
    return Estimate(value, error if n > 1 else math.inf, round(n), positives)


def max_error(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """The largest absolute error of the rows.

    The rows say little of the largest error there may be. The standard error is such that the
    bound of 95 % is that of Robson & Whitlock (1964): the largest, and 19 times its distance to
    the second largest.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("max_error")([0.0, 0.0], [3.0, -4.0]).value
        4.0
    """
    n, positives = totals(labels, weights)
    if n <= 0:
        return undefined(n, positives)
    errors = absolute_error(labels, scores)
    last = int(np.argmax(errors))
    if n <= 1:
        return Estimate(float(errors[last]), math.inf, round(n), positives)
    others = np.delete(errors, last)
    second = errors[last] if weights[last] > 1 or others.size == 0 else others.max()
    return Estimate(float(errors[last]), _END * float(errors[last] - second), round(n), positives)


def absolute_error(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Distance of prediction and label, shape [n]: the mean is `mae`."""
    return np.abs(scores - labels)


def relative_error(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """The same as a share of the label, shape [n]: the mean is `mape`."""
    return np.abs(scores - labels) / np.maximum(np.abs(labels), np.finfo(np.float64).eps)


def symmetric_error(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """The same as a share of the mean of both, shape [n]: the mean is `smape`."""
    size = np.abs(labels) + np.abs(scores)
    return 2 * np.abs(scores - labels) / np.where(size > 0, size, 1.0)
