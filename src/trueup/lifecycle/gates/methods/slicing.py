"""Cutting rows into slices: by the values of columns, by quantiles of numbers, by both together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.plan.demands import Cut

Indices = npt.NDArray[np.int64]

MOST_SLICES: Final = 500  # of one cut; nobody reads more, and the largest hold most rows
_FEW_VALUES: Final = 12  # a column of so few numbers is cut by its values, as weekdays are


class Slice(NamedTuple):
    """Some of the rows.

    Attributes:
        name: The condition that they meet, such as `carrier = "B6"`.
        rows: Which ones they are.
    """

    name: str
    rows: Indices


class Slicing(NamedTuple):
    """All rows, cut once.

    Attributes:
        slices: The largest first.
        others: How many further slices there are.
        others_rows: The rows in them.
    """

    slices: tuple[Slice, ...]
    others: int
    others_rows: int


def columns_of(cut: Cut) -> tuple[str, ...]:
    """The columns that a cut names."""
    return (cut,) if isinstance(cut, str) else cut


def absent(rows: pl.DataFrame, names: Sequence[str]) -> str:
    """What to say of columns that rows do not have; empty when they have all of them."""
    there = set(rows.columns)
    missing = [name for name in names if name not in there]
    if not missing:
        return ""
    near = did_you_mean(missing[0], rows.columns)
    return f"the rows have no column {listing(missing[:5])}.{near}".removesuffix(".")


def sliced(rows: pl.DataFrame, cut: Cut, quantiles: int = 4) -> Slicing:
    """Rows cut by one column, or by several together.

    Args:
        rows: What to cut.
        cut: The columns.
        quantiles: Into how many slices of about equal rows a column of many numbers is cut.
    """
    columns = columns_of(cut)
    named = [conditions(rows[name], quantiles).alias(f"{i}") for i, name in enumerate(columns)]
    keys = pl.DataFrame(named)
    groups = (
        keys.with_row_index("row")
        .group_by(keys.columns, maintain_order=True)
        .agg(pl.col("row"), pl.len().alias("size"))
        .sort("size", descending=True, maintain_order=True)
    )
    kept = groups.head(MOST_SLICES)
    slices = [
        Slice(" and ".join(key), np.asarray(indices, dtype=np.int64))
        for *key, indices in kept.select(*keys.columns, "row").iter_rows()
    ]
    others = groups.slice(MOST_SLICES)
    return Slicing(tuple(slices), others.height, int(others["size"].sum()))


def conditions(column: pl.Series, quantiles: int) -> pl.Series:
    """The condition that every row of a column meets, in words."""
    name = column.name
    if column.dtype.is_float():
        column = column.fill_nan(None)
    if not column.dtype.is_numeric():
        mark = "" if column.dtype == pl.Boolean else '"'
        said = name + " = " + mark + column.cast(pl.String) + mark
    elif column.n_unique() <= _FEW_VALUES:
        said = name + " = " + column.cast(pl.Float64).map_elements(number, pl.String)
    else:
        said = _by_quantile(column.cast(pl.Float64), quantiles)
    return said.fill_null(f"{name} is missing").alias(name)


def number(value: float) -> str:
    """A number in a condition, as short as it can be told apart.

    Example:
        >>> number(540.0), number(0.25), number(float("inf"))
        ('540', '0.25', 'inf')
    """
    return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def _by_quantile(column: pl.Series, quantiles: int) -> pl.Series:
    known = column.drop_nulls().to_numpy()
    inner = np.linspace(0, 1, quantiles + 1)[1:-1]
    edges = np.unique(np.quantile(known, inner, method="lower"))
    edges = edges[edges < known.max()]  # else the last slice would hold no row
    name, said = column.name, [number(edge) for edge in edges.tolist()]
    words = [f"{a} < {name} <= {b}" for a, b in itertools.pairwise(said)]
    if said:
        words = [f"{name} <= {said[0]}", *words, f"{name} > {said[-1]}"]
    else:
        words = [f"{name} is known"]
    place = pl.Series(np.searchsorted(edges, column.fill_null(0.0).to_numpy(), side="left"))
    frame = pl.DataFrame({"place": place, "known": column.is_not_null()})
    known_place = frame.select(pl.when("known").then("place"))["place"]
    return pl.Series(words, dtype=pl.String).gather(known_place)
