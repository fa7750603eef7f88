"""Rows that differ, as plain values: only when somebody asked for rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

import polars as pl

from trueup.lifecycle.data.difference.matching import Matching
from trueup.lifecycle.data.difference.pairs import Pair
from trueup.lifecycle.data.difference.records import RowSample
from trueup.lifecycle.data.difference.sides import Table


def take(
    before: Table,
    after: Table,
    pairs: Sequence[Pair],
    matched: Matching,
    differing: pl.Series | None,
    most: int,
) -> tuple[RowSample, ...]:
    """The first rows of each kind, in the order of their tables."""
    taken = [
        RowSample(state="removed", values=row)
        for row in _rows(before, matched.removed.sort().head(most))
    ]
    taken += [
        RowSample(state="added", values=row)
        for row in _rows(after, matched.added.sort().head(most))
    ]
    if differing is None:
        return tuple(taken)
    chosen = (
        pl.DataFrame({"before": matched.before, "after": matched.after})
        .filter(differing)
        .sort("after")
        .head(most)
    )
    old = _rows(before, chosen["before"])
    new = _rows(after, chosen["after"])
    for was, now in zip(old, new, strict=True):
        moved = {
            each.after: was[each.before] for each in pairs if was[each.before] != now[each.after]
        }
        taken.append(RowSample(state="changed", values=now, was=moved))
    return tuple(taken)


def _rows(table: Table, numbers: pl.Series) -> list[dict[str, Any]]:
    """Some rows, in the order of the numbers."""
    wanted = pl.DataFrame({"row": numbers, "place": range(numbers.len())}).with_columns(
        pl.col("row").cast(pl.UInt32)
    )
    names = {name: f"c{place}" for place, name in enumerate(table.schema)}
    found = (
        table.frame.rename(names)
        .with_row_index("row")
        .join(wanted.lazy(), on="row", how="inner")
        .sort("place")
        .collect()
    )
    return [
        {name: plain(row[column]) for name, column in names.items()}
        for row in found.iter_rows(named=True)
    ]


def plain(value: Any) -> Any:
    """A value as JSON can say it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value.hex() if isinstance(value, bytes) else str(value)
