"""Bounds on an estimate, and fair comparisons of two models on the same rows.

It turns estimates into the numbers that a threshold is held against, and knows no threshold.
Read ``sequential.py`` next if results are looked at more than once.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from trueup.statistics.metrics import Estimate, Metric, calibration_gap, roc_auc, rows, tied

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Beyond this many resampled rows their means are normal to all digits shown, and drawn so.
_MOST_RESAMPLED = 50_000_000
_BLOCK_ROWS = 1_000_000


class PairedDifference(msgspec.Struct, frozen=True):
    """How much better model a is than model b on the same rows.

    Attributes:
        difference: Positive if a is better, whichever direction the metric has; NaN if undefined.
        lower: One-sided lower bound of the difference.
        upper: One-sided upper bound of the difference.
        probability_better: Share of repetitions in which a would win, ties counting half.
    """

    difference: float
    lower: float
    upper: float
    probability_better: float


def bound(estimate: Estimate, confidence: float, side: Literal["lower", "upper"]) -> float:
    """One-sided confidence bound of an estimate, by the normal law or, from few blocks, Student's.

    Args:
        estimate: Value and standard error, with its degrees of freedom.
        confidence: Between 0.5 and 1, such as 0.95.
        side: Which end.

    Returns:
        The bound in units of the metric. An undefined estimate is bounded by infinity on that
        side, so that missing evidence can't pass a threshold.

    Raises:
        ValueError: If confidence is not between 0.5 and 1 or side is unknown.

    Example:
        >>> round(bound(Estimate(0.80, 0.01, 900, 450), 0.95, "lower"), 4)
        0.7836
    """
    if side not in {"lower", "upper"}:
        raise ValueError(f"side is {side!r}, expected 'lower' or 'upper'")
    sign = 1 if side == "upper" else -1
    reach = _quantile(confidence, estimate.degrees_of_freedom) * estimate.standard_error
    end = estimate.value + sign * reach
    return sign * float("inf") if np.isnan(end) else float(end)


def wilson(successes: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided confidence interval of a share, sound for few rows and for shares near 0 or 1.

    Args:
        successes: Rows that count.
        n: All rows.
        confidence: Between 0.5 and 1, of the whole interval.

    Returns:
        Lower and upper end; (0, 1) without rows. Wilson (1927).

    Raises:
        ValueError: If successes are not between 0 and n, or confidence not between 0.5 and 1.

    Example:
        >>> [round(end, 4) for end in wilson(10, 10)]
        [0.7225, 1.0]
    """
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} rows")
    z = _normal_quantile((1 + confidence) / 2)
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At the ends the formula is exactly 0 or 1, but rounding is not.
    low = 0.0 if successes == 0 else float(middle - reach)
    return low, 1.0 if successes == n else float(middle + reach)


def minimum_detectable(standard_error: float, confidence: float, power: float = 0.8) -> float:
    """Smallest true change that a one-sided test at this error would find with that power.

    Args:
        standard_error: Of the estimate or difference.
        confidence: Of the test, between 0.5 and 1.
        power: Chance of finding it, between 0.5 and 1.

    Returns:
        (z(confidence) + z(power)) times the standard error, in its unit.

    Raises:
        ValueError: If confidence or power are not between 0.5 and 1.

    Example:
        >>> round(minimum_detectable(0.01, 0.95), 4)
        0.0249
    """
    return (_normal_quantile(confidence) + _normal_quantile(power)) * standard_error


