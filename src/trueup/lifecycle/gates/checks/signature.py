"""What a model says that it takes, against the rows it is judged on and those it learned from."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from polars import selectors

from trueup.foundation.text import listing
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.models.records import Column
from trueup.lifecycle.plan.demands import SignatureFits

TAKES = "evidence"


def check(demand: SignatureFits, evidence: Evidence) -> CheckResult:
    """Whether every column is there, of its kind, without forbidden gaps, and of known range."""
    rows, columns = evidence.holdout, evidence.signature.inputs
    if not columns:
        return CheckResult(
            check="signature", outcome="error", words=f"{evidence.ref} does not say what it takes"
        )
    if not rows.height:
        return CheckResult(
            check="signature", outcome="not-enough-data", words="there is no row to look at"
        )
    seen = evidence.trained_on
    parts = [_column(demand, column, rows, seen) for column in columns]
    parts += _beyond(demand, evidence)
    return CheckResult(
        check="signature",
        outcome=worst(parts),
        words=told(parts, f"the {len(columns):,} columns are there, of their kinds and ranges"),
        limit=demand.unseen,
        rows=rows.height,
        parts=tuple(parts),
    )


def _column(
    demand: SignatureFits, column: Column, rows: pl.DataFrame, seen: pl.DataFrame | None
) -> Part:
    name = column.name
    if name not in rows.columns:
        return Part(name=name, outcome="failed", words=f"column '{name}' is not in the rows")
    values = rows[name]
    if wrong := _unlike(column, values):
        return Part(name=name, outcome="failed", words=wrong, rows=rows.height)
    gaps = values.null_count()
    if gaps and not column.nullable:
        words = f"column '{name}' has {gaps:,} rows without a value, and must have one"
        return Part(name=name, outcome="failed", words=words, rows=rows.height)
    if seen is None or name not in seen.columns:
        words = "what training saw of it is not known here"
        return Part(name=name, outcome="passed", words=words, rows=rows.height)
    share, what = _unseen(column, values.drop_nulls(), seen[name].drop_nulls())
    many = share > demand.unseen
    words = f"{share:.1%} of the values of column '{name}' are {what}"
    return Part(
        name=name,
        outcome="failed" if many else "passed",
        words=f"{words}, more than {demand.unseen:.1%}" if many else words,
        value=share,
        limit=demand.unseen,
        rows=rows.height,
    )


def _unlike(column: Column, values: pl.Series) -> str:
    """Why values are not of the kind of their column; empty when they are."""
    dtype, kind = values.dtype, column.kind
    fits = {
        "number": dtype.is_numeric(),
        "integer": dtype.is_integer() or (dtype.is_float() and _is_whole(values)),
        "text": dtype in (pl.String, pl.Categorical, pl.Enum),
        "boolean": dtype == pl.Boolean,
    }
    if fits[kind] or dtype == pl.Null:
        return ""
    return f"column '{column.name}' holds {dtype}, and the model takes {kind}"


def _is_whole(values: pl.Series) -> bool:
    known = values.drop_nulls()
    return bool((known.is_finite() & (known == known.round())).all())


def _unseen(column: Column, values: pl.Series, seen: pl.Series) -> tuple[float, str]:
    """The share of values that training never saw, and what they are."""
    if not len(values):
        return 0.0, "unseen"
    if column.kind in ("number", "integer"):
        values, seen = values.cast(pl.Float64), seen.cast(pl.Float64).drop_nans()
        if not len(seen):
            return 1.0, "numbers, where training saw none"
        low, high = seen.min(), seen.max()
        outside = ~values.is_between(low, high)
        return float(outside.mean() or 0.0), "outside of the range of training"  # type: ignore[arg-type]
    new = ~values.cast(pl.String).is_in(seen.cast(pl.String).unique().implode())
    return float(new.mean() or 0.0), "no category of training"  # type: ignore[arg-type]


def _beyond(demand: SignatureFits, evidence: Evidence) -> Iterator[Part]:
    """Columns that the model does not take, and the order of those that it does."""
    names = [column.name for column in evidence.signature.inputs]
    held = [name for name in evidence.holdout.columns if name != evidence.label]
    if extra := [name for name in held if name not in names]:
        words = f"the rows hold {listing(extra[:5])} besides, which the model does not take"
        outcome = "failed" if demand.extra == "refuse" else "passed"
        yield Part(name="extra columns", outcome=outcome, words=words)  # type: ignore[arg-type]
    if [name for name in held if name in names] != [name for name in names if name in held]:
        words = "the columns stand in another order; rows are taken by name"
        yield Part(name="order", outcome="passed", words=words)
    if evidence.label in names:
        words = f"the model takes '{evidence.label}', the label itself"
        yield Part(name="label", outcome="failed", words=words)
    numbers = evidence.holdout.select(selectors.float())
    if endless := [c.name for c in numbers if c.name in names and c.is_infinite().any()]:
        words = f"infinite numbers stand in {listing(endless[:5])}"
        yield Part(name="infinite", outcome="failed", words=words)
