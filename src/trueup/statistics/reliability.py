"""Do probabilities keep their word: of the rows scored 0.3, do three in ten have label 1?

Calibration error over groups of equal mass with honest bounds, Spiegelhalter's test, the parts of
the Brier score. Read ``calibration.py`` for mending what this finds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from trueup.statistics.intervals import normal_quantile
from trueup.statistics.metrics import FloatArray, rows

_MOST_RESAMPLED = 20_000_000


class Group(NamedTuple):
    """Rows of about the same score.

    Attributes:
        lowest: Smallest score in it.
        highest: Largest score in it.
        rows: How many there are.
        score: Mean score.
        share: Share of label 1.
    """

    lowest: float
    highest: float
    rows: int
    score: float
    share: float


class Reliability(NamedTuple):
    """How far probabilities lie from what happens.

    Attributes:
        error: Expected calibration error: the mean distance of score and share over the groups.
            It lies above 0 by chance even for perfect probabilities.
        lower: One-sided lower bound of the true error.
        upper: One-sided upper bound of the true error.
        spread: Standard deviation of the error over repetitions.
        groups: The groups, by rising score.
    """

    error: float
    lower: float
    upper: float
    spread: float
    groups: tuple[Group, ...]


class BrierParts(NamedTuple):
    """The Brier score as reliability - resolution + uncertainty + within (Murphy 1973).

    Attributes:
        reliability: Squared distance of score and share over the groups; 0 is best.
        resolution: Squared distance of the groups' shares from the overall share; high is good.
        uncertainty: Variance of the labels, which no model changes.
        within: What differs inside groups (Stephenson, Coelho & Jolliffe 2008).
    """

    reliability: float
    resolution: float
    uncertainty: float
    within: float


def reliability(
    labels: npt.ArrayLike,
    scores: npt.ArrayLike,
    *,
    groups: int = 15,
    confidence: float = 0.95,
    draws: int = 500,
    seed: int = 0,
) -> Reliability:
    """Expected calibration error over groups of about equal rows, and bounds of it.

    The upper bound is that of the percentile bootstrap inside the groups, less the amount by which
    resampling overstates the error on average: simulated, it holds at least as often as it says.
    The lower bound takes the direction of every group from one half of the rows and its size from
    the other, which no chance can push up.

    Args:
        labels: 0 or 1, shape [n].
        scores: Probability of label 1, shape [n].
        groups: How many at most; rows of one score stay together.
        confidence: Of each bound.
        draws: Resamples.
        seed: Of the generator: equal input gives equal output.

    Returns:
        The error; NaN without rows.

    Raises:
        ValueError: If rows are malformed.

    Example:
        >>> found = reliability([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.6], groups=2)
        >>> round(found.error, 4)
        0.25
    """
    y, s, _ = rows(labels, scores)
    if y.size == 0:
        return Reliability(math.nan, 0.0, math.inf, math.inf, ())
    group = grouped(s, groups)
    order = np.argsort(group, kind="stable")
    y, s, group = y[order], s[order], group[order]
    parts = np.split(np.arange(y.size), np.flatnonzero(np.diff(group)) + 1)
    missed = s - y
    shares = np.array([part.size for part in parts]) / y.size
    error = float(shares @ np.abs([missed[part].mean() for part in parts]))
    generator = np.random.default_rng(seed)
    means = np.stack([_resampled(missed[part], draws, generator) for part in parts])
    sample = shares @ np.abs(means)
    overstated = max(float(sample.mean()) - error, 0.0)
    return Reliability(
        error=error,
        lower=_lower(missed, group, confidence, generator),
        upper=float(np.quantile(sample, confidence)) - overstated if y.size > 1 else math.inf,
        spread=float(sample.std()),
        groups=tuple(
            Group(
                float(s[part].min()),
                float(s[part].max()),
                part.size,
                float(s[part].mean()),
                float(y[part].mean()),
            )
            for part in parts
        ),
    )


def spiegelhalter(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[float, float]:
    """Are the probabilities calibrated, asked of the Brier score (Spiegelhalter 1986)?

    Returns:
        Statistic, standard normal if they are, and its two-sided p-value; NaN where all scores are
        0, 1/2 or 1, of which it can say nothing.

    Raises:
        ValueError: If rows are malformed.

    Example:
        >>> z, p = spiegelhalter([0, 0, 1, 1], [0.2, 0.4, 0.6, 0.8])
        >>> round(z, 4), round(p, 4)
        (-1.0911, 0.2752)
    """
    y, s, _ = rows(labels, scores)
    variance = float(np.sum((1 - 2 * s) ** 2 * s * (1 - s)))
    if variance <= 0:
        return math.nan, math.nan
    z = float(np.sum((y - s) * (1 - 2 * s))) / math.sqrt(variance)
    return z, float(2 * special.ndtr(-abs(z)))


def brier_parts(labels: npt.ArrayLike, scores: npt.ArrayLike, groups: int = 15) -> BrierParts:
    """What makes the Brier score: the parts add up to it exactly.

    Raises:
        ValueError: If rows are malformed.

    Example:
        >>> [round(part, 4) for part in brier_parts([0, 0, 1, 1], [0.1, 0.1, 0.6, 0.6], 2)]
        [0.085, 0.25, 0.25, 0.0]
    """
    y, s, _ = rows(labels, scores)
    if y.size == 0:
        return BrierParts(math.nan, math.nan, math.nan, math.nan)
    group = grouped(s, groups)
    sizes = np.bincount(group).astype(np.float64)
    sizes[sizes == 0] = 1.0
    share, score = (np.bincount(group, column) / sizes for column in (y, s))
    weight = np.bincount(group) / y.size
    apart = float(weight @ (score - share) ** 2)
    resolved = float(weight @ (share - y.mean()) ** 2)
    unsure = float(y.mean() * (1 - y.mean()))
    return BrierParts(
        apart, resolved, unsure, float(np.mean((s - y) ** 2)) - (apart - resolved + unsure)
    )


def grouped(scores: FloatArray, groups: int) -> npt.NDArray[np.int64]:
    """The group of every row: about equal rows in each, rows of one score together."""
    ascending = np.sort(scores)
    first = np.searchsorted(ascending, scores, side="left")
    last = np.searchsorted(ascending, scores, side="right")
    middle = (first + last) / 2 / max(scores.size, 1)
    return np.minimum((groups * middle).astype(np.int64), groups - 1)


def _resampled(values: FloatArray, draws: int, generator: np.random.Generator) -> FloatArray:
    """Means of resamples; of many rows they are normal to all digits shown, and drawn so."""
    if values.size * draws > _MOST_RESAMPLED / 10:
        return generator.normal(values.mean(), values.std() / math.sqrt(values.size), draws)
    picked = generator.integers(0, values.size, size=(draws, values.size), dtype=np.int32)
    means: FloatArray = values[picked].mean(axis=1)
    return means


def _lower(
    missed: FloatArray,
    group: npt.NDArray[np.int64],
    confidence: float,
    generator: np.random.Generator,
) -> float:
    is_first = generator.permutation(missed.size) % 2 == 0
    direction = np.sign(np.bincount(group[is_first], missed[is_first], int(group[-1]) + 1))
    values = (direction[group] * missed)[~is_first]
    if values.size < 2:
        return 0.0
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    return max(float(values.mean()) - normal_quantile(confidence) * error, 0.0)
