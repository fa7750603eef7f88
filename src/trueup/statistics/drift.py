"""Has a column changed, by how much, and could this many rows have shown it?

One test for every kind of column, on counts alone. It knows nothing of alerts: combining columns,
windows and harm into one is the monitor's work. Read ``distances.py`` for the effect sizes.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import special

from trueup.statistics.distances import noise_floor, psi, psi_corrected

FloatArray: TypeAlias = npt.NDArray[np.float64]

_FEWEST_EXPECTED = 5.0
_RARE_BUDGET = 0.1


class Drift(msgspec.Struct, frozen=True):
    """What two count vectors say about change.

    Effect, floor and limit are those of the table that was tested, rare cells merged, so that they
    can be held against each other.

    Attributes:
        p_value: Chance of a difference this large if nothing changed; 1 if nothing can be tested.
        psi: Population stability index.
        psi_corrected: The index less what chance adds on average; the effect size to act on.
        noise_floor: The index that an unchanged column stays below with the test's confidence.
        minimum_detectable: Smallest true index that this many rows would show in 80 of 100 cases;
            infinite if nothing can be tested. Above the effect you care about it means
            "not enough data".
        n_reference: Rows in the reference.
        n_current: Rows in the current window.
        cells: Cells of that table.
    """

    p_value: float
    psi: float
    psi_corrected: float
    noise_floor: float
    minimum_detectable: float
    n_reference: int
    n_current: int
    cells: int


def drift_test(
    reference_counts: npt.ArrayLike,
    current_counts: npt.ArrayLike,
    confidence: float = 0.95,
    power: float = 0.8,
) -> Drift:
    """Pearson's chi-square test of equal shares, with effect size and detection limit.

    Neighbouring cells are merged until each expects at least five rows on both sides, because the
    chi-square law, and the noise floor with it, fails below. Merging would hide a new category or
    a broken sensor in a small window, so every rare cell is also tested by itself, exactly: a tenth
    of the false alarm rate is spent on these, shared equally, and the cells found this way stay
    unmerged in the effect sizes.

    Args:
        reference_counts: Rows of the frozen reference per cell, shape [B]; categories as
            `summaries.comparable` gives them.
        current_counts: Rows of the window to judge per cell, shape [B].
        confidence: One minus the false alarm rate of the noise floor and the detection limit.
        power: Chance with which the detection limit would be seen.

    Returns:
        The test. The detection limit is the noncentral chi-square law's, divided by
        k = n m / (n + m).

    Raises:
        ValueError: If the counts differ in shape, or one is negative.

    Example:
        >>> same = drift_test([500, 500], [52, 48])
        >>> round(same.p_value, 2), same.psi_corrected
        (0.7, 0.0)
        >>> drift_test([500, 500], [20, 80]).p_value < 1e-6
        True
        >>> drift_test([500, 500], [2, 1]).minimum_detectable
        inf
    """
    a = np.asarray(reference_counts, dtype=np.float64)
    b = np.asarray(current_counts, dtype=np.float64)
    index = psi(a, b)  # also checks the counts
    n, m = int(a.sum()), int(b.sum())
    merged = merge_rare(a, b)
    freedom = merged[0].size - 1
    if freedom < 1:
        return Drift(1.0, index, 0.0, math.inf, math.inf, n, m, merged[0].size)
    p_value = _chi_square_p(*merged)
    rare, rare_p = _rare_cells(a, b)
    if rare.size:
        p_value = min(1.0, p_value / (1 - _RARE_BUDGET), float(rare_p.min()) / _RARE_BUDGET)
        apart = rare[rare_p / _RARE_BUDGET <= 1 - confidence]
        rest = merge_rare(np.delete(a, apart), np.delete(b, apart))
        merged = np.concatenate([rest[0], a[apart]]), np.concatenate([rest[1], b[apart]])
    cells = merged[0].size
    index = psi(*merged)
    threshold = special.chdtri(freedom, 1 - confidence)
    noncentrality = float(special.chndtrinc(threshold, freedom, 1 - power))
    return Drift(
        p_value=p_value,
        psi=index,
        psi_corrected=psi_corrected(index, n, m, cells),
        noise_floor=noise_floor(n, m, cells, confidence),
        minimum_detectable=noncentrality * (n + m) / (n * m),
        n_reference=n,
        n_current=m,
        cells=cells,
    )


def merge_rare(
    reference: npt.ArrayLike, current: npt.ArrayLike, fewest: float = _FEWEST_EXPECTED
) -> tuple[FloatArray, FloatArray]:
    """Merge neighbouring cells until each expects enough rows on both sides.

    Args:
        reference: Counts per cell, shape [B].
        current: Counts per cell, shape [B].
        fewest: Rows that each cell must expect under equal shares.

    Returns:
        Two arrays of the same shape [at most B] with the same totals; of shape [0] if a side is
        empty and of shape [1] if there are too few rows for two cells.

    Example:
        >>> [cells.tolist() for cells in merge_rare([10, 40, 50, 0], [2, 3, 5, 1])]
        [[50.0, 50.0], [5.0, 6.0]]
    """
    a = np.asarray(reference, dtype=np.float64)
    b = np.asarray(current, dtype=np.float64)
    n, m = float(a.sum()), float(b.sum())
    if n == 0 or m == 0:
        return a[:0], b[:0]
    needed = fewest * (n + m) / min(n, m)
    starts: list[int] = []
    start, pooled = 0, 0.0
    for cell, rows in enumerate((a + b).tolist()):
        pooled += rows
        if pooled >= needed:
            starts.append(start)
            start, pooled = cell + 1, 0.0
    # What is left over at the end joins the last cell, since reduceat runs to the end.
    starts = starts or [0]
    return np.add.reduceat(a, starts), np.add.reduceat(b, starts)


def _chi_square_p(a: FloatArray, b: FloatArray) -> float:
    ratio = np.sqrt(b.sum() / a.sum())
    statistic = np.sum((a * ratio - b / ratio) ** 2 / (a + b))
    return float(special.chdtrc(a.size - 1, statistic))


def _rare_cells(a: FloatArray, b: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    # Given how many rows a cell has on both sides, those of the window are binomial: two-sided and
    # corrected for the number of rare cells.
    n, m = a.sum(), b.sum()
    both = a + b
    rare = np.flatnonzero((both > 0) & (both * min(n, m) < _FEWEST_EXPECTED * (n + m)))
    share = m / (n + m)
    rows, of_window = both[rare], b[rare]
    fewer = special.betaincc(of_window + 1, rows - of_window, share)
    more = special.betainc(of_window, rows - of_window + 1, share)
    tail = np.minimum(np.where(of_window < rows, fewer, 1.0), np.where(of_window > 0, more, 1.0))
    return rare, np.minimum(2 * tail * rare.size, 1.0)


def benjamini_hochberg(
    p_values: npt.ArrayLike, q: float = 0.05
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Which of many tests to believe, so that at most a share ``q`` of those is false on average.

    Args:
        p_values: One per hypothesis of the family, shape [K].
        q: Accepted false discovery rate.

    Returns:
        Adjusted p-values, shape [K], and which of them are at most ``q``. Benjamini & Hochberg
        (1995): valid for independent or positively dependent tests.

    Raises:
        ValueError: If a p-value is outside 0 to 1 or missing.

    Example:
        >>> adjusted, rejected = benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
        >>> [round(float(p), 4) for p in adjusted], rejected.tolist()
        ([0.04, 0.0533, 0.0533, 0.5], [True, False, False, False])
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must be a list of numbers between 0 and 1")
    if p.size == 0:
        return p.copy(), np.zeros(0, dtype=np.bool_)
    order = np.argsort(p)
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted, adjusted <= q
