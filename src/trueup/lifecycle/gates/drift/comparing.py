"""Two tables, column by column: read, measure in threads, judge all columns together.

A few columns of both tables are in memory at a time, so that files may be larger than it. Read
`measuring.py` for one column and `rules.py` for the verdicts.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from trueup.foundation import threads
from trueup.foundation.errors import UsageError
from trueup.lifecycle.gates.drift import measuring, page, rules, tables
from trueup.lifecycle.gates.drift.measuring import Measured
from trueup.lifecycle.gates.drift.records import ColumnDrift, DriftReport, Limits
from trueup.lifecycle.gates.drift.tables import Table, chosen, kind_of

# Values of both tables that one thread holds at a time.
_PORTION: Final = 2_000_000
_MOST_COLUMNS: Final = 500


def drift(
    reference: Any,
    current: Any,
    *,
    effect: float = 0.05,
    false_alarms: float = 0.05,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
    multivariate: bool = False,
    html: str | os.PathLike[str] = "",
) -> DriftReport:
    """Say what has changed between two tables, column by column.

    Args:
        reference: What the data looked like: a path (Parquet, CSV, Arrow), or a frame of Polars,
            pandas or Arrow, a NumPy array with named fields, or a dict of columns.
        current: What it looks like now.
        effect: Smallest share of a column's rows whose change matters.
        false_alarms: Chance of any alarm if nothing changed, over all columns together.
        columns: Columns to compare, also dates and times; all by default, which says of dates and
            times how far they reach and no more.
        ignore: Columns to leave out.
        multivariate: Also ask whether a classifier tells the tables apart (needs scikit-learn).
        html: Where to write the report as one page that needs nothing else and holds no rows.

    Raises:
        UsageError: A table cannot be read, or a column is in neither.
        NotFoundError: There is nothing at a path.
        MissingExtraError: The classifier's package is not installed.

    Example:
        >>> before = {"age": list(range(100)) * 50}
        >>> now = {"age": list(range(20, 120)) * 50}
        >>> drift(before, now).changed
        ('age',)
    """
    limits = Limits(effect=effect, false_alarms=false_alarms)
    with ExitStack() as stack:
        sides = [
            stack.enter_context(tables.opened(Path(value), str(value)))
            if isinstance(value, str | os.PathLike)
            else tables.of_frame(value, name)
            for value, name in ((reference, "reference"), (current, "current"))
        ]
        report = compare(sides[0], sides[1], limits, columns, ignore)
        if multivariate:
            from trueup.lifecycle.gates.drift import together

            found = together.tell_apart(sides[0], sides[1], limits, columns, ignore)
            report = together.joined(report, found)
    if html:
        Path(html).write_text(page.html(report), encoding="utf-8")
    return report


def compare(
    reference: Table,
    current: Table,
    limits: Limits | None = None,
    columns: Sequence[str] = (),
    ignore: Sequence[str] = (),
) -> DriftReport:
    """Compare two open tables; arguments as of `drift`.

    Raises:
        UsageError: A column that is asked for is in neither table, or a limit is none.
    """
    started = time.perf_counter()
    limits = limits or Limits()
    _check(limits)
    names = chosen(reference, current, columns, ignore)
    both = [name for name in names if name in reference.schema and name in current.schema]
    found = [
        rules.absent(name, str(side.schema[name]), is_new=side is current)
        for side, other in ((reference, current), (current, reference))
        for name in names
        if name in side.schema and name not in other.schema
    ]
    measured: list[Measured] = []
    asked = set(columns)
    with threads.pool(os.cpu_count() or 1, "drift") as pool:
        portions = pool.map(
            lambda portion: list(_measured(reference, current, portion, asked)),
            _portions(both, max(reference.rows, current.rows)),
        )
        for each in chain.from_iterable(portions):
            if isinstance(each, ColumnDrift):
                found.append(each)
            else:
                measured.append(each)
    found = rules.ordered([*found, *rules.judge(measured, limits)])
    verdict, words = rules.whole(found)
    return DriftReport(
        reference=reference.name,
        current=current.name,
        rows_reference=reference.rows,
        rows_current=current.rows,
        limits=limits,
        verdict=verdict,
        words=words,
        columns=tuple(found),
        seconds=time.perf_counter() - started,
    )


def _check(limits: Limits) -> None:
    for name in ("effect", "false_alarms"):
        value = getattr(limits, name)
        if not 0 < value < 1:
            raise UsageError(
                "drift-limit",
                f"{name.replace('_', ' ')} is {value:g}, and must be a share between 0 and 1.",
                hint="trueup drift REFERENCE CURRENT --effect 0.05",
            )


def _portions(names: Sequence[str], rows: int) -> Iterator[Sequence[str]]:
    size = min(_MOST_COLUMNS, max(1, _PORTION // max(1, 2 * rows)))
    return (names[start : start + size] for start in range(0, len(names), size))


def _measured(
    reference: Table, current: Table, names: Sequence[str], asked: set[str]
) -> Iterator[Measured | ColumnDrift]:
    before, now = reference.read(names), current.read(names)
    for name in names:
        trouble = reference.troubles.get(name) or current.troubles.get(name)
        types = reference.schema[name], current.schema[name]
        if trouble:
            yield measuring.skipped(name, *types, trouble)
        else:
            yield _column(name, before[name], now[name], is_asked=name in asked)


def _column(
    name: str, before: pl.Series, now: pl.Series, *, is_asked: bool
) -> Measured | ColumnDrift:
    types = before.dtype, now.dtype
    if pl.Null in types and types[0] != types[1]:  # a column without a value has any type
        before = before.cast(types[1]) if types[0] == pl.Null else before
        now = now.cast(types[0]) if types[1] == pl.Null else now
    elif types[0] == pl.Null:
        before, now = before.cast(pl.String), now.cast(pl.String)
    kinds = kind_of(before.dtype), kind_of(now.dtype)
    if kinds[0] != kinds[1] or _has_zone(before.dtype) != _has_zone(now.dtype):
        return rules.retyped(name, (str(types[0]), str(types[1])), _no_numbers(before, now))
    match kinds[0]:
        case "numbers":
            return measuring.numbers(name, before, now)
        case "categories":
            return measuring.categories(name, before, now)
        case "moments":
            if not is_asked:
                return measuring.moments(name, before, now)
            found = measuring.numbers(name, _instants(before), _instants(now))
            return found._replace(
                sides=tuple(  # type: ignore[arg-type]
                    msgspec.structs.replace(side, type=str(type_))
                    for side, type_ in zip(found.sides, types, strict=True)
                ),
                kind="moments",
            )
    return measuring.skipped(name, *types, f"values of type {types[0]} have no distribution here")


def _has_zone(type_: pl.DataType) -> bool:
    return isinstance(type_, pl.Datetime) and type_.time_zone is not None


def _instants(values: pl.Series) -> pl.Series:
    zone = "UTC" if _has_zone(values.dtype) else None
    return values.cast(pl.Datetime("us", zone))


def _no_numbers(before: pl.Series, now: pl.Series) -> str:
    """How many words of the current column are no numbers, where the reference has numbers."""
    if not before.dtype.is_numeric() or now.dtype != pl.String:
        return ""
    known = now.drop_nulls()
    lost = known.len() - known.cast(pl.Float64, strict=False).drop_nulls().len()
    return f"{lost:,} of {known.len():,} values are no numbers"
