"""Measuring models that were trained with something changed, on the rows of the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.rebuilding import Change, NotHereError, Retrained
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult
from trueup.ports.format import Predictor
from trueup.statistics.metrics import Estimate, Metric


def trained(evidence: Evidence, changes: Sequence[Change]) -> list[Retrained]:
    """The models that changed trainings give.

    Raises:
        NotHereError: It cannot be trained here.
    """
    if evidence.rebuild is None:
        raise NotHereError(f"how {evidence.ref} was trained is not known here")
    return evidence.rebuild.train(changes)


def measured(
    evidence: Evidence, metric: Metric, predict: Predictor, inputs: pl.DataFrame | None = None
) -> Estimate:
    """A metric of another model on the rows of the evidence."""
    rows = evidence.inputs if inputs is None else inputs
    return replace(evidence, scores=predict(rows), address="").measured(metric)


def unmeasurable(check: str, evidence: Evidence, metric: Metric) -> CheckResult | None:
    """Why no model can be measured so on these rows; None when it can."""
    trouble = evidence.why_not(metric) or evidence.trouble()
    if not trouble and metric.needs == "latency":
        trouble = f"{metric.name} is measured on calls, not on what training changes"
    if trouble:
        return CheckResult(check=check, outcome="error", words=trouble)
    if not len(evidence.labels):
        return CheckResult(
            check=check, outcome="not-enough-data", words="there is no row to measure on"
        )
    return None


def not_here(check: str, why: NotHereError) -> CheckResult:
    """The result where nothing can be trained."""
    return CheckResult(check=check, outcome="not-applicable", words=str(why))


def broken(check: str, models: Sequence[Retrained]) -> CheckResult | None:
    """The result where a training gave no model; None when all did."""
    trouble = next((each.trouble for each in models if each.predict is None), "")
    outcome: CheckOutcome = "error"
    return CheckResult(check=check, outcome=outcome, words=trouble) if trouble else None


def loss(metric: Metric, before: float, now: float) -> float:
    """How much worse a value is than another one; negative when it is better."""
    return before - now if metric.better == "higher" else now - before
