"""Intervals for means and differences of means that hold at every look at once."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Bets of the empirical-Bernstein mixture, as parts of the largest that is allowed.
_PARTS = 2.0 ** -np.arange(1.0, 13.0)
_HALVINGS = 40


def mean_difference_sequence(
    n1: float,
    mean1: float,
    var1: float,
    n0: float,
    mean0: float,
    var0: float,
    alpha: float = 0.05,
    tuned_at: float = 1_000.0,
) -> tuple[float, float]:
    """Interval for a difference of means that holds at every look at once.

    Args:
        n1: Rows in the first arm.
        mean1: Mean of the first arm.
        var1: Sample variance of the first arm.
        n0: Rows in the second arm.
        mean0: Mean of the second arm.
        var0: Sample variance of the second arm.
        alpha: Chance that the true difference is ever left out.
        tuned_at: Rows of both arms together at which the interval shall be tightest.

    Returns:
        Lower and upper end of mean1 - mean0; infinite while an arm has fewer than two rows or no
        row differs from another. Asymptotic: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024).

    Raises:
        ValueError: If alpha is not between 0 and 1, or tuned_at not positive.

    Example:
        >>> low, high = mean_difference_sequence(900, 0.3, 0.21, 900, 0.2, 0.16)
        >>> round(low, 3), round(high, 3)
        (0.038, 0.162)
    """
    if not 0 < alpha < 1 or tuned_at <= 0:
        raise ValueError(f"alpha={alpha} must be between 0 and 1, tuned_at={tuned_at} above 0")
    if min(n1, n0) < 2 or var1 + var0 <= 0:
        return float("-inf"), float("inf")
    t = n1 + n0
    logarithm = -2 * np.log(alpha)
    rho = (logarithm + np.log(logarithm + 1)) / tuned_at
    room = t * rho + 1
    # The variance of the difference is that of a mean of t rows, once each arm's variance is
    # divided by its part of the rows.
    error = np.sqrt(var1 / n1 + var0 / n0)
    reach = error * np.sqrt(2 * room / (t * rho) * np.log(np.sqrt(room) / alpha))
    difference = mean1 - mean0
    return float(difference - reach), float(difference + reach)


def difference_bound(
    difference: npt.ArrayLike,
    variance: npt.ArrayLike,
    rows: npt.ArrayLike,
    alpha: float,
    tuned_at: float = 500.0,
) -> FloatArray:
    """Lower bound of a difference of means that holds at every look at once.

    Args:
        difference: Estimated difference.
        variance: Variance of that estimate, from independent units.
        rows: Effective rows behind it, `n1 * n0 / (n1 + n0)` for two arms.
        alpha: Chance that the bound is ever above the truth.
        tuned_at: Effective rows at which the bound shall be tightest.

    Returns:
        The bound; minus infinity where nothing is known. The upper bound of a difference is minus
        the lower bound of its opposite. Asymptotic: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas
        (2024), one-sided.

    Example:
        >>> round(float(difference_bound(0.1, 0.0004, 450, alpha=0.05)), 3)
        0.044
    """
    logarithm = -2 * np.log(alpha)
    rho = (logarithm + np.log(logarithm + 1)) / tuned_at
    t = np.asarray(rows, dtype=np.float64)
    spread = np.asarray(variance, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        room = t * rho + 1
        reach = np.sqrt(2 * spread * room / (t * rho) * np.log1p(np.sqrt(room) / (2 * alpha)))
        bound = np.asarray(difference, dtype=np.float64) - reach
    return np.where((t > 0) & (spread > 0), bound, -np.inf)


def bounded_evidence(
    rows: npt.ArrayLike,
    total: npt.ArrayLike,
    squares: npt.ArrayLike,
    null: npt.ArrayLike,
    least: float,
) -> FloatArray:
    """Evidence that the mean of bounded values exceeds `null`, exact at any sample size.

    Args:
        rows: Number of values.
        total: Their sum.
        squares: Sum of their squares.
        null: The mean that is still fine.
        least: No value is below this; 0 or negative. There is no limit above.

    Returns:
        Logarithm of the e-value. Empirical Bernstein, mixed over twelve bets: Howard, Ramdas,
        McAuliffe & Sekhon (2021) after Fan, Grama & Liu (2015), with the squares around 0: made
        for differences of pairs, most of which are close to 0.
    """
    n, s, v, m = (np.asarray(a, dtype=np.float64)[..., None] for a in (rows, total, squares, null))
    bets, cost = _bets(least)
    with np.errstate(over="ignore", invalid="ignore"):
        wealth = special.logsumexp(bets * (s - n * m) - cost * v, axis=-1)
    return np.asarray(wealth - np.log(bets.size), dtype=np.float64)


def bounded_mean(
    rows: npt.ArrayLike, total: npt.ArrayLike, squares: npt.ArrayLike, least: float, alpha: float
) -> FloatArray:
    """Lower bound of the mean of bounded values: all below it is refuted by `bounded_evidence`.

    Args:
        rows: Number of values.
        total: Their sum.
        squares: Sum of their squares.
        least: No value is below this; 0 or negative.
        alpha: Chance that the bound is ever above the true mean.

    Returns:
        The bound; minus infinity without rows.

    Example:
        >>> round(float(bounded_mean(1_000, 50, 40, least=-1, alpha=0.05)), 3)
        0.025
    """
    n, s, v = (np.asarray(part, dtype=np.float64) for part in (rows, total, squares))
    bets, cost = _bets(least)
    target = -np.log(alpha)
    # One bet's bound is below the mixture's; what it would be if it cost nothing is above it.
    with np.errstate(divide="ignore", invalid="ignore"):
        each = (bets * s[..., None] - cost * v[..., None]) / (n[..., None] * bets)
        room = (target + np.log(bets.size)) / (n[..., None] * bets)
    low, high = np.max(each - room, axis=-1), np.max(each, axis=-1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_proven = bounded_evidence(n, s, v, middle, least) >= target
        low, high = np.where(is_proven, middle, low), np.where(is_proven, high, middle)
    return np.where(n > 0, low, -np.inf)


def _bets(least: float) -> tuple[FloatArray, FloatArray]:
    span = max(-least, 1e-12)
    bets = _PARTS / span
    return bets, (-np.log1p(-bets * span) - bets * span) / span**2
