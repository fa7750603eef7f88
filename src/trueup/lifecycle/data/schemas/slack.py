"""How much room inferred limits leave: a fresh sample of the same source must keep them.

What the rows seen cannot rule out is allowed. No shape of distribution is presumed: where the tail
of a column is long, room is left in proportion on a logarithmic scale.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from trueup.statistics import shares

FEWEST: Final = 100
"""With fewer values no range is inferred: the next one may lie anywhere."""
FEWEST_OF_A_SET: Final = 200
MOST_VALUES: Final = 50
SEEN_AT_LEAST: Final = 5
_RARE: Final = 1e-9  # chance of a value beyond the limit of an exponential tail
_LONG: Final = 1.5  # so much farther than an exponential tail would reach
_SHORT: Final = 1.6  # no farther than this times its 90 % point: the values end there
_ABSURD: Final = 1e9  # a limit so far away says nothing


class Spread(NamedTuple):
    """Quantiles of a column's finite values."""

    n: int
    least: float
    low: float
    middle: float
    high: float
    most: float


def share(count: int, rows: int) -> float:
    """The largest share that may be so, when `count` of `rows` were.

    Example:
        >>> share(0, 1000), share(30, 1000), share(1000, 1000)
        (0.007, 0.07, 1.0)
    """
    if rows and count == rows:
        return 1.0
    if not rows:
        return 1.0
    bound = shares.upper(count, rows)
    return min(1.0, _up(bound if count == 0 else 1.25 * bound))


def set_holds(rows: int) -> float:
    """The smallest share of values that keep a set: more may be new than `rows` could rule out.

    Example:
        >>> set_holds(1000), set_holds(100_000)
        (0.993, 0.99993)
    """
    return round(1 - share(0, rows), 12)


def limits(spread: Spread, *, whole: bool) -> tuple[float | None, float | None]:
    """A range that the next values keep, too; an end is None where nothing sensible can be said."""
    if spread.n < FEWEST or not all(map(math.isfinite, spread)):
        return None, None
    sides = (
        (spread.most - spread.middle, spread.high - spread.middle),
        (spread.middle - spread.least, spread.middle - spread.low),
    )
    is_long = any(_is_long(farthest, usual, spread.n) for farthest, usual in sides)
    top, bottom = (_reach(*side, spread.n, is_long=is_long) for side in sides)
    at_most = None if top is None else _outward(spread.middle + top, 1, whole=whole)
    at_least = None if bottom is None else _outward(spread.middle - bottom, -1, whole=whole)
    if spread.least >= 0 and (at_least is None or at_least < 0):
        at_least = 0.0
    if spread.most <= 0 and (at_most is None or at_most > 0):
        at_most = 0.0
    if not whole and spread.n >= FEWEST_OF_A_SET and spread.least >= 0 and spread.most <= 1:
        at_most = 1.0
    return at_least, at_most


def _is_long(farthest: float, usual: float, n: int) -> bool:
    """Whether a tail reaches farther than an exponential one would."""
    exponential = (math.log(n) - math.log(2)) / (math.log(10) - math.log(2))
    return usual > 0 and farthest / usual > _LONG * exponential


def _reach(farthest: float, usual: float, n: int, *, is_long: bool) -> float | None:
    """How far from the middle values may lie, given the farthest seen and the 90 % point."""
    if farthest <= 0 or usual <= 0:  # most values are the same
        return None
    factor = -math.log(_RARE) / math.log(n)
    if not is_long:
        ends_there = farthest / usual <= _SHORT and n >= 1000
        return (1.5 if ends_there else factor) * farthest
    scaled = factor * math.asinh(farthest / usual)
    reach = usual * math.sinh(scaled) if scaled < 300 else math.inf
    return reach if reach < _ABSURD * farthest else None


def _outward(value: float, way: int, *, whole: bool) -> float | None:
    """Two digits of a number, outwards; None for one beyond all numbers."""
    if value == 0 or not math.isfinite(value):
        return None if value else 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    if whole:
        unit = max(unit, 1.0)
    steps = value / unit
    rounded = math.ceil(steps - 1e-9) if way > 0 else math.floor(steps + 1e-9)
    return float(f"{rounded * unit:.12g}")


def _up(value: float) -> float:
    """A share with one digit, upwards: 0.0069 becomes 0.007."""
    unit = 10.0 ** math.floor(math.log10(value))
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.12g}")
