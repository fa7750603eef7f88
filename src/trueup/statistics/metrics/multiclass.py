"""Metrics of probabilities of several classes, one column each in the model's order.

What follows from deciding for the most probable class stands in ``decisions.py``.
"""

from __future__ import annotations

import math

import numpy as np

from trueup.statistics.metrics.binary import tied
from trueup.statistics.metrics.estimates import Estimate, FloatArray, Smooth, mean_of, total


def top_accuracy(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, first: float
) -> Estimate:
    """Share of rows whose class is among the most probable ones.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("top_accuracy@2")([2, 0], [[0.2, 0.5, 0.3], [0.1, 0.5, 0.4]]).value
        0.5
    """
    return mean_of(among_first(labels, scores, first), labels, weights, is_bounded=True)


def ovr_roc_auc(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """Area under the ROC curve of each class against all others, averaged over the classes.

    A class that no row or every row has cannot be ranked and does not count.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("ovr_roc_auc")([0, 1], [[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]).value
        1.0
    """
    slopes, values, fewest = np.zeros(labels.size), [], math.inf
    for each in range(scores.shape[1]):
        is_class = (labels == each).astype(np.float64)
        positives, negatives = total(weights * is_class), total(weights * (1 - is_class))
        if min(positives, negatives) <= 0:
            continue
        at, at_positive, at_negative = tied(is_class, scores[:, each], weights)
        beats = (np.cumsum(at_negative) - at_negative / 2) / negatives
        beaten_by = 1 - (np.cumsum(at_positive) - at_positive / 2) / positives
        value = total(at_positive * beats) / positives
        place = np.searchsorted(at, scores[:, each])
        by_class, by_other = (beats - value) / positives, (beaten_by - value) / negatives
        slopes += np.where(is_class > 0, by_class[place], by_other[place])
        values.append(value)
        fewest = min(fewest, positives, negatives)
    if not values:
        return Smooth(math.nan, slopes)
    return Smooth(float(np.mean(values)), slopes / len(values), 0.5 / fewest)


def among_first(labels: FloatArray, scores: FloatArray, first: float) -> FloatArray:
    """1.0 for every row whose class is among the first, shape [n]: the mean is `top_accuracy`."""
    own = np.take_along_axis(scores, labels.astype(np.intp)[:, np.newaxis], axis=1)
    # Classes that are as probable come in their order, as `np.argmax` takes them.
    tied_before = (scores == own) & (np.arange(scores.shape[1]) < labels[:, np.newaxis])
    before = np.sum((scores > own) | tied_before, axis=1)
    return np.asarray(before < first, dtype=np.float64)
