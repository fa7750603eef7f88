"""Rows that are in two tables, exactly or nearly, and rows that are older than they should be."""

from __future__ import annotations

import polars as pl

from trueup.foundation.text import did_you_mean, plural
from trueup.lifecycle.gates.records import Part
from trueup.rendering import words
from trueup.statistics import shares


def exact(rows: pl.DataFrame, seen: pl.DataFrame, most: float) -> Part:
    """How many rows are among those seen, in all columns that those have."""
    shared = _shared(rows, seen)
    n = rows.height
    return Part(
        name="rows seen before",
        # Two different events may look alike in every column: a small overlap is chance.
        outcome="passed" if shared / n <= most else "failed",
        words=f"{shared:,} of {n:,} rows are also training rows",
        value=shared / n,
        limit=most,
        rows=n,
    )


def rounded(rows: pl.DataFrame, seen: pl.DataFrame, most: float, digits: int) -> Part:
    """The same with numbers rounded and letters lowered: copies that were slightly changed.

    Rows that are exactly alike are not counted again. As many may be alike as have a twin among
    the rows seen themselves.
    """
    coarse, known = _coarse(rows, digits), _coarse(seen, digits)
    n = rows.height
    near = _shared(coarse, known) - _shared(rows, seen)
    twins = int(known.is_duplicated().sum())
    limit = min(1.0, most + shares.upper(twins, known.height))
    said = f"{near:,} of {n:,} rows equal training rows when rounded to {digits} digits"
    if twins > most * known.height:
        said += f"; of the training rows themselves {words.percent(twins / known.height)} do"
    return Part(
        name="rows nearly seen before",
        outcome="failed" if shares.is_above(near, n, limit) else "passed",
        words=said,
        value=near / n,
        limit=limit,
        rows=n,
    )


def in_time(rows: pl.DataFrame, seen: pl.DataFrame, time: str) -> Part:
    """How many rows are no newer than the newest row seen."""
    name = "time"
    for frame, which in ((rows, "rows"), (seen, "training rows")):
        if time not in frame.columns:
            near = did_you_mean(time, frame.columns[:1000])
            said = f"the {which} have no column {time}.{near}"
            return Part(name=name, outcome="error", words=said)
    if rows[time].dtype != seen[time].dtype or not _has_order(rows[time].dtype):
        said = f"{time} is {rows[time].dtype} here and {seen[time].dtype} in the training rows"
        return Part(name=name, outcome="error", words=said)
    newest = seen[time].max()
    n = rows.height - rows[time].null_count()
    if newest is None or n == 0:
        return Part(name=name, outcome="not-enough-data", words=f"no row has a {time}")
    before = int((rows[time] <= newest).sum())
    return Part(
        name=name,
        outcome="failed" if before else "passed",
        words=f"{before:,} of {plural(n, 'row')} are no newer than the newest training row",
        value=before / n,
        limit=0.0,
        rows=n,
    )


def _has_order(dtype: pl.DataType) -> bool:
    return dtype.is_temporal() or dtype.is_numeric()


def _shared(rows: pl.DataFrame, seen: pl.DataFrame) -> int:
    """How many rows are in the other table, which may have fewer columns."""
    known = seen.unique()
    alike = rows.select(
        pl.col(name).cast(dtype, strict=False)
        if name in rows.columns
        else pl.lit(None, dtype).alias(name)
        for name, dtype in known.schema.items()
    )
    return alike.join(known, on=known.columns, how="semi", nulls_equal=True).height


def _coarse(rows: pl.DataFrame, digits: int) -> pl.DataFrame:
    return rows.select(
        pl.col(name).round_sig_figs(digits)
        if dtype.is_float()
        else pl.col(name).str.strip_chars().str.to_lowercase()
        if dtype == pl.String
        else pl.col(name)
        for name, dtype in rows.schema.items()
    )
