"""Metrics of a score for one of two classes, from rows or from a histogram of scores.

Every metric takes weights that say how many rows share a label and a score, so a histogram of
scores gives the number that its rows would give, with its standard error. Means over rows serve
several classes, too. Read ``decisions.py`` next: what follows from deciding at a threshold.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from trueup.statistics.metrics.estimates import (
    Estimate,
    FloatArray,
    mean_of,
    total,
    totals,
    undefined,
)


def roc_auc(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Chance that a random positive scores above a random negative, ties counting half.

    The standard error is DeLong, DeLong & Clarke-Pearson (1988). It is at least half a row of the
    smaller class, because perfectly ranked rows would otherwise claim to know the value exactly.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("roc_auc")([0, 1, 1], [0.2, 0.1, 0.9]).value
        0.5
    """
    n, positives = totals(labels, weights)
    negatives = n - positives
    if positives <= 0 or negatives <= 0:
        return undefined(n, positives)
    _, at_positive, at_negative = tied(labels, scores, weights)
    # Placement: the share of the other class that a row at this score beats.
    beats = (np.cumsum(at_negative) - at_negative / 2) / negatives
    beaten_by = (positives - np.cumsum(at_positive) + at_positive / 2) / positives
    value = total(at_positive * beats) / positives
    if min(positives, negatives) <= 1:
        return Estimate(value, float("inf"), round(n), positives)
    variance = total(at_positive * (beats - value) ** 2) / (positives * (positives - 1))
    variance += total(at_negative * (beaten_by - value) ** 2) / (negatives * (negatives - 1))
    error = max(float(np.sqrt(variance)), 0.5 / min(positives, negatives))
    return Estimate(value, error, round(n), positives)


