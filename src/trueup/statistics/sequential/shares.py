"""Evidence from how events and rows fall on the arms: nothing else has to stay the same over time.

If two arms do equally well, each event falls in an arm with a chance equal to the arm's share of
the traffic, whatever the rate of events is at that hour.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]

# How many times as often events may hit the new arm: what the evidence is mixed over.
_RATIOS: Final = np.geomspace(1.15, 300.0, 20)


def count_martingale(
    canary_events: float, control_events: float, share: float, strength: float = 10.0
) -> float:
    """Evidence that bad events hit the canary at another rate than the control.

    At equal rates each event falls in the canary with chance ``share``. The value grows for fewer
    events too: roll back only if the canary's part of the events also exceeds its share.

    Args:
        canary_events: Errors, timeouts or complaints of the canary so far.
        control_events: The same of the control.
        share: The canary's part of the traffic, between 0 and 1, constant over the test.
        strength: Weight of the prior on ``share``, in events.

    Returns:
        The e-value B(a + x, b + y) / B(a, b) / (w^x (1 - w)^y), a = w s, b = (1 - w) s. Exact at
        any sample size. Lindon & Malek (2022).

    Raises:
        ValueError: If share is not between 0 and 1, or an event count is negative.

    Example:
        >>> count_martingale(0, 0, share=0.1)
        1.0
        >>> count_martingale(20, 60, share=0.1) > 20
        True
    """
    return sample_ratio([canary_events, control_events], [share, 1 - share], strength)


def sample_ratio(counts: npt.ArrayLike, shares: npt.ArrayLike, strength: float = 10.0) -> float:
    """Evidence that traffic is split otherwise than configured (sample ratio mismatch).

    Args:
        counts: Rows that each arm received so far, shape [K].
        shares: Configured parts of the traffic, shape [K], above 0 with sum 1.
        strength: Weight of the prior on the shares, in rows; larger finds smaller mismatches.

    Returns:
        The Dirichlet-multinomial e-value; infinite beyond floating point. Lindon & Malek (2022).

    Raises:
        ValueError: If the shares are no such parts, or a count is negative.

    Example:
        >>> sample_ratio([500, 500], [0.5, 0.5]) < 1 < 1e6 < sample_ratio([600, 400], [0.5, 0.5])
        True
    """
    x = np.asarray(counts, dtype=np.float64)
    w = np.asarray(shares, dtype=np.float64)
    if x.ndim != 1 or x.shape != w.shape or np.any(w <= 0) or abs(w.sum() - 1) > 1e-9:
        raise ValueError(f"shares must be {x.size} parts above 0 that sum to 1")
    if np.any(x < 0) or strength <= 0:
        raise ValueError("counts must not be negative and strength must be above 0")
    prior = strength * w
    log_e = np.sum(special.gammaln(prior + x) - special.gammaln(prior) - x * np.log(w))
    log_e += special.gammaln(strength) - special.gammaln(strength + x.sum())
    with np.errstate(over="ignore", under="ignore"):
        return float(np.exp(log_e))


def log_share_evidence(
    new: npt.ArrayLike, rest: npt.ArrayLike, share: npt.ArrayLike, strength: float = 10.0
) -> FloatArray:
    """Logarithm of `count_martingale`, element by element: add it up over periods of a ramp.

    Args:
        new: Events in the new arm.
        rest: Events beside it.
        share: The new arm's part of the traffic.
        strength: Weight of the prior on the share, in events.

    Example:
        >>> round(float(np.exp(log_share_evidence(20, 60, 0.1))), 1) == round(
        ...     count_martingale(20, 60, 0.1), 1
        ... )
        True
    """
    x, y, w = (np.asarray(part, dtype=np.float64) for part in (new, rest, share))
    prior = special.betaln(strength * w, strength * (1 - w))
    log_e = special.betaln(strength * w + x, strength * (1 - w) + y) - prior
    return np.asarray(log_e - special.xlogy(x, w) - special.xlogy(y, 1 - w), dtype=np.float64)


def excess_evidence(
    new: npt.ArrayLike, rest: npt.ArrayLike, shares: npt.ArrayLike, ratio: float = 1.0
) -> FloatArray:
    """Evidence that events hit the new arm more than `ratio` times as often as the rest.

    Args:
        new: Events in the new arm by period, shape [..., periods].
        rest: Events beside it, of the same shape.
        shares: The new arm's part of the traffic in each period, shape [periods].
        ratio: The ratio of rates that is still fine.

    Returns:
        Logarithm of the e-value, shape [...]: a mixture of likelihood ratios, each one a product
        over the periods, so a share that grows along a ramp is no trouble. Fewer events are no
        evidence. Exact; after Lindon & Malek (2022).

    Example:
        >>> bool(excess_evidence([20], [60], [0.1]) > np.log(100))
        True
        >>> bool(excess_evidence([2], [60], [0.1]) > 0)
        False
    """
    x, y, w = (np.asarray(part, dtype=np.float64)[..., None] for part in (new, rest, shares))
    worse = ratio * _RATIOS
    per_event = np.log(worse / ratio)
    per_any = np.log1p(w * (worse - 1)) - np.log1p(w * (ratio - 1))
    ratios = np.sum(x * per_event - (x + y) * per_any, axis=-2)
    return np.asarray(special.logsumexp(ratios, axis=-1) - np.log(_RATIOS.size), dtype=np.float64)
