"""Candidate against champion on the same rows: a paired test, its rule declared in the plan."""

from __future__ import annotations

import math

from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demands import Champion
from trueup.statistics import pairs
from trueup.statistics.intervals import minimum_detectable, normal_quantile

TAKES = "evidence"


def check(demand: Champion, evidence: Evidence) -> CheckResult:
    """Whether the candidate beats the champion by the margin that is demanded."""
    evidence = evidence.labelled(demand.on_missing)
    rival = evidence.rival
    if rival is None:
        return CheckResult(
            check="champion",
            outcome="not-applicable",
            words="there is no champion yet, or it is this version: nothing to compare with",
        )
    metric = evidence.metric(demand.metric, demand.better)
    if trouble := evidence.why_not(metric) or evidence.trouble():
        return CheckResult(check="champion", outcome="error", words=trouble)
    if rival.scores is None:
        return CheckResult(
            check="champion",
            outcome="error",
            words=f"{rival.ref} cannot answer the candidate's holdout rows: {rival.trouble}",
        )
    paired = pairs.compare(
        metric,
        evidence.labels,
        evidence.scores,
        rival.scores,
        demand.rule,
        beside=evidence.beside,
        confidence=demand.confidence,
    )
    rows = len(evidence.labels)
    if not math.isfinite(paired.difference):
        return CheckResult(
            check="champion",
            outcome="not-enough-data",
            words=f"{metric.name} compares nothing: {evidence.why_undefined()}",
            rows=rows,
        )
    outcome, needed = rules.against_champion(paired.difference, paired.lower, rows, demand.margin)
    words = (
        f"better than {rival.ref} by {paired.difference + 0.0:+.4f} {demand.metric}, "
        f"at least {paired.lower + 0.0:+.4f} with {demand.confidence:.0%} confidence"
        f"{f' by {demand.rule}' if demand.rule else ''}; "
        f"more than {demand.margin:+g} is needed"
    )
    error = (paired.difference - paired.lower) / normal_quantile(demand.confidence)
    if needed:
        words += f"; about {needed:,} rows would tell, there are {rows:,}"
    return CheckResult(
        check="champion",
        outcome=outcome,
        words=words,
        value=_finite(paired.difference),
        bound=_finite(paired.lower),
        limit=demand.margin,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=needed,
        detectable=_finite(minimum_detectable(error, demand.confidence)),
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
