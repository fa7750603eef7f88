"""Made again from its record, with every step: the same file, or the same answers."""

from __future__ import annotations

import numpy as np

from trueup.foundation import digests
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import retraining
from trueup.lifecycle.gates.rebuilding import Change, NotHereError
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.plan.demands import Reproduction

TAKES = "evidence"


def check(demand: Reproduction, evidence: Evidence) -> CheckResult:
    """Whether the model comes out again."""
    try:
        models = retraining.trained(evidence, [Change(whole=True)])
    except NotHereError as why:
        return retraining.not_here("reproduction", why)
    if wrong := retraining.broken("reproduction", models):
        return wrong
    (made,) = models
    assert made.predict is not None
    own = digests.of_bytes(evidence.file.read()) if evidence.file is not None else ""
    same_file = bool(own) and own == made.digest
    moved = np.abs(made.predict(evidence.inputs) - evidence.scores)
    most = float(np.nanmax(moved, initial=0.0))
    near = most <= demand.eps
    answers = f"the answers to {evidence.inputs.height:,} rows differ by {most:.2g} at most"
    is_exact = demand.eps == 0.0
    parts = (
        Part(
            name="file",
            outcome="passed" if same_file else ("failed" if is_exact else "not-applicable"),
            words="the same bits" if same_file else "other bits",
        ),
        Part(
            name="answers",
            outcome="passed" if near else "failed",
            words=answers,
            value=most,
            limit=demand.eps,
            rows=evidence.inputs.height,
        ),
    )
    passed = same_file if is_exact else near
    words = "trained again with every step it is the same file, bit for bit"
    if not same_file:
        words = f"trained again with every step it is another file; {answers}"
    return CheckResult(
        check="reproduction",
        outcome="passed" if passed else "failed",
        words=words,
        value=most,
        limit=demand.eps,
        rows=evidence.inputs.height,
        parts=parts,
    )
