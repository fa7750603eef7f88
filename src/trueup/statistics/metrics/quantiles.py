"""Metrics of predictions for several levels: one column each, in rising order of the levels.

The interval of a model goes from its lowest to its highest level.
"""

from __future__ import annotations

import numpy as np

from trueup.statistics.metrics.estimates import Estimate, FloatArray, mean_of


def pinball(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, levels: FloatArray
) -> Estimate:
    """Mean pinball loss of all levels.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("pinball")([3.0], [[1.0, 4.0]], beside=[0.1, 0.9]).value, 4)
        0.15
    """
    return mean_of(pinball_loss(labels, scores, levels), labels, weights, is_bounded=False)


def coverage(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, levels: FloatArray
) -> Estimate:
    """Share of labels inside the interval, its ends included."""
    return mean_of(insideness(labels, scores, levels), labels, weights, is_bounded=True)


def coverage_gap(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, levels: FloatArray
) -> Estimate:
    """Distance of the coverage from what the levels promise.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("coverage_gap")([3.0, 9.0], [[1.0, 4.0]] * 2, beside=[0.125, 0.875]).value
        0.25
    """
    signed = mean_of(uncovered(labels, scores, levels), labels, weights, is_bounded=True)
    return Estimate(abs(signed.value), signed.standard_error, signed.n, signed.positives)


def interval_width(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, levels: FloatArray
) -> Estimate:
    """Mean width of the interval."""
    return mean_of(width(labels, scores, levels), labels, weights, is_bounded=False)


def winkler(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, levels: FloatArray
) -> Estimate:
    """Mean width of the interval, and a fine for each label outside (Winkler 1972).

    The fine is the distance divided by the level of the end that was missed, from its own side:
    for levels of 5 % and 95 % that is 2 / 0.1 times the distance.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("winkler")([5.0], [[1.0, 4.0]], beside=[0.05, 0.95]).value, 4)
        23.0
    """
    return mean_of(interval_score(labels, scores, levels), labels, weights, is_bounded=False)


def pinball_loss(labels: FloatArray, scores: FloatArray, levels: FloatArray) -> FloatArray:
    """Mean over the levels of every row, shape [n]: the mean is `pinball`."""
    above = labels[:, np.newaxis] - scores
    losses: FloatArray = np.mean(np.maximum(levels * above, (levels - 1) * above), axis=1)
    return losses


def insideness(labels: FloatArray, scores: FloatArray, levels: FloatArray) -> FloatArray:
    """1.0 for every label inside the interval, shape [n]: the mean is `coverage`."""
    inside = (scores[:, 0] <= labels) & (labels <= scores[:, -1])
    return np.asarray(inside, dtype=np.float64)


def uncovered(labels: FloatArray, scores: FloatArray, levels: FloatArray) -> FloatArray:
    """The same less what is promised, shape [n]: the mean's magnitude is `coverage_gap`."""
    return insideness(labels, scores, levels) - float(levels[-1] - levels[0])


def width(labels: FloatArray, scores: FloatArray, levels: FloatArray) -> FloatArray:
    """Distance of the interval's ends, shape [n]: the mean is `interval_width`."""
    return np.asarray(scores[:, -1] - scores[:, 0])


def interval_score(labels: FloatArray, scores: FloatArray, levels: FloatArray) -> FloatArray:
    """Width and fine of every row, shape [n]: the mean is `winkler`."""
    low, high = scores[:, 0], scores[:, -1]
    below = np.maximum(low - labels, 0) / levels[0]
    above = np.maximum(labels - high, 0) / (1 - levels[-1])
    return np.asarray(high - low + below + above)
