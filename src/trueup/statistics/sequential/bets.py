"""Evidence that a bounded loss exceeds what is tolerated, loss by loss."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]

_BETS = np.array([0.05, 0.1, 0.2, 0.4, 0.8])


def betting_process(losses: npt.ArrayLike, null_mean: float) -> FloatArray:
    """Evidence, after every loss, that the mean loss exceeds a tolerated value.

    Five gamblers each bet a fixed stake on losses above the null mean; the process is their mean
    wealth. Alarm the first time that it reaches 1 / alpha.

    Args:
        losses: Between 0 and 1, shape [n], in order of arrival.
        null_mean: Largest mean loss that is still fine, between 0 and 1.

    Returns:
        E-values, shape [n]. Waudby-Smith & Ramdas (2024), with stakes of 0.05 to 0.8 over the null
        mean.

    Raises:
        ValueError: If a loss or the null mean is out of range.

    Example:
        >>> betting_process([0, 1, 1], null_mean=0.5).round(3).tolist()
        [0.69, 0.83, 1.022]
    """
    z = np.asarray(losses, dtype=np.float64)
    if z.ndim != 1 or not np.all((z >= 0) & (z <= 1)):
        raise ValueError("losses must be a list of numbers between 0 and 1")
    if not 0 < null_mean < 1:
        raise ValueError(f"null_mean is {null_mean}, expected between 0 and 1")
    steps = np.log1p(np.outer(_BETS / null_mean, z - null_mean))
    wealth = np.logaddexp.reduce(np.cumsum(steps, axis=1), axis=0) - np.log(_BETS.size)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(np.exp(wealth), dtype=np.float64)
