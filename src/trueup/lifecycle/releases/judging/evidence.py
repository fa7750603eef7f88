"""What two arms did while one was tried out beside the other, in totals: order does not matter.

Made from the journal by `app.automation.judging`; read by `rules.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

# Latency in seconds: 1 microsecond to 1000 seconds, each bin 2.3 % wider than the one before.
LATENCY_EDGES: Final[FloatArray] = np.concatenate([[0.0], np.geomspace(1e-6, 1e3, 901), [1e6]])
# Scores on three scales at once: chances, their odds, and numbers of any size.
_CHANCES: Final = np.linspace(0.0, 1.0, 17)[1:-1]
_ODDS: Final = 1 / (1 + np.exp(-np.linspace(-8.0, 8.0, 17)))
_NUMBERS: Final = np.sinh(np.linspace(-20.0, 20.0, 81))
_SCALES: Final = (_CHANCES, _ODDS, _NUMBERS)


def no_scores() -> IntArray:
    """Counts of no scores at all."""
    return np.zeros(sum(edges.size + 1 for edges in _SCALES), dtype=np.int64)


@dataclass(frozen=True)
class Moments:
    """Sums over the values of rows, and over the totals of units: entities, or single requests.

    Rows of one entity resemble each other and always meet the same arm, so what is known grows with
    the units. Two of these add up to one where no unit is in both.

    Attributes:
        units: Units with a row.
        rows: Rows.
        total: Sum of the values.
        squares: Sum of the squared totals of units.
        cross: Sum of each unit's total times its rows.
        sizes: Sum of the squared numbers of rows.
        raw: Sum of the squared values.
    """

    units: float = 0.0
    rows: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    cross: float = 0.0
    sizes: float = 0.0
    raw: float = 0.0

    @property
    def mean(self) -> float:
        """Mean of the rows."""
        return self.total / self.rows if self.rows else float("nan")

    @property
    def variance(self) -> float:
        """Variance of that mean, the units being independent; infinite for fewer than two."""
        if self.units < 2:
            return float("inf")
        m = self.mean
        spread = max(self.squares - 2 * m * self.cross + m * m * self.sizes, 0.0)
        return spread / self.rows**2 * self.units / (self.units - 1)

    @property
    def crowding(self) -> float:
        """How many rows tell as much as one, at worst: more than 1 where units have several."""
        return self.sizes / self.rows if self.rows else 1.0

    def __add__(self, other: Moments) -> Moments:
        return Moments(*(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__))

    @classmethod
    def of(cls, values: FloatArray, rows: FloatArray, raw: float) -> Moments:
        """From the total and the number of rows of each unit."""
        return cls(
            units=float(values.size),
            rows=float(rows.sum()),
            total=float(values.sum()),
            squares=float((values**2).sum()),
            cross=float((values * rows).sum()),
            sizes=float((rows**2).sum()),
            raw=raw,
        )


@dataclass(frozen=True, eq=False)
class ArmTotals:
    """What one arm did in one period.

    Attributes:
        rows: Rows it got.
        requests: Requests it answered, in whole or in part.
        units: Units that were seen for the first time.
        failing: By kind of failure: units that failed for the first time.
        failed: By kind of failure: rows that failed, 1 each, among all rows.
        latency: Requests by bin of `LATENCY_EDGES`, one array for each size of request.
        scores: Newly seen units by bin of their first score, on all scales one after the other.
        values: By metric: its value in the rows that it is known for.
    """

    rows: int = 0
    requests: int = 0
    units: int = 0
    failing: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, Moments] = field(default_factory=dict)
    latency: Mapping[int, IntArray] = field(default_factory=dict)
    scores: IntArray = field(default_factory=no_scores)
    values: Mapping[str, Moments] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Period:
    """A time in which the new arm had one share of the traffic.

    Attributes:
        share: The new arm's part of the traffic of both arms.
        new: What the new version did.
        control: What the version beside it did.
    """

    share: float
    new: ArmTotals
    control: ArmTotals


@dataclass(frozen=True, eq=False)
class Evidence:
    """Everything that is known of a new version beside its control.

    Attributes:
        periods: In the order of the ramp; one for a shadow, whose share is a half: both arms get
            every row.
        pairs: For a shadow, by metric: the shadow's value minus the control's, row by row.
        is_shadow: Whether both arms got the same rows.
        part: Part of the entities that is looked at one by one; 1 unless there are millions.
    """

    periods: Sequence[Period] = ()
    pairs: Mapping[str, Moments] = field(default_factory=dict)
    is_shadow: bool = False
    part: float = 1.0

    def rows(self) -> tuple[int, int]:
        """Rows of the new version and of its control."""
        return sum(p.new.rows for p in self.periods), sum(p.control.rows for p in self.periods)


def latency_bins(seconds: FloatArray) -> IntArray:
    """Requests by bin of `LATENCY_EDGES`."""
    places = np.searchsorted(LATENCY_EDGES, seconds, side="right") - 1
    counts = np.bincount(
        np.clip(places, 0, LATENCY_EDGES.size - 2), minlength=LATENCY_EDGES.size - 1
    )
    return counts.astype(np.int64)


def score_bins(scores: FloatArray) -> IntArray:
    """Scores by bin on each scale, one scale after the other."""
    counted = [
        np.bincount(np.searchsorted(edges, scores), minlength=edges.size + 1) for edges in _SCALES
    ]
    return np.concatenate(counted).astype(np.int64)


def by_scale(bins: IntArray) -> list[IntArray]:
    """The counts of each scale."""
    return np.split(bins, np.cumsum([edges.size + 1 for edges in _SCALES])[:-1])
