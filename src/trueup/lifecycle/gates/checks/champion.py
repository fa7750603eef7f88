"""Candidate against champion on the same rows: a paired test, its rule declared in the plan."""

from __future__ import annotations

import math

from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.records import Goal
from trueup.statistics import intervals
from trueup.statistics.metrics import METRICS


def check(goal: Goal, evidence: Evidence) -> CheckResult:
    """Whether the candidate beats the champion by the goal's margin."""
    gate = goal.gate
    if evidence.champion is None:
        return CheckResult(
            check="champion",
            goal=goal.id,
            outcome="not-applicable",
            words="there is no champion yet to compare with",
        )
    if evidence.champion_scores is None:
        return CheckResult(
            check="champion",
            goal=goal.id,
            outcome="error",
            words=f"{evidence.champion.ref} cannot answer the candidate's holdout rows: "
            f"{evidence.champion_trouble}",
        )
    paired = intervals.paired_bootstrap(
        METRICS[goal.metric],
        evidence.labels,
        evidence.scores,
        evidence.champion_scores,
        confidence=gate.confidence,
    )
    rows = len(evidence.labels)
    outcome, needed = rules.against_champion(paired.difference, paired.lower, rows, gate.margin)
    words = (
        f"better than {evidence.champion.ref} by {paired.difference:+.4f} {goal.metric}, "
        f"at least {paired.lower:+.4f} with {gate.confidence:.0%} confidence; "
        f"more than {gate.margin:+g} is needed"
    )
    if needed:
        words += f"; about {needed:,} rows would tell, there are {rows:,}"
    return CheckResult(
        check="champion",
        goal=goal.id,
        outcome=outcome,
        words=words,
        value=_finite(paired.difference),
        bound=_finite(paired.lower),
        limit=gate.margin,
        confidence=gate.confidence,
        rows=rows,
        rows_needed=needed,
    )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
