"""Values of any origin as columns of an intake: kinds are checked, values never quoted.

Tensors, rows and tables of other protocols give plain Python values; here they become what a
column of the signature holds, or an error that names column and rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from trueup.lifecycle.models.records import Column, ColumnKind
from trueup.lifecycle.serving.protocol.intake import Intake, invalid

_WORDS: Final[dict[ColumnKind, str]] = {
    "number": "numbers",
    "integer": "whole numbers of 64 bits",
    "text": "text",
    "boolean": "booleans",
}
_LEAST, _MOST = -(2**63), 2**63 - 1


def values_of(column: Column, values: Iterable[Any]) -> list[Any]:
    """The values as the column holds them; NaN is a missing value.

    Raises:
        UsageError: One of them is of another kind, endless, or missing where it may not be.
    """
    fit = _FITS[column.kind]
    found = [fit(value) for value in values]
    for place, value in enumerate(found):
        if value is None and not column.nullable:
            raise invalid(f"input '{column.name}' must not be missing, as in row {place + 1}")
        if value is _UNFIT:
            words = _WORDS[column.kind]
            raise invalid(f"input '{column.name}' must hold {words}, unlike row {place + 1}")
    return found


def columns_of_matrix(
    intake: Intake, matrix: Sequence[Sequence[Any]], what: str
) -> dict[str, list[Any]]:
    """Rows of a matrix, whose columns stand in the order of the intake.

    Raises:
        UsageError: A row has another length, or a value is of another kind.
    """
    wanted = len(intake.columns)
    for place, row in enumerate(matrix):
        if len(row) != wanted:
            raise invalid(f"{what} has {len(row)} values in row {place + 1}; {wanted} are needed")
    by_column = zip(*matrix, strict=True) if matrix else [[] for _ in intake.columns]
    return {
        column.name: values_of(column, values)
        for column, values in zip(intake.columns.values(), by_column, strict=True)
    }


_UNFIT: Final = object()


def _number(value: Any) -> Any:
    if type(value) is float:
        return None if math.isnan(value) else value if math.isfinite(value) else _UNFIT
    if type(value) is int:
        return float(value) if abs(value) < 2**1000 else _UNFIT
    return None if value is None else _UNFIT


def _integer(value: Any) -> Any:
    if type(value) is float:
        if math.isnan(value):
            return None
        value = int(value) if math.isfinite(value) and value == int(value) else _UNFIT
    if type(value) is int:
        return value if _LEAST <= value <= _MOST else _UNFIT
    return None if value is None else _UNFIT


def _text(value: Any) -> Any:
    return value if value is None or type(value) is str else _UNFIT


def _boolean(value: Any) -> Any:
    if type(value) is bool or value is None:
        return value
    if type(value) is float and math.isnan(value):
        return None
    return bool(value) if value in (0, 1) and type(value) in (int, float) else _UNFIT


_FITS: Final = {"number": _number, "integer": _integer, "text": _text, "boolean": _boolean}
