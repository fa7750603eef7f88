"""What makes a schema sound: a schema that passes can be held against rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.foundation import clock
from trueup.foundation.errors import TrueupError, UsageError
from trueup.lifecycle.data.schemas import expressions, kinds
from trueup.lifecycle.data.schemas.records import Column, Schema, Value

if TYPE_CHECKING:
    from collections.abc import Iterator


def check(schema: Schema, name: str) -> None:
    """Refuse a schema that could not be held against rows.

    Raises:
        UsageError: Naming the first thing that is wrong.
    """
    for where, what in _wrong(schema):
        raise UsageError(
            "schema-unsound", f"{name}: {where} {what}.", hint="trueup explain schema-unsound"
        )


def _wrong(schema: Schema) -> Iterator[tuple[str, str]]:
    for name, column in schema.columns.items():
        yield from ((f"column '{name}'", what) for what in _wrong_column(column))
    for end in (schema.rows.at_least, schema.rows.at_most):
        if end is not None and (not isinstance(end, int) or isinstance(end, bool)):
            yield "rows", f"has the limit {end!r}; it must be a whole number"
    for rule in schema.rules:
        try:
            expressions.compiled(rule.expression)
        except TrueupError as error:
            yield f"rule '{rule.name}':", error.message.rstrip(".")
    for share in (*(r.holds for r in schema.rules), *(r.holds for r in schema.references)):
        if not 0 < share <= 1:
            yield "holds", f"is {share}; it must be above 0 and at most 1"
    for reference in schema.references:
        if not reference.columns or (reference.to and len(reference.to) != len(reference.columns)):
            yield f"the reference to '{reference.table}'", "needs as many columns here as there"
    if schema.freshness is not None:
        try:
            clock.parse_duration(schema.freshness.within)
        except ValueError as error:
            yield "freshness.within:", str(error).rstrip(".")


def _wrong_column(column: Column) -> Iterator[str]:
    for key in ("missing", "infinite", "holds"):
        share = getattr(column, key)
        if not 0 <= share <= 1:
            yield f"has {key} = {share}; a share lies between 0 and 1"
    for key in ("at_least", "at_most", "above", "below"):
        limit = getattr(column, key)
        if limit is not None and column.type == "any":
            yield f"has {key} but no type"
        elif limit is not None and not reads(limit, column):
            yield f"has {key} = {limit!r}, which is not of type {column.type}"
    for value in (*column.values, *column.never):
        if not reads(value, column):
            yield f"lists the value {value!r}, which is not of type {column.type}"
    if not (column.at_least is None or column.at_most is None) and _crossed(column):
        yield f"has at_least = {column.at_least!r} above at_most = {column.at_most!r}"
    if column.pattern and (why := _no_pattern(column.pattern)):
        yield f"has a pattern that cannot be used: {why}"
    if (column.pattern or column.length) and column.type not in ("text", "any"):
        yield f"has a {'pattern' if column.pattern else 'length'}, but is of type {column.type}"


def reads(value: Value, column: Column) -> bool:
    """Whether a written value is one of the column's type."""
    try:
        kinds.parsed(value, column)
    except ValueError:
        return False
    return True


def _crossed(column: Column) -> bool:
    assert column.at_least is not None
    assert column.at_most is not None
    try:
        low, high = kinds.parsed(column.at_least, column), kinds.parsed(column.at_most, column)
        return bool(low > high)
    except (ValueError, TypeError):
        return False


def is_pattern(text: str) -> bool:
    """Whether a regular expression can be used here: it neither looks ahead nor back."""
    return not _no_pattern(text)


def _no_pattern(pattern: str) -> str:
    import polars as pl

    try:
        pl.Series([""], dtype=pl.String).str.contains(pattern, strict=True)
    except pl.exceptions.PolarsError as error:
        return " ".join(str(error).split())[:160]
    return ""
