"""A goal's metric against its limit, with confidence. The monitor runs the same metric code."""

from __future__ import annotations

import numpy as np

from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demands import Limit
from trueup.statistics.intervals import minimum_detectable
from trueup.statistics.metrics import FEWEST_CALLS, is_own, metric

TAKES = "evidence"


def is_timed(demand: Limit) -> bool:
    """Whether it takes time: such a check runs alone, and is made anew on every machine."""
    return not is_own(demand.metric) and metric(demand.metric).needs == "latency"


def check(demand: Limit, evidence: Evidence) -> CheckResult:
    """Whether the candidate keeps the limit on the rows set aside."""
    every = len(evidence.labels)
    evidence = evidence.labelled(demand.on_missing)
    chosen = evidence.metric(demand.metric, demand.better)
    if trouble := evidence.why_not(chosen) or evidence.trouble():
        return CheckResult(check="limit", outcome="error", words=trouble)
    estimate = evidence.measured(chosen)
    # Latency is measured on as many calls as the gate makes; min_rows counts labelled rows.
    min_rows, rows = demand.min_rows, "groups" if evidence.signature.group else "rows"
    if chosen.needs == "latency":
        min_rows, rows = FEWEST_CALLS, "calls"
    outcome, bound, needed = rules.against_limit(
        estimate,
        at_least=demand.at_least,
        at_most=demand.at_most,
        confidence=demand.confidence,
        min_rows=min_rows,
    )
    floor = demand.at_least is not None
    limit = demand.at_least if floor else demand.at_most
    side = "at least" if floor else "at most"
    words = f"{demand.metric} is {estimate.value:.4g} and must be {side} {limit:g}"
    if not np.isfinite(estimate.value):
        words = f"{demand.metric} must be {side} {limit:g}, but {evidence.why_undefined()}"
    if bound is not None:
        words += f"; with {demand.confidence:.0%} confidence it is {side} {bound:.4g}"
    if needed:
        words += f"; about {needed:,} {rows} would tell, there are {estimate.n:,}"
    if left_out := every - len(evidence.labels):
        words += f"; {left_out:,} rows without a label were left out"
    return CheckResult(
        check="limit",
        outcome=outcome,
        words=words,
        value=_finite(estimate.value),
        bound=bound,
        limit=limit,
        confidence=demand.confidence,
        rows=estimate.n,
        rows_needed=needed,
        detectable=_finite(minimum_detectable(estimate.standard_error, demand.confidence)),
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
