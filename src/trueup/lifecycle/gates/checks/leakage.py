"""Rows set aside must be rows never trained on."""

from __future__ import annotations

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult

# Two different events may look alike in every column: a small overlap is chance, not leakage.
MOST = 0.01


def check(evidence: Evidence) -> CheckResult:
    """Whether the holdout shares rows (features and label) with the training rows."""
    holdout = evidence.holdout
    if holdout.height == 0:
        return CheckResult(
            check="leakage", goal="", outcome="not-enough-data", words="the holdout has no rows"
        )
    seen = evidence.trained_on.select(holdout.columns).unique()
    shared = holdout.join(seen, on=holdout.columns, how="semi", nulls_equal=True).height
    share = shared / holdout.height
    return CheckResult(
        check="leakage",
        goal="",
        outcome="passed" if share <= MOST else "failed",
        words=f"{shared:,} of {holdout.height:,} holdout rows are also training rows",
        value=share,
        limit=MOST,
        rows=holdout.height,
    )
