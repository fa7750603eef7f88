"""Two samples of numbers: their exact distances, and how large a change they could show.

Rows, not bins: every value counts. Samples are sorted once by `sorted_sample`; all else walks along
the sorted values. `distances.py` has the same questions for counts, `shifts.py` says what a
distance of this size means.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_GRID = 6_000
_BLOCK = 32_768


class Sample(NamedTuple):
    """The values of a column in order.

    Attributes:
        values: Its finite numbers, ascending, shape [n].
        missing: How many values are missing or NaN.
        infinite: How many are infinite.
    """

    values: FloatArray
    missing: int
    infinite: int

    @property
    def rows(self) -> int:
        """All values, missing ones included."""
        return self.values.size + self.missing + self.infinite


def sorted_sample(values: npt.ArrayLike, nulls: int = 0, *, in_place: bool = False) -> Sample:
    """Sort a column once, for everything that is asked of it.

    Args:
        values: Numbers, any shape, NaN for missing.
        nulls: Missing values that are not among them.
        in_place: Whether the array may be sorted as it is, as nobody else needs its order.

    Example:
        >>> sorted_sample([3, float("nan"), 1, float("inf")])
        Sample(values=array([1., 3.]), missing=1, infinite=1)
    """
    flat = np.asarray(values).ravel()
    if flat.dtype.kind not in "iuf" or flat.dtype.itemsize > 8:
        flat = flat.astype(np.float64)
    # Sorted as they are: half the bytes are half the time. NaN sorts behind infinity.
    ordered = flat if in_place else flat.copy()
    ordered.sort()
    if ordered.dtype.kind == "f":
        first = int(np.searchsorted(ordered, -np.inf, side="right"))
        last = int(np.searchsorted(ordered, np.inf, side="left"))
        known = int(np.searchsorted(ordered, np.inf, side="right"))
        finite = ordered[first:last]
        lost, infinite = ordered.size - known, first + known - last
    else:
        finite, lost, infinite = ordered, 0, 0
    return Sample(finite.astype(np.float64, copy=False), nulls + lost, infinite)


def kolmogorov_smirnov(a: FloatArray, b: FloatArray) -> float:
    """The largest gap between two empirical distribution functions, exactly.

    The gap is known at some thousand values. Between two of them it cannot exceed what the
    functions rise there, so that only the few stretches that could still hold the largest gap are
    looked into: a millisecond where looking up every value takes a tenth of a second.

    Args:
        a: Finite numbers, ascending, shape [n].
        b: Finite numbers, ascending, shape [m].

    Returns:
        D between 0 and 1; NaN if either is empty.

    Example:
        >>> kolmogorov_smirnov(np.array([1.0, 2.0]), np.array([2.0, 3.0]))
        0.5
    """
    n, m = a.size, b.size
    if not (n and m):
        return math.nan
    grid = np.unique(np.concatenate([_spread(a), _spread(b)]))
    below_a, below_b = (np.searchsorted(side, grid, side="right") for side in (a, b))
    largest = float(np.max(np.abs(below_a / n - below_b / m)))
    if grid.size >= n + m:
        return largest
    before_a, before_b = (np.searchsorted(side, grid[1:], side="left") for side in (a, b))
    ahead_a = before_a / n - below_b[:-1] / m
    ahead_b = before_b / m - below_a[:-1] / n
    doubtful = np.flatnonzero(np.maximum(ahead_a, ahead_b) > largest)
    for side, starts, ends in ((a, below_a, before_a), (b, below_b, before_b)):
        inside = side[_ranges(starts[doubtful], ends[doubtful])]
        if inside.size:
            gaps = (
                np.searchsorted(a, inside, side="right") / n
                - np.searchsorted(b, inside, side="right") / m
            )
            largest = max(largest, float(np.max(np.abs(gaps))))
    return largest


def wasserstein(a: FloatArray, b: FloatArray) -> float:
    """The earth mover's distance W1 of two samples, exactly: the mean gap of their quantiles.

    With as many values on both sides it is the mean distance of the i-th values. Otherwise a value
    of the smaller sample meets a stretch of the larger one, whose ends it shares with the next.

    Args:
        a: Finite numbers, ascending, shape [n].
        b: Finite numbers, ascending, shape [m].

    Returns:
        The distance in units of the values; NaN if either is empty.

    Example:
        >>> wasserstein(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
        1.0
        >>> wasserstein(np.array([0.0]), np.array([-1.0, 2.0]))
        1.5
    """
    if not (a.size and b.size):
        return math.nan
    many, few = (a, b) if a.size >= b.size else (b, a)
    n, m = many.size, few.size
    total = 0.0
    for start in range(0, m, _BLOCK):
        values = few[start : start + _BLOCK]
        if n == m:
            total += float(np.abs(many[start : start + _BLOCK] - values).sum())
            continue
        ends = np.arange(start, start + values.size + 1, dtype=np.int64) * n
        whole = ends // m
        part = ends - whole * m
        firsts = whole + (part > 0)
        block = many[firsts[0] : firsts[-1]]
        total += float(np.abs(block - np.repeat(values, np.diff(firsts))).sum())
        # Where one of the few ends within a value of the many, the next one has the rest of it.
        following = few[start + 1 : start + 1 + values.size]
        at = slice(1, 1 + following.size)
        shared = many[whole[at]]
        gained = np.abs(shared - following) - np.abs(shared - values[: following.size])
        # No dot product: the threads of BLAS wait for each other where cores are busy.
        total += float((gained * np.where(part[at] > 0, 1 - part[at] / m, 0.0)).sum())
    return total / n


def moments(values: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation, as NumPy has them, a stretch at a time while it is at hand.

    Example:
        >>> moments(np.array([1.0, 3.0]))
        (2.0, 1.0)
    """
    if not values.size:
        return math.nan, math.nan
    mean = float(values.mean())
    squares = 0.0
    for start in range(0, values.size, _BLOCK):
        apart = values[start : start + _BLOCK] - mean
        squares += float(np.multiply(apart, apart, out=apart).sum())
    return mean, math.sqrt(squares / values.size)


def quantiles(values: FloatArray, shares: npt.ArrayLike) -> FloatArray:
    """Quantiles of sorted values, as `numpy.quantile` has them, without sorting again."""
    at = np.asarray(shares, dtype=np.float64) * (values.size - 1)
    low = np.floor(at).astype(np.intp)
    high = np.minimum(low + 1, values.size - 1)
    share = at - low
    # Not the difference: between two huge numbers it is no number.
    found: FloatArray = values[low] * (1 - share) + values[high] * share
    return found


def distinct(values: FloatArray, most: int) -> FloatArray | None:
    """The different values of a sorted sample; None if there are more than `most`.

    Example:
        >>> distinct(np.array([1.0, 1.0, 4.0]), 2), distinct(np.array([1.0, 2.0, 3.0]), 2)
        (array([1., 4.]), None)
    """
    found: list[float] = []
    at = 0
    while at < values.size:
        if len(found) == most:
            return None
        found.append(float(values[at]))
        at = int(np.searchsorted(values, values[at], side="right"))
    return np.array(found)


def _spread(ordered: FloatArray) -> FloatArray:
    if ordered.size <= _GRID:
        return ordered
    return ordered[np.linspace(0, ordered.size - 1, _GRID).astype(np.intp)]


def _ranges(starts: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """All places from each start up to its end, one after the other."""
    lengths = np.maximum(ends - starts, 0)
    total = int(lengths.sum())
    shifts = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return shifts + np.arange(total)
