"""Columns that seem to hold personal data: named and counted, never shown. A warning only."""

from __future__ import annotations

from typing import Final

import polars as pl

from trueup.foundation.text import listing, plural
from trueup.lifecycle.data.personal.marks import MARKS, Mark, is_named_personal
from trueup.lifecycle.gates.methods.joining import joined
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.data_demands import Privacy
from trueup.statistics import shares

TAKES = "sample"
LOOKED_AT: Final = 10_000
"""Values of a column that are looked at, spread over all its rows."""
_PROVEN: Final = 500
_SURE: Final = 1e-4
_SHORTEST: Final = 6


def check(demand: Privacy, sample: Sample) -> CheckResult:
    """Which columns hold e-mail addresses, phone numbers, cards or national ids."""
    rows = sample.rows
    if rows.height == 0:
        said = f"{sample.name} has no rows"
        return CheckResult(check="privacy", outcome="not-enough-data", words=said, advisory=True)
    parts = [
        part for name in rows.columns if name not in demand.known for part in [_part(rows[name])]
    ]
    found = [part for part in parts if part.outcome == "failed"]
    result = joined(
        "privacy",
        [part for part in parts if part.outcome != "passed"] or parts[:1],
        rows=rows.height,
        good=f"{plural(len(parts), 'column')} hold nothing that looks personal",
        nothing="every column is known to be personal",
        advisory=True,
    )
    if not found:
        return result
    names = listing(part.name for part in found[:8])
    more = f" and {len(found) - 8:,} more" if len(found) > 8 else ""
    words = f"personal data may be in {names}{more}"
    return CheckResult(
        check="privacy",
        outcome="failed",
        words=words,
        value=float(len(found)),
        limit=0.0,
        rows=rows.height,
        advisory=True,
        parts=result.parts,
    )


def _part(column: pl.Series) -> Part:
    values = _looked_at(column)
    hits = [] if values is None else [(mark, n) for mark in MARKS if (n := _count(values, mark))]
    if hits and values is not None:
        mark, n = max(hits, key=lambda hit: hit[1])
        return Part(
            name=column.name,
            outcome="failed",
            words=f"looks like {mark.name} in {n:,} of {plural(len(values), 'value')} looked at",
            value=n / len(values),
            limit=0.0,
            rows=len(values),
        )
    if is_named_personal(column.name):
        said = "is called as columns of personal data are"
        return Part(name=column.name, outcome="failed", words=said, rows=len(column))
    return Part(name=column.name, outcome="passed", rows=len(column))


def _looked_at(column: pl.Series) -> pl.Series | None:
    """Some values as text, spread evenly; None for a column that can hold nothing personal."""
    if not (column.dtype.is_integer() or column.dtype in (pl.String, pl.Categorical, pl.Enum)):
        return None
    if column.dtype.is_integer() and not _is_long(column):
        return None
    spread = column.gather_every(max(1, len(column) // LOOKED_AT)).drop_nulls().cast(pl.String)
    if column.dtype == pl.String and len(spread) < min(LOOKED_AT, len(column)) // 2:
        spread = column.drop_nulls().head(LOOKED_AT)  # most rows have none: look where there are
    spread = spread.filter(spread.str.len_chars() >= _SHORTEST)
    return spread if len(spread) else None


def _is_long(column: pl.Series) -> bool:
    """Whether whole numbers have the nine digits that the shortest id has."""
    most = column.max()
    return isinstance(most, int) and most >= 10**8


def _count(values: pl.Series, mark: Mark) -> int:
    """How many values hold it, where chance does not explain them."""
    found = values.filter(values.str.contains(mark.pattern))
    if mark.genuine is None or len(found) == 0:
        return len(found)
    looked = found.str.extract(f"({mark.pattern})", 1).drop_nulls().head(_PROVEN).to_list()
    genuine = sum(map(mark.genuine, looked))
    if mark.chance > 0.5:  # the way it is written says nearly all
        return len(found) if genuine > 0.9 * len(looked) else 0
    is_sure = shares.rarely(genuine, len(looked), mark.chance) < _SURE
    if genuine < 0.5 * len(looked) or not (
        is_sure or (mark.chance < 0.05 and genuine == len(looked))
    ):
        return 0
    return round(len(found) * genuine / len(looked))
