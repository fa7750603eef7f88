"""Metrics of rows that are ranked inside their group, such as the hits of one query.

Each is a mean over groups: rows of one group depend on each other, groups do not, so the error is
that of the groups' values. Labels say how relevant a row is. Among equal scores the least relevant
row comes first, so that scores which are all alike gain nothing from the order of the rows. A group
without a relevant row says nothing about a ranking and does not count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trueup.statistics.metrics.estimates import Estimate, FloatArray, mean_of

Places = npt.NDArray[np.intp]


def ndcg(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, groups: FloatArray, first: float
) -> Estimate:
    """Normalised discounted gain of the first rows; the gain is the label itself.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> found = metric("ndcg@1")([2, 1, 0, 1], [0.3, 0.5, 0.2, 0.1], beside=[7, 7, 8, 8])
        >>> found.value, found.n
        (0.25, 2)
    """
    return _mean(gains(labels, scores, groups, first))


def mean_average_precision(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, groups: FloatArray, first: float
) -> Estimate:
    """Average precision among the first rows, at each relevant one (label above 0)."""
    return _mean(average_precisions(labels, scores, groups, first))


def mrr(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, groups: FloatArray
) -> Estimate:
    """Mean of 1 / place of the first relevant row."""
    return _mean(reciprocal_places(labels, scores, groups))


def precision_at(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, groups: FloatArray, first: float
) -> Estimate:
    """Share of the first rows that are relevant; groups that are shorter count as filled up."""
    return _mean(precisions(labels, scores, groups, first))


def gains(labels: FloatArray, scores: FloatArray, groups: FloatArray, first: float) -> FloatArray:
    """Of every group that has a relevant row: the mean is `ndcg`."""
    group, place, relevance, count = _ranked(labels, scores, groups)
    _, _, ideal, _ = _ranked(labels, labels, groups)
    worth = _discount(place, first)  # groups lie alike in both, and so do the places in them
    got, could = (_summed(group, count, each * worth) for each in (relevance, ideal))
    there = could > 0
    return got[there] / could[there]


def average_precisions(
    labels: FloatArray, scores: FloatArray, groups: FloatArray, first: float
) -> FloatArray:
    """Of every group that has a relevant row: the mean is `map`."""
    group, place, relevance, count = _ranked(labels, scores, groups)
    hit = (relevance > 0).astype(np.float64)
    there = _summed(group, count, hit)
    # Hits so far inside the group: a running sum, less what it was where the group began.
    so_far = np.cumsum(hit)
    before = np.concatenate([[0.0], np.cumsum(there)[:-1]])
    at = hit * (so_far - before[group]) / (place + 1) * (place < first)
    kept = there > 0
    return _summed(group, count, at)[kept] / np.minimum(there[kept], first)


def reciprocal_places(labels: FloatArray, scores: FloatArray, groups: FloatArray) -> FloatArray:
    """Of every group that has a relevant row: the mean is `mrr`."""
    group, place, relevance, _ = _ranked(labels, scores, groups)
    hit = relevance > 0
    _, first = np.unique(group[hit], return_index=True)
    return 1 / (place[hit][first] + 1.0)


def precisions(
    labels: FloatArray, scores: FloatArray, groups: FloatArray, first: float
) -> FloatArray:
    """Of every group that has a relevant row: the mean is `precision_at`."""
    group, place, relevance, count = _ranked(labels, scores, groups)
    hit = (relevance > 0).astype(np.float64)
    kept = _summed(group, count, hit) > 0
    return _summed(group, count, hit * (place < first))[kept] / first


def _ranked(
    labels: FloatArray, scores: FloatArray, groups: FloatArray
) -> tuple[Places, Places, FloatArray, int]:
    """Group and place (from 0) of the rows in their ranking, their labels, how many groups."""
    _, group = np.unique(groups, return_inverse=True)
    order = np.lexsort((labels, -scores, group))
    ranked = group[order]
    count = int(ranked[-1]) + 1 if ranked.size else 0
    starts = np.searchsorted(ranked, np.arange(count))
    return ranked, np.arange(ranked.size) - starts[ranked], labels[order], count


def _discount(place: Places, first: float) -> FloatArray:
    return np.where(place < first, 1 / np.log2(place + 2.0), 0.0)


def _summed(group: Places, count: int, values: FloatArray) -> FloatArray:
    return np.bincount(group, values, count).astype(np.float64)


def _mean(values: FloatArray) -> Estimate:
    return mean_of(values, values, np.ones(values.size), is_bounded=True)
