"""Columns as codes for the search of weak slices, and conditions on codes as words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from trueup.lifecycle.gates.methods.slicing import number
from trueup.statistics.weakness import Coded, Condition

MOST_CODES: Final = 32  # bins of a column of numbers, or values that are told apart


class Dictionary(NamedTuple):
    """A column, and what its codes stand for.

    Attributes:
        name: Of the column.
        coded: The codes.
        words: Upper end of every bin, or every value; a code beyond them is any other value.
        has_missing: Whether values are missing.
    """

    name: str
    coded: Coded
    words: tuple[str, ...]
    has_missing: bool


def coded(column: pl.Series) -> Dictionary:
    """A column as codes: numbers in bins of about equal rows, the most frequent of other values."""
    if column.dtype.is_numeric():
        return _numbers(column)
    mark = "" if column.dtype == pl.Boolean else '"'
    values = column.cast(pl.String)
    top = values.drop_nulls().value_counts(sort=True).head(MOST_CODES)[column.name]
    known = pl.DataFrame({"value": top, "code": np.arange(len(top), dtype=np.int32)})
    codes = values.to_frame("value").join(known, on="value", how="left", maintain_order="left")
    missing = len(top) + 1
    code = codes.select(
        pl.when(pl.col("value").is_null())
        .then(missing)
        .otherwise(pl.col("code").fill_null(len(top)))
    ).to_series()
    words = tuple(f"{mark}{value}{mark}" for value in top.to_list())
    made = Coded(code.to_numpy().astype(np.int32), missing, is_ordered=False)
    return Dictionary(column.name, made, words, values.null_count() > 0)


def _numbers(column: pl.Series) -> Dictionary:
    values = column.cast(pl.Float64).to_numpy()
    is_missing = np.isnan(values)
    known = values[~is_missing]
    edges = np.unique(known)
    if edges.size > MOST_CODES:
        inner = np.linspace(0, 1, MOST_CODES + 1)[1:]
        edges = np.unique(np.quantile(known, inner, method="lower"))
    missing = max(edges.size, 1)
    codes = np.searchsorted(edges, values, side="left").astype(np.int32)
    codes[is_missing] = missing
    words = tuple(number(edge) for edge in edges.tolist())
    return Dictionary(column.name, Coded(codes, missing, True), words, bool(is_missing.any()))


def in_words(dictionaries: Sequence[Dictionary], conditions: Sequence[Condition]) -> str:
    """The rows that meet conditions, such as `carrier = "B6" and distance <= 540`.

    Of two conditions that bound a column from the same side, the later is the tighter one.
    """
    tightest: dict[tuple[int, str, bool, int], Condition] = {}
    for one in conditions:
        which = one.code if one.test == "is" else -1
        tightest[one.column, one.test, one.is_met, which] = one
    kept = [one for one in tightest.values() if not _is_implied(one, tightest.values())]
    kept.sort(key=lambda one: dictionaries[one.column].coded.is_ordered)  # who, then how much
    return " and ".join(_said(dictionaries[one.column], one) for one in kept)


def _is_implied(one: Condition, others: Iterable[Condition]) -> bool:
    """Whether another condition on the column says more: what is B6 is not AA, nor missing."""
    if one.is_met or one.test == "at most":
        return False
    return any(other.column == one.column and other.is_met for other in others)


def _said(column: Dictionary, one: Condition) -> str:
    name = column.name
    if one.code == column.coded.missing:
        return f"{name} is missing" if one.is_met else f"{name} is known"
    if one.test == "at most":
        if one.is_met:
            return f"{name} <= {column.words[one.code]}"
        said = f"{name} > {column.words[one.code]}"
        return f"({said} or missing)" if column.has_missing else said
    if one.code >= len(column.words):
        return f"{name} is a rare value" if one.is_met else f"{name} is no rare value"
    return f"{name} {'=' if one.is_met else '!='} {column.words[one.code]}"
