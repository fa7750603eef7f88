"""Freeze the bins of a reference column, then count anything into them exactly.

Counts are integers in a fixed order, so summaries of parts merge by addition, in any order, and
give the same bytes as one pass over the whole. This module knows nothing of windows or drift.
Read ``distances.py`` next: what two count vectors say about each other.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Literal, TypeAlias, cast

import msgspec
import numpy as np
import numpy.typing as npt

from trueup.statistics import samples

FloatArray: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.int64]

NUMERIC_EXTRAS = ("missing", "infinite", "below reference", "above reference")
CATEGORY_EXTRAS = ("__other__", "__new__", "__missing__")

_LARGEST = float(np.finfo(np.float64).max)
_BLOCK = 65_536
_FEW_ROWS = 2_048
_FIRM_ROWS = 10


class Bins(msgspec.Struct, frozen=True, cache_hash=True):
    """The frozen cells of one column, made once from a reference and stored with it.

    Numeric cells are the intervals between ``low``, ``edges`` and ``high``, followed by
    ``NUMERIC_EXTRAS``. Category cells are ``values``, followed by ``CATEGORY_EXTRAS``.

    Attributes:
        kind: What the column holds.
        edges: Inner edges, ascending; an interval holds its left edge and not its right one.
        low: Smallest finite reference value; None if the reference had none.
        high: Largest finite reference value; None if the reference had none.
        values: Names of cells that hold one value each: the frequent categories, most frequent
            first, or the distinct numbers, ascending, of a column with few of them.
        rare: Categories that the reference had and that count as ``__other__``.
        firm: How many of the categories had enough reference rows to be tested one by one.
        is_open: The reference had too many categories to remember, so that unknown ones count as
            ``__other__`` and never as ``__new__``.
    """

    kind: Literal["numeric", "category"]
    edges: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    firm: int = 0
    is_open: bool = False

    @property
    def size(self) -> int:
        """Number of cells, extras included: the length of every count vector of these bins."""
        if self.kind == "numeric":
            return len(self.edges) + 1 + len(NUMERIC_EXTRAS)
        return len(self.values) + len(CATEGORY_EXTRAS)


def numeric_bins(values: npt.ArrayLike, most: int = 32) -> Bins:
    """Bins of a numeric column: one per value if there are few, else reference quantiles.

    A value so frequent that it spans a whole quantile step (the zeros of an amount) gets a bin of
    its own, because a shift inside its bin would otherwise be invisible.

    Args:
        values: Reference values, any shape, NaN for missing.
        most: Largest number of bins, extras not counted.

    Returns:
        Bins with at most ``most - 1`` inner edges.

    Raises:
        ValueError: If ``most`` is below 1.

    Example:
        >>> bins = numeric_bins([0, 0, 0, 1, 2, 2, float("nan")])
        >>> bins.edges, bins.low, bins.high
        ((0.5, 1.5), 0.0, 2.0)
        >>> count(bins, [0, 2, 2, 9]).tolist()
        [1, 0, 2, 0, 0, 0, 1]
    """
    flat = _flat(values)
    return bins_of_sorted(np.sort(flat[np.isfinite(flat)]), most)


def bins_of_sorted(values: FloatArray, most: int = 32) -> Bins:
    """The same as `numeric_bins`, of finite values that are in order already.

    Raises:
        ValueError: If ``most`` is below 1.
    """
    if most < 1:
        raise ValueError(f"most is {most}: at least one bin is needed")
    if values.size == 0:
        return Bins("numeric")
    # Adding zero turns -0.0 into 0.0, so that equal references give equal bytes.
    low, high = float(values[0]) + 0.0, float(values[-1]) + 0.0
    few = samples.distinct(values, most)
    if few is not None:
        distinct = (few + 0.0).tolist()
        edges = tuple(_between(a, b) for a, b in pairwise(distinct))
        return Bins("numeric", edges, low, high, tuple(_exact(value) for value in distinct))
    quantiles = values[np.arange(1, most) * values.size // most] + 0.0
    cuts: set[float] = set()
    for value, times in Counter(quantiles.tolist()).items():
        if value > low:
            cuts.add(value)
        if times > 1 or value == low:
            after = int(np.searchsorted(values, value, side="right"))
            if after < values.size:
                cuts.add(_between(value, float(values[after])))
    return Bins("numeric", tuple(sorted(cuts)), low, high)


def category_bins(
    values: Iterable[str | None] | Mapping[str | None, int],
    most: int = 64,
    coverage: float = 0.99,
    remembered: int = 10_000,
) -> Bins:
    """Bins of a text column: its frequent values, one each.

    Args:
        values: Reference values, None for missing, or how often each occurs.
        most: Largest number of values with a cell of their own.
        coverage: Stop once the cells hold this share of the rows that are not missing.
        remembered: Largest number of rarer values to remember, to tell a rare value from a new one.

    Returns:
        Bins whose values are ordered by falling count, then by name.

    Raises:
        TypeError: If a value is neither str nor None.

    Example:
        >>> bins = category_bins(["UA", "UA", "AA", None], most=1)
        >>> labels(bins)
        ('UA', '__other__', '__new__', '__missing__')
        >>> count(bins, ["UA", "AA", "B6", None, None]).tolist()
        [1, 1, 1, 2]
    """
    tally = _tally(values)
    tally.pop(None, None)
    named = cast("dict[str, int]", tally)
    ranked = sorted(named, key=lambda value: (-named[value], value))
    rows = sum(named.values())
    kept = covered = 0
    while kept < min(most, len(ranked)) and covered < coverage * rows:
        covered += named[ranked[kept]]
        kept += 1
    rare = ranked[kept:]
    is_open = len(rare) > remembered
    return Bins(
        "category",
        values=tuple(ranked[:kept]),
        rare=() if is_open else tuple(sorted(rare)),
        firm=sum(named[value] >= _FIRM_ROWS for value in ranked[:kept]),
        is_open=is_open,
    )


def count(bins: Bins, values: npt.ArrayLike | Iterable[str | None]) -> Counts:
    """Exact number of values in every cell.

    Args:
        bins: The frozen cells.
        values: Numbers of any shape for numeric bins; str or None for category bins.

    Returns:
        int64 array of shape [bins.size] in the order of `labels`; its sum is the number of values.

    Raises:
        TypeError: If a category value is neither str nor None.

    Example:
        >>> bins = numeric_bins([1.0, 2.0])
        >>> (count(bins, [1.0]) + count(bins, [2.0, -5.0])).tolist()
        [1, 1, 0, 0, 1, 0]
    """
    if bins.kind == "category":
        return fold(bins, _tally(cast("Iterable[str | None]", values)))
    flat = _flat(cast("npt.ArrayLike", values))
    cuts = _cuts(bins)
    missing = int(np.count_nonzero(flat != flat))  # noqa: PLR0124 (only NaN differs from itself)
    if flat.size < _FEW_ROWS:
        steps = np.bincount(np.searchsorted(cuts, flat, side="right"), minlength=cuts.size + 1)[1:]
        steps[-1] -= missing  # NaN sorts behind infinity
    else:
        steps = _count_steps(cuts, flat)
    counts = np.empty(bins.size, dtype=np.int64)
    counts[:-4] = steps[2:-2]
    counts[-4:] = (missing, steps[0] + steps[-1], steps[1], steps[-2])
    return counts


def count_sorted(bins: Bins, values: FloatArray) -> Counts:
    """The same as `count`, of finite values that are in order already: a few binary searches.

    Args:
        bins: Numeric bins.
        values: Finite numbers, ascending.

    Example:
        >>> count_sorted(numeric_bins([1.0, 2.0]), np.array([-5.0, 1.0, 2.0])).tolist()
        [1, 1, 0, 0, 1, 0]
    """
    steps = np.diff(np.searchsorted(values, _cuts(bins), side="left"))
    counts = np.zeros(bins.size, dtype=np.int64)
    counts[:-4] = steps[2:-1]
    counts[-2:] = steps[1], values.size - steps[:-1].sum()
    return counts


def fold(bins: Bins, tally: Mapping[str | None, int]) -> Counts:
    """Counts of a category column that was grouped elsewhere, by a data frame or a database.

    Args:
        bins: Category bins.
        tally: How often each value occurs, None for missing.

    Returns:
        int64 array of shape [bins.size], equal to `count` of the values themselves.

    Raises:
        ValueError: If the bins are numeric.
        TypeError: If a value is neither str nor None.

    Example:
        >>> fold(category_bins(["a", "b"]), {"a": 3, "c": 2, None: 1}).tolist()
        [3, 0, 0, 2, 1]
    """
    if bins.kind != "category":
        raise ValueError("fold needs category bins, these are numeric")
    cell_of = _cell_of(bins)
    other, new, missing = (len(bins.values) + extra for extra in range(3))
    unknown = other if bins.is_open else new
    counts = np.zeros(bins.size, dtype=np.int64)
    for value, times in tally.items():
        if value is None:
            cell = missing
        elif isinstance(value, str):
            cell = cell_of.get(value, unknown)
        else:
            raise TypeError(f"category {value!r} is {type(value).__name__}, expected str or None")
        counts[cell] += times
    return counts


def comparable(bins: Bins, counts: npt.ArrayLike) -> Counts:
    """Counts fit for a test against the reference: categories that are new or rare are one cell.

    A reference has nothing new by definition, and its rarest values are there by luck, while a
    column of many rare values brings new ones in every window. Telling them apart would call that
    a change: counted as they are, nearly all unchanged windows of such a column look changed.

    Args:
        bins: The cells of the counts.
        counts: Of the reference or a window, shape [bins.size].

    Returns:
        int64 array of the same shape; a copy as it is for numeric bins.

    Example:
        >>> bins = category_bins(["a"] * 12 + ["b"])
        >>> labels(bins)
        ('a', 'b', '__other__', '__new__', '__missing__')
        >>> comparable(bins, count(bins, ["a", "b", "c", None])).tolist()
        [1, 0, 2, 0, 1]
    """
    cells = np.array(counts, dtype=np.int64)
    if bins.kind == "category":
        other = len(bins.values)
        cells[other] = cells[bins.firm : other + 2].sum()
        cells[bins.firm : other] = 0
        cells[other + 1] = 0
    return cells


def labels(bins: Bins) -> tuple[str, ...]:
    """Names of the cells for people, in the order of the counts.

    Example:
        >>> labels(numeric_bins(range(100), most=2))[:2]
        ('[0, 50)', '[50, 99]')
    """
    if bins.kind == "category":
        return (*bins.values, *CATEGORY_EXTRAS)
    if bins.values:
        return (*bins.values, *NUMERIC_EXTRAS)
    if bins.low is None or bins.high is None:
        return ("any number", *NUMERIC_EXTRAS)
    marks = _readable((bins.low, *bins.edges, bins.high))
    inner = [f"[{a}, {b})" for a, b in pairwise(marks[:-1])]
    return (*inner, f"[{marks[-2]}, {marks[-1]}]", *NUMERIC_EXTRAS)


def ordered(bins: Bins, counts: npt.ArrayLike) -> tuple[FloatArray, Counts]:
    """The numbers of a numeric column as points on a line, for Wasserstein and Kolmogorov-Smirnov.

    Values outside the reference sit at its ends; missing and infinite ones have no place and are
    left out.

    Args:
        bins: Numeric bins.
        counts: Counts of those bins, shape [bins.size].

    Returns:
        Positions, ascending, in units of the column, and the counts there; both of shape
        [bins.size - 2].

    Raises:
        ValueError: If the bins are no numeric bins or the counts are not theirs.

    Example:
        >>> bins = numeric_bins([1, 2, 2])
        >>> positions, at = ordered(bins, count(bins, [0, 1, 2, 7, float("nan")]))
        >>> positions.tolist(), at.tolist()
        ([1.0, 1.0, 2.0, 2.0], [1, 1, 1, 1])
    """
    cells = np.asarray(counts, dtype=np.int64)
    if bins.kind != "numeric" or cells.shape != (bins.size,):
        raise ValueError(f"{cells.shape} counts do not fit {bins.kind} bins of size {bins.size}")
    low, high = bins.low or 0.0, bins.high or 0.0
    if bins.values:
        middles = np.array([float(value) for value in bins.values])
    else:
        marks = np.array([low, *bins.edges, high])
        middles = marks[:-1] / 2 + marks[1:] / 2
    inside = len(bins.edges) + 1
    positions = np.concatenate([[low], middles, [high]])
    return positions, np.concatenate([cells[-2:-1], cells[:inside], cells[-1:]])


def _flat(values: npt.ArrayLike) -> FloatArray:
    return np.ascontiguousarray(values, dtype=np.float64).ravel()


def _tally(values: Iterable[str | None] | Mapping[str | None, int]) -> dict[str | None, int]:
    tally = dict(values) if isinstance(values, Mapping) else dict(Counter(values))
    for value in tally:
        if value is not None and not isinstance(value, str):
            raise TypeError(f"category {value!r} is {type(value).__name__}, expected str or None")
    return tally


def _between(a: float, b: float) -> float:
    # Halving first cannot overflow; between neighbouring floats only b itself separates.
    middle = a / 2 + b / 2
    return middle if a < middle <= b else b


def _exact(value: float) -> str:
    return repr(value).removesuffix(".0")


def _readable(marks: tuple[float, ...]) -> list[str]:
    distinct = len(set(marks))
    for digits in (4, 6, 9, 12):
        texts = [f"{mark:.{digits}g}" for mark in marks]
        if len(set(texts)) == distinct:
            return texts
    return [_exact(mark) for mark in marks]


# Every batch of predictions counts into the same few bins: building these costs more than counting.
@lru_cache(maxsize=256)
def _cuts(bins: Bins) -> FloatArray:
    low = -_LARGEST if bins.low is None else bins.low
    high = _LARGEST if bins.high is None else bins.high
    above = math.nextafter(high, math.inf)
    return np.array([-np.inf, -_LARGEST, low, *bins.edges, above, np.inf])


@lru_cache(maxsize=256)
def _cell_of(bins: Bins) -> dict[str, int]:
    cells = dict.fromkeys(bins.rare, len(bins.values))
    cells.update((value, cell) for cell, value in enumerate(bins.values))
    return cells


def _count_steps(cuts: FloatArray, values: FloatArray) -> Counts:
    # One branch-free comparison per cut beats a binary search per value: 8 against 52 ms for a
    # million values and 32 bins. NaN compares false everywhere and so is in no step.
    at_least = np.zeros(cuts.size + 1, dtype=np.int64)
    buffer = np.empty(min(_BLOCK, values.size), dtype=np.bool_)
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        flags = buffer[: block.size]
        for step, cut in enumerate(cuts):
            np.greater_equal(block, cut, out=flags)
            at_least[step] += np.count_nonzero(flags)
    return at_least[:-1] - at_least[1:]
