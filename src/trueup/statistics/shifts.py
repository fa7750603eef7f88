"""How many rows of a column are elsewhere now: one effect for numbers and for categories.

For numbers it is the Kolmogorov-Smirnov distance, the share of rows that crossed one threshold; for
cells of a table it is total variation, the share that moved to other cells. Both come with what
chance alone gives, and with the smallest change that this many rows would show. Thresholds are the
caller's; `drift.py` tests the tables.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from trueup.statistics.distances import kolmogorov_smirnov_p, total_variation
from trueup.statistics.drift import drift_test, merge_rare

FloatArray: TypeAlias = npt.NDArray[np.float64]

POWER = 0.8
# E[K^2] of Kolmogorov's law.
_MEAN_SQUARE = math.pi**2 / 12
# Kolmogorov's test and the tests of rare cells beside a table share the false alarms.
_TABLE_BUDGET = 0.9
_RARE_BUDGET = 0.1


class Shift(msgspec.Struct, frozen=True):
    """A change between two samples, and what they could have shown.

    Attributes:
        p_value: Chance of a difference this large if nothing changed; 1 if nothing can be tested.
        observed: Share of rows that are elsewhere, as seen.
        effect: The same less what chance adds; the number to hold against a limit.
        noise_floor: What an unchanged column stays below in 95 of 100 cases.
        rows: Rows of the reference and of the other sample.
        freedom: Degrees of freedom of the table; 0 for a table of one cell, -1 for numbers, None
            where nothing can be tested, however many rows there are.
    """

    p_value: float
    observed: float
    effect: float
    noise_floor: float
    rows: tuple[int, int]
    freedom: int | None


def untestable(reference_rows: int, current_rows: int) -> Shift:
    """What is known of values that are all different: nothing."""
    return Shift(1.0, 0.0, 0.0, 1.0, (reference_rows, current_rows), None)


def of_samples(distance: float, reference_rows: int, current_rows: int) -> Shift:
    """The shift behind a Kolmogorov-Smirnov distance.

    Args:
        distance: D of the two samples.
        reference_rows: n.
        current_rows: m.

    Example:
        >>> shift = of_samples(0.12, 1_000, 1_000)
        >>> shift.p_value < 1e-5, round(shift.effect, 3), round(shift.noise_floor, 3)
        (True, 0.113, 0.061)
    """
    rows = reference_rows, current_rows
    k = _harmonic(*rows)
    if not k:
        return Shift(1.0, 0.0, 0.0, 1.0, rows, -1)
    return Shift(
        p_value=kolmogorov_smirnov_p(distance, *rows),
        observed=distance,
        effect=math.sqrt(max(0.0, distance**2 - _MEAN_SQUARE / k)),
        noise_floor=min(1.0, float(special.kolmogi(0.05)) / math.sqrt(k)),
        rows=rows,
        freedom=-1,
    )


def of_table(reference: npt.ArrayLike, current: npt.ArrayLike) -> Shift:
    """The shift between two rows of counts over the same cells.

    Args:
        reference: Rows per cell, shape [B].
        current: Rows per cell, shape [B].

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> shift = of_table([5_000, 5_000], [400, 600])
        >>> round(shift.observed, 2), round(shift.effect, 2), shift.freedom
        (0.1, 0.1, 1)
    """
    a = np.asarray(reference, dtype=np.float64)
    b = np.asarray(current, dtype=np.float64)
    rows = int(a.sum()), int(b.sum())
    k = _harmonic(*rows)
    if not k:
        return Shift(1.0, 0.0, 0.0, 1.0, rows, 0)
    seen = (a + b) > 0
    observed = total_variation(a, b)
    mean, variance = _by_chance((a + b)[seen] / sum(rows), k)
    return Shift(
        p_value=drift_test(a, b).p_value if merge_rare(a, b)[0].size > 1 else _rare_only(a, b),
        observed=observed,
        effect=math.sqrt(max(0.0, observed**2 - mean**2 - variance)),
        noise_floor=min(1.0, _upper(mean, variance)),
        rows=rows,
        freedom=merge_rare(a, b)[0].size - 1,
    )


def detectable(shift: Shift, alpha: float) -> float:
    """The smallest change that these rows would show in at least 80 of 100 cases.

    Whatever form the change has: one that is easier to see needs less.

    Args:
        shift: What was measured; only its rows and its freedom matter.
        alpha: The p-value that counts as shown.

    Returns:
        A share of rows; infinite if nothing can be tested.

    Example:
        >>> round(detectable(of_samples(0.0, 1_000, 1_000), 0.05), 3)
        0.08
    """
    n, m = shift.rows
    k = _harmonic(n, m)
    if not k or shift.freedom is None:
        return math.inf
    if shift.freedom == 0:
        # One cell holds nearly all: what can be seen is another value, row by row.
        needed = math.ceil(math.log(alpha * _RARE_BUDGET / 2) / math.log(m / (n + m)))
        return min((needed + float(special.ndtri(POWER)) * math.sqrt(needed)) / m, math.inf)
    return _needed_root(shift.freedom, alpha) / math.sqrt(k)


def rows_needed(shift: Shift, effect: float, alpha: float) -> int:
    """How many rows of the other sample would show a change of this size in 80 of 100 cases.

    Args:
        shift: What was measured.
        effect: The smallest change that matters.
        alpha: The p-value that counts as shown.

    Returns:
        Rows of the current sample beside this reference; 0 if the reference itself is too small.

    Example:
        >>> rows_needed(of_samples(0.0, 100_000, 1_000), 0.05, 0.05)
        1283
    """
    n = shift.rows[0]
    if shift.freedom is None:
        return 0
    if shift.freedom == 0:
        low, high = 1, 1 << 40
        while low < high:
            middle = (low + high) // 2
            fits = detectable(msgspec.structs.replace(shift, rows=(n, middle)), alpha) <= effect
            low, high = (low, middle) if fits else (middle + 1, high)
        return low if n and low < 1 << 40 else 0
    k = (_needed_root(shift.freedom, alpha) / effect) ** 2
    return math.ceil(k * n / (n - k)) if n > k else 0


@lru_cache(maxsize=1024)
def _needed_root(freedom: int, alpha: float) -> float:
    """The detectable change times the root of k."""
    if freedom < 0:
        # Where the gap is widest, the estimate of it has a standard deviation of at most 1 / 2.
        return float(special.kolmogi(alpha)) + float(special.ndtri(POWER)) / 2
    threshold = special.chdtri(freedom, alpha * _TABLE_BUDGET)
    noncentrality = float(special.chndtrinc(threshold, freedom, 1 - POWER))
    # By Cauchy and Schwarz no change of total variation v has less than 4 k v^2 of it.
    return math.sqrt(noncentrality) / 2


def _by_chance(shares: FloatArray, k: float) -> tuple[float, float]:
    """Mean and variance of total variation if nothing changed.

    The differences of the shares are normal with the covariances of a multinomial; the absolute
    values of two normals with correlation r have covariance (sqrt(1 - r^2) + r asin r - 1) 2 / pi.
    """
    deviations = np.sqrt(shares * (1 - shares) / k)
    mean = math.sqrt(2 / math.pi) * float(deviations.sum()) / 2
    odds = np.sqrt(shares / np.maximum(1 - shares, 1e-12))
    r = np.clip(-np.outer(odds, odds), -1.0, 1.0)
    np.fill_diagonal(r, 1.0)
    spread = (np.sqrt(1 - r**2) + r * np.arcsin(r) - 1) * 2 / math.pi
    return mean, float(deviations @ spread @ deviations) / 4


def _upper(mean: float, variance: float) -> float:
    """The 95 % point of a gamma law with this mean and variance."""
    if variance <= 0 or mean <= 0:
        return mean
    return float(special.gammaincinv(mean**2 / variance, 0.95)) * variance / mean


def _rare_only(a: FloatArray, b: FloatArray) -> float:
    """The p-value of a table with one large cell: only its rare cells can tell, each exactly."""
    n, m = a.sum(), b.sum()
    both = a + b
    rare = np.flatnonzero((both > 0) & (both < both.max()))
    if not rare.size:
        return 1.0
    rows, of_window, share = both[rare], b[rare], m / (n + m)
    fewer = np.where(
        of_window < rows, special.betaincc(of_window + 1, np.maximum(rows - of_window, 1), share), 1
    )
    more = np.where(
        of_window > 0, special.betainc(np.maximum(of_window, 1), rows - of_window + 1, share), 1
    )
    return min(1.0, 2 * float(np.minimum(fewer, more).min()) * rare.size)


def _harmonic(n: int, m: int) -> float:
    return n * m / (n + m) if n > 0 and m > 0 else 0.0
