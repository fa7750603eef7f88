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

from trueup.statistics.metrics import Estimate, metric, rows, squared_error, tied

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
    # scipy.optimize takes longer to import than the rest of this folder, and only fitting needs it.
    from scipy.optimize import isotonic_regression

    at, at_positive, at_negative = tied(*rows(labels, scores, weights))
    if at.size == 0:
        raise ValueError("a calibrator needs at least one row")
    at_score = at_positive + at_negative
    level = isotonic_regression(at_positive / at_score, weights=at_score).x
    # Inside a level the map is flat, so its two ends say everything.
    changes = level[1:] != level[:-1]
    kept = np.concatenate([[True], changes]) | np.concatenate([changes, [True]])
    probabilities = np.clip(level[kept], 0.0, 1.0)
    return Calibrator(tuple(at[kept].tolist()), tuple(probabilities.tolist()))


def calibrator(
    labels: npt.ArrayLike, scores: npt.ArrayLike, splits: int = 10, seed: int = 0
) -> Calibrator:
    """An isotonic calibrator if the scores need one, else the scores as they are.

    The scores need one if fitting on nine tenths of the rows lowers the Brier score on the other
    tenth, on average over stratified splits: a map for calibrated scores would only add noise. The
    calibration error can't decide this, since a map with fewer steps lowers its chance level.

    Args:
        labels: 0 or 1, shape [n].
        scores: Between 0 and 1, shape [n].
        splits: How many times to split.
        seed: Of the shuffle: equal input gives equal output.

    Returns:
        The calibrator of all rows, or `AS_IS`.

    Raises:
        ValueError: If rows are malformed or there are none.

    Example:
        >>> calibrator([0, 1] * 50, [0.1, 0.2] * 50).apply([0.1, 0.2]).tolist()
        [0.0, 1.0]
    """
    y, s, _ = rows(labels, scores)
    if y.size == 0:
        raise ValueError("a calibrator needs at least one row")
    generator = np.random.default_rng(seed)
    gain = 0.0
    for _ in range(splits):
        order = generator.permutation(y.size)
        # Every tenth row of the labels in order holds a tenth of either class.
        held = np.zeros(y.size, dtype=np.bool_)
        held[order[np.argsort(y[order], kind="stable")][::10]] = True
        if held.all():
            return AS_IS
        fitted = isotonic(y[~held], s[~held]).apply(s[held])
        gain += float(np.mean(squared_error(y[held], s[held]) - squared_error(y[held], fitted)))
    return isotonic(y, s) if gain > 0 else AS_IS


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
        ValueError: If rows are malformed.

    Example:
        >>> round(estimated("accuracy", [0.1, 0.8], [0.3, 0.9]).value, 4)
        0.85
    """
    chosen = metric(metric_name)
    p, s, w = rows(probabilities, scores, weights)
    once = np.ones(p.size)
    labels = np.concatenate([once, 0 * once])
    return chosen(labels, np.concatenate([s, s]), np.concatenate([w * p, w * (1 - p)]))
