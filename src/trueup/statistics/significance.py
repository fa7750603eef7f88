"""Small exact tests, and what many of them prove together."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

FloatArray: TypeAlias = npt.NDArray[np.float64]
Kind: TypeAlias = Literal["exact", "mid-p", "chi-square", "corrected"]

_KINDS: Final = ("exact", "mid-p", "chi-square", "corrected")


def mcnemar(only_a: int, only_b: int, kind: Kind = "exact") -> float:
    """Two-sided p-value that two models are right equally often on the same rows.

    Rows that both or neither decide rightly say nothing. McNemar (1947); mid-p: Fagerland, Lydersen
    & Laake (2013); corrected: for continuity, Edwards (1948).

    Args:
        only_a: Rows that model a alone decides rightly.
        only_b: Rows that model b alone decides rightly.
        kind: By the binomial law, the same counting the seen table half, or by chi-square.

    Returns:
        The p-value; 1 without any such row.

    Raises:
        ValueError: If a count is negative, or the kind unknown.

    Example:
        >>> round(mcnemar(2, 10), 6), round(mcnemar(2, 10, "mid-p"), 6)
        (0.038574, 0.022461)
    """
    if min(only_a, only_b) < 0 or kind not in _KINDS:
        raise ValueError(f"{only_a} and {only_b} rows by {kind!r}: expected one of {_KINDS}")
    both, fewer = only_a + only_b, min(only_a, only_b)
    if both == 0:
        return 1.0
    if kind in ("exact", "mid-p"):
        tail = float(special.bdtr(fewer, both, 0.5))
        if kind == "mid-p":
            tail -= (tail - (float(special.bdtr(fewer - 1, both, 0.5)) if fewer else 0.0)) / 2
        return min(1.0, 2 * tail)
    apart = abs(only_a - only_b) - (1 if kind == "corrected" else 0)
    return float(special.chdtrc(1, max(apart, 0) ** 2 / both))


def holm(p_values: npt.ArrayLike) -> FloatArray:
    """P-values adjusted so that the chance of any false finding keeps to the level (Holm 1979).

    It holds however the tests depend on each other.

    Args:
        p_values: Between 0 and 1, shape [k].

    Returns:
        Adjusted p-values, shape [k], in the same order.

    Raises:
        ValueError: If one is no p-value.

    Example:
        >>> holm([0.01, 0.04, 0.03]).tolist()
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not np.all((p >= 0) & (p <= 1)):
        raise ValueError("p-values must lie between 0 and 1, with none missing")
    order = np.argsort(p, kind="stable")
    rising = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(rising, 1.0)
    return adjusted
