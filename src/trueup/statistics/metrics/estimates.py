"""What a metric is, and what it gives: a number with the error that a sample of its size leaves.

Read ``binary.py`` next, the metrics of scores; the other kinds of question stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trueup.foundation.questions import Task

FloatArray: TypeAlias = npt.NDArray[np.float64]

_LONGEST_CALL: Final = 1e12  # milliseconds, thirty years: infinity is no time


class Estimate(msgspec.Struct, frozen=True):
    """A metric's value with the error that a sample of this size leaves.

    Attributes:
        value: The metric; NaN where it is undefined, such as a ranking of one class only.
        standard_error: Of the value, in the same unit; infinite if the rows cannot tell.
        n: Rows; where rows come in groups that are ranked, groups.
        positives: Rows with label 1; a fraction where labels are estimated.
        degrees_of_freedom: Of the standard error, where it rests on few blocks (see `blocks.py`).
    """

    value: float
    standard_error: float
    n: int
    positives: float
    degrees_of_freedom: float = math.inf


class Smooth(NamedTuple):
    """A metric that changes smoothly with the weight of every row, as a mean or a quotient does.

    Attributes:
        value: The metric; NaN where it is undefined.
        slopes: Its derivative by the weight of every row, shape [n].
        floor: The least error that a sample of this size leaves.
    """

    value: float
    slopes: FloatArray
    floor: float = 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """A named metric that both gate and monitor call.

    Its functions take labels, scores and weights, then what a task needs besides (the group of
    every row for a ranking, the level of every column for quantiles), then the argument.

    Attributes:
        name: As written in a goal, with its argument: `precision@0.3`.
        better: Which direction is better; a rate that is neither good nor bad says "neither".
        needs: What the rows must hold before the metric can be computed; rows of "latency" are
            calls, their scores are the milliseconds they took, and their labels say nothing.
        function: From labels, scores and weights, all of shape [n], to an estimate, or to a value
            with its derivatives, from which the error follows.
        row_value: Where the metric is a mean, or its magnitude: the value of every row; for a
            ranking of every group.
        influence: Its derivative by the weight of every row, where the function gives an estimate
            and there is one.
        tasks: The kinds of question whose answers it measures.
        is_magnitude: Whether it is the magnitude of a mean of row values.
        argument: Such as a threshold, or how many of a list count; None when it takes none.
        least: The smallest argument there may be.
        most: The largest one.
        is_own: Whether it is a function of the project: computed on rows only, and resampled.
    """

    name: str
    better: Literal["higher", "lower", "neither"]
    needs: Literal["labels", "scores", "latency"]
    function: Callable[..., Estimate | Smooth]
    row_value: Callable[..., FloatArray] | None = None
    influence: Callable[..., FloatArray] | None = None
    tasks: tuple[Task, ...] = ("binary",)
    is_magnitude: bool = False
    argument: float | None = None
    least: float = 0.0
    most: float = math.inf
    is_own: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether a histogram of scores gives it, so that a monitor can watch it."""
        return self.needs == "latency" or ("binary" in self.tasks and not self.is_own)

    def estimate(
        self,
        labels: FloatArray,
        scores: FloatArray,
        weights: FloatArray,
        beside: FloatArray | None = None,
    ) -> Estimate:
        """The metric of arrays that are known to be sound."""
        found = self.function(labels, scores, weights, *self._also(beside))
        if isinstance(found, Estimate):
            return found
        n, positives = totals(labels, weights)
        if not math.isfinite(found.value):
            return undefined(n, positives)
        if n <= 1:
            return Estimate(found.value, float("inf"), round(n), positives)
        # The infinitesimal jackknife (Efron 1982), with the usual n / (n - 1): for a mean it is
        # exactly the error of `mean_of`.
        error = float(np.sqrt(total(weights * found.slopes**2) * n / (n - 1)))
        return Estimate(found.value, max(error, found.floor), round(n), positives)

    def values(
        self, labels: FloatArray, scores: FloatArray, beside: FloatArray | None = None
    ) -> FloatArray | None:
        """What it is a mean of: the value of every row, or of every group; None if it is none."""
        if self.row_value is None:
            return None
        return self.row_value(labels, scores, *self._also(beside))

    def slopes(
        self,
        labels: FloatArray,
        scores: FloatArray,
        weights: FloatArray,
        beside: FloatArray | None = None,
    ) -> FloatArray | None:
        """Its derivative by the weight of every row, shape [n]; None where there is none."""
        if self.influence is not None:
            return self.influence(labels, scores, weights, *self._also(beside))
        found = self.function(labels, scores, weights, *self._also(beside))
        return None if isinstance(found, Estimate) else found.slopes

    def __call__(
        self,
        labels: npt.ArrayLike,
        scores: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        beside: npt.ArrayLike | None = None,
    ) -> Estimate:
        """Compute the metric.

        Args:
            labels: 0 or 1; numbers; classes counted from 0; or how relevant a row is, shape [n].
            scores: Probability of label 1, prediction or milliseconds, shape [n]; probability of
                each class, or prediction for each level, shape [n, k].
            weights: How many rows share each label and score, shape [n]; one row each if None.
            beside: The group of every row for a ranking, shape [n]; the level of every column for
                quantiles, shape [k].

        Returns:
            The estimate. Rows of weight k count as k rows.

        Raises:
            ValueError: If shapes differ, a label or score is missing or not of the task, or a
                weight is negative.

        Example:
            >>> from trueup.statistics.metrics import metric
            >>> metric("accuracy")([0, 1, 1], [0.1, 0.9, 0.2], [10, 9, 1]).value
            0.95
        """
        besides = None if beside is None else np.asarray(beside, dtype=np.float64)
        return self.estimate(*self.checked(labels, scores, weights), besides)

    def checked(
        self, labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Labels, scores and weights as sound arrays for this metric.

        Raises:
            ValueError: If they are none.
        """
        if self.needs == "latency":
            return rows(labels, scores, weights, _LONGEST_CALL)
        task = self.tasks[0]
        if np.ndim(scores) == 2 and "multiclass" in self.tasks:
            task = "multiclass"
        if task == "binary":
            return rows(labels, scores, weights)
        return numbers(task, labels, scores, weights)

    def _also(self, beside: FloatArray | None) -> tuple[Any, ...]:
        also = () if beside is None else (beside,)
        return also if self.argument is None else (*also, self.argument)


def rows(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    highest: float = 1.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Labels, scores and weights as checked arrays, rows of weight zero left out.

    Args:
        labels: 0 or 1 (or a probability, where labels are estimated), shape [n].
        scores: Between 0 and `highest`, shape [n].
        weights: Not negative, shape [n]; one each if None.
        highest: Largest score there may be.

    Returns:
        Three float64 arrays of equal shape.

    Raises:
        ValueError: If any of this does not hold.

    Example:
        >>> [column.tolist() for column in rows([0, 1], [0.2, 0.7], [0, 3])]
        [[1.0], [0.7], [3.0]]
    """
    y = np.asarray(labels, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if y.ndim != 1 or not y.shape == s.shape == w.shape:
        raise ValueError(f"labels {y.shape}, scores {s.shape}, weights {w.shape} differ in shape")
    for name, column, most in (("labels", y, 1.0), ("scores", s, highest)):
        if not np.all((column >= 0) & (column <= most)):
            raise ValueError(f"{name} must lie between 0 and {most:g}, with none missing")
    return _weighed(y, s, w)


def numbers(
    task: Task, labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same for tasks whose answers are no single probability.

    Args:
        task: Any but `binary`.
        labels: Classes counted from 0, or numbers, shape [n].
        scores: Shape [n] or [n, k].
        weights: Not negative, shape [n]; one each if None.

    Returns:
        Three float64 arrays of equal length.

    Raises:
        ValueError: If shapes differ, a number is missing or infinite, a class has no column, a
            probability is none, or a relevance is negative.

    Example:
        >>> numbers("multiclass", [0, 2], [[1, 0, 0], [0, 0, 1]])[1].shape
        (2, 3)
    """
    y = np.asarray(labels, dtype=np.float64)
    s = np.asarray(scores, dtype=np.float64)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    width = 2 if task in ("multiclass", "quantile") else 1
    if y.ndim != 1 or s.ndim != width or s.shape[:1] != y.shape or w.shape != y.shape:
        raise ValueError(f"labels {y.shape}, scores {s.shape}, weights {w.shape} differ in shape")
    if not (np.all(np.isfinite(y)) and np.all(np.isfinite(s))):
        raise ValueError("labels and scores must be finite, with none missing")
    if task == "multiclass":
        if not np.all((y >= 0) & (y < s.shape[1]) & (y == np.floor(y))):
            raise ValueError(f"labels must be the {s.shape[1]} classes, counted from 0")
        if not np.all((s >= 0) & (s <= 1)):
            raise ValueError("scores must lie between 0 and 1, with none missing")
    if task == "ranking" and np.any(y < 0):
        raise ValueError("labels say how relevant a row is: they must not be negative")
    return _weighed(y, s, w)


def mean_of(
    values: FloatArray, labels: FloatArray, weights: FloatArray, *, is_bounded: bool
) -> Estimate:
    """The weighted mean of row values, with the error of independent rows."""
    n, positives = totals(labels, weights)
    if n <= 0:
        return undefined(n, positives)
    value = total(weights * values) / n
    if n <= 1:
        return Estimate(value, float("inf"), round(n), positives)
    error = float(np.sqrt(total(weights * (values - value) ** 2) / (n - 1) / n))
    # Rule of three: n rows without a single miss do not prove that misses are impossible. Two
    # rows' worth of error gives its bound at the usual confidences.
    error = max(error, 2.0 / n) if is_bounded else error
    return Estimate(value, error, round(n), positives)


def total(values: FloatArray) -> float:
    """The sum: no dot product, for BLAS sums in an order that depends on its threads."""
    return float(np.sum(values))


def totals(labels: FloatArray, weights: FloatArray) -> tuple[float, float]:
    """How many rows there are, and how many of them are positive."""
    return total(weights), total(weights * labels)


def undefined(n: float, positives: float) -> Estimate:
    """The estimate of what these rows do not define."""
    return Estimate(float("nan"), float("inf"), round(n), positives)


def _weighed(
    labels: FloatArray, scores: FloatArray, weights: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if not np.all((weights >= 0) & (weights < np.inf)):
        raise ValueError("weights must be finite and not negative")
    if np.all(weights > 0):
        return labels, scores, weights
    kept = weights > 0
    return labels[kept], scores[kept], weights[kept]