def paired_bootstrap(
    metric: Metric,
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    *,
    draws: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> PairedDifference:
    """Is model a better than model b? Percentile bootstrap over the rows that both scored.

    Means over rows are resampled by their row values. Two metrics need no resampling: the area
    under the ROC curve goes by `paired_delong`, average precision by the infinitesimal jackknife.
    Others are computed anew for every draw: about two seconds for 20,000 rows and 500 draws.

    Args:
        metric: What to compare; needs a better direction.
        labels: 0 or 1, shape [n].
        scores_a: Scores of the candidate, shape [n].
        scores_b: Scores of the champion on the same rows, shape [n].
        draws: Resamples.
        seed: Of the generator: equal input gives equal output.
        confidence: Of each one-sided bound.

    Returns:
        The difference; undefined values give infinite bounds and an even chance.

    Raises:
        ValueError: If rows are malformed, or the metric has no better direction or needs latency.

    Example:
        >>> from trueup.statistics.metrics import metric
        >>> a, b = [0.1, 0.2, 0.9, 0.8], [0.4, 0.6, 0.6, 0.4]
        >>> paired_bootstrap(metric("brier"), [0, 0, 1, 1], a, b).probability_better
        1.0
    """
    if metric.better == "neither":
        raise ValueError(f"{metric.name} has no better direction, so no model wins by it")
    if metric.needs == "latency":
        raise ValueError(f"{metric.name} is measured on calls, not on rows that both scored")
    _normal_quantile(confidence)
    if metric.function is roc_auc:
        return paired_delong(labels, scores_a, scores_b, confidence)
    y, a, weights = rows(labels, scores_a)
    _, b, _ = rows(labels, scores_b)
    sign = 1.0 if metric.better == "higher" else -1.0
    difference = sign * (
        metric.function(y, a, weights).value - metric.function(y, b, weights).value
    )
    if np.isnan(difference):
        return _undecided()
    if metric.influence is not None:
        gains = metric.influence(y, a, weights) - metric.influence(y, b, weights)
        return _normal(difference, float(np.sqrt(np.sum(gains**2))), confidence)
    generator = np.random.default_rng(seed)
    if metric.row_value is not None:
        of_a, of_b = metric.row_value(y, a), metric.row_value(y, b)
        if metric.function is calibration_gap:
            gap_a, gap_b = np.abs(_resampled_means(np.stack([of_a, of_b]), draws, generator))
            sample = sign * (gap_a - gap_b)
        else:
            sample = sign * _resampled_means((of_a - of_b)[np.newaxis], draws, generator)[0]
    else:
        sample = sign * _resampled_differences(metric, y, (a, b), draws, generator)
        sample = sample[~np.isnan(sample)]
        if sample.size == 0:
            return _undecided()
    lower, upper = np.quantile(sample, [1 - confidence, confidence])
    wins = np.mean(sample > 0) + np.mean(sample == 0) / 2
    return PairedDifference(float(difference), float(lower), float(upper), float(wins))


def paired_delong(
    labels: npt.ArrayLike,
    scores_a: npt.ArrayLike,
    scores_b: npt.ArrayLike,
    confidence: float = 0.95,
) -> PairedDifference:
    """Difference of two areas under the ROC curve on the same rows, by their covariance.

    Args:
        labels: 0 or 1, shape [n].
        scores_a: Scores of the candidate, shape [n].
        scores_b: Scores of the champion on the same rows, shape [n].
        confidence: Of each one-sided bound.

    Returns:
        The difference with normal bounds; infinite ones if a class has fewer than two rows.
        DeLong, DeLong & Clarke-Pearson (1988).

    Raises:
        ValueError: If rows are malformed or confidence is not between 0.5 and 1.

    Example:
        >>> a, b = [0.1, 0.4, 0.3, 0.9, 0.8, 0.35], [0.2, 0.7, 0.3, 0.9, 0.1, 0.5]
        >>> round(paired_delong([0, 0, 0, 1, 1, 1], a, b).difference, 4)
        0.3333
    """
    y, a, _ = rows(labels, scores_a)
    _, b, _ = rows(labels, scores_b)
    is_positive = y > 0
    positives = int(is_positive.sum())
    negatives = y.size - positives
    if min(positives, negatives) < 2:
        return _undecided()
    gains = _placements(y, a) - _placements(y, b)
    of_positives, of_negatives = gains[is_positive], gains[~is_positive]
    variance = of_positives.var(ddof=1) / positives + of_negatives.var(ddof=1) / negatives
    return _normal(float(of_positives.mean()), float(np.sqrt(variance)), confidence)


def _placements(labels: FloatArray, scores: FloatArray) -> FloatArray:
    distinct, at_positive, at_negative = tied(labels, scores, np.ones(labels.size))
    beats = (np.cumsum(at_negative) - at_negative / 2) / at_negative.sum()
    beaten_by = 1 - (np.cumsum(at_positive) - at_positive / 2) / at_positive.sum()
    at = np.searchsorted(distinct, scores)
    placements: FloatArray = np.where(labels > 0, beats[at], beaten_by[at])
    return placements


def _resampled_means(columns: FloatArray, draws: int, generator: np.random.Generator) -> FloatArray:
    n = columns.shape[1]
    if n * draws > _MOST_RESAMPLED:
        middle, covariance = columns.mean(axis=1), np.atleast_2d(np.cov(columns)) / n
        return generator.multivariate_normal(middle, covariance, size=draws, method="eigh").T
    means = np.empty((len(columns), draws))
    block = max(1, _BLOCK_ROWS // n)
    for start in range(0, draws, block):
        stop = min(start + block, draws)
        picked = generator.integers(0, n, size=(stop - start, n), dtype=np.int32)
        for column, mean in zip(columns, means, strict=True):
            mean[start:stop] = column[picked].mean(axis=1)
    return means


def _resampled_differences(
    metric: Metric,
    labels: FloatArray,
    scores: tuple[FloatArray, FloatArray],
    draws: int,
    generator: np.random.Generator,
) -> FloatArray:
    # Sorting each model's rows once leaves every draw already in order.
    orders = [np.argsort(column) for column in scores]
    models = [(o, labels[o], column[o]) for o, column in zip(orders, scores, strict=True)]
    values = np.empty((draws, 2))
    for draw in range(draws):
        picked = generator.integers(0, labels.size, size=labels.size, dtype=np.int32)
        times = np.bincount(picked, minlength=labels.size).astype(np.float64)
        for side, (order, y, s) in enumerate(models):
            weights = times[order]
            kept = np.flatnonzero(weights)
            values[draw, side] = metric.function(y[kept], s[kept], weights[kept]).value
    return values[:, 0] - values[:, 1]


def _normal(difference: float, error: float, confidence: float) -> PairedDifference:
    reach = _normal_quantile(confidence) * error
    if error > 0:
        better = float(special.ndtr(difference / error))
    else:
        better = 0.5 + 0.5 * float(np.sign(difference))
    return PairedDifference(difference, difference - reach, difference + reach, better)


def _undecided() -> PairedDifference:
    return PairedDifference(float("nan"), float("-inf"), float("inf"), 0.5)


def _quantile(confidence: float, freedom: float) -> float:
    normal = _normal_quantile(confidence)
    if np.isinf(freedom):
        return normal
    return float(special.stdtrit(freedom, confidence)) if freedom > 0 else float("inf")


def _normal_quantile(confidence: float) -> float:
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected between 0.5 and 1")
    return float(special.ndtri(confidence))
