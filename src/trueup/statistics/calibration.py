"""Turn scores into honest probabilities, and estimate metrics before labels arrive.

The estimate calls the very metric functions of ``metrics.py``, each row counted once as positive
and once as negative in the proportion of its probability. It knows nothing of windows. It can't
see concept drift, where the same features come to mean another label; say so beside every number.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from trueup.statistics.metrics import Estimate, metric, rows, tied
from trueup.statistics.metrics.binary import squared_error

FloatArray: TypeAlias = npt.NDArray[np.float64]


class Calibrator(msgspec.Struct, frozen=True):
    """A rising, piecewise linear map from score to probability.

    Attributes:
        scores: Knots, ascending.
        probabilities: Probability of label 1 at every knot, never falling.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def apply(self, scores: npt.ArrayLike) -> FloatArray:
        """Probability of label 1 for each score; scores beyond the knots take the end's value.

        Args:
            scores: Any shape.

        Returns:
            Probabilities of the same shape.

        Example:
            >>> Calibrator((0.2, 0.6), (0.0, 0.5)).apply([0.1, 0.4, 0.9]).tolist()
            [0.0, 0.25, 0.5]
        """
        found = np.interp(np.asarray(scores, dtype=np.float64), self.scores, self.probabilities)
        return np.asarray(found, dtype=np.float64)


AS_IS = Calibrator((0.0, 1.0), (0.0, 1.0))


def isotonic(
    labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Calibrator:
    """The rising map that fits the labels best in least squares (pool adjacent violators).

    Args:
        labels: 0 or 1, shape [n].
        scores: Between 0 and 1, shape [n].
        weights: How many rows share each label and score, shape [n]; one each if None.

    Returns:
        The calibrator, with two knots per level at most.

    Raises:
        ValueError: If rows are malformed or there are none.

    Example:
        >>> isotonic([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.9]).probabilities
        (0.0, 0.5, 0.5, 1.0)
    """
    at, at_positive, at_negative = tied(*rows(labels, scores, weights))
    if at.size == 0:
        raise ValueError("a calibrator needs at least one row")
    level = _pooled(at_positive, at_positive + at_negative)
    # Inside a level the map is flat, so its two ends say everything.
    changes = level[1:] != level[:-1]
    kept = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
    return Calibrator(tuple(at[kept].tolist()), tuple(level[kept].tolist()))


def _pooled(positives: FloatArray, counts: FloatArray) -> FloatArray:
    # SciPy's is in scipy.optimize, which takes longer to import than an evaluation takes. Shares
    # are compared as products, so whole counts are compared exactly.
    pools: list[tuple[float, float, int]] = []
    for cell in zip(positives.tolist(), counts.tolist(), strict=True):
        hits, size, width = *cell, 1
        while pools and pools[-1][0] * size >= hits * pools[-1][1]:
            before = pools.pop()
            hits, size, width = hits + before[0], size + before[1], width + before[2]
        pools.append((hits, size, width))
    share = [hits / size for hits, size, _ in pools]
    return np.repeat(np.array(share), [width for _, _, width in pools])


def calibrator(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    splits: int = 10,
    seed: int = 0,
) -> Calibrator:
    """An isotonic calibrator if the scores need one, else the scores as they are.

    The scores need one if fitting on nine tenths of the rows lowers the Brier score on the other
    tenth, on average over random splits: a map for calibrated scores would only add noise. The
    calibration error can't decide this, since a map with fewer steps lowers its chance level.

    Args:
        labels: 0 or 1, shape [n].
        scores: Between 0 and 1, shape [n].
        weights: How many rows share each label and score, whole numbers, shape [n]; one each if
            None.
        splits: How many times to split.
        seed: Of the splits: equal input gives equal output.

    Returns:
        The calibrator of all rows, or `AS_IS`.

    Raises:
        ValueError: If rows are malformed or there are none.

    Example:
        >>> calibrator([0, 1], [0.1, 0.2], [50, 50]).apply([0.1, 0.2]).tolist()
        [0.0, 1.0]
    """
    at, at_positive, at_negative = tied(*rows(labels, scores, weights))
    if at.size == 0:
        raise ValueError("a calibrator needs at least one row")
    y, s = np.repeat([1.0, 0.0], at.size), np.tile(at, 2)
    times = np.concatenate([at_positive, at_negative]).round().astype(np.int64)
    generator = np.random.default_rng(seed)
    gain = 0.0
    for _ in range(splits):
        # Every row is held back with chance one in ten; rows that are alike need no order for it.
        held = generator.binomial(times, 0.1)
        kept = times - held
        if held.any() and kept.any():
            fitted = isotonic(y, s, kept).apply(s)
            better = squared_error(y, s) - squared_error(y, fitted)
            gain += float(np.sum(held * better) / np.sum(held))
    return isotonic(y, s, times) if gain > 0 else AS_IS


def estimated(
    metric_name: str,
    probabilities: npt.ArrayLike,
    scores: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
) -> Estimate:
    """What a metric will be once labels arrive, from calibrated probabilities (CBPE).

    Every row counts as a positive with weight p and as a negative with weight 1 - p, which is the
    expectation of each metric's sums, as NannyML defines confidence-based performance estimation.

    Args:
        metric_name: Of `metrics.METRICS`.
        probabilities: Calibrated chance of label 1, shape [n].
        scores: What the model returned, shape [n]: it ranks and decides by these.
        weights: How many rows share each score, shape [n]; one each if None.

    Returns:
        The estimate. Its standard error is the one that the labelled metric would have on these
        rows: it covers chance in rows and in labels (Poisson-binomial), and neither a wrong
        calibrator nor concept drift.

    Raises:
        LookupError: If no metric has that name.
        ValueError: If rows are malformed, or the metric needs no labels.

    Example:
        >>> round(estimated("accuracy", [0.1, 0.8], [0.3, 0.9]).value, 4)
        0.85
    """
    chosen = metric(metric_name)
    if chosen.needs != "labels":
        raise ValueError(f"{metric_name} needs no labels, so measure it instead")
    p, s, w = rows(probabilities, scores, weights)
    once = np.ones(p.size)
    labels = np.concatenate([once, 0 * once])
    return chosen(labels, np.concatenate([s, s]), np.concatenate([w * p, w * (1 - p)]))
