"""Columns of both tables, side by side: in which type their values are compared, and reading them.

Comparing never depends on how a value is stored: categories are words, integers of any width are
integers, and types that have nothing in common are compared as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl

from trueup.lifecycle.data.difference.sides import Table

# At most this much of both tables is held at once, beside the row numbers.
_BUDGET = 256 << 20
_WIDE = 48
_NARROW = 8


class Pair(NamedTuple):
    """One column of both tables: its names, and the type that both are compared in."""

    before: str
    after: str
    type: pl.DataType
    as_text: bool = False

    def of_before(self) -> pl.Expr:
        """The column of the first table, to be compared."""
        return self._comparable(self.before)

    def of_after(self) -> pl.Expr:
        """The column of the second table, to be compared."""
        return self._comparable(self.after)

    def _comparable(self, name: str) -> pl.Expr:
        column = pl.col(name)
        if self.as_text:
            return _text(column)
        return column.cast(self.type)


def pair(before: Table, after: Table, name: str, renamed: str = "") -> Pair:
    """A column of the first table, and the one of the second that it is compared with."""
    other = renamed or name
    first = before.frame.collect_schema()[name]
    second = after.frame.collect_schema()[other]
    found = common_type(first, second)
    if found is None:
        return Pair(name, other, pl.String(), as_text=first.is_nested() or second.is_nested())
    return Pair(name, other, found)


def common_type(first: pl.DataType, second: pl.DataType) -> pl.DataType | None:
    """The type that holds the values of both; None if only text does.

    Example:
        >>> common_type(pl.Int32(), pl.Int64()), common_type(pl.Date(), pl.Int64())
        (Int64, None)
    """
    first, second = _plain(first), _plain(second)
    if first == second:
        return first
    if first.is_integer() and second.is_integer():
        return pl.Int128() if pl.UInt64() in (first, second) else pl.Int64()
    if first.is_numeric() and second.is_numeric():
        return pl.Float64()
    if first.is_temporal() != second.is_temporal():
        return None
    try:
        empty = [pl.Series("x", [], dtype=type_).to_frame() for type_ in (first, second)]
        found = pl.concat(empty, how="vertical_relaxed").schema["x"]
    except pl.exceptions.PolarsError:
        return None
    return None if found == pl.String else found


def in_portions(pairs: Sequence[Pair], rows: int) -> Iterator[list[Pair]]:
    """Pairs, as many at a time as fit the memory that a comparison may take."""
    portion: list[Pair] = []
    filled = 0
    for each in pairs:
        width = _NARROW if each.type.is_numeric() or each.type.is_temporal() else _WIDE
        if portion and filled + width * rows > _BUDGET:
            yield portion
            portion, filled = [], 0
        portion.append(each)
        filled += width * rows
    if portion:
        yield portion


def _plain(type_: pl.DataType) -> pl.DataType:
    return pl.String() if type_ in (pl.Categorical, pl.Enum) or type_ == pl.Null else type_


def _text(column: pl.Expr) -> pl.Expr:
    whole = pl.struct(column.alias("value")).struct.json_encode()
    return pl.when(column.is_not_null()).then(whole)
