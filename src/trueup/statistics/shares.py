"""Shares of rows against limits: what chance explains is no finding."""

from __future__ import annotations

from typing import Final

from scipy import special

ONCE_IN: Final = 1000
"""A share that keeps its limit is called too large in one of so many samples at most."""


def upper(count: int, rows: int, confidence: float = 0.999) -> float:
    """The largest share that still explains `count` of `rows`, by Clopper and Pearson.

    Example:
        >>> round(upper(0, 1000), 4), upper(5, 5)
        (0.0069, 1.0)
    """
    if count >= rows:
        return 1.0
    return float(special.betaincinv(count + 1, rows - count, confidence))


def is_above(count: int, rows: int, limit: float) -> bool:
    """Whether `count` of `rows` shows that the true share lies above the limit.

    An exact binomial test. A limit of zero is broken by one row.

    Example:
        >>> is_above(1, 50, 0.0), is_above(3, 50, 0.03), is_above(9, 50, 0.03)
        (True, False, True)
    """
    if count == 0 or limit >= 1:
        return False
    if limit <= 0:
        return True
    return bool(special.betainc(count, rows - count + 1, limit) < 1 / ONCE_IN)


def rarely(k: int, n: int, chance: float) -> float:
    """How likely at least k of n are when each comes with this chance.

    Example:
        >>> round(rarely(1, 10, 0.1), 4)
        0.6513
    """
    return 1.0 if k <= 0 else float(special.betainc(k, n - k + 1, chance))
