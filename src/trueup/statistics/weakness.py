"""Where is a model worse than elsewhere: a small tree on the loss of one half of the rows, its
finds tested on the other half (Welch 1947).

Columns come as codes: bins of numbers in order, or values without one. It knows no names.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int32]


class Coded(NamedTuple):
    """A column as codes.

    Attributes:
        codes: From 0, shape [n]; `missing` where there is no value.
        missing: The code of missing values: one more than the largest of the others.
        is_ordered: Whether the codes follow the order of the values.
    """

    codes: Codes
    missing: int
    is_ordered: bool


class Condition(NamedTuple):
    """One condition on one column; the opposite of another says so.

    Attributes:
        column: Place of the column.
        test: Whether the code is at most, or exactly, the one given.
        code: The code.
        is_met: Whether the rows meant meet it, or are all the others.
    """

    column: int
    test: Literal["at most", "is"]
    code: int
    is_met: bool = True


class Weak(NamedTuple):
    """A slice in which the loss is higher than in the other rows of the half it was tested on.

    Attributes:
        conditions: What its rows meet, all of them.
        rows: Rows of that half in it.
        share: Of that half.
        gap: Mean loss in it, less that of the others.
        error: Standard error of the gap.
        freedom: Degrees of freedom of the error.
        p_value: One-sided, that the gap is no larger than was allowed.
    """

    conditions: tuple[Condition, ...]
    rows: int
    share: float
    gap: float
    error: float
    freedom: float
    p_value: float


def search(
    columns: Sequence[Coded], losses: FloatArray, *, fewest: int, depth: int = 3
) -> list[tuple[Condition, ...]]:
    """Slices whose mean loss lies above that of all rows, by a tree of least squares.

    Args:
        columns: What slices may be described by, each of shape [n].
        losses: The loss of every row, shape [n].
        fewest: Rows that a slice has at least.
        depth: Most conditions.

    Returns:
        Every such node of the tree, not only its leaves.
    """
    every = np.arange(losses.size)
    found = _grown(columns, losses, every, (), fewest, depth)
    middle = losses.mean() if losses.size else 0.0
    return [conditions for conditions, rows in found if losses[rows].mean() > middle]


def meets(columns: Sequence[Coded], conditions: Sequence[Condition]) -> npt.NDArray[np.bool_]:
    """Which rows meet all conditions, shape [n]."""
    met = np.ones(columns[0].codes.size, dtype=np.bool_)
    for condition in conditions:
        met &= _met(columns[condition.column].codes, condition)
    return met


def test_of(
    columns: Sequence[Coded],
    losses: FloatArray,
    conditions: tuple[Condition, ...],
    allowed: float = 0.0,
) -> Weak:
    """Welch's test that the loss of a slice lies above that of the other rows by more than allowed.

    Args:
        columns: Of the rows to test on, not those that were searched.
        losses: Their losses, shape [n].
        conditions: The slice.
        allowed: How much higher its loss may be.
    """
    inside = meets(columns, conditions)
    of_slice, of_others = losses[inside], losses[~inside]
    if min(of_slice.size, of_others.size) < 2:
        return Weak(conditions, of_slice.size, 0.0, math.nan, math.inf, 1.0, 1.0)
    parts = of_slice.var(ddof=1) / of_slice.size, of_others.var(ddof=1) / of_others.size
    gap, variance = float(of_slice.mean() - of_others.mean()), float(sum(parts))
    freedom = 1.0
    if variance > 0:
        freedom = variance**2 / (
            parts[0] ** 2 / (of_slice.size - 1) + parts[1] ** 2 / (of_others.size - 1)
        )
        p_value = float(special.stdtr(freedom, -(gap - allowed) / math.sqrt(variance)))
    else:
        p_value = 0.0 if gap > allowed else 1.0
    share = of_slice.size / losses.size
    return Weak(conditions, of_slice.size, share, gap, math.sqrt(variance), freedom, p_value)


def _grown(
    columns: Sequence[Coded],
    losses: FloatArray,
    rows: npt.NDArray[np.int64],
    conditions: tuple[Condition, ...],
    fewest: int,
    depth: int,
) -> Iterator[tuple[tuple[Condition, ...], npt.NDArray[np.int64]]]:
    if conditions:
        yield conditions, rows
    best = _best_split(columns, losses[rows], rows, fewest) if len(conditions) < depth else None
    if best is None:
        return
    met = _met(columns[best.column].codes[rows], best)
    for side in (best, best._replace(is_met=False)):
        inside = rows[met if side.is_met else ~met]
        yield from _grown(columns, losses, inside, (*conditions, side), fewest, depth)


def _best_split(
    columns: Sequence[Coded], losses: FloatArray, rows: npt.NDArray[np.int64], fewest: int
) -> Condition | None:
    if rows.size < 2 * fewest:
        return None
    centred = losses - losses.mean()
    best, most = None, 1e-12 * float(np.sum(centred**2))
    for place, column in enumerate(columns):
        codes = column.codes[rows]
        counts = np.bincount(codes, minlength=column.missing + 1).astype(np.float64)
        sums = np.bincount(codes, centred, column.missing + 1).astype(np.float64)
        ways: list[tuple[Literal["at most", "is"], FloatArray, FloatArray, int]] = []
        if column.is_ordered:
            # At most the largest means not missing, which is asked by itself.
            ways.append(("at most", np.cumsum(counts[:-2]), np.cumsum(sums[:-2]), 0))
            ways.append(("is", counts[-1:], sums[-1:], column.missing))
        else:
            ways.append(("is", counts, sums, 0))
        for test, inside, total, first in ways:
            outside = rows.size - inside
            fits = (inside >= fewest) & (outside >= fewest)
            if fits.any():
                # The centred losses sum to zero, so both sides have the same sum but for its sign.
                gain = np.where(fits, total**2 * rows.size / np.where(fits, inside * outside, 1), 0)
                code = int(np.argmax(gain))
                if gain[code] > most:
                    best, most = Condition(place, test, first + code), float(gain[code])
    return best


def _met(codes: Codes, condition: Condition) -> npt.NDArray[np.bool_]:
    met = codes <= condition.code if condition.test == "at most" else codes == condition.code
    return met if condition.is_met else ~met
