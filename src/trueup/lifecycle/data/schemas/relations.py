"""What holds between rows, columns and tables: uniqueness, rules, references, age, volume."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time

import polars as pl

from trueup.foundation import clock
from trueup.foundation.errors import TrueupError
from trueup.foundation.text import did_you_mean, listing, plural
from trueup.lifecycle.data.schemas import expressions, findings
from trueup.lifecycle.data.schemas.findings import Finding
from trueup.lifecycle.data.schemas.records import Freshness, Reference, Rule, Schema
from trueup.rendering import words


def volume(schema: Schema, height: int) -> Finding:
    """Whether there are as many rows as there must be."""
    low, high = schema.rows.at_least, schema.rows.at_most
    said = f"there {'is' if height == 1 else 'are'} {plural(height, 'row')}"
    outcome: findings.Outcome = "passed"
    limit: float | None = None
    if low is not None and height < float(low):
        outcome, limit, said = "failed", float(low), f"{said}, and at least {low:,} are wanted"
    elif high is not None and height > float(high):
        outcome, limit, said = "failed", float(high), f"{said}, and at most {high:,} are wanted"
    return Finding(
        name="rows", outcome=outcome, words=said, value=float(height), limit=limit, rows=height
    )


def uniqueness(
    schema: Schema, rows: pl.LazyFrame, types: pl.Schema, height: int
) -> Iterator[Finding]:
    """Values, or groups of values, that may come once only; rows without any are left out."""
    single = [(name,) for name, column in schema.columns.items() if column.unique and name in types]
    for names in (*single, *schema.unique):
        title = f"unique {', '.join(names)}"
        if absent := _absent(names, types):
            yield Finding(name=title, outcome="failed", words=absent, rows=height)
            continue
        there = rows.select(names).drop_nulls()
        row = there.select(
            n=pl.len(),
            unique=pl.struct(names).n_unique() if len(names) > 1 else pl.col(names[0]).n_unique(),
        )
        n, unique = row.collect(engine="streaming").row(0)
        yield findings.of_share(title, n - unique, n, 0.0, "repeat a value that is there already")


def rules(
    schema: Schema, rows: pl.LazyFrame, types: pl.Schema, height: int, environment: str
) -> Iterator[Finding]:
    """What holds between columns."""
    for rule in schema.rules:
        if not rule.environments or environment in rule.environments:
            yield _rule(rule, rows, types, height)


def _rule(rule: Rule, rows: pl.LazyFrame, types: pl.Schema, height: int) -> Finding:
    try:
        n, bad, unknown = _tried(rule.expression, rows, types)
    except TrueupError as broken:
        return Finding(name=rule.name, outcome="error", words=broken.message, rows=height)
    except (pl.exceptions.PolarsError, ValueError) as broken:
        said = f"'{rule.expression}' cannot be used on these columns: {_first_line(broken)}"
        return Finding(name=rule.name, outcome="error", words=said, rows=height)
    if height and n == unknown:
        said = f"no row has all values that '{rule.expression}' needs"
        return Finding(name=rule.name, outcome="error", words=said, rows=height)
    if n == 1 and height > 1:
        outcome: findings.Outcome = "failed" if bad else "passed"
        said = f"'{rule.expression}' is {'false' if bad else 'true'}"
        return Finding(name=rule.name, outcome=outcome, words=said, rows=height)
    most = round(1 - rule.holds, 12)
    return findings.of_share(rule.name, bad, n - unknown, most, f"break '{rule.expression}'")


def _tried(expression: str, rows: pl.LazyFrame, types: pl.Schema) -> tuple[int, int, int]:
    """How many answers a condition gives, how many are no, and how many unknown."""
    holds = expressions.compiled(expression)
    if absent := _absent(expressions.columns_of(expression), types):
        raise ValueError(absent)
    found = rows.select(holds.alias("holds"))
    if (kind := found.collect_schema()["holds"]) not in (pl.Boolean, pl.Null):
        raise ValueError(f"it is no condition, but gives {kind}")
    counted = found.select(
        n=pl.len(), bad=pl.col("holds").not_().sum(), unknown=pl.col("holds").null_count()
    )
    n, bad, unknown = counted.collect(engine="streaming").row(0)
    return n, bad or 0, unknown


def references(
    schema: Schema,
    rows: pl.LazyFrame,
    types: pl.Schema,
    height: int,
    tables: Mapping[str, pl.DataFrame],
    environment: str,
) -> Iterator[Finding]:
    """Values that must be there in other tables."""
    for reference in schema.references:
        if not reference.environments or environment in reference.environments:
            yield _reference(reference, rows, types, height, tables)


def _reference(
    reference: Reference,
    rows: pl.LazyFrame,
    types: pl.Schema,
    height: int,
    tables: Mapping[str, pl.DataFrame],
) -> Finding:
    name = f"{', '.join(reference.columns)} in {reference.table}"
    to = list(reference.to or reference.columns)

    def error(said: str) -> Finding:
        return Finding(name=name, outcome="error", words=said, rows=height)

    if reference.table not in tables:
        near = did_you_mean(reference.table, tables)
        return error(f"the table '{reference.table}' was not given.{near}")
    if absent := _absent(reference.columns, types):
        return error(absent)
    other = tables[reference.table]
    if absent := _absent(to, other.schema):
        return error(f"in {reference.table}: {absent}")
    known = (
        other.lazy()
        .select(
            pl.col(there).alias(here) for here, there in zip(reference.columns, to, strict=True)
        )
        .unique()
    )
    given = rows.select(reference.columns).drop_nulls()
    try:
        lost = given.join(known, on=list(reference.columns), how="anti")
        n = int(given.select(pl.len()).collect(engine="streaming").item())
        bad = int(lost.select(pl.len()).collect(engine="streaming").item())
    except pl.exceptions.PolarsError as broken:
        return error(f"the columns cannot be compared: {_first_line(broken)}")
    most = round(1 - reference.holds, 12)
    return findings.of_share(name, bad, n, most, f"have no counterpart in {reference.table}")


def freshness(
    wanted: Freshness, rows: pl.LazyFrame, types: pl.Schema, height: int, at: datetime | None
) -> Finding:
    """How old the newest row is."""
    name = f"freshness of {wanted.column}"

    def finding(outcome: findings.Outcome, said: str) -> Finding:
        return Finding(name=name, outcome=outcome, words=said, rows=height)

    if absent := _absent((wanted.column,), types):
        return finding("failed", absent)
    if types[wanted.column].base_type() not in (pl.Date, pl.Datetime):
        return finding("failed", f"{wanted.column} holds neither dates nor moments")
    newest = rows.select(pl.col(wanted.column).max()).collect(engine="streaming").item()
    if newest is None:
        return finding("failed", "no row has a date")
    age = (at or clock.now()) - _moment(newest)
    limit = clock.parse_duration(wanted.within)
    side = "old" if age.total_seconds() >= 0 else "in the future"
    said = f"the newest row is {words.duration(abs(age))} {side}"
    if age > limit:
        return finding("failed", f"{said}; {wanted.within} is the limit")
    return finding("passed", said)


def _moment(value: date | datetime) -> datetime:
    """A date counts until its end; a clock on the wall is read as UTC."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time.max, UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _absent(names: tuple[str, ...] | list[str], types: pl.Schema) -> str:
    absent = [name for name in names if name not in types]
    if not absent:
        return ""
    near = did_you_mean(absent[0], types.names()[:1000])
    return f"there is no column {listing(absent[:5])}.{near}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
