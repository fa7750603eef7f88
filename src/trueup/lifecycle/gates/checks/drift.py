"""The rows look as those of the reference do, column by column."""

from __future__ import annotations

from typing import Final

from trueup.foundation.text import plural
from trueup.lifecycle.gates.drift import comparing, tables
from trueup.lifecycle.gates.drift.records import ColumnDrift, DriftReport, Limits, Verdict
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.demands import Drift

TAKES = "sample"

_OUTCOMES: Final[dict[Verdict, CheckOutcome]] = {
    "changed": "failed",
    "retyped": "failed",
    "absent": "failed",
    "not-enough-data": "not-enough-data",
    "negligible": "passed",
    "unchanged": "passed",
    "new": "passed",
    "not-compared": "not-applicable",
}


def check(demand: Drift, sample: Sample) -> CheckResult:
    """Whether any column changed by more than the demand allows, and whether that could be seen."""
    if sample.reference is None:
        return CheckResult(
            check="drift",
            outcome="error",
            words=f"there are no rows to compare {sample.name} with",
            rows=sample.rows.height,
        )
    report = comparing.compare(
        tables.of_frame(sample.reference, "reference"),
        tables.of_frame(sample.rows, sample.name),
        Limits(effect=demand.effect, false_alarms=demand.false_alarms),
        demand.columns,
        _left_out(demand, sample),
    )
    parts = [_part(column, demand.effect) for column in report.columns]
    tests = [test for column in report.columns for test in column.tests]
    seen = [test.detectable for test in tests if test.detectable is not None]
    return CheckResult(
        check="drift",
        outcome=worst(parts) if parts else "not-enough-data",
        words=told(parts, _good(report)) if parts else "there is no column to compare",
        value=max((test.effect for test in tests), default=None),
        limit=demand.effect,
        rows=sample.rows.height,
        rows_needed=max((test.rows_needed for test in tests), default=0),
        detectable=max(seen, default=None) if len(seen) == len(tests) else None,
        parts=tuple(parts),
    )


def _left_out(demand: Drift, sample: Sample) -> tuple[str, ...]:
    """What the demand ignores, and a label that rows to be served cannot have."""
    known = {
        *sample.rows.columns,
        *(sample.reference.columns if sample.reference is not None else ()),
    }
    ignored = tuple(name for name in demand.ignore if name in known)
    is_served = sample.environment == "serving" and sample.label in known
    return (*ignored, sample.label) if is_served else ignored


def _part(column: ColumnDrift, limit: float) -> Part:
    test = column.gravest
    outcome = _OUTCOMES[column.verdict]
    if test is None:
        return Part(name=column.name, outcome=outcome, words=f"{column.name}: {column.words}")
    return Part(
        name=column.name,
        outcome=outcome,
        words=f"{column.name}: {column.words}",
        value=test.effect,
        limit=limit,
        rows=column.current.rows,
    )


def _good(report: DriftReport) -> str:
    return f"beside {plural(report.rows_reference, 'row')} of the reference: {report.words}"
