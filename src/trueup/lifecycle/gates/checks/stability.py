"""Trained again with other seeds: how much the metric depends on chance alone."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import retraining
from trueup.lifecycle.gates.rebuilding import Change, NotHereError
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.plan.demands import Stability

TAKES = "evidence"


def check(demand: Stability, evidence: Evidence) -> CheckResult:
    """Whether the spread between seeds is surely small enough."""
    metric = evidence.metric(demand.metric)
    if wrong := retraining.unmeasurable("stability", evidence, metric):
        return wrong
    seeds = range(1, demand.seeds + 1)
    try:
        models = retraining.trained(
            evidence, [Change(arguments={demand.argument: seed}) for seed in seeds]
        )
    except NotHereError as why:
        return retraining.not_here("stability", why)
    if wrong := retraining.broken("stability", models):
        return wrong
    values = [
        retraining.measured(evidence, metric, model.predict).value
        for model in models
        if model.predict is not None
    ]
    if not np.isfinite(values).all():
        words = f"{demand.metric}: {evidence.why_undefined()}"
        return CheckResult(check="stability", outcome="not-enough-data", words=words)
    is_same = len({model.digest for model in models}) == 1
    return _found(demand, values, len(evidence.labels), is_same)


def _found(demand: Stability, values: list[float], rows: int, is_same: bool) -> CheckResult:
    spread, freedom = float(np.std(values, ddof=1)), len(values) - 1
    reach = math.sqrt(freedom / float(stats.chi2.ppf(1 - demand.confidence, freedom)))
    bound = spread * reach
    outcome: CheckOutcome = "passed"
    words = (
        f"{demand.metric} is {min(values):.4g} to {max(values):.4g} with {len(values)} seeds; its "
        f"standard deviation is {spread:.2g}, surely at most {bound:.2g}, and may be "
        f"{demand.spread:g}"
    )
    if is_same:
        words += f"; '{demand.argument}' changes nothing in this model"
    needed = 0
    if spread > demand.spread:
        outcome = "failed"
    elif bound > demand.spread:
        outcome = "not-enough-data"
        needed = _needed(demand, spread, len(values))
        words += f"; {needed} seeds would tell"
    return CheckResult(
        check="stability",
        outcome=outcome,
        words=words,
        value=spread,
        bound=bound,
        limit=demand.spread,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=needed,
        parts=tuple(
            Part(name=f"seed {n}", outcome="passed", words=f"{v:.4g}", value=v, rows=rows)
            for n, v in enumerate(values, 1)
        ),
    )


def _needed(demand: Stability, spread: float, seeds: int) -> int:
    """How many seeds bound this spread closely enough."""
    for count in range(seeds + 1, 1000):
        chance = float(stats.chi2.ppf(1 - demand.confidence, count - 1))
        if spread * math.sqrt((count - 1) / chance) <= demand.spread:
            return count
    return 1000
