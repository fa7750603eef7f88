"""Which row of one table is which row of the other: by key, or by whole content.

Only the key, or two hashes of the content, and row numbers are held for all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from trueup.lifecycle.data.difference.pairs import Pair
from trueup.lifecycle.data.difference.sides import Table

_BEFORE, _AFTER = "before", "after"
_HASHES = ["h0", "h1"]
_SEEDS = (20_011, 77_003)


class Matching(NamedTuple):
    """Row numbers, from 0: pairs of rows, and rows that only one table has.

    Attributes:
        before: Row of the first table, one per pair.
        after: Row of the second table, one per pair.
        removed: Rows of the first table alone.
        added: Rows of the second table alone.
        repeated: Keys that occur more than once in a table.
    """

    before: pl.Series
    after: pl.Series
    removed: pl.Series
    added: pl.Series
    repeated: int = 0


def by_key(before: Table, after: Table, key: Sequence[Pair], rest: Sequence[Pair]) -> Matching:
    """Pair rows of equal key; missing keys are equal to each other.

    A key that occurs more than once in a table names no row: its rows are matched by content.

    Args:
        before: First table.
        after: Second table.
        key: The key's columns.
        rest: All columns, for the rows of repeated keys.
    """
    names = [f"k{place}" for place in range(len(key))]
    left = _keys(before, [each.of_before() for each in key], names, _BEFORE)
    right = _keys(after, [each.of_after() for each in key], names, _AFTER)
    repeated = pl.concat([_repeated(left, names), _repeated(right, names)]).unique()
    if repeated.is_empty():
        return _joined(left, right, names)
    here = left.join(repeated, on=names, how="semi", nulls_equal=True)[_BEFORE]
    there = right.join(repeated, on=names, how="semi", nulls_equal=True)[_AFTER]
    single = _joined(
        left.join(repeated, on=names, how="anti", nulls_equal=True),
        right.join(repeated, on=names, how="anti", nulls_equal=True),
        names,
    )
    del left, right
    doubtful = by_content(before, after, rest, here, there)
    return Matching(
        before=pl.concat([single.before, doubtful.before]),
        after=pl.concat([single.after, doubtful.after]),
        removed=pl.concat([single.removed, doubtful.removed]),
        added=pl.concat([single.added, doubtful.added]),
        repeated=repeated.height,
    )


def by_content(
    before: Table,
    after: Table,
    pairs: Sequence[Pair],
    rows_before: pl.Series | None = None,
    rows_after: pl.Series | None = None,
) -> Matching:
    """Pair rows of equal content, each row once: a difference of multisets.

    Args:
        before: First table.
        after: Second table.
        pairs: The columns that count.
        rows_before: Rows of the first table to look at; all without it.
        rows_after: Rows of the second table to look at; all without it.
    """
    left = _hashes(before, [each.of_before() for each in pairs], rows_before, _BEFORE)
    right = _hashes(after, [each.of_after() for each in pairs], rows_after, _AFTER)
    return _joined(left, right, [*_HASHES, "nth"])


def _keys(table: Table, key: list[pl.Expr], names: list[str], number: str) -> pl.DataFrame:
    chosen = [each.alias(name) for each, name in zip(key, names, strict=True)]
    return table.frame.select(chosen).with_row_index(number).collect()


def _repeated(keys: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    return keys.filter(pl.struct(names).is_duplicated()).select(names).unique()


def _hashes(
    table: Table, columns: list[pl.Expr], rows: pl.Series | None, number: str
) -> pl.DataFrame:
    if not columns:  # rows without columns are all alike
        hashes = [pl.lit(0, pl.UInt64).alias(name) for name in _HASHES]
        frame = pl.LazyFrame({"row": range(table.rows)}).select(*hashes, "row").drop("row")
        numbered = frame.with_row_index(number)
    else:
        # 128 bits of two independent hashes: equal by chance once in 10^24 for 10 million rows.
        content = pl.struct(each.alias(str(place)) for place, each in enumerate(columns))
        hashes = [
            content.hash(seed).alias(name) for seed, name in zip(_SEEDS, _HASHES, strict=True)
        ]
        numbered = table.frame.select(hashes).with_row_index(number)
    if rows is not None:
        numbered = numbered.join(rows.alias(number).to_frame().lazy(), on=number, how="semi")
    nth = pl.int_range(pl.len(), dtype=pl.UInt32).over(_HASHES).alias("nth")
    return numbered.with_columns(nth).collect()


def _joined(left: pl.DataFrame, right: pl.DataFrame, on: list[str]) -> Matching:
    both = (
        left.lazy()
        .join(right.lazy(), on=on, how="full", nulls_equal=True)
        .select(_BEFORE, _AFTER)
        .collect()
    )
    paired = both.drop_nulls()
    return Matching(
        before=paired[_BEFORE],
        after=paired[_AFTER],
        removed=both.filter(pl.col(_AFTER).is_null())[_BEFORE],
        added=both.filter(pl.col(_BEFORE).is_null())[_AFTER],
    )
