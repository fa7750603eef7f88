"""Whether rows of a table are what a model takes; a wrong one is named by row, column and rule.

Values are never told: a report of bad rows may go further than the rows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import polars as pl

from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.models.records import Column, ColumnKind

_DTYPES: Final[dict[ColumnKind, type[pl.DataType]]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "boolean": pl.Boolean,
}
_WORDS: Final = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class Bad(NamedTuple):
    """A value that breaks a rule: row of the chunk, column, rule."""

    row: int
    column: str
    rule: str


def check_columns(columns: Iterable[Column], present: list[str]) -> None:
    """Refuse a table that lacks an input.

    Raises:
        UsageError: It does.
    """
    missing = [column.name for column in columns if column.name not in present]
    if missing:
        named = listing(f"'{name}'" for name in missing[:5])
        raise UsageError(
            "batch-rows",
            f"The input has no column {named}, which the model takes."
            f"{did_you_mean(missing[0], present)}",
            hint="trueup explain batch-rows",
        )


def fit(
    rows: pl.DataFrame, columns: Iterable[Column], *, is_typed: bool
) -> tuple[pl.DataFrame, list[Bad]]:
    """The inputs with the kinds that the model takes, and what is wrong with which rows.

    Raises:
        UsageError: A whole column is of another kind.
    """
    bad: list[Bad] = []
    fitted: list[pl.Series] = []
    for column in columns:
        found = rows[column.name]
        values = _as_kind(found, column, is_typed)
        broken = values.is_null() & found.is_not_null()
        if found.dtype.is_float():
            broken &= found.is_not_nan().fill_null(True)
        bad += _named(broken, column, f"is not of the kind {column.kind}")
        if column.kind == "number":
            values = values.fill_nan(None)
            bad += _named(values.is_infinite().fill_null(False), column, "is not finite")
        if not column.nullable:
            bad += _named(values.is_null() & ~broken, column, "is missing")
        fitted.append(values)
    return pl.DataFrame(fitted), sorted(bad)


def _named(broken: pl.Series, column: Column, rule: str) -> list[Bad]:
    return [Bad(int(row), column.name, rule) for row in broken.arg_true()]


def _as_kind(found: pl.Series, column: Column, is_typed: bool) -> pl.Series:
    dtype, kind = found.dtype, column.kind
    wanted = _DTYPES[kind]
    if dtype in (pl.Null, wanted):
        return found.cast(wanted)
    if kind == "text" and isinstance(dtype, pl.Categorical | pl.Enum):
        return found.cast(wanted)
    if kind == "number" and dtype.is_numeric():
        return found.cast(wanted)
    if kind == "integer" and dtype.is_numeric():
        whole = found.cast(wanted, strict=False)
        return whole.set(whole.cast(pl.Float64) != found.cast(pl.Float64), None)
    if not is_typed:
        if kind == "boolean":
            words = found.cast(pl.String).str.to_lowercase()
            return words.replace_strict(_WORDS, default=None, return_dtype=pl.Boolean)
        return found.cast(wanted, strict=False)
    raise UsageError(
        "batch-rows",
        f"Column '{column.name}' of the input holds {dtype}, and the model takes {kind}.",
        hint="trueup explain batch-rows",
    )
