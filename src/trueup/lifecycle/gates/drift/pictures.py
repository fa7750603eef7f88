"""Two distributions in a few cells for the eye: no test looks at these."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.lifecycle.gates.drift.records import Picture
from trueup.statistics import samples

REST = "all others"
_BARS = 28
_VALUES = 8


def of_numbers(
    reference: npt.NDArray[np.float64], current: npt.NDArray[np.float64], type_: pl.DataType
) -> Picture:
    """Bars of equal width; the rarest values of both sides, far out, share the outermost bars."""
    sides = [side for side in (reference, current) if side.size]
    if not sides:
        return Picture()
    ends = np.array([samples.quantiles(side, [0.005, 0.995]) for side in sides])
    low, high = float(ends[:, 0].min()), float(ends[:, 1].max())
    if not math.isfinite(high - low) or low == high:
        low, high = min(float(s[0]) for s in sides), max(float(s[-1]) for s in sides)
    if not math.isfinite(high - low) or low == high:
        return Picture()
    edges = _edges(low, high, is_whole=type_.is_integer())
    inner = edges[1:-1]
    counts = []
    for side in (reference, current):
        below = np.searchsorted(side, inner, side="left")
        counts.append(tuple(np.diff(np.concatenate([[0], below, [side.size]])).tolist()))
    return Picture(
        labels=tuple(f"{edge:.10g}" for edge in edges.tolist()),
        reference=counts[0],
        current=counts[1],
    )


def of_values(
    values: npt.NDArray[np.float64],
    reference: npt.NDArray[np.int64],
    current: npt.NDArray[np.int64],
) -> Picture:
    """One cell for each of a few numbers."""
    return Picture(
        labels=tuple(f"{value:.10g}" for value in values.tolist()),
        reference=tuple(reference.tolist()),
        current=tuple(current.tolist()),
    )


def of_categories(labels: list[str], cells: npt.NDArray[np.int64], missing: list[int]) -> Picture:
    """The most frequent categories, then all others, then missing values."""
    if not labels and not any(missing):
        return Picture()
    shown = min(len(labels), _VALUES)
    names = list(labels[:shown])
    rows = [side[:shown].tolist() for side in cells]
    others = [int(side[shown:].sum()) for side in cells]
    if any(others):
        names.append(REST)
        rows = [[*row, other] for row, other in zip(rows, others, strict=True)]
    if any(missing):
        names.append("missing")
        rows = [[*row, lost] for row, lost in zip(rows, missing, strict=True)]
    return Picture(labels=tuple(names), reference=tuple(rows[0]), current=tuple(rows[1]))


def _edges(low: float, high: float, *, is_whole: bool) -> npt.NDArray[np.float64]:
    """Edges at nice numbers; of whole numbers between two of them."""
    width = (high - low) / _BARS
    size = 10.0 ** math.floor(math.log10(width)) if width > 0 else 1.0
    nice = next(step * size for step in (1, 2, 2.5, 5, 10) if step * size >= width)
    if is_whole:
        nice = max(1.0, math.ceil(nice))
    first, last = math.floor(low / nice), math.ceil(high / nice)
    if last <= first or last - first > 4 * _BARS:
        return np.linspace(low, high, _BARS + 1)
    shift = 0.5 if is_whole and nice == 1.0 else 0.0
    places = np.arange(first, last + 1 + (shift > 0), dtype=np.float64)
    return (places - shift) * np.float64(nice)
