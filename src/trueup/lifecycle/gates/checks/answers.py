"""The model's answers must be such as its task allows, and the same when asked twice."""

from __future__ import annotations

import numpy as np

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.models import answers
from trueup.lifecycle.plan.demands import Answers

TAKES = "evidence"


def check(demand: Answers, evidence: Evidence) -> CheckResult:
    """Whether every answer is what the task allows and repeats exactly."""
    scores, signature = evidence.scores, evidence.signature
    rows = len(scores)
    if rows == 0:
        words = "there was no row to ask about"
        return CheckResult(check="answers", outcome="not-enough-data", words=words)
    is_same = np.isclose(scores, evidence.again, rtol=0, atol=0, equal_nan=True)
    moved = int(np.count_nonzero(~is_same.reshape(rows, -1).all(axis=1)))
    count, told = answers.unfit(scores, signature)
    troubles = [told] if told else []
    if moved:
        troubles.append(f"{moved:,} of {rows:,} changed when asked twice")
    right = "lie in 0 to 1" if signature.task in ("binary", "multiclass") else "are finite"
    return CheckResult(
        check="answers",
        outcome="failed" if troubles else "passed",
        words="; ".join(troubles) or f"{rows:,} answers {right} and repeat exactly",
        value=float(count + moved),
        limit=0.0,
        rows=rows,
    )
