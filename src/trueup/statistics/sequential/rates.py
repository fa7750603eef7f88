"""Bounds for the rates of two arms and for their difference, exact at every look."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]

# Half of the bet is on any rate (Jeffreys' prior), half on a rate about 1 in 100.
_PRIORS = ((0.5, 0.5), (0.5, 50.0))
_HALVINGS = 50
_TINY = 1e-15
_ROUNDS = 9
_PLACES = np.arange(1, 10) / 10


def log_rate_evidence(
    events: npt.ArrayLike, rows: npt.ArrayLike, rate: npt.ArrayLike
) -> FloatArray:
    """Logarithm of the evidence that the rate of events is another one (beta mixture).

    Example:
        >>> bool(log_rate_evidence(30, 1_000, 0.01) > np.log(1_000))
        True
    """
    x, n, p = (np.asarray(part, dtype=np.float64) for part in (events, rows, rate))
    return _mixed(x, n) - _log_likelihood(x, n, p)


def difference_evidence(
    events1: npt.ArrayLike,
    rows1: npt.ArrayLike,
    events0: npt.ArrayLike,
    rows0: npt.ArrayLike,
    difference: npt.ArrayLike,
) -> FloatArray:
    """Evidence against a difference of rates, whatever the rates themselves are.

    The null's best likelihood is held against two bets: that both arms have one rate, and that
    each has its own; the first is the cheaper one and nearly always right.

    Args:
        events1: Events of the first arm.
        rows1: Rows of the first arm.
        events0: Events of the second arm.
        rows0: Rows of the second arm.
        difference: Rate of the first minus rate of the second arm.

    Returns:
        Logarithm of the e-value. Add it up over periods in which the rates themselves may differ.
    """
    x1, n1, x0, n0, d = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (events1, rows1, events0, rows0, difference))
    )
    low, high = np.maximum(0.0, -d) + _TINY, np.minimum(1.0, 1 - d) - _TINY
    for _ in range(_HALVINGS):  # the likelihood is concave in the second rate
        p0 = np.clip((low + high) / 2, _TINY, 1 - _TINY)
        p1 = np.clip(p0 + d, _TINY, 1 - _TINY)
        slope = x1 / p1 - (n1 - x1) / (1 - p1) + x0 / p0 - (n0 - x0) / (1 - p0)
        low, high = np.where(slope > 0, p0, low), np.where(slope > 0, high, p0)
    p0 = np.clip((low + high) / 2, _TINY, 1 - _TINY)
    p1 = np.clip(p0 + d, _TINY, 1 - _TINY)
    best = _log_likelihood(x1, n1, p1) + _log_likelihood(x0, n0, p0)
    bets = np.logaddexp(_mixed(x1 + x0, n1 + n0), _mixed(x1, n1) + _mixed(x0, n0))
    return np.asarray(bets - np.log(2) - best, dtype=np.float64)


def _mixed(events: FloatArray, rows: FloatArray) -> FloatArray:
    bets = [
        special.betaln(a + events, b + rows - events) - special.betaln(a, b) for a, b in _PRIORS
    ]
    return np.asarray(np.logaddexp(*bets) - np.log(2), dtype=np.float64)


def _log_likelihood(events: FloatArray, rows: FloatArray, rate: FloatArray) -> FloatArray:
    return np.asarray(special.xlogy(events, rate) + special.xlog1py(rows - events, -rate))


def rate_difference(
    events1: npt.ArrayLike,
    rows1: npt.ArrayLike,
    events0: npt.ArrayLike,
    rows0: npt.ArrayLike,
    alpha: float = 0.05,
) -> tuple[FloatArray, FloatArray]:
    """Interval for a difference of rates that holds at every look at once.

    Args:
        events1: Events of the first arm by period, shape [..., periods].
        rows1: Rows of the first arm.
        events0: Events of the second arm.
        rows0: Rows of the second arm.
        alpha: Chance that the true difference is ever left out.

    Returns:
        Lower and upper end, shape [...]: the differences that the evidence of all periods together
        does not refute. Exact at any sample size.

    Example:
        >>> low, high = rate_difference([40], [1_000], [90], [9_000])
        >>> bool(low > 0), bool(high < 0.05)
        (True, False)
    """
    x1, n1, x0, n0 = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (events1, rows1, events0, rows0))
    )
    target = -np.log(alpha)
    inside = np.stack([_least_refuted(x1, n1, x0, n0)] * 2)
    outside = np.stack([np.full(inside.shape[1:], edge) for edge in (-1.0, 1.0)])
    for _ in range(_ROUNDS):  # each round keeps one of the parts between inside and outside
        tried = inside + (outside - inside) * _PLACES.reshape(-1, *[1] * inside.ndim)
        each = difference_evidence(x1, n1, x0, n0, tried[..., None])
        is_refuted = each.sum(axis=-1) >= target
        last = np.where(is_refuted.any(axis=0), is_refuted.argmax(axis=0), _PLACES.size)
        steps = np.concatenate([inside[None], tried, outside[None]])
        inside = np.take_along_axis(steps, last[None], axis=0)[0]
        outside = np.take_along_axis(steps, last[None] + 1, axis=0)[0]
    return outside[0], outside[1]


def _least_refuted(x1: FloatArray, n1: FloatArray, x0: FloatArray, n0: FloatArray) -> FloatArray:
    """A difference that the rows do not refute: the weighted mean of the periods' own."""
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where((n1 > 0) & (n0 > 0), n1 * n0 / (n1 + n0), 0.0)
        own = np.where(weight > 0, x1 / n1 - x0 / n0, 0.0)
        mean = np.sum(weight * own, axis=-1) / np.sum(weight, axis=-1)
    return np.where(np.isfinite(mean), mean, 0.0)
