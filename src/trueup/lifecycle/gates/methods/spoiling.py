"""Inputs that no plan foresees: values that hardly fit their type, rows of the wrong shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import polars as pl

from trueup.lifecycle.models.records import Signature

_LONG: Final = 1_000_000
_NUMBERS: Final[dict[str, float | None]] = {
    "missing": None,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "minus infinity": float("-inf"),
    "the largest number": 1.7e308,
    "the smallest number": -1.7e308,
    "a number next to 0": 5e-324,
}
_INTEGERS: Final[dict[str, int | None]] = {
    "missing": None,
    "the largest integer": 2**63 - 1,
    "the smallest integer": -(2**63),
}
_TEXTS: Final[dict[str, str | None]] = {
    "missing": None,
    "empty text": "",
    "a category never seen": "never seen before",
    f"a text of {_LONG:,} signs": "x" * _LONG,
    "a text of odd signs": "\x00\n\t'\";--<b>\u202e\U0001f6eb",
    "a number as text": "1e999",
}
_TRUTHS: Final[dict[str, bool | None]] = {"missing": None}
_VALUES: Final[dict[str, dict[str, Any]]] = {
    "number": _NUMBERS,
    "integer": _INTEGERS,
    "text": _TEXTS,
    "boolean": _TRUTHS,
}


class Poison(NamedTuple):
    """A value for every column that can hold it.

    Attributes:
        name: What it is.
        columns: The columns.
        value: The value.
    """

    name: str
    columns: tuple[str, ...]
    value: Any


def poisons(signature: Signature) -> Iterator[Poison]:
    """The values that the columns of a signature may hold and hardly ever do."""
    for kind, values in _VALUES.items():
        columns = tuple(c.name for c in signature.inputs if c.kind == kind)
        for name, value in values.items() if columns else ():
            yield Poison(f"{name} in every {kind}", columns, value)
    everything = tuple(column.name for column in signature.inputs)
    if everything:
        yield Poison("a row of nothing", everything, None)


def poisoned(rows: pl.DataFrame, poison: Poison) -> pl.DataFrame:
    """The rows, the first of them with the value in all its columns."""
    first = rows.head(1).with_columns(
        pl.lit(poison.value, dtype=rows.schema[name]).alias(name) for name in poison.columns
    )
    return pl.concat([first, rows.slice(1)])


def misshapen(rows: pl.DataFrame, signature: Signature) -> Iterator[tuple[str, pl.DataFrame]]:
    """Rows that do not have the shape that the signature says, and must be refused."""
    if not signature.inputs:
        return
    first = signature.inputs[0].name
    yield "a missing column", rows.drop(first)
    yield "no columns at all", rows.select([])
    for column in signature.inputs:
        if column.kind != "text":
            wrong = pl.lit("no such thing").alias(column.name)
            yield "words where numbers belong", rows.with_columns(wrong)
            return
