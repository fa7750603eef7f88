"""A key that nobody named: a column, or a few together, whose values are unique in both tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import polars as pl

from trueup.lifecycle.data.difference.pairs import Pair
from trueup.lifecycle.data.difference.sides import Table

_SAMPLE = 10_000
_MOST_COLUMNS = 8
_MOST_TRIES = 12
_SOUNDS_LIKE_A_KEY = re.compile(r"(^|_)(id|key|uuid|guid|code|number|no|nr)$", re.IGNORECASE)


class _Candidate(NamedTuple):
    pair: Pair
    place: int
    distinct: int  # in the samples


def find(before: Table, after: Table, pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The smallest set of columns that names every row of both tables; empty if there is none.

    Of several, the one whose values both tables share most, then the one that sounds like a key,
    then the first. Decimal fractions are measurements, and a column with missing values names
    nothing: neither is a key.

    Args:
        before: First table.
        after: Second table.
        pairs: The columns of both.
    """
    if not pairs or not before.rows or not after.rows:
        return ()
    candidates = _candidates(before, after, pairs)
    whole = min(_SAMPLE, before.rows), min(_SAMPLE, after.rows)
    single = [
        each.pair
        for each in candidates
        if each.distinct == sum(whole) and _is_unique(before, after, (each.pair,))
    ]
    if single:
        return (_best(before, after, single),)
    frequent = sorted(candidates, key=lambda each: (-each.distinct, each.place))[:_MOST_COLUMNS]
    tries = 0
    for size in (2, 3):
        for chosen in combinations(frequent, size):
            key = tuple(each.pair for each in sorted(chosen, key=lambda each: each.place))
            if not _is_unique(before, after, key, _SAMPLE):
                continue
            tries += 1
            if _is_unique(before, after, key):
                return key
            if tries == _MOST_TRIES:
                return ()
    return ()


def _candidates(before: Table, after: Table, pairs: Sequence[Pair]) -> list[_Candidate]:
    fit = [
        (place, each)
        for place, each in enumerate(pairs)
        if each.type.is_integer() or each.type.is_temporal() or each.type == pl.String
    ]
    distinct = [0] * len(fit)
    missing = [0] * len(fit)
    for table, side in ((before, 0), (after, 1)):
        columns = [each.of_after() if side else each.of_before() for _, each in fit]
        sample = table.frame.head(_SAMPLE).select(
            column.alias(str(place)) for place, column in enumerate(columns)
        )
        for place, values in enumerate(sample.collect().iter_columns()):
            distinct[place] += values.n_unique()
            missing[place] += values.null_count()
    return [
        _Candidate(each, place, distinct[number])
        for number, (place, each) in enumerate(fit)
        if not missing[number]
    ]


def _is_unique(before: Table, after: Table, key: Sequence[Pair], rows: int = 0) -> bool:
    for table, columns in (
        (before, [each.of_before() for each in key]),
        (after, [each.of_after() for each in key]),
    ):
        frame = table.frame.head(rows) if rows else table.frame
        named = [column.alias(str(place)) for place, column in enumerate(columns)]
        content = pl.struct(str(place) for place in range(len(key))) if key[1:] else pl.col("0")
        found = frame.select(named).select(
            distinct=content.n_unique(),
            rows=pl.len(),
            missing=pl.sum_horizontal(pl.all().null_count()),
        )
        distinct, all_rows, missing = found.collect().row(0)
        if distinct < all_rows or missing:
            return False
    return True


def _best(before: Table, after: Table, single: list[Pair]) -> Pair:
    if len(single) == 1:
        return single[0]

    def rank(each: Pair) -> tuple[int, bool]:
        left = before.frame.select(each.of_before().alias("k"))
        right = after.frame.select(each.of_after().alias("k"))
        shared = left.join(right, on="k", how="semi").select(pl.len()).collect().item()
        return -int(shared), not _SOUNDS_LIKE_A_KEY.search(each.after)

    return min(single[:_MOST_COLUMNS], key=rank)
