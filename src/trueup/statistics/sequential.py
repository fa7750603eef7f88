"""Tests that stay valid however often one looks, for canaries and running monitors.

An e-value is evidence against "nothing is wrong": it exceeds 1 / alpha at any time, ever, with
chance alpha at most if nothing is wrong (Ville). Nothing here knows a clock or a deployment.
Read ``intervals.py`` for results that are looked at once.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]

_BETS = np.array([0.05, 0.1, 0.2, 0.4, 0.8])


def count_martingale(
    canary_events: float, control_events: float, share: float, strength: float = 10.0
) -> float:
    """Evidence that bad events hit the canary at another rate than the control.

    At equal rates each event falls in the canary with chance ``share``. The value grows for fewer
    events too: roll back only if the canary's part of the events also exceeds its share.

    Args:
        canary_events: Errors, timeouts or complaints of the canary so far.
        control_events: The same of the control.
        share: The canary's part of the traffic, between 0 and 1, constant over the test.
        strength: Weight of the prior on ``share``, in events.

    Returns:
        The e-value B(a + x, b + y) / B(a, b) / (w^x (1 - w)^y), a = w s, b = (1 - w) s. Exact at
        any sample size. Lindon & Malek (2022).

    Raises:
        ValueError: If share is not between 0 and 1, or an event count is negative.

    Example:
        >>> count_martingale(0, 0, share=0.1)
        1.0
        >>> count_martingale(20, 60, share=0.1) > 20
        True
    """
    return sample_ratio([canary_events, control_events], [share, 1 - share], strength)


def sample_ratio(counts: npt.ArrayLike, shares: npt.ArrayLike, strength: float = 10.0) -> float:
    """Evidence that traffic is split otherwise than configured (sample ratio mismatch).

    Args:
        counts: Rows that each arm received so far, shape [K].
        shares: Configured parts of the traffic, shape [K], above 0 with sum 1.
        strength: Weight of the prior on the shares, in rows; larger finds smaller mismatches.

    Returns:
        The Dirichlet-multinomial e-value; infinite beyond floating point. Lindon & Malek (2022).

    Raises:
        ValueError: If the shares are no such parts, or a count is negative.

    Example:
        >>> sample_ratio([500, 500], [0.5, 0.5]) < 1 < 1e6 < sample_ratio([600, 400], [0.5, 0.5])
        True
    """
    x = np.asarray(counts, dtype=np.float64)
    w = np.asarray(shares, dtype=np.float64)
    if x.ndim != 1 or x.shape != w.shape or np.any(w <= 0) or abs(w.sum() - 1) > 1e-9:
        raise ValueError(f"shares must be {x.size} parts above 0 that sum to 1")
    if np.any(x < 0) or strength <= 0:
        raise ValueError("counts must not be negative and strength must be above 0")
    prior = strength * w
    log_e = np.sum(special.gammaln(prior + x) - special.gammaln(prior) - x * np.log(w))
    log_e += special.gammaln(strength) - special.gammaln(strength + x.sum())
    return float(_exponential(log_e))


def betting_process(losses: npt.ArrayLike, null_mean: float) -> FloatArray:
    """Evidence, after every loss, that the mean loss exceeds a tolerated value.

    Five gamblers each bet a fixed stake on losses above the null mean; the process is their mean
    wealth. Alarm the first time that it reaches 1 / alpha.

    Args:
        losses: Between 0 and 1, shape [n], in order of arrival.
        null_mean: Largest mean loss that is still fine, between 0 and 1.

    Returns:
        E-values, shape [n]. Waudby-Smith & Ramdas (2024), with stakes of 0.05 to 0.8 over the null
        mean.

    Raises:
        ValueError: If a loss or the null mean is out of range.

    Example:
        >>> betting_process([0, 1, 1], null_mean=0.5).round(3).tolist()
        [0.69, 0.83, 1.022]
    """
    z = np.asarray(losses, dtype=np.float64)
    if z.ndim != 1 or not np.all((z >= 0) & (z <= 1)):
        raise ValueError("losses must be a list of numbers between 0 and 1")
    if not 0 < null_mean < 1:
        raise ValueError(f"null_mean is {null_mean}, expected between 0 and 1")
    steps = np.log1p(np.outer(_BETS / null_mean, z - null_mean))
    wealth = np.logaddexp.reduce(np.cumsum(steps, axis=1), axis=0) - np.log(_BETS.size)
    return _exponential(wealth)


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


def _exponential(logarithm: npt.ArrayLike) -> FloatArray:
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.exp(logarithm), dtype=np.float64)
