"""The model's answers must be probabilities, and the same when asked twice."""

from __future__ import annotations

import numpy as np

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demands import Answers

TAKES = "evidence"


def check(demand: Answers, evidence: Evidence) -> CheckResult:
    """Whether every answer lies in [0, 1] and repeats exactly."""
    scores = evidence.scores
    outside = int(np.count_nonzero(~((scores >= 0) & (scores <= 1))))
    moved = int(
        np.count_nonzero(~np.isclose(scores, evidence.again, rtol=0, atol=0, equal_nan=True))
    )
    if len(scores) == 0:
        outcome, words = "not-enough-data", "there was no row to ask about"
    elif outside or moved:
        outcome = "failed"
        words = f"{outside:,} answers lie outside 0 to 1, {moved:,} changed when asked twice"
    else:
        outcome, words = "passed", f"{len(scores):,} answers lie in 0 to 1 and repeat exactly"
    return CheckResult(
        check="answers",
        outcome=outcome,  # type: ignore[arg-type]
        words=words,
        value=float(outside + moved),
        limit=0.0,
        rows=len(scores),
    )
