"""The one definition of each metric, used by a gate on rows and by a monitor on counts.

Every metric takes weights that say how many rows share a label and a score, so a histogram of
scores gives the number that its rows would give, with its standard error. Nothing here knows a
threshold or a window. Read ``intervals.py`` next: bounds and comparisons of these estimates.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trueup.statistics.fingerprints import fingerprint_of

FloatArray: TypeAlias = npt.NDArray[np.float64]

FEWEST_CALLS = 37  # below, not even the slowest call bounds the 95 % quantile by one standard error
_LATENCY_SHARE = 0.95
_LONGEST_CALL = 1e12  # milliseconds, thirty years: no call takes longer, and infinity is no time


class Estimate(msgspec.Struct, frozen=True):
    """A metric's value with the error that a sample of this size leaves.

    Attributes:
        value: The metric; NaN where it is undefined, such as a ranking of one class only.
        standard_error: Of the value, in the same unit; infinite if the rows cannot tell.
        n: Rows.
        positives: Rows with label 1; a fraction where labels are estimated.
        degrees_of_freedom: Of the standard error, where it rests on few blocks (see `blocks.py`).
    """

    value: float
    standard_error: float
    n: int
    positives: float
    degrees_of_freedom: float = math.inf


@dataclass(frozen=True, slots=True)
class Metric:
    """A named metric that both gate and monitor call.

    Attributes:
        name: As written in a goal.
        better: Which direction is better; a rate that is neither good nor bad says "neither".
        needs: What the rows must hold before the metric can be computed; rows of "latency" are
            calls, their scores are the milliseconds they took, and their labels say nothing.
        function: From labels, scores and weights, all of shape [n], to an estimate.
        row_value: Where the metric is a mean over rows, or its magnitude: the value of every row.
        influence: Where the metric has one: its derivative by the weight of every row.
    """

    name: str
    better: Literal["higher", "lower", "neither"]
    needs: Literal["labels", "scores", "latency"]
    function: Callable[[FloatArray, FloatArray, FloatArray], Estimate]
    row_value: Callable[[FloatArray, FloatArray], FloatArray] | None = None
    influence: Callable[[FloatArray, FloatArray, FloatArray], FloatArray] | None = None

    def __call__(
        self,
        labels: npt.ArrayLike,
        scores: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
    ) -> Estimate:
        """Compute the metric.

        Args:
            labels: 0 or 1, shape [n].
            scores: Probability of label 1 (or milliseconds of a call), shape [n].
            weights: How many rows share each label and score, shape [n]; one row each if None.

        Returns:
            The estimate. Rows of weight k count as k rows.

        Raises:
            ValueError: If shapes differ, a label is not in 0 to 1, a weight is negative or a score
                is missing, below 0, or above 1 where it is a probability.

        Example:
            >>> metric("accuracy")([0, 1, 1], [0.1, 0.9, 0.2], [10, 9, 1]).value
            0.95
        """
        highest = _LONGEST_CALL if self.needs == "latency" else 1.0
        return self.function(*rows(labels, scores, weights, highest))


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
    if not np.all((w >= 0) & (w < np.inf)):
        raise ValueError("weights must be finite and not negative")
    if np.all(w > 0):
        return y, s, w
    kept = w > 0
    return y[kept], s[kept], w[kept]


def roc_auc(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Chance that a random positive scores above a random negative, ties counting half.

    The standard error is DeLong, DeLong & Clarke-Pearson (1988). It is at least half a row of the
    smaller class, because perfectly ranked rows would otherwise claim to know the value exactly.

    Example:
        >>> metric("roc_auc")([0, 1, 1], [0.2, 0.1, 0.9]).value
        0.5
    """
    n, positives = _totals(labels, weights)
    negatives = n - positives
    if positives <= 0 or negatives <= 0:
        return _undefined(n, positives)
    _, at_positive, at_negative = tied(labels, scores, weights)
    # Placement: the share of the other class that a row at this score beats.
    beats = (np.cumsum(at_negative) - at_negative / 2) / negatives
    beaten_by = (positives - np.cumsum(at_positive) + at_positive / 2) / positives
    value = _total(at_positive * beats) / positives
    if min(positives, negatives) <= 1:
        return Estimate(value, float("inf"), round(n), positives)
    variance = _total(at_positive * (beats - value) ** 2) / (positives * (positives - 1))
    variance += _total(at_negative * (beaten_by - value) ** 2) / (negatives * (negatives - 1))
    error = max(float(np.sqrt(variance)), 0.5 / min(positives, negatives))
    return Estimate(value, error, round(n), positives)


