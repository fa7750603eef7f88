"""Trained on older rows only: what the metric loses for each step that the rows are older."""

from __future__ import annotations

import numpy as np

from trueup.foundation import clock
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import retraining
from trueup.lifecycle.gates.rebuilding import Change, NotHereError
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.plan.demands import Staleness

TAKES = "evidence"


def check(demand: Staleness, evidence: Evidence) -> CheckResult:
    """Whether the model ages slowly enough."""
    metric = evidence.metric(demand.metric)
    if wrong := retraining.unmeasurable("staleness", evidence, metric):
        return wrong
    step = clock.parse_duration(demand.every).total_seconds()
    changes = [
        Change(column=demand.column, age=step * number) for number in range(1, demand.times + 1)
    ]
    try:
        models = retraining.trained(evidence, changes)
    except NotHereError as why:
        return retraining.not_here("staleness", why)
    if wrong := retraining.broken("staleness", models):
        return wrong
    values = [evidence.measured(metric).value] + [
        retraining.measured(evidence, metric, model.predict).value
        for model in models
        if model.predict is not None
    ]
    if not np.isfinite(values).all():
        words = f"{demand.metric}: {evidence.why_undefined()}"
        return CheckResult(check="staleness", outcome="not-enough-data", words=words)
    sign = 1.0 if retraining.loss(metric, 1.0, 0.0) > 0 else -1.0
    slope = -sign * float(np.polyfit(range(len(values)), values, 1)[0])
    rows = len(evidence.labels)
    parts = tuple(
        Part(
            name=f"{number} x {demand.every} older" if number else "as it is",
            outcome="passed",
            words=f"{demand.metric} {value:.4g}",
            value=value,
            rows=rows,
        )
        for number, value in enumerate(values)
    )
    return CheckResult(
        check="staleness",
        outcome="passed" if slope <= demand.loss else "failed",
        words=f"{demand.metric} gets worse by {slope:.4g} for every {demand.every} that the rows "
        f"it learned from are older; {demand.loss:g} will do",
        value=slope,
        limit=demand.loss,
        rows=rows,
        parts=parts,
    )
