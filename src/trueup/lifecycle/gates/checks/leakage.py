"""Rows set aside must be rows never trained on, and no feature may give the label away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import polars as pl

from trueup.lifecycle.data.schemas.kinds import is_named_key
from trueup.lifecycle.gates.methods import giveaways, overlap
from trueup.lifecycle.gates.methods.joining import joined
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.demands import Leakage
from trueup.rendering import words

TAKES = "sample"
FEWEST: Final = 100
_LATER: Final = 0.01  # clocks differ: so many moments after the row's own are no finding


def check(demand: Leakage, sample: Sample) -> CheckResult:
    """All ways in which rows or features know too much."""
    rows = sample.rows
    if rows.height == 0:
        return CheckResult(
            check="leakage", outcome="not-enough-data", words=f"the {sample.name} has no rows"
        )
    features = [name for name in sample.features if name not in (*demand.ignore, demand.time)]
    found = [*_rows(demand, sample)]
    found += _later(demand, sample, features)
    found += _identifiers(sample, features)
    if sample.label:
        given = giveaways.classes(rows, sample.label)
        if isinstance(given, Part):
            found.append(_labels(given, found[0]))
        else:
            found += giveaways.parts(given, features, demand.auc)
    said = [found[0].words]  # of rows seen before
    best = max((p for p in found if p.limit == demand.auc and p.value), key=_value, default=None)
    if best is not None:
        said.append(f"no feature alone tells the label, {best.name} best: AUC {best.value:.3f}")
    return joined(
        "leakage",
        found,
        rows=rows.height,
        good="; ".join(said),
        nothing="neither a label nor rows that a model learned from are known here",
    )


def _value(part: Part) -> float:
    return part.value or 0.0


def _labels(trouble: Part, rows: Part) -> Part:
    """Labels that tell nothing: where rows were compared, that is what the check rests on."""
    if trouble.outcome != "not-enough-data" or rows.outcome == "not-applicable":
        return trouble
    return msgspec.structs.replace(trouble, outcome="not-applicable")


def _rows(demand: Leakage, sample: Sample) -> Iterator[Part]:
    """Rows that were seen before."""
    seen = sample.reference
    if seen is None or seen.height == 0 or seen.width == 0:
        said = "which rows a model learned from is not known here"
        yield Part(name="rows seen before", outcome="not-applicable", words=said)
        return
    alike = overlap.exact(sample.rows, seen, demand.shared)
    yield alike
    known = set(sample.rows.columns)
    both = [name for name in seen.columns if name in known]
    if alike.outcome == "passed" and any(seen[name].dtype.is_float() for name in both):
        yield overlap.rounded(
            sample.rows.select(both), seen.select(both), demand.shared, demand.digits
        )
    if demand.time:
        yield overlap.in_time(sample.rows, seen, demand.time)


def _later(demand: Leakage, sample: Sample, features: list[str]) -> Iterator[Part]:
    """Features that are known only after the label."""
    for name in demand.after:
        if name in features:
            said = "the plan says that it is known only after the label, and it is a feature"
            yield Part(name=name, outcome="failed", words=said, rows=sample.rows.height)
    rows = sample.rows
    if demand.time not in rows.columns:
        return
    dtype = rows[demand.time].dtype
    moments = [n for n in features if rows[n].dtype.is_temporal() and rows[n].dtype == dtype]
    for name in moments:
        both = rows.select(later=pl.col(name) > pl.col(demand.time))["later"].drop_nulls()
        share = float(both.mean() or 0.0) if len(both) else 0.0  # type: ignore[arg-type]
        yield Part(
            name=name,
            outcome="failed" if share > _LATER else "passed",
            words=f"{words.percent(share)} of its moments lie after {demand.time}",
            value=share,
            limit=_LATER,
            rows=len(both),
        )


def _identifiers(sample: Sample, features: list[str]) -> Iterator[Part]:
    """Features that name rows: a model that is given one learns rows by heart."""
    rows = sample.rows
    if rows.height < FEWEST:
        return
    for name in features:
        if _names_rows(rows[name]):
            is_given = name in sample.inputs
            said = "names each row" + (", and a model is given it" if is_given else "")
            yield Part(
                name=name,
                outcome="failed" if is_given else "not-applicable",
                words=said if is_given else f"{said}; leave it out of training",
                rows=rows.height,
            )


def _names_rows(column: pl.Series) -> bool:
    if not (column.dtype.is_integer() or column.dtype == pl.String):
        return False
    there = len(column) - column.null_count()
    if there < FEWEST or column.n_unique() < 0.99 * there:
        return False
    if is_named_key(column.name):
        return True
    if column.dtype == pl.String:
        return False
    return bool((column.drop_nulls().diff().drop_nulls() == 1).all())  # a row number
