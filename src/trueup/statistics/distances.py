"""How far apart two count vectors over the same cells are, and what chance alone would give.

One histogram pair feeds every distance; rows are not needed. This module knows nothing of
thresholds: a distance becomes a verdict in ``drift.py``, which is the file to read next.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]


def psi(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Population stability index: the sum of (p - q) ln(p / q) over the cells.

    Shares are smoothed as (c + 0.5) / (N + 0.5 B). Cells empty on both sides carry no information
    and are left out, also of B: smoothing them would add drift where nothing was seen. Other tools
    bin and smooth differently, so their numbers are not comparable.

    Args:
        reference: Counts per cell, shape [B].
        current: Counts per cell, shape [B].

    Returns:
        The index in nats, at least 0; NaN if either side is empty. Yurdakul (2018).

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> round(psi([50, 50], [50, 50]), 3), round(psi([50, 50], [20, 80]), 3)
        (0.0, 0.406)
    """
    a, b = _pair(reference, current)
    seen = (a + b) > 0
    a, b = a[seen], b[seen]
    n, m = a.sum(), b.sum()
    if n == 0 or m == 0:
        return float("nan")
    p = (a + 0.5) / (n + 0.5 * a.size)
    q = (b + 0.5) / (m + 0.5 * b.size)
    return float(np.sum((p - q) * np.log(p / q)))


def noise_floor(
    reference_rows: int, current_rows: int, cells: int, confidence: float = 0.95
) -> float:
    """The PSI that chance alone stays below with the given confidence, when nothing has changed.

    k PSI follows a chi-square law with B - 1 degrees of freedom, k = n m / (n + m), if every cell
    expects at least 5 rows.

    Args:
        reference_rows: n.
        current_rows: m.
        cells: B, cells that are not empty on both sides.
        confidence: Share of unchanged windows that stay below.

    Returns:
        The floor in the units of `psi`; infinite without rows.

    Example:
        >>> round(noise_floor(5_000, 500, 10), 3)
        0.037
    """
    k = _harmonic(reference_rows, current_rows)
    if k == 0:
        return float("inf")
    return float(special.chdtri(cells - 1, 1 - confidence)) / k if cells > 1 else 0.0


def psi_corrected(value: float, reference_rows: int, current_rows: int, cells: int) -> float:
    """PSI less what chance adds on average: max(0, PSI - (B - 1) / k).

    Args:
        value: The `psi`.
        reference_rows: n.
        current_rows: m.
        cells: B, cells that are not empty on both sides.

    Returns:
        The corrected index; NaN without rows.

    Example:
        >>> round(psi_corrected(0.05, 5_000, 500, 10), 4)
        0.0302
    """
    k = _harmonic(reference_rows, current_rows)
    return max(0.0, value - (cells - 1) / k) if k else float("nan")


def jensen_shannon(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Jensen-Shannon distance with base 2 logarithms: 0 for equal shares, 1 for disjoint ones.

    Args:
        reference: Counts per cell, shape [B].
        current: Counts per cell, shape [B].

    Returns:
        sqrt(KL(p, mean) / 2 + KL(q, mean) / 2); NaN if either side is empty. Lin (1991).

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> jensen_shannon([10, 0], [0, 5])
        1.0
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    nats = np.sum(special.rel_entr(p, middle) + special.rel_entr(q, middle)) / 2
    # Rounding can leave a tiny negative number for equal shares, of which there is no root.
    return float(np.sqrt(np.maximum(nats / np.log(2.0), 0.0)))


def hellinger(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Hellinger distance sqrt(sum of (sqrt p - sqrt q)^2 / 2), between 0 and 1.

    Args:
        reference: Counts per cell, shape [B].
        current: Counts per cell, shape [B].

    Returns:
        The distance; NaN if either side is empty.

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> hellinger([10, 0], [0, 5])
        1.0
    """
    p, q = _shares(reference, current)
    return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2))


def total_variation(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Total variation: the share of rows that would have to move to another cell.

    Args:
        reference: Counts per cell, shape [B].
        current: Counts per cell, shape [B].

    Returns:
        Half the sum of |p - q|, between 0 and 1; NaN if either side is empty.

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> total_variation([50, 50], [25, 75])
        0.25
    """
    p, q = _shares(reference, current)
    return float(np.sum(np.abs(p - q)) / 2)


def wasserstein(
    positions: npt.ArrayLike, reference: npt.ArrayLike, current: npt.ArrayLike
) -> float:
    """Earth mover's distance W1 of two histograms: the sum of |F - G| times the gap to the next.

    Args:
        positions: Where each cell sits, ascending, shape [B]; see `summaries.ordered`.
        reference: Counts per cell, shape [B].
        current: Counts per cell, shape [B].

    Returns:
        The distance in units of the positions, off by at most the widest bin times the mass in it;
        NaN if either side is empty. Divide by a reference spread to compare columns.

    Raises:
        ValueError: If shapes differ, a count is negative or positions descend.

    Example:
        >>> wasserstein([0.0, 1.0, 4.0], [1, 1, 0], [0, 1, 1])
        2.0
    """
    p, q = _shares(reference, current)
    gaps = np.diff(np.asarray(positions, dtype=np.float64))
    if gaps.size != p.size - 1 or np.any(gaps < 0):
        raise ValueError(f"positions must be {p.size} ascending numbers, one per cell")
    return float(np.sum(np.abs(np.cumsum(p - q)[:-1]) * gaps))


def kolmogorov_smirnov(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Kolmogorov-Smirnov distance: the largest gap of the two distribution functions.

    Args:
        reference: Counts per cell in the order of the values, shape [B].
        current: Counts per cell in the order of the values, shape [B].

    Returns:
        D between 0 and 1, below the D of the rows by at most the largest cell; NaN if either side
        is empty.

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> kolmogorov_smirnov([5, 5, 0], [0, 5, 5])
        0.5
    """
    p, q = _shares(reference, current)
    return float(np.max(np.abs(np.cumsum(p - q)), initial=0.0))


def kolmogorov_smirnov_p(distance: float, reference_rows: int, current_rows: int) -> float:
    """Chance of a Kolmogorov-Smirnov distance this large if nothing changed.

    Args:
        distance: D.
        reference_rows: n, the real number of rows and not of cells.
        current_rows: m.

    Returns:
        The limiting p-value of Kolmogorov, too large (safe) for binned or tied values.

    Example:
        >>> round(kolmogorov_smirnov_p(0.1, 1_000, 1_000), 5)
        9e-05
    """
    k = _harmonic(reference_rows, current_rows)
    return float(special.kolmogorov(np.sqrt(k) * distance))


def _harmonic(n: float, m: float) -> float:
    return n * m / (n + m) if n > 0 and m > 0 else 0.0


def _pair(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    a = np.asarray(reference, dtype=np.float64)
    b = np.asarray(current, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"counts of shape {a.shape} and {b.shape} are not over the same cells")
    if np.any(a < 0) or np.any(b < 0):
        raise ValueError("counts must not be negative")
    return a, b


def _shares(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = _pair(reference, current)
    n, m = a.sum(), b.sum()
    if n == 0 or m == 0:
        nothing = np.full(a.shape, np.nan)
        return nothing, nothing
    return a / n, b / m
