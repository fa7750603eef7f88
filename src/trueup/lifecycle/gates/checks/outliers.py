"""Numbers far outside of where the bulk of their column lies: broken sensors, wrong units, −999."""

from __future__ import annotations

import math
from typing import Any, Final

import polars as pl

from trueup.foundation.text import plural
from trueup.lifecycle.gates.methods.joining import joined
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.data_demands import Outliers
from trueup.rendering import words
from trueup.statistics import shares

TAKES = "sample"
FEWEST: Final = 50
_AT_ONCE: Final = 200
_FEWEST_AT_ONCE: Final = 8
_VALUES_AT_ONCE: Final = 10_000_000
_QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def check(demand: Outliers, sample: Sample) -> CheckResult:
    """How many values of each column of numbers lie far outside, by its own bulk.

    The scale is logarithmic away from the middle, so that a long tail is no finding: even among a
    million Cauchy values few lie farther out than `reach` times the 98 % in the middle.
    """
    rows = sample.rows
    names = [
        name
        for name, dtype in rows.schema.items()
        if dtype.is_numeric() and name not in demand.ignore and name != sample.label
    ]
    if rows.height == 0:
        return CheckResult(
            check="outliers", outcome="not-enough-data", words=f"{sample.name} has no rows"
        )
    parts = []
    at_once = max(_FEWEST_AT_ONCE, min(_AT_ONCE, _VALUES_AT_ONCE // rows.height))
    for start in range(0, len(names), at_once):
        some = names[start : start + at_once]
        parts += _parts(demand, rows.select(some), some)
    looked = sum(part.outcome == "passed" for part in parts)
    if names and rows.height < FEWEST:
        said = f"{plural(rows.height, 'row')}; {FEWEST} would tell what is far outside"
        return CheckResult(
            check="outliers",
            outcome="not-enough-data",
            words=said,
            rows=rows.height,
            rows_needed=FEWEST,
        )
    return joined(
        "outliers",
        parts,
        rows=rows.height,
        good=f"no value lies far outside in {plural(looked, 'column')} of numbers",
        nothing="no column of numbers varies enough to tell what is far outside",
    )


def _parts(demand: Outliers, rows: pl.DataFrame, names: list[str]) -> list[Part]:
    types = rows.schema
    quantiles = [
        _finite(name, types).quantile(list(_QUANTILES), "linear").alias(str(number))
        for number, name in enumerate(names)
    ]
    seen = rows.select(quantiles).row(0)
    ends = {name: _ends(found, demand.reach) for name, found in zip(names, seen, strict=True)}
    counted = rows.select(
        expression.alias(f"{number}:{key}")
        for number, name in enumerate(names)
        for key, expression in _counts(name, types, ends[name]).items()
    )
    row = counted.row(0, named=True)
    return [
        _part(
            demand,
            name,
            ends[name] is not None,
            {key: row.get(f"{number}:{key}") or 0 for key in ("n", "infinite", "far", "repeats")},
        )
        for number, name in enumerate(names)
    ]


def _finite(name: str, types: pl.Schema) -> pl.Expr:
    given = pl.col(name).cast(pl.Float64)
    return given.filter(given.is_finite()) if types[name].is_float() else given


def _ends(quantiles: list[Any], reach: float) -> tuple[float, float] | None:
    """From where to where values are no outliers; None for a column that hardly varies."""
    if quantiles[0] is None:
        return None
    first, low, lower, middle, upper, high, last = quantiles
    scale = next((b - a for a, b in ((lower, upper), (low, high), (first, last)) if b > a), 0.0)
    if scale <= 0 or not math.isfinite(scale):
        return None

    def end(quantile: float) -> float:
        away = max(abs(quantile - middle), scale)
        return scale * math.sinh(min(reach * math.asinh(away / scale), 700.0))

    return middle - end(first), middle + end(last)


def _counts(name: str, types: pl.Schema, ends: tuple[float, float] | None) -> dict[str, pl.Expr]:
    given = _finite(name, types)
    found = {"n": given.count()}
    if types[name].is_float():
        found["infinite"] = pl.col(name).is_infinite().sum()
    if ends is not None:
        far = given.filter((given < ends[0]) | (given > ends[1]))
        found["far"] = far.count()
        found["repeats"] = far.count() - far.n_unique()
    return found


def _part(demand: Outliers, name: str, varies: bool, seen: dict[str, int]) -> Part:
    n, infinite, far = seen["n"], seen["infinite"], seen["far"]
    if infinite:
        return Part(
            name=name,
            outcome="failed",
            words=f"{infinite:,} of {n + infinite:,} values are infinite",
            value=infinite / (n + infinite),
            limit=0.0,
            rows=n + infinite,
        )
    if n == 0:
        return Part(name=name, outcome="not-applicable", words="no row has a value")
    if not varies:
        said = "nearly all values are the same, so nothing is far from them"
        return Part(name=name, outcome="not-applicable", words=said, rows=n)
    if n < FEWEST:
        said = f"{plural(n, 'value')}; {FEWEST} would tell what is far outside"
        return Part(name=name, outcome="not-applicable", words=said, rows=n)
    said = f"{far:,} of {n:,} values lie far outside of where the others are"
    if seen["repeats"] >= max(2, 0.5 * far):
        said += ", the same ones again and again, as marks for a missing value would"
    if demand.extreme:
        said += f"; up to {words.percent(demand.extreme, 3)} may"
    return Part(
        name=name,
        outcome="failed" if shares.is_above(far, n, demand.extreme) else "passed",
        words=said,
        value=far / n,
        limit=demand.extreme,
        rows=n,
    )
