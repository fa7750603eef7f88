"""Metrics of decisions: a score at a threshold, or the most probable of several classes.

All of them are smooth functions of one table, the shares of rows by class and decision; the error
follows from the derivative by every cell of it (delta method), which is written out beside each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trueup.statistics.metrics.estimates import FloatArray, Smooth, total

# The value of a table of shares [class, decision], its derivative by each cell, and by how much at
# most one row moves it, times the number of rows.
Found: TypeAlias = tuple[float, FloatArray, float]
Rule: TypeAlias = Callable[..., Found]


def precision(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, threshold: float
) -> Smooth:
    """Share of rows decided as 1 whose label is 1; undefined where none is.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> metric("precision@0.3")([0, 1, 1], [0.1, 0.4, 0.2]).value
        1.0
    """
    return _measured(of_precision, labels, scores, weights, threshold)


def recall(labels: FloatArray, scores: FloatArray, weights: FloatArray, threshold: float) -> Smooth:
    """Share of rows with label 1 that are decided as 1."""
    return _measured(of_recall, labels, scores, weights, threshold)


def specificity(
    labels: FloatArray, scores: FloatArray, weights: FloatArray, threshold: float
) -> Smooth:
    """Share of rows with label 0 that are decided as 0."""
    return _measured(of_specificity, labels, scores, weights, threshold)


def f1(labels: FloatArray, scores: FloatArray, weights: FloatArray, threshold: float) -> Smooth:
    """Harmonic mean of precision and recall."""
    return _measured(of_f1, labels, scores, weights, threshold)


def f_beta(labels: FloatArray, scores: FloatArray, weights: FloatArray, beta: float) -> Smooth:
    """The same at 0.5, recall counting `beta` times as much as precision.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> round(metric("f_beta@2")([0, 1, 1], [0.1, 0.9, 0.2]).value, 4)
        0.5556
    """
    return _measured(of_f_beta, labels, scores, weights, 0.5, beta)


def balanced_accuracy(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """Mean over the classes of the share of their rows that is decided rightly."""
    return _measured(of_macro_recall, labels, scores, weights)


def mcc(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """Matthews' correlation of classes and decisions, as Gorodkin (2004) extends it to several."""
    return _measured(of_mcc, labels, scores, weights)


