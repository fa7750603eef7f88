"""A goal's metric against its limit, with confidence. The monitor runs the same metric code."""

from __future__ import annotations

import numpy as np

from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.records import Goal
from trueup.statistics.metrics import FEWEST_CALLS, METRICS, Estimate


def check(goal: Goal, evidence: Evidence) -> CheckResult:
    """Whether the candidate keeps the goal's limit on the rows set aside."""
    gate = goal.gate
    estimate = measure(goal.metric, evidence)
    # Latency is measured on as many calls as the gate makes; min_rows counts labelled rows.
    is_latency = METRICS[goal.metric].needs == "latency"
    min_rows, rows = (FEWEST_CALLS, "calls") if is_latency else (gate.min_rows, "rows")
    outcome, bound, needed = rules.against_limit(
        estimate,
        at_least=gate.at_least,
        at_most=gate.at_most,
        confidence=gate.confidence,
        min_rows=min_rows,
    )
    floor = gate.at_least is not None
    limit = gate.at_least if floor else gate.at_most
    side = "at least" if floor else "at most"
    words = f"{goal.metric} is {estimate.value:.4g} and must be {side} {limit:g}"
    if bound is not None:
        words += f"; with {gate.confidence:.0%} confidence it is {side} {bound:.4g}"
    if needed:
        words += f"; about {needed:,} {rows} would tell, there are {estimate.n:,}"
    return CheckResult(
        check="limit",
        goal=goal.id,
        outcome=outcome,
        words=words,
        value=_finite(estimate.value),
        bound=bound,
        limit=limit,
        confidence=gate.confidence,
        rows=estimate.n,
        rows_needed=needed,
    )


def measure(metric: str, evidence: Evidence) -> Estimate:
    """The candidate's value of a metric on the rows set aside."""
    if METRICS[metric].needs == "latency":
        values = evidence.milliseconds
        return METRICS[metric].function(np.zeros_like(values), values, np.ones_like(values))
    weights = np.ones_like(evidence.labels)
    return METRICS[metric].function(evidence.labels, evidence.scores, weights)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