def average_precision(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Precision averaged over the positives, each at its own score as threshold.

    The standard error is the infinitesimal jackknife (Efron 1982): the derivative of the value by
    every row's weight, squared and summed. It is at least half a positive.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("average_precision")([0, 1, 1], [0.2, 0.1, 0.9]).value, 4)
        0.8333
    """
    n, positives = totals(labels, weights)
    if positives <= 0:
        return undefined(n, positives)
    _, at_positive, at_negative = tied(labels, scores, weights)
    value, by_positive, by_negative = _precision_slopes(at_positive, at_negative)
    variance = total(at_positive * by_positive**2) + total(at_negative * by_negative**2)
    error = max(float(np.sqrt(variance)), 0.5 / positives)
    return Estimate(value, error if positives > 1 else float("inf"), round(n), positives)


def precision_influence(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> FloatArray:
    """Derivative of `average_precision` by the weight of every row, shape [n]."""
    at, at_positive, at_negative = tied(labels, scores, weights)
    _, by_positive, by_negative = _precision_slopes(at_positive, at_negative)
    group = np.searchsorted(at, scores)
    return labels * by_positive[group] + (1 - labels) * by_negative[group]


def _precision_slopes(
    at_positive: FloatArray, at_negative: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    true = np.cumsum(at_positive[::-1])[::-1]
    false = np.cumsum(at_negative[::-1])[::-1]
    positives, chosen = float(true[0]), true + false
    precision = true / chosen
    value = total(at_positive * precision) / positives
    # A row changes the precision at its own score and at every lower one.
    gain = np.cumsum(at_positive * false / chosen**2) / positives
    loss = np.cumsum(at_positive * true / chosen**2) / positives
    return value, (precision - value) / positives + gain, -loss


def brier(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean squared difference of score and label: 0 is perfect, 0.25 is a constant one half.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("brier")([0, 1], [0.2, 0.6]).value, 4)
        0.1
    """
    return mean_of(squared_error(labels, scores), labels, weights, is_bounded=True)


def log_loss(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean negative log-likelihood of the labels in nats, as scikit-learn clips it.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("log_loss")([0, 1], [0.5, 0.5]).value, 4)
        0.6931
    """
    return mean_of(cross_entropy(labels, scores), labels, weights, is_bounded=False)


def accuracy(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Share of rows that the threshold 0.5 decides rightly; 0.5 itself decides for label 1.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("accuracy")([0, 1], [0.2, 0.5]).value
        1.0
    """
    return mean_of(correctness(labels, scores), labels, weights, is_bounded=True)


def prevalence(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Share of rows with label 1.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("prevalence")([0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5]).value
        0.25
    """
    return mean_of(outcome(labels, scores), labels, weights, is_bounded=True)


def calibration_gap(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Distance of the mean score from the mean label: calibration in the large.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("calibration_gap")([0, 1], [0.2, 0.6]).value, 4)
        0.1
    """
    signed = mean_of(excess(labels, scores), labels, weights, is_bounded=True)
    return msgspec.structs.replace(signed, value=abs(signed.value))


def calibration_error(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Expected calibration error: |mean score - mean label| averaged over ten score groups.

    Groups hold about equal rows, and rows of one score are never parted, so weighted rows give the
    number of their copies. The value is above 0 by chance even for a perfect model, about
    sqrt(10 p (1 - p) 2 / (pi n)): compare it at equal n, and watch `calibration_gap` in small
    windows. The standard error treats every group's difference as normal and takes the variance of
    its absolute value (folded normal law).

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("calibration_error")([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.6]).value, 4)
        0.25
    """
    n, positives = totals(labels, weights)
    if n <= 0:
        return undefined(n, positives)
    at, at_positive, at_negative = tied(labels, scores, weights)
    at_score = at_positive + at_negative
    # Rounding keeps a row on a group's edge in its group when its weight is a sum of fractions.
    passed = np.round(10 * (np.cumsum(at_score) - at_score / 2) / n, 9)
    group = np.minimum(passed.astype(np.intp), 9)
    size: FloatArray = np.bincount(group, at_score, 10).astype(np.float64)
    size[size == 0] = 1.0  # an empty group then contributes an exact zero below
    missed = at_score * at - at_positive
    gap = np.abs(np.bincount(group, missed, 10) / size)
    squares = np.bincount(group, at_positive * (1 - at) ** 2 + at_negative * at**2, 10)
    spread = np.maximum(squares / size - gap**2, 0.0) / np.maximum(size - 1, 1.0)
    deviation = np.sqrt(spread)
    ratio = gap / np.where(deviation > 0, deviation, 1.0)
    folded = deviation * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2)
    # Ten numbers: not worth an import of SciPy, which every command with goals would pay.
    share = np.array([math.erf(each) for each in ratio / math.sqrt(2)])
    folded += gap * np.where(deviation > 0, share, 1.0)
    variance = total((size / n) ** 2 * np.maximum(gap**2 + spread - folded**2, 0.0))
    error = max(float(np.sqrt(variance)), 2.0 / n) if n > 1 else float("inf")
    return Estimate(total(size * gap) / n, error, round(n), positives)


def squared_error(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Squared difference of every row, shape [n]: the mean is `brier`.

    Of several classes: the squared differences of all probabilities of a row, summed.
    """
    if scores.ndim == 2:
        is_label = labels[:, np.newaxis] == np.arange(scores.shape[1])
        summed: FloatArray = np.sum((scores - is_label) ** 2, axis=1)
        return summed
    return (scores - labels) ** 2


def cross_entropy(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Negative log-likelihood of every row in nats, shape [n]: the mean is `log_loss`."""
    smallest = np.finfo(np.float64).eps
    clipped = np.clip(scores, smallest, 1 - smallest)
    if scores.ndim == 2:
        surprise: FloatArray = -np.log(clipped[np.arange(labels.size), labels.astype(np.intp)])
        return surprise
    return -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))


def correctness(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """1.0 for every row decided rightly at 0.5, shape [n]: the mean is `accuracy`.

    Of several classes the most probable decides, the first of equals.
    """
    if scores.ndim == 2:
        return np.asarray(np.argmax(scores, axis=1) == labels, dtype=np.float64)
    return np.where(scores >= 0.5, labels, 1 - labels)


def excess(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Score less label of every row, shape [n]: the magnitude of the mean is `calibration_gap`."""
    return scores - labels


def outcome(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """The label of every row, shape [n]: the mean is `prevalence`."""
    return labels


def tied(
    labels: FloatArray, scores: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Rows grouped by equal score: distinct scores ascending, and both classes' weight at each.

    Example:
        >>> one, half = np.ones(3), np.array([0.5, 0.2, 0.5])
        >>> [column.tolist() for column in tied(np.array([0.0, 1.0, 1.0]), half, one)]
        [[0.2, 0.5], [1.0, 1.0], [0.0, 1.0]]
    """
    order = np.argsort(scores)
    ascending = scores[order]
    if ascending.size == 0:
        return ascending, ascending, ascending
    starts = np.concatenate([[0], np.flatnonzero(ascending[1:] != ascending[:-1]) + 1])
    at_positive = np.add.reduceat((weights * labels)[order], starts)
    at_negative = np.add.reduceat((weights * (1 - labels))[order], starts)
    return ascending[starts], at_positive, at_negative
