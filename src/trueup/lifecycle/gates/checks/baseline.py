"""Candidate against what needs no learning, or a simpler model: paired, on the same rows."""

from __future__ import annotations

import math

from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import simpler
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult
from trueup.lifecycle.plan.demands import Baseline
from trueup.statistics import pairs

TAKES = "evidence"
_SAID = {
    "constant": "the training labels alone",
    "linear": "a linear model",
    "tree": "a shallow tree",
}


def check(demand: Baseline, evidence: Evidence) -> CheckResult:
    """Whether the candidate beats the baseline by the margin that is demanded."""
    evidence = evidence.labelled(demand.on_missing)
    metric = evidence.metric(demand.metric, demand.better)
    rows = len(evidence.labels)
    trouble = evidence.why_not(metric) or pairs.why_not(metric, demand.rule) or evidence.trouble()
    if trouble:
        return CheckResult(check="baseline", outcome="error", words=trouble)
    if rows < demand.min_rows:
        words = f"there are {rows:,} rows with a label, and {demand.min_rows:,} are needed"
        return _found("not-enough-data", words, rows, demand.min_rows)
    answered = simpler.answers(demand, evidence)
    if isinstance(answered, str):
        return CheckResult(check="baseline", outcome="error", words=answered, rows=rows)
    paired = pairs.compare(
        metric,
        evidence.labels,
        evidence.scores,
        answered,
        demand.rule,
        beside=evidence.beside,
        confidence=demand.confidence,
    )
    if not math.isfinite(paired.difference):
        words = f"{metric.name} compares nothing: {evidence.why_undefined()}"
        return _found("not-enough-data", words, rows)
    outcome, needed = rules.against_champion(paired.difference, paired.lower, rows, demand.margin)
    rival = _SAID.get(demand.against, f"the column '{demand.column}'")
    words = (
        f"better than {rival} by {paired.difference + 0.0:+.4g} {metric.name}, at least "
        f"{paired.lower + 0.0:+.4g} with {demand.confidence:.0%} confidence; more than "
        f"{demand.margin:+g} is needed"
    )
    if needed:
        words += f"; about {needed:,} rows would tell, there are {rows:,}"
    return CheckResult(
        check="baseline",
        outcome=outcome,
        words=words,
        value=paired.difference,
        bound=paired.lower if math.isfinite(paired.lower) else None,
        limit=demand.margin,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=needed,
    )


def _found(outcome: CheckOutcome, words: str, rows: int, needed: int = 0) -> CheckResult:
    return CheckResult(
        check="baseline", outcome=outcome, words=words, rows=rows, rows_needed=needed
    )
