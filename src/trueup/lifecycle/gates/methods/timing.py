"""Timing a model: calls of one row, and batches of many. Read `fresh.py` for where it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # the time from start to first answer must not begin with imports of ours
    import polars as pl

    from trueup.ports.format import Predictor

_WARM: Final = 5
_FEWEST: Final = 7  # so many bound a median from above with 99 %


def calls(predict: Predictor, rows: pl.DataFrame, count: int) -> list[float]:
    """Seconds of each of so many calls with one row; the rows are taken in turn."""
    single = list(_pieces(rows, 1, min(rows.height, count)))
    for row in islice(cycle(single), min(_WARM, count)):
        predict(row)
    return [_seconds(predict, row) for row in islice(cycle(single), count)]


def batches(predict: Predictor, rows: pl.DataFrame, size: int, seconds: float) -> list[float]:
    """Seconds of each batch of `size` rows, for about so long; small holdouts are repeated."""
    import polars as pl

    while rows.height < size:
        rows = pl.concat([rows] * (size // rows.height + 1))
    pieces = cycle(_pieces(rows, size, rows.height // size))
    predict(next(pieces))
    found: list[float] = []
    while len(found) < _FEWEST or sum(found) < seconds:
        found.append(_seconds(predict, next(pieces)))
    return found


def _pieces(rows: pl.DataFrame, size: int, count: int) -> Iterator[pl.DataFrame]:
    for number in range(count):
        yield rows.slice(number * size, size)


def _seconds(predict: Predictor, rows: pl.DataFrame) -> float:
    start = time.perf_counter()
    predict(rows)
    return time.perf_counter() - start
