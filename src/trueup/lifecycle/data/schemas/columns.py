"""Each column against its limits: all that can be counted in one pass over the rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import polars as pl

from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.data.schemas import findings, kinds
from trueup.lifecycle.data.schemas.findings import Finding
from trueup.lifecycle.data.schemas.records import Column, Schema
from trueup.rendering import words

_AT_ONCE: Final = 200  # columns in one pass: the plan of a query grows with its expressions
_SHOWN: Final = 5


class _Count(NamedTuple):
    """Something that rows of a column may do wrong, to be counted."""

    what: str
    most: float
    bad: pl.Expr


def judge(
    schema: Schema, rows: pl.LazyFrame, types: pl.Schema, height: int, environment: str
) -> Iterator[Finding]:
    """What each column shows, in the order of the schema, then the columns that it does not list.

    Args:
        schema: What to hold against them.
        rows: The rows.
        types: Their columns.
        height: How many there are.
        environment: What they are for.
    """
    wanted = {
        name: column for name, column in schema.columns.items() if _is_due(column, environment)
    }
    counts = {
        name: list(_counts(name, column, types[name]))
        for name, column in wanted.items()
        if name in types and _type_trouble(column, types[name]) == ""
    }
    counted = _counted(rows, counts)
    for name, column in wanted.items():
        if name not in types:
            if not column.optional:
                yield _absent(name, types, height)
        elif trouble := _type_trouble(column, types[name]):
            yield _wrong_type(name, column, trouble, rows, height)
        else:
            found = [
                findings.of_share(name, bad, height, count.most, count.what)
                for count, bad in zip(counts[name], counted.get(name, ()), strict=True)
            ]
            yield findings.together(name, found, quiet=_quiet(column))
    yield from _further(schema, types, environment, height)


def _is_due(column: Column, environment: str) -> bool:
    return not column.environments or environment in column.environments


def _absent(name: str, types: pl.Schema, height: int) -> Finding:
    near = did_you_mean(name, types.names()[:1000])
    return Finding(
        name=name, outcome="failed", words=f"the column is not there.{near}", rows=height
    )


def _type_trouble(column: Column, dtype: pl.DataType) -> str:
    """Why a column is not of the type that is wanted; empty when it is."""
    kind = kinds.kind_of(dtype)
    if not kinds.fits(kind, column.type):
        return f"holds {kinds.words(kind)} where {kinds.words(column.type)} are wanted"
    if kind != "datetime" or column.type != "datetime" or column.zone == "any":
        return ""
    zone = kinds.zone_of(dtype)
    if zone == column.zone:
        return ""
    said = f"moments in {zone}" if zone else "moments without a time zone"
    return f"holds {said} where {column.zone or 'no time zone'} is wanted"


def _wrong_type(
    name: str, column: Column, trouble: str, rows: pl.LazyFrame, height: int
) -> Finding:
    """A column of another type; of text it is said how many values could not be read."""
    bad = height
    targets: dict[str, Any] = {"number": pl.Float64, "whole": pl.Int64, "date": pl.Date}
    column_type = rows.collect_schema()[name]
    if column.type in targets and column_type == pl.String:
        given = pl.col(name)
        unread = given.is_not_null() & given.cast(targets[column.type], strict=False).is_null()
        bad = int(rows.select(unread.sum()).collect(engine="streaming").item())
        trouble += f"; {bad:,} of {height:,} values are none"
    share = bad / height if height else None
    return Finding(name=name, outcome="failed", words=trouble, value=share, limit=0.0, rows=height)


def _further(schema: Schema, types: pl.Schema, environment: str, height: int) -> Iterator[Finding]:
    listed = {n for n, c in schema.columns.items() if _is_due(c, environment)}
    elsewhere = [n for n in types.names() if n in schema.columns and n not in listed]
    for name in elsewhere:
        where = listing(schema.columns[name].environments)
        yield Finding(
            name=name,
            outcome="failed",
            words=f"the column belongs to {where}, and these rows are for {environment}",
            rows=height,
        )
    further = [n for n in types.names() if n not in schema.columns]
    if schema.further_columns == "refuse" and further:
        for name in islice(further, 20):
            yield Finding(
                name=name, outcome="failed", words="the schema lists no such column", rows=height
            )
        if len(further) > 20:
            yield Finding(
                name="further columns",
                outcome="failed",
                words=f"{len(further) - 20:,} more columns that the schema does not list",
                rows=height,
            )
    if schema.ordered:
        here = [n for n in types.names() if n in listed]
        if here != [n for n in schema.columns if n in set(here)]:
            yield Finding(
                name="order of columns",
                outcome="failed",
                words="the columns stand in another order than in the schema",
                rows=height,
            )


def _counted(
    rows: pl.LazyFrame, counts: Mapping[str, Sequence[_Count]]
) -> dict[str, tuple[int, ...]]:
    """How many rows do each thing, by column."""
    done: dict[str, tuple[int, ...]] = {}
    listed = list(counts.items())
    for start in range(0, len(listed), _AT_ONCE):
        some = listed[start : start + _AT_ONCE]
        asked = [
            count.bad.sum().alias(f"{number}:{place}")
            for number, (_, each) in enumerate(some)
            for place, count in enumerate(each)
        ]
        row = rows.select(asked).collect(engine="streaming").row(0, named=True) if asked else {}
        for number, (name, each) in enumerate(some):
            done[name] = tuple(int(row[f"{number}:{p}"] or 0) for p in range(len(each)))
    return done


def _counts(name: str, column: Column, dtype: pl.DataType) -> Iterator[_Count]:
    given = pl.col(name)
    kind = kinds.kind_of(dtype)
    missing = given.is_null()
    if dtype.is_float():
        missing = missing | given.is_nan()
        yield _Count("are infinite", column.infinite, given.is_infinite())
    yield _Count("have no value", column.missing, missing)
    if dtype == pl.Null:
        return
    if column.type == "whole" and kind == "number":
        yield _Count("have a fraction", 0.0, given.is_finite() & (given.floor() != given))
    broken = list(_broken(given, column, dtype))
    if broken:
        what = " or ".join(said for said, _ in broken)
        bad = pl.any_horizontal(*(expression for _, expression in broken)).fill_null(value=False)
        yield _Count(what, round(1 - column.holds, 12), bad & ~missing)


def _broken(given: pl.Expr, column: Column, dtype: pl.DataType) -> Iterator[tuple[str, pl.Expr]]:
    """What breaks range, set, length or pattern, with its words."""
    signs: dict[str, Any] = {
        "at_least": ("lie below {}", lambda x, limit: x < limit),
        "at_most": ("lie above {}", lambda x, limit: x > limit),
        "above": ("do not lie above {}", lambda x, limit: x <= limit),
        "below": ("do not lie below {}", lambda x, limit: x >= limit),
    }
    finite = given.is_finite() if dtype.is_float() else pl.lit(value=True)
    for key, (said, breaks) in signs.items():
        written = getattr(column, key)
        if written is not None:
            limit = _literal(kinds.parsed(written, column), dtype)
            yield said.format(_shown(written)), finite & breaks(given, limit)
    plain = given.cast(pl.String) if dtype in (pl.Categorical, pl.Enum) else given
    if column.values:
        known = [kinds.parsed(value, column) for value in column.values]
        yield "hold a value that is not listed", ~plain.is_in(_series(known, dtype))
    if column.never:
        never = [kinds.parsed(value, column) for value in column.never]
        yield "hold a value that may not be", plain.is_in(_series(never, dtype))
    if column.length is not None:
        yield from _lengths(plain.str.len_chars(), column)
    if column.pattern:
        yield "do not match the pattern", ~plain.str.contains(column.pattern)


def _lengths(length: pl.Expr, column: Column) -> Iterator[tuple[str, pl.Expr]]:
    assert column.length is not None
    if column.length.at_least is not None:
        yield f"are shorter than {column.length.at_least}", length < column.length.at_least
    if column.length.at_most is not None:
        yield f"are longer than {column.length.at_most}", length > column.length.at_most


def _literal(value: Any, dtype: pl.DataType) -> pl.Expr:
    """A limit that can be compared with a column: moments in the zone of the column."""
    if kinds.zone_of(dtype) and getattr(value, "tzinfo", None) is None:
        return pl.lit(value).dt.replace_time_zone("UTC").dt.convert_time_zone(kinds.zone_of(dtype))
    if getattr(value, "tzinfo", None) is not None:
        zone = kinds.zone_of(dtype)
        moment = pl.lit(value).dt.convert_time_zone(zone or "UTC")
        return moment if zone else moment.dt.replace_time_zone(None)
    return pl.lit(value)


def _series(values: list[Any], dtype: pl.DataType) -> Any:
    if any(isinstance(v, float) for v in values):
        return [float(v) for v in values]
    return values


def _shown(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return words.number(value, 6)
    return str(value)


def _quiet(column: Column) -> str:
    if column.values:
        return f"{kinds.words(column.type)}, {len(column.values)} values"
    low, high = column.at_least, column.at_most
    if low is not None and high is not None:
        return f"{kinds.words(column.type)} from {_shown(low)} to {_shown(high)}"
    if low is not None or high is not None:
        end = f"at least {_shown(low)}" if low is not None else f"at most {_shown(high)}"
        return f"{kinds.words(column.type)}, {end}"
    return kinds.words(column.type) if column.type != "any" else "anything"
