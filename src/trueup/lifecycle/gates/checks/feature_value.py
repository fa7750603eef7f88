"""What each input gains: trained again with the input held at one value, on the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import retraining
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.rebuilding import Change, NotHereError
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.plan.demands import FeatureValue

TAKES = "evidence"


def check(demand: FeatureValue, evidence: Evidence) -> CheckResult:
    """The gain of every input, and whether each is worth what the plan says."""
    metric = evidence.metric(demand.metric)
    if wrong := retraining.unmeasurable("feature-value", evidence, metric):
        return wrong
    known = [column.name for column in evidence.signature.inputs]
    columns = demand.columns or tuple(known)
    if strange := [name for name in (*columns, *demand.costs) if name not in known]:
        words = f"the model has no input '{strange[0]}'.{did_you_mean(strange[0], known)}"
        return CheckResult(check="feature-value", outcome="error", words=words)
    if evidence.trained_on is None:
        words = f"which rows {evidence.ref} learned from is not known here"
        return CheckResult(check="feature-value", outcome="not-applicable", words=words)
    usual = {name: _usual(evidence.trained_on[name]) for name in columns}
    try:
        models = retraining.trained(
            evidence, [Change(blank=name, value=usual[name]) for name in columns]
        )
    except NotHereError as why:
        return retraining.not_here("feature-value", why)
    if wrong := retraining.broken("feature-value", models):
        return wrong
    before = evidence.measured(metric).value
    parts = []
    for name, model in zip(columns, models, strict=True):
        assert model.predict is not None
        dtype = evidence.inputs[name].dtype
        rows = evidence.inputs.with_columns(pl.lit(usual[name]).cast(dtype).alias(name))
        now = retraining.measured(evidence, metric, model.predict, rows).value
        parts.append(_part(demand, name, retraining.loss(metric, before, now), evidence))
    parts.sort(key=lambda part: -(part.value or 0.0))
    best = ", ".join(part.words for part in parts[:3])
    return CheckResult(
        check="feature-value",
        outcome=worst(parts),
        words=told(parts, f"of {len(parts):,} inputs {best}"),
        value=parts[0].value,
        limit=demand.gain,
        rows=len(evidence.labels),
        parts=tuple(parts),
    )


def _part(demand: FeatureValue, name: str, gain: float, evidence: Evidence) -> Part:
    rows = len(evidence.labels)
    if not np.isfinite(gain):
        words = f"'{name}': {evidence.why_undefined()}"
        return Part(name=name, outcome="not-enough-data", words=words, rows=rows)
    words = f"'{name}' gains {gain:+.4f} {demand.metric} and costs {_cost(demand, name, evidence)}"
    outcome: CheckOutcome = "passed"
    if demand.gain is not None and gain < demand.gain:
        outcome, words = "failed", f"{words}; at least {demand.gain:g} will do"
    return Part(name=name, outcome=outcome, words=words, value=gain, limit=demand.gain, rows=rows)


def _cost(demand: FeatureValue, name: str, evidence: Evidence) -> str:
    if name in demand.costs:
        return f"{demand.costs[name]:g}"
    size = evidence.inputs[name].estimated_size() / max(evidence.inputs.height, 1)
    return f"{size:.3g} bytes a row"


def _usual(column: pl.Series) -> Any:
    """One value that stands for a column which says nothing."""
    known = column.drop_nulls()
    if known.dtype.is_float():
        known = known.drop_nans()
    if not len(known):
        return None
    if known.dtype.is_numeric():
        return known.median() if known.dtype.is_float() else int(known.median() or 0)  # type: ignore[arg-type]
    return known.mode().sort()[0]
