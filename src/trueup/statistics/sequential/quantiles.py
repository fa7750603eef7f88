"""Quantiles and whole distributions of two arms, compared from counts in fixed bins.

Exact at every look, whatever the distribution: how many values lie below a true quantile is a
count with a known chance (Howard & Ramdas 2022).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from trueup.statistics.sequential.shares import log_share_evidence

FloatArray: TypeAlias = npt.NDArray[np.float64]

WIDEST = 10.0  # margins: beyond them bounds say nothing more
_STRENGTH = 100.0


class Excess(NamedTuple):
    """How far a quantile of the new arm lies above the control's, in parts of what is allowed.

    1 is the margin itself, 0 no difference, negative a smaller quantile.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: FloatArray
    high: FloatArray


def log_quantile_evidence(counts: npt.ArrayLike, quantile: float) -> FloatArray:
    """Evidence that a quantile does not lie in a bin, for each bin.

    Args:
        counts: Values by bin in rising order, shape [..., bins].
        quantile: Between 0 and 1.

    Returns:
        Logarithm of the e-value, shape [..., bins].

    Example:
        >>> evidence = log_quantile_evidence([0, 500, 500, 0], 0.25)
        >>> (evidence > np.log(100)).tolist()
        [True, False, True, True]
    """
    bins = np.asarray(counts, dtype=np.float64)
    through = np.cumsum(bins, axis=-1)
    n = through[..., -1:]
    below = np.clip(quantile * n, through - bins, through)  # the quantile may be inside of its bin
    a, b = _STRENGTH * quantile, _STRENGTH * (1 - quantile)
    log_e = special.betaln(a + below, b + n - below) - special.betaln(a, b)
    log_e = log_e - below * np.log(quantile) - (n - below) * np.log1p(-quantile)
    return np.asarray(log_e, dtype=np.float64)


def quantile_excess(
    new: npt.ArrayLike,
    control: npt.ArrayLike,
    edges: npt.ArrayLike,
    quantile: float,
    margin: float,
    floor: float,
    alpha: tuple[float, float],
) -> Excess:
    """Bounds for a quantile's excess that hold at every look at once.

    Args:
        new: Values of the new arm by period and bin, shape [periods, bins].
        control: The same of the control.
        edges: Edges of the bins in rising order, shape [bins + 1].
        quantile: Between 0 and 1.
        margin: Part of the control's quantile that the new one may lie above it.
        floor: What it may lie above it in any case.
        alpha: Chances that the lower bound is ever too high, and the upper one ever too low.

    Returns:
        The bounds, from -10 to 10; the evidence of the periods is multiplied.
    """
    e = np.asarray(edges, dtype=np.float64)
    lower, upper = e[:-1], e[1:]
    grid = np.linspace(-WIDEST, WIDEST, 801)
    below, above = np.zeros(grid.size), np.zeros(grid.size)
    for ours, theirs in zip(
        log_quantile_evidence(new, quantile), log_quantile_evidence(control, quantile), strict=True
    ):
        # Whatever lies beyond the last pair that is considered is refuted by more than is asked.
        i, j = _in_play(ours), _in_play(theirs)
        both = ours[i][:, None] + theirs[j][None, :]
        below += _least_up_to(_excess(lower[i], upper[j], margin, floor), both, grid)
        above += _least_up_to(-_excess(upper[i], lower[j], margin, floor), both, -grid[::-1])[::-1]
    return Excess(
        np.asarray(_first(grid, below < -np.log(alpha[0]))),
        np.asarray(-_first(grid, above[::-1] < -np.log(alpha[1]))),
    )


def least_quantile_evidence(
    new: FloatArray, control: FloatArray, reach: npt.NDArray[np.intp]
) -> FloatArray:
    """Evidence that the new quantile lies beyond `reach`, whatever the control's may be.

    Args:
        new: `log_quantile_evidence` of the new arm, shape [..., bins].
        control: The same of the control.
        reach: For each bin of the control the last bin of the new arm that is still fine.

    Returns:
        Logarithm of the e-value, shape [...].
    """
    least = np.minimum.accumulate(new, axis=-1)
    return np.asarray(np.min(least[..., reach] + control, axis=-1), dtype=np.float64)


def log_change_evidence(
    new: npt.ArrayLike, control: npt.ArrayLike, share: npt.ArrayLike, strength: float = 20.0
) -> FloatArray:
    """Evidence that values are distributed otherwise in the new arm: every bin has its share.

    Args:
        new: Values of the new arm by bin, shape [..., bins].
        control: The same of the control.
        share: The new arm's part of the values of both arms, shape [...].
        strength: Weight of the prior on the share in each bin, in values.

    Returns:
        Logarithm of the e-value, shape [...]. Exact if the values are independent.
    """
    w = np.asarray(share, dtype=np.float64)[..., None]
    return np.asarray(log_share_evidence(new, control, w, strength).sum(axis=-1), dtype=np.float64)


def _excess(new: FloatArray, control: FloatArray, margin: float, floor: float) -> FloatArray:
    allowed = np.maximum(margin * control, floor)
    return np.asarray((new[:, None] - control[None, :]) / allowed[None, :], dtype=np.float64)


def _in_play(evidence: FloatArray) -> npt.NDArray[np.intp]:
    found = np.flatnonzero(evidence < evidence.min() + 40.0)
    return np.arange(max(found[0] - 1, 0), min(found[-1] + 2, evidence.size))


def _least_up_to(excess: FloatArray, evidence: FloatArray, grid: FloatArray) -> FloatArray:
    """The least evidence among all pairs whose excess is at most each point of the grid."""
    order = np.argsort(excess, axis=None)
    least = np.minimum.accumulate(evidence.ravel()[order])
    place = np.searchsorted(excess.ravel()[order], grid, side="right") - 1
    return np.where(place >= 0, least[np.maximum(place, 0)], 40.0)


def _first(grid: FloatArray, is_open: npt.NDArray[np.bool_]) -> float:
    # The point before the first one that is not refuted: bounds err on the safe side.
    first = int(np.argmax(is_open)) if is_open.any() else grid.size
    return float(grid[max(first - 1, 0)])