def kappa(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """Cohen's agreement of classes and decisions beyond chance."""
    return _measured(of_kappa, labels, scores, weights)


def macro_f1(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """F1 of each class against all others, averaged over the classes that are there or decided."""
    return _measured(of_macro_f1, labels, scores, weights)


def weighted_f1(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Smooth:
    """The same, each class counting by its rows."""
    return _measured(of_weighted_f1, labels, scores, weights)


def of_precision(table: FloatArray) -> Found:
    """Of two classes: the decisions for 1 that are right."""
    decided = float(table[0, 1] + table[1, 1])
    if decided <= 0:
        return math.nan, table, 0.0
    value = float(table[1, 1]) / decided
    return value, np.array([[0.0, -value], [0.0, 1 - value]]) / decided, 1 / decided


def of_recall(table: FloatArray) -> Found:
    """Of two classes: the rows of 1 that are found."""
    return _found(table, 1)


def of_specificity(table: FloatArray) -> Found:
    """Of two classes: the rows of 0 that are left alone."""
    return _found(table, 0)


def of_f1(table: FloatArray) -> Found:
    """Of two classes: F1 of class 1."""
    return of_f_beta(table, 1.0)


def of_f_beta(table: FloatArray, beta: float) -> Found:
    """Of two classes: F-beta of class 1."""
    value, slope, step = _f_of_class(table, 1, beta)
    return (value, slope, step) if table[1].sum() > 0 else (math.nan, slope, 0.0)


def of_macro_recall(table: FloatArray) -> Found:
    """Of any classes: mean recall of those that are there; undefined with fewer than two."""
    shares = table.sum(axis=1)
    there = shares > 0
    count = int(there.sum())
    if count < 2:
        return math.nan, table, 0.0
    size = np.where(there, shares, 1.0)
    found = np.diagonal(table) / size
    slope = (np.diag(there / size) - (found / size)[:, np.newaxis]) / count
    return total(found) / count, slope, float(np.linalg.norm(there / size)) / count


def of_macro_f1(table: FloatArray) -> Found:
    """Of any classes: mean F1 of those that are there or decided."""
    there = table.sum(axis=0) + table.sum(axis=1) > 0
    value, slope, step, _ = _f_of_classes(table, there / there.sum())
    return value, slope, step


def of_weighted_f1(table: FloatArray) -> Found:
    """Of any classes: F1 weighted by their rows."""
    value, slope, step, of_class = _f_of_classes(table, table.sum(axis=1))
    return value, slope + of_class[:, np.newaxis] - value, step


def of_kappa(table: FloatArray) -> Found:
    """Of any classes: (agreement - chance) / (1 - chance)."""
    agreed, chance, by_agreed, by_chance = _agreement(table)
    if chance >= 1:
        return math.nan, table, 0.0
    rest = 1 - chance
    return (agreed - chance) / rest, by_agreed / rest - (1 - agreed) / rest**2 * by_chance, 1.0


def of_mcc(table: FloatArray) -> Found:
    """Of any classes: the correlation; undefined where all rows or all decisions are alike."""
    agreed, chance, by_agreed, by_chance = _agreement(table)
    of_class, of_decision = table.sum(axis=1), table.sum(axis=0)
    a, b = 1 - total(of_decision**2), 1 - total(of_class**2)
    if a <= 0 or b <= 0:
        return math.nan, table, 0.0
    root = math.sqrt(a * b)
    value = (agreed - chance) / root
    by_a = -2 * (of_decision[np.newaxis, :] - total(of_decision**2))
    by_b = -2 * (of_class[:, np.newaxis] - total(of_class**2))
    return value, (by_agreed - by_chance) / root - value / 2 * (by_a / a + by_b / b), 1.0


def _agreement(table: FloatArray) -> tuple[float, float, FloatArray, FloatArray]:
    of_class, of_decision = table.sum(axis=1), table.sum(axis=0)
    agreed, chance = total(np.diagonal(table)), total(of_class * of_decision)
    by_chance = of_decision[:, np.newaxis] + of_class[np.newaxis, :] - 2 * chance
    return agreed, chance, np.eye(len(table)) - agreed, by_chance


def _found(table: FloatArray, each: int) -> Found:
    share = float(table[each].sum())
    slope = np.zeros_like(table)
    if share <= 0:
        return math.nan, slope, 0.0
    value = float(table[each, each]) / share
    slope[each] = -value / share
    slope[each, each] += 1 / share
    return value, slope, 1 / share


def _f_of_class(table: FloatArray, each: int, beta: float) -> Found:
    base = float(beta**2 * table[each].sum() + table[:, each].sum())
    slope = np.zeros_like(table)
    if base <= 0:
        return 0.0, slope, 0.0
    value = float((1 + beta**2) * table[each, each]) / base
    slope[each] -= value * beta**2 / base
    slope[:, each] -= value / base
    slope[each, each] += (1 + beta**2) / base
    return value, slope, (1 + beta**2) / base


def _f_of_classes(
    table: FloatArray, weights: FloatArray
) -> tuple[float, FloatArray, float, FloatArray]:
    """The weighted sum of the F1 of all classes, and each of them."""
    base = table.sum(axis=0) + table.sum(axis=1)
    size = np.where(base > 0, base, 1.0)
    of_class: FloatArray = 2 * np.diagonal(table) / size
    # A row moves the F1 of its class and of its decision.
    falls = weights * of_class / size
    slope = np.diag(2 * weights / size) - falls[:, np.newaxis] - falls[np.newaxis, :]
    step = float(np.linalg.norm(2 * weights / size))
    return total(weights * of_class), slope, step, of_class


def _measured(
    rule: Rule,
    labels: FloatArray,
    scores: FloatArray,
    weights: FloatArray,
    threshold: float = 0.5,
    *also: float,
) -> Smooth:
    n = total(weights)
    if n <= 0:
        return Smooth(math.nan, np.zeros(0))
    decided, classes = _decided(scores, threshold)
    table = np.zeros((classes, classes))
    if scores.ndim == 1:  # a label may be a share: an estimate of one that is not known yet
        table[1] = np.bincount(decided, weights * labels, 2)
        table[0] = np.bincount(decided, weights * (1 - labels), 2)
    else:
        cells = labels.astype(np.intp) * classes + decided
        table += np.bincount(cells, weights, classes**2).reshape(classes, classes)
    value, slope, step = rule(table / n, *also)
    if scores.ndim == 1:
        by_row = labels * slope[1, decided] + (1 - labels) * slope[0, decided]
    else:
        by_row = slope[labels.astype(np.intp), decided]
    # Rule of three, as for means: rows without a single miss do not prove that there is none.
    return Smooth(value, by_row / n, 2.0 * step / n)


def _decided(scores: FloatArray, threshold: float) -> tuple[npt.NDArray[np.intp], int]:
    if scores.ndim == 1:
        return (scores >= threshold).astype(np.intp), 2
    return np.argmax(scores, axis=1), scores.shape[1]
