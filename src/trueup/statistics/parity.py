"""Are groups of people decided alike? Differences and ratios of rates over groups, with bounds.

The definitions are those of Fairlearn; it knows no model and no column.
"""

from __future__ import annotations

import math
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from trueup.statistics.intervals import normal_quantile
from trueup.statistics.metrics import FloatArray

Kind: TypeAlias = Literal["difference", "ratio"]
_DRAWS: Final = 1000


class Parity(NamedTuple):
    """How unequal rates are over groups.

    Attributes:
        value: Largest less smallest rate, or smallest over largest; the worse one of several rates.
            NaN where every rate is 0, and no ratio is defined.
        lower: One-sided lower bound.
        upper: One-sided upper bound.
        error: Standard error of the widest pair's difference.
    """

    value: float
    lower: float
    upper: float
    error: float


def parity(
    hits: npt.ArrayLike,
    totals: npt.ArrayLike,
    kind: Kind,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Parity:
    """Compare rates over groups.

    The largest of several rates is too large by chance. So the bound on the unequal side is taken
    from draws of all rates (Jeffreys' law), which repeat that chance, and is on the safe side; the
    bound on the equal side from pairs of groups, corrected for their number, so that only a
    difference that is really there can push it up.

    Args:
        hits: Rows that count, shape [m, k]: m rates over k groups, k at least 2.
        totals: Rows of each group, at least 1, shape [m, k].
        kind: What to compare by.
        confidence: Of each bound.
        seed: Of the draws: equal input gives equal output.

    Returns:
        Value and bounds.

    Example:
        >>> found = parity([[30, 45]], [[100, 100]], "difference")
        >>> round(found.value, 4), found.lower < 0.15 < found.upper
        (0.15, True)
    """
    counts, sizes = np.asarray(hits, np.float64), np.asarray(totals, np.float64)
    rates = counts / sizes
    value = float(_spread(rates[:, np.newaxis], kind)[0])
    generator = np.random.default_rng(seed)
    shape = (len(counts), _DRAWS, counts.shape[1])
    drawn = _spread(
        generator.beta((counts + 0.5)[:, np.newaxis], (sizes - counts + 0.5)[:, np.newaxis], shape),
        kind,
    )
    smooth = (counts + 0.5) / (sizes + 1)
    errors = np.sqrt(smooth * (1 - smooth) / sizes)
    pairs = counts.shape[1] * (counts.shape[1] - 1) * len(counts)
    z = normal_quantile(1 - (1 - confidence) / pairs)
    widest = math.sqrt(float(np.max(np.sum(np.sort(errors**2)[:, -2:], axis=1))))
    if kind == "difference":
        reach = z * np.sqrt(errors[:, :, np.newaxis] ** 2 + errors[:, np.newaxis] ** 2)
        apart = rates[:, :, np.newaxis] - rates[:, np.newaxis] - reach
        shown = max(float(apart.max()), 0.0)
        return Parity(value, shown, float(np.quantile(drawn, confidence)), widest)
    relative = errors / smooth
    reach = z * np.sqrt(relative[:, :, np.newaxis] ** 2 + relative[:, np.newaxis] ** 2)
    closer = smooth[:, :, np.newaxis] / smooth[:, np.newaxis] * np.exp(reach)
    shown = min(float(closer.min()), 1.0)
    return Parity(value, float(np.quantile(drawn, 1 - confidence)), shown, widest)


def _spread(rates: FloatArray, kind: Kind) -> FloatArray:
    """The worst of m spreads for each of d draws: shape [m, d, k] to [d]."""
    smallest, largest = rates.min(axis=2), rates.max(axis=2)
    if kind == "difference":
        apart: FloatArray = (largest - smallest).max(axis=0)
        return apart
    with np.errstate(invalid="ignore"):
        ratio: FloatArray = (smallest / largest).min(axis=0)
    return ratio
