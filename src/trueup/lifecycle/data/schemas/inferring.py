"""A first schema from rows: what they show, with the room that `slack.py` leaves."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import polars as pl

from trueup.lifecycle.data.schemas import kinds, slack
from trueup.lifecycle.data.schemas.records import Column, Limits, Schema, Value

_AT_ONCE: Final = 100
_LONG_KEY: Final = 16


def infer(rows: pl.DataFrame | pl.LazyFrame, dataset: str = "", label: str = "") -> Schema:
    """The schema that these rows suggest.

    Args:
        rows: The rows; lazy ones are read in pieces.
        dataset: What they are called.
        label: The column that is predicted: rows to serve have none.
    """
    lazy = rows.lazy()
    types = lazy.collect_schema()
    names = types.names()
    columns: dict[str, Column] = {}
    for start in range(0, len(names), _AT_ONCE):
        some = names[start : start + _AT_ONCE]
        asked = [
            part for number, name in enumerate(some) for part in _asked(name, types[name], number)
        ]
        row = _answered(rows, some, asked)
        for number, name in enumerate(some):
            seen = {key: row.get(f"{number}:{key}") for key in _KEYS}
            columns[name] = _column(name, types[name], row["rows"], seen, lazy)
    if label in columns:
        columns[label] = msgspec.structs.replace(columns[label], environments=("training",))
    return Schema(dataset=dataset, rows=Limits(at_least=1), columns=columns)


def _answered(
    rows: pl.DataFrame | pl.LazyFrame, names: list[str], asked: list[pl.Expr]
) -> dict[str, Any]:
    """Questions about some columns, in one pass; what is in memory needs no plan, which costs
    with the square of the questions."""
    questions = [pl.len().alias("rows"), *asked]
    piece = rows.select(names)
    if isinstance(piece, pl.LazyFrame):
        return piece.select(questions).collect(engine="streaming").row(0, named=True)
    return piece.select(questions).row(0, named=True)


_KEYS: Final = ("missing", "infinite", "distinct", "least", "quantiles", "most", "n")


def _asked(name: str, dtype: pl.DataType, number: int) -> list[pl.Expr]:
    """What is counted of a column in one pass."""
    given = pl.col(name)
    missing = given.is_null()
    kind = kinds.kind_of(dtype)
    found: dict[str, pl.Expr] = {}
    if dtype.is_float():
        missing = missing | given.is_nan()
        found["infinite"] = given.is_infinite().sum()
        given = given.filter(given.is_finite())
    found["missing"] = missing.sum()
    if kind in kinds.NUMERIC:
        found["n"] = given.count()
        found["quantiles"] = given.cast(pl.Float64).quantile([0.1, 0.5, 0.9], "linear")
        found["least"], found["most"] = given.min(), given.max()
    if kind in {"text", "whole"}:
        found["distinct"] = pl.col(name).approx_n_unique() if kind == "text" else given.n_unique()
    return [value.alias(f"{number}:{key}") for key, value in found.items()]


def _column(
    name: str, dtype: pl.DataType, rows: int, seen: dict[str, Any], lazy: pl.LazyFrame
) -> Column:
    kind = kinds.kind_of(dtype)
    missing = int(seen["missing"] or 0)
    there = rows - missing
    said: dict[str, Any] = {"type": kind, "missing": slack.share(missing, rows)}
    if dtype.base_type() == pl.Datetime:
        said["zone"] = kinds.zone_of(dtype)
    infinite = int(seen["infinite"] or 0)
    if infinite:
        said["infinite"] = slack.share(infinite, rows)
    if kind in {"text", "whole"} and there:
        if _is_key(name, kind, there, seen, lazy):
            return Column(**said, unique=True)
        if values := _values(name, there, int(seen["distinct"] or 0), lazy):
            return Column(**said, values=values, holds=slack.set_holds(there))
    if kind in kinds.NUMERIC and seen["least"] is not None:
        said |= _range(seen, whole=kind == "whole")
    return Column(**said)


def _range(seen: dict[str, Any], *, whole: bool) -> dict[str, Value]:
    ends = float(seen["least"]), *seen["quantiles"], float(seen["most"])
    spread = slack.Spread(int(seen["n"]), *ends)
    low, high = slack.limits(spread, whole=whole)
    found: dict[str, Value] = {}
    if low is not None:
        found["at_least"] = int(low) if whole else low
    if high is not None:
        found["at_most"] = int(high) if whole else high
    return found


def _is_key(name: str, kind: str, there: int, seen: dict[str, Any], lazy: pl.LazyFrame) -> bool:
    """Whether values never come twice, and look as if that were no chance."""
    roughly = int(seen["distinct"] or 0)
    if there < slack.FEWEST or roughly < 0.9 * there:
        return False
    shortest = 0
    if kind == "text":
        given = pl.col(name).cast(pl.String)
        facts = lazy.select(distinct=given.n_unique(), shortest=given.str.len_chars().min())
        distinct, shortest = facts.collect(engine="streaming").row(0)
        distinct -= int(seen["missing"] or 0) > 0
        roughly = distinct
    return roughly == there and (kinds.is_named_key(name) or (shortest or 0) >= _LONG_KEY)


def _values(name: str, there: int, distinct: int, lazy: pl.LazyFrame) -> tuple[Value, ...]:
    """The set of values, where there are few and each was seen often enough."""
    most = min(slack.MOST_VALUES, there // 20)
    if there < slack.FEWEST_OF_A_SET or distinct > 1.2 * most:
        return ()
    there_are = lazy.select(value=pl.col(name)).drop_nulls()
    frame = there_are.group_by("value").agg(n=pl.len()).collect(engine="streaming")
    if frame.height > most or frame["n"].min() < slack.SEEN_AT_LEAST:  # type: ignore[operator]
        return ()
    return tuple(sorted(frame["value"].to_list()))