def average_precision(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Precision averaged over the positives, each at its own score as threshold.

    The standard error is the infinitesimal jackknife (Efron 1982): the derivative of the value by
    every row's weight, squared and summed. It is at least half a positive.

    Example:
        >>> round(metric("average_precision")([0, 1, 1], [0.2, 0.1, 0.9]).value, 4)
        0.8333
    """
    n, positives = _totals(labels, weights)
    if positives <= 0:
        return _undefined(n, positives)
    _, at_positive, at_negative = tied(labels, scores, weights)
    value, by_positive, by_negative = _precision_slopes(at_positive, at_negative)
    variance = _total(at_positive * by_positive**2) + _total(at_negative * by_negative**2)
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
    value = _total(at_positive * precision) / positives
    # A row changes the precision at its own score and at every lower one.
    gain = np.cumsum(at_positive * false / chosen**2) / positives
    loss = np.cumsum(at_positive * true / chosen**2) / positives
    return value, (precision - value) / positives + gain, -loss


def brier(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean squared difference of score and label: 0 is perfect, 0.25 is a constant one half.

    Example:
        >>> round(metric("brier")([0, 1], [0.2, 0.6]).value, 4)
        0.1
    """
    return _mean(squared_error(labels, scores), labels, weights, is_bounded=True)


def log_loss(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Mean negative log-likelihood of the labels in nats, as scikit-learn clips it.

    Example:
        >>> round(metric("log_loss")([0, 1], [0.5, 0.5]).value, 4)
        0.6931
    """
    return _mean(cross_entropy(labels, scores), labels, weights, is_bounded=False)


def accuracy(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Share of rows that the threshold 0.5 decides rightly; 0.5 itself decides for label 1.

    Example:
        >>> metric("accuracy")([0, 1], [0.2, 0.5]).value
        1.0
    """
    return _mean(correctness(labels, scores), labels, weights, is_bounded=True)


def prevalence(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Share of rows with label 1.

    Example:
        >>> metric("prevalence")([0, 0, 0, 1], [0.5, 0.5, 0.5, 0.5]).value
        0.25
    """
    return _mean(outcome(labels, scores), labels, weights, is_bounded=True)


def calibration_gap(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Distance of the mean score from the mean label: calibration in the large.

    Example:
        >>> round(metric("calibration_gap")([0, 1], [0.2, 0.6]).value, 4)
        0.1
    """
    signed = _mean(excess(labels, scores), labels, weights, is_bounded=True)
    return msgspec.structs.replace(signed, value=abs(signed.value))


def calibration_error(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Expected calibration error: |mean score - mean label| averaged over ten score groups.

    Groups hold about equal rows, and rows of one score are never parted, so weighted rows give the
    number of their copies. The value is above 0 by chance even for a perfect model, about
    sqrt(10 p (1 - p) 2 / (pi n)): compare it at equal n, and watch `calibration_gap` in small
    windows. The standard error treats every group's difference as normal and takes the variance of
    its absolute value (folded normal law).

    Example:
        >>> round(metric("calibration_error")([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.6]).value, 4)
        0.25
    """
    n, positives = _totals(labels, weights)
    if n <= 0:
        return _undefined(n, positives)
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
    variance = _total((size / n) ** 2 * np.maximum(gap**2 + spread - folded**2, 0.0))
    error = max(float(np.sqrt(variance)), 2.0 / n) if n > 1 else float("inf")
    return Estimate(_total(size * gap) / n, error, round(n), positives)


def latency_p95_ms(labels: FloatArray, scores: FloatArray, weights: FloatArray) -> Estimate:
    """Milliseconds within which 95 of 100 calls are answered; `scores` are milliseconds.

    The i-th of n calls in order stands at the share (i - 1/2) / n, and between two calls the
    quantile is interpolated (Hazen 1914). The standard error is by order statistics (Woodruff
    1952): with h = sqrt(0.95 x 0.05 / n), the larger of Q(0.95 + h) - Q(0.95) and
    Q(0.95) - Q(0.95 - h). Taking the larger keeps bounds honest although slow calls spread wide.
    It is infinite below 37 calls, where 0.95 + h lies beyond the slowest of them.

    Example:
        >>> metric("latency_p95_ms")([0] * 4, [2, 3, 4, 90], [40, 40, 15, 5]).value
        47.0
    """
    n, positives = _totals(labels, weights)
    if n <= 0:
        return _undefined(n, positives)
    at, *at_label = tied(labels, scores, weights)
    calls = at_label[0] + at_label[1]
    passed = np.cumsum(calls)
    # Calls that took equally long stand side by side: the first and the last of them say it all.
    half = np.minimum(calls, 1.0) / 2
    shares = np.stack([passed - calls + half, passed - half], axis=1).ravel() / n
    reach = math.sqrt(_LATENCY_SHARE * (1 - _LATENCY_SHARE) / n)
    asked = [_LATENCY_SHARE, _LATENCY_SHARE - reach, _LATENCY_SHARE + reach]
    value, below, above = np.interp(asked, shares, np.repeat(at, 2)).tolist()
    error = max(above - value, value - below) if n >= FEWEST_CALLS else float("inf")
    return Estimate(value, error, round(n), positives)


def squared_error(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Squared difference of every row, shape [n]: the mean is `brier`."""
    return (scores - labels) ** 2


def cross_entropy(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """Negative log-likelihood of every row in nats, shape [n]: the mean is `log_loss`."""
    smallest = np.finfo(np.float64).eps
    clipped = np.clip(scores, smallest, 1 - smallest)
    return -(labels * np.log(clipped) + (1 - labels) * np.log1p(-clipped))


def correctness(labels: FloatArray, scores: FloatArray) -> FloatArray:
    """1.0 for every row decided rightly at 0.5, shape [n]: the mean is `accuracy`."""
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


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        LookupError: If there is none; the message names the nearest.

    Example:
        >>> metric("brier").better
        'lower'
    """
    found = METRICS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, METRICS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(METRICS)}"
        raise LookupError(f"no metric is called {name!r}: {hint}")
    return found


def fingerprint(metric: Metric) -> str:
    """Digest of a metric's code, equal in the gate and in the monitor if the code is.

    Comments, docstrings, annotations and layout do not change it; any helper that it calls does.

    Returns:
        ``b3:`` and 64 hexadecimal digits, the same on every Python version.

    Raises:
        ValueError: If the metric's function has no readable source.

    Example:
        >>> fingerprint(metric("brier")) == fingerprint(METRICS["brier"])
        True
    """
    digest: str = fingerprint_of(metric.function, metric.name, metric.better, metric.needs)
    return digest


def _mean(
    values: FloatArray, labels: FloatArray, weights: FloatArray, *, is_bounded: bool
) -> Estimate:
    n, positives = _totals(labels, weights)
    if n <= 0:
        return _undefined(n, positives)
    value = _total(weights * values) / n
    if n <= 1:
        return Estimate(value, float("inf"), round(n), positives)
    error = float(np.sqrt(_total(weights * (values - value) ** 2) / (n - 1) / n))
    # Rule of three: n rows without a single miss do not prove that misses are impossible. Two
    # rows' worth of error gives its bound at the usual confidences.
    error = max(error, 2.0 / n) if is_bounded else error
    return Estimate(value, error, round(n), positives)


def _total(values: FloatArray) -> float:
    # Not a dot product: BLAS sums in an order that depends on its threads, and waits for them.
    return float(np.sum(values))


def _totals(labels: FloatArray, weights: FloatArray) -> tuple[float, float]:
    return _total(weights), _total(weights * labels)


def _undefined(n: float, positives: float) -> Estimate:
    return Estimate(float("nan"), float("inf"), round(n), positives)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        made.name: made
        for made in (
            Metric("roc_auc", "higher", "labels", roc_auc),
            Metric(
                "average_precision",
                "higher",
                "labels",
                average_precision,
                None,
                precision_influence,
            ),
            Metric("brier", "lower", "labels", brier, squared_error),
            Metric("log_loss", "lower", "labels", log_loss, cross_entropy),
            Metric("accuracy", "higher", "labels", accuracy, correctness),
            Metric("calibration_gap", "lower", "labels", calibration_gap, excess),
            Metric("calibration_error", "lower", "labels", calibration_error),
            Metric("prevalence", "neither", "labels", prevalence, outcome),
            Metric("latency_p95_ms", "lower", "latency", latency_p95_ms),
        )
    }
)
