"""One vector of exact integer counts per hour and model version: windows are sums of vectors.

The training reference fixes the layout, so equal places mean equal things in every hour. Adding is
exact and in any order, and a late label moves one count. Read `fold.py` next: how records get here.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from trueup.lifecycle.models.records import Reference
from trueup.statistics.summaries import Bins

Vector: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]

SCORE: Final = "score"
SCORE_BINS: Final = 1024
# One cell more for scores that are no probability: they are counted, never dropped.
SCORE_CELLS: Final = SCORE_BINS + 1
UNKNOWN, NEGATIVE, POSITIVE = 0, 1, 2

# 10 µs to 100 s in steps of 12 %.
LATENCY_EDGES: Final[FloatArray] = np.concatenate([[0.0], np.logspace(-5, 2, 7 * 20 + 1), [np.inf]])
LATENCY_CELLS: Final = LATENCY_EDGES.size - 1
SCORE_MIDDLES: Final[FloatArray] = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS

_ROWS, _FAILURES, _FAILED_ROWS, _LATENCY = 0, 1, 2, 3
_SCORES: Final = _LATENCY + LATENCY_CELLS
_COLUMNS: Final = _SCORES + 3 * SCORE_CELLS

_HEAD: Final = struct.Struct("<II")  # of packed counts: size of the vector, places not zero


@dataclass(frozen=True)
class Layout:
    """Which place of the vector counts what, for one model version.

    Attributes:
        columns: Bins of every input column and of the score, in the order of the reference.
    """

    columns: dict[str, Bins]

    @classmethod
    def of(cls, reference: Reference) -> Layout:
        """The layout that a training reference fixes."""
        return cls({name: reference.columns[name].bins for name in sorted(reference.columns)})

    @cached_property
    def places(self) -> dict[str, slice]:
        """The part of the vector that belongs to each column."""
        places, start = {}, _COLUMNS
        for name, bins in self.columns.items():
            places[name] = slice(start, start + bins.size)
            start += bins.size
        return places

    @cached_property
    def size(self) -> int:
        """Length of the vector."""
        return _COLUMNS + sum(bins.size for bins in self.columns.values())

    def zeros(self, hours: int) -> Vector:
        """Empty counts, one row per hour."""
        return np.zeros((hours, self.size), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Summary:
    """The counts of one hour or of any window, by name."""

    layout: Layout
    vector: Vector

    @property
    def rows(self) -> int:
        """Predictions."""
        return int(self.vector[_ROWS])

    @property
    def failures(self) -> int:
        """Requests that failed."""
        return int(self.vector[_FAILURES])

    @property
    def failed_rows(self) -> int:
        """Rows of the requests that failed."""
        return int(self.vector[_FAILED_ROWS])

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return int(self.latency.sum())

    @property
    def latency(self) -> Vector:
        """Answered requests by the seconds they took, over `LATENCY_EDGES`."""
        return self.vector[_LATENCY:_SCORES]

    @property
    def scores(self) -> Vector:
        """Predictions by label state and score, shape [3, SCORE_CELLS]."""
        return self.vector[_SCORES:_COLUMNS].reshape(3, SCORE_CELLS)

    @property
    def labelled(self) -> int:
        """Predictions whose label is known."""
        return int(self.scores[NEGATIVE:].sum())

    def column(self, name: str) -> Vector:
        """The counts of one column, over its bins."""
        return self.vector[self.layout.places[name]]

    def __add__(self, other: Summary) -> Summary:
        return Summary(self.layout, self.vector + other.vector)


def add_rows(vectors: Vector, hours: Vector) -> None:
    """Count one prediction for each entry of `hours`, an index into `vectors`."""
    vectors[:, _ROWS] += np.bincount(hours, minlength=len(vectors))


def add_failure(vector: Vector, rows: int) -> None:
    """Count one failed request."""
    vector[_FAILURES] += 1
    vector[_FAILED_ROWS] += rows


def add_seconds(vectors: Vector, hours: Vector, seconds: FloatArray) -> None:
    """Count answered requests by the time they took."""
    cells = np.searchsorted(LATENCY_EDGES, seconds, side="right") - 1
    np.add.at(vectors, (hours, _LATENCY + np.clip(cells, 0, LATENCY_CELLS - 1)), 1)


def add_scores(
    vectors: Vector, hours: Vector, states: Vector, cells: Vector, times: int = 1
) -> None:
    """Count predictions by label state and score; `times` of -1 takes them out again."""
    np.add.at(vectors, (hours, _SCORES + states * SCORE_CELLS + cells), times)


def score_cells(scores: FloatArray) -> Vector:
    """The score bin of every score.

    Example:
        >>> score_cells(np.array([0.0, 0.5, 1.0, float("nan"), 2.0])).tolist()
        [0, 512, 1023, 1024, 1024]
    """
    is_probability = (scores >= 0) & (scores <= 1)
    known = np.where(is_probability, scores, 0.0)
    cells = np.minimum((known * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)
    return np.where(is_probability, cells, SCORE_BINS)


def pack(vector: Vector) -> bytes:
    """The vector as bytes: its places that are not zero, compressed. Equal counts, equal bytes."""
    places = np.flatnonzero(vector)
    steps = np.diff(places, prepend=0).astype("<u2" if vector.size < 65_536 else "<u4")
    head = _HEAD.pack(vector.size, places.size)
    return zlib.compress(head + steps.tobytes() + vector[places].astype("<i8").tobytes(), 1)


def unpack_into(vector: Vector, *packed: bytes) -> None:
    """Add packed counts to a vector of the same layout; many at once take much less time.

    Raises:
        ValueError: The bytes hold counts of another layout.
    """
    width = 2 if vector.size < 65_536 else 4
    steps, values, filled = [], [], []
    for raw in packed:
        plain = zlib.decompress(raw)
        size, count = _HEAD.unpack_from(plain)
        if size != vector.size:
            raise ValueError(f"counts of {size} places do not fit a layout of {vector.size}")
        middle = _HEAD.size + width * count
        steps.append(plain[_HEAD.size : middle])
        values.append(plain[middle:])
        filled.append(count)
    # One running sum over all steps: what it had before each vector is taken off again.
    places = np.cumsum(np.frombuffer(b"".join(steps), dtype=f"<u{width}"), dtype=np.int64)
    starts = np.cumsum([0, *filled], dtype=np.int64)[:-1]
    before = np.concatenate([[0], places])[starts]
    np.add.at(vector, places - np.repeat(before, filled), np.frombuffer(b"".join(values), "<i8"))
