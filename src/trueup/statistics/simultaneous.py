"""Bounds of many measurements at once: the chance that a single one is wrong stays what was said.

They agree with Holm's test in ``significance.py``.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from trueup.statistics.significance import holm

FloatArray: TypeAlias = npt.NDArray[np.float64]


def lower_bounds(
    values: npt.ArrayLike, errors: npt.ArrayLike, limit: float, confidence: float
) -> FloatArray:
    """Lower bounds that all hold together, and say the same as Holm's test against `limit`.

    A bound lies above the limit where Holm shows that the value does. What is shown while others
    are not gets the limit itself as its bound: the power went into showing it. Strassburger & Bretz
    (2008), Guilbaud (2008); by the normal law.

    Args:
        values: Shape [k].
        errors: Standard errors, shape [k]; an infinite one is never shown.
        limit: What each is held against.
        confidence: That all bounds hold, between 0.5 and 1.

    Returns:
        Shape [k].

    Example:
        >>> lower_bounds([0.9, 0.8], [0.01, 0.06], 0.75, 0.95).round(3).tolist()
        [0.75, 0.701]
    """
    estimates = np.asarray(values, dtype=np.float64)
    spread = np.asarray(errors, dtype=np.float64)
    above = estimates - limit
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(spread > 0, above / spread, np.copysign(np.inf, above))
    shown = (holm(special.ndtr(-z)) <= 1 - confidence) & (above > 0)
    open_claims = int(np.count_nonzero(~shown))
    share = (1 - confidence) / (open_claims or max(shown.size, 1))
    bounds: FloatArray = estimates - special.ndtri(1 - share) * spread
    return np.where(shown, limit, bounds) if open_claims else np.maximum(limit, bounds)
