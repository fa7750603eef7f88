"""Rows set aside must be rows never trained on."""

from __future__ import annotations

import polars as pl

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demands import Leakage

# Two different events may look alike in every column: a small overlap is chance, not leakage.
MOST = 0.01
TAKES = "evidence"


def check(demand: Leakage, evidence: Evidence) -> CheckResult:
    """Whether the holdout shares rows (features and label) with the training rows."""
    holdout = evidence.holdout
    if holdout.height == 0:
        return CheckResult(
            check="leakage", outcome="not-enough-data", words="the holdout has no rows"
        )
    if evidence.trained_on is None:
        return CheckResult(
            check="leakage",
            outcome="not-applicable",
            words=f"which rows {evidence.ref} learned from is not known here",
        )
    # The holdout may hold further columns, such as the inputs of a champion that knew more.
    seen = evidence.trained_on.unique()
    rows = holdout.select(
        pl.col(name).cast(dtype, strict=False) for name, dtype in seen.schema.items()
    )
    shared = rows.join(seen, on=seen.columns, how="semi", nulls_equal=True).height
    share = shared / holdout.height
    return CheckResult(
        check="leakage",
        outcome="passed" if share <= MOST else "failed",
        words=f"{shared:,} of {holdout.height:,} holdout rows are also training rows",
        value=share,
        limit=MOST,
        rows=holdout.height,
    )
