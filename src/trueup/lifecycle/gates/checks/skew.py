"""Rows that are served look as those that were learned from.

The bins are frozen from the training rows and both sides are counted into them, with the functions
and the test that monitors use: what passes here starts without a warning there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from trueup.lifecycle.gates.drift.tables import kind_of
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.models.records import ColumnReference
from trueup.lifecycle.models.rules import column_reference
from trueup.lifecycle.plan.demands import Skew
from trueup.statistics import summaries
from trueup.statistics.drift import Drift, benjamini_hochberg, drift_test
from trueup.statistics.summaries import Counts

TAKES = "sample"


def check(demand: Skew, sample: Sample) -> CheckResult:
    """Whether training and serving rows differ by more than the demand allows."""
    if sample.reference is None:
        return CheckResult(
            check="skew",
            outcome="error",
            words=f"there are no training rows to compare {sample.name} with",
            rows=sample.rows.height,
        )
    trained, served = sample.reference, sample.rows
    left_out = {sample.label, *demand.ignore}
    parts: list[Part] = []
    references: dict[str, ColumnReference] = {}
    counts: dict[str, Counts] = {}
    for name in (name for name in trained.columns if name not in left_out):
        trouble = _unlike(name, trained, served)
        if trouble is not None:
            parts.append(trouble)
            continue
        references[name] = column_reference(trained[name])
        counts[name] = count(references[name], served[name])
    parts += of_counts(demand, references, counts)
    values = [part.value for part in parts if part.value is not None]
    return CheckResult(
        check="skew",
        outcome=worst(parts),
        words=told(parts, f"{len(parts):,} columns are served as they were learned from")
        if parts
        else "there is no column to compare",
        value=max(values, default=None),
        limit=demand.psi,
        rows=served.height,
        parts=tuple(parts),
    )


def of_counts(
    demand: Skew, references: Mapping[str, ColumnReference], counts: Mapping[str, Counts]
) -> list[Part]:
    """The columns of a model's reference beside what was counted into its bins.

    Args:
        demand: What may differ.
        references: Bins and training counts of each column.
        counts: Rows served, in the same cells, such as a monitor's window.
    """
    tests = {
        name: drift_test(
            summaries.comparable(reference.bins, reference.counts),
            summaries.comparable(reference.bins, counts[name]),
        )
        for name, reference in references.items()
    }
    adjusted, _ = benjamini_hochberg([test.p_value for test in tests.values()])
    return [
        _part(demand, name, references[name], counts[name], tests[name], float(p))
        for name, p in zip(tests, adjusted, strict=True)
    ]


def count(reference: ColumnReference, values: pl.Series) -> Counts:
    """A column counted into the bins of its reference, as `column_reference` reads it."""
    if reference.bins.kind == "numeric":
        return summaries.count(reference.bins, values.cast(pl.Float64, strict=False).to_numpy())
    return summaries.count(reference.bins, values.cast(pl.String).to_list())


def _unlike(name: str, trained: pl.DataFrame, served: pl.DataFrame) -> Part | None:
    """Why a column cannot be compared; nothing when it can."""
    if name not in served.columns:
        words = f"{name}: learned from, and not served"
        return Part(name=name, outcome="failed", words=words)
    types = trained.schema[name], served.schema[name]
    kinds = [kind_of(type_) for type_ in types if type_ != pl.Null]
    if len(set(kinds)) > 1:
        words = f"{name}: {types[0]} in training, {types[1]} in serving"
        return Part(name=name, outcome="failed", words=words)
    if set(kinds) & {"moments", "other"}:
        words = f"{name}: values of type {types[0]} are not compared"
        return Part(name=name, outcome="not-applicable", words=words)
    return None


def _part(
    demand: Skew,
    name: str,
    reference: ColumnReference,
    counts: Counts,
    test: Drift,
    adjusted: float,
) -> Part:
    rows = int(counts.sum())
    size = test.psi_corrected if math.isfinite(test.psi_corrected) else 0.0
    share = _unseen(reference, counts) / rows if rows else 0.0
    is_proven = adjusted <= demand.false_alarms
    if is_proven and share > demand.unseen:
        outcome, words = "failed", f"{share:.1%} of the served values were never learned from"
    elif is_proven and size >= demand.psi:
        outcome, words = "failed", _moved(reference, counts, size)
    elif test.minimum_detectable > demand.psi and not is_proven:
        outcome = "not-enough-data"
        words = f"{rows:,} served rows cannot show a difference that matters"
    else:
        outcome, words = "passed", f"stability index {size:.3g}"
    return Part(
        name=name,
        outcome=outcome,  # type: ignore[arg-type]
        words=f"{name}: {words}",
        value=size,
        limit=demand.psi,
        rows=rows,
    )


def _unseen(reference: ColumnReference, counts: Counts) -> int:
    """Served values that training never saw: new categories, numbers outside of its range."""
    is_numeric = reference.bins.kind == "numeric"
    cells: Sequence[int] = [-3, -2, -1] if is_numeric else [-2]
    return int(counts[list(cells)].sum())


def _moved(reference: ColumnReference, counts: Counts, size: float) -> str:
    """The cell that moved most, in words."""
    before, now = sum(reference.counts), int(counts.sum())
    moves = [b / now - a / before for a, b in zip(reference.counts, counts, strict=True)]
    place = max(range(len(moves)), key=lambda at: abs(moves[at]))
    was, is_ = reference.counts[place] / before, counts[place] / now
    label = summaries.labels(reference.bins)[place].strip("_")
    return f"stability index {size:.3g}, most by {label} from {was:.1%} to {is_:.1%} of the rows"
