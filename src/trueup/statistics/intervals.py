"""Bounds on an estimate: the numbers that a threshold is held against. It knows no threshold.

Read ``pairs.py`` next, fair comparisons of two models, or ``sequential`` if results are looked
at more than once.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special

from trueup.statistics.metrics import Estimate


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
    z = normal_quantile((1 + confidence) / 2)
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
    return (normal_quantile(confidence) + normal_quantile(power)) * standard_error


def _quantile(confidence: float, freedom: float) -> float:
    normal = normal_quantile(confidence)
    if np.isinf(freedom):
        return normal
    return float(special.stdtrit(freedom, confidence)) if freedom > 0 else float("inf")


def normal_quantile(confidence: float) -> float:
    """How many standard errors a one-sided bound lies away, by the normal law.

    Raises:
        ValueError: If confidence is not between 0.5 and 1.

    Example:
        >>> round(normal_quantile(0.95), 4)
        1.6449
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected between 0.5 and 1")
    return float(special.ndtri(confidence))
