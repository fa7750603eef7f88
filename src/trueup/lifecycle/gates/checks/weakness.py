"""Weak slices that nobody thought of: searched on one half of the rows, shown on the other."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from trueup.foundation.text import plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.claims import POWER
from trueup.lifecycle.gates.methods.coding import Dictionary, coded, in_words
from trueup.lifecycle.gates.methods.slicing import absent
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.plan.demands import Weakness
from trueup.statistics.drift import benjamini_hochberg
from trueup.statistics.metrics import METRICS, FloatArray
from trueup.statistics.weakness import Coded, Weak, search, test_of

TAKES = "evidence"
_MOST_SHOWN = 10


def check(demand: Weakness, evidence: Evidence) -> CheckResult:
    """Whether a slice is shown to be worse than the other rows by more than the gap."""
    evidence = evidence.labelled(demand.on_missing)
    columns = demand.columns or tuple(column.name for column in evidence.signature.inputs)
    trouble = absent(evidence.holdout, columns) or evidence.why_not(METRICS[demand.metric])
    trouble = trouble or _no_loss(demand.metric) or evidence.trouble()
    if trouble:
        return CheckResult(check="weakness", outcome="error", words=trouble)
    rows = len(evidence.labels)
    fewest = math.ceil(max(demand.min_rows, demand.min_share * rows) / 2)
    if rows < 4 * fewest:
        return CheckResult(
            check="weakness",
            outcome="not-enough-data",
            words=f"a slice of {2 * fewest:,} rows and as many others need {4 * fewest:,} rows, "
            f"there are {rows:,}",
            rows=rows,
            rows_needed=4 * fewest,
        )
    losses = _losses(demand, evidence)
    known = [coded(evidence.holdout[name]) for name in columns]
    order = np.random.default_rng(demand.seed).permutation(rows)
    searched, tested = order[: rows // 2], order[rows // 2 :]
    candidates = search(_of(known, searched), losses[searched], fewest=fewest, depth=demand.depth)
    others, of_others = _of(known, tested), losses[tested]
    seen = [test_of(others, of_others, candidate, demand.gap) for candidate in candidates]
    _, shown = benjamini_hochberg([one.p_value for one in seen], 1 - demand.confidence)
    weak = [one for one, is_shown in zip(seen, shown, strict=True) if is_shown]
    weak.sort(key=lambda one: (demand.gap - one.gap) / one.error if one.error else -math.inf)
    beyond = " beyond what the model expects" if _is_beyond(demand, evidence) else ""
    parts = tuple(_part(demand, demand.metric + beyond, known, one) for one in weak[:_MOST_SHOWN])
    z = special.ndtri(demand.confidence) + special.ndtri(POWER)
    smallest = float(z * of_others.std() / math.sqrt(fewest)) + demand.gap
    worst = weak[0] if weak else None
    return CheckResult(
        check="weakness",
        outcome="failed" if weak else "passed",
        words=_words(demand, parts, worst, len(seen), smallest),
        value=worst.gap if worst else None,
        bound=parts[0].lower if parts else None,
        limit=demand.gap,
        confidence=demand.confidence,
        rows=rows,
        detectable=smallest,
        parts=parts,
    )


def _no_loss(name: str) -> str:
    metric = METRICS[name]
    if (
        "ranking" in metric.tasks
        or metric.row_value is None
        or metric.is_magnitude
        or metric.better == "neither"
    ):
        return f"{name} is no mean over rows, so no row has a loss; brier and log_loss are"
    return ""


def _losses(demand: Weakness, evidence: Evidence) -> FloatArray:
    metric, scores = METRICS[demand.metric], evidence.scores
    found = metric.values(evidence.labels, scores, evidence.beside)
    assert found is not None, demand.metric
    if _is_beyond(demand, evidence):
        # A flight with a chance of one half is hard, not badly judged: what counts is the loss
        # beyond the one that the model's own probabilities lead to expect.
        for outcome, chance in _chances(scores):
            values = metric.values(np.full(len(scores), outcome), scores)
            assert values is not None, demand.metric
            found = found - chance * values
    return found if metric.better == "lower" else -found


def _chances(scores: FloatArray) -> list[tuple[float, FloatArray]]:
    """Each label that a row may have, and the probability that the model gives it."""
    if scores.ndim == 1:
        return [(0.0, 1 - scores), (1.0, scores)]
    return [(float(label), scores[:, label]) for label in range(scores.shape[1])]


def _of(columns: list[Dictionary], rows: np.ndarray) -> list[Coded]:
    return [column.coded._replace(codes=column.coded.codes[rows]) for column in columns]


def _part(demand: Weakness, loss: str, columns: list[Dictionary], weak: Weak) -> Part:
    reach = float(special.stdtrit(weak.freedom, demand.confidence)) * weak.error
    gain = weak.share * weak.gap
    return Part(
        name=in_words(columns, weak.conditions),
        outcome="failed",
        words=f"{loss} is worse by {weak.gap:.4g} than on the others, "
        f"with {demand.confidence:.0%} confidence by {weak.gap - reach:.4g}; as good as they are, "
        f"these {weak.share:.0%} of the rows would make it better by {gain:.4g} on the whole",
        value=weak.gap,
        lower=weak.gap - reach,
        upper=weak.gap + reach,
        limit=demand.gap,
        rows=weak.rows,
    )


def _is_beyond(demand: Weakness, evidence: Evidence) -> bool:
    return not demand.hard_rows and evidence.signature.task in ("binary", "multiclass")


def _words(
    demand: Weakness, parts: tuple[Part, ...], worst: Weak | None, seen: int, smallest: float
) -> str:
    if worst is not None:
        more = f"; {plural(len(parts) - 1, 'other slice')} like it" if parts[1:] else ""
        return f"weak where {parts[0].name}: {parts[0].words}{more}"
    return (
        f"no slice is shown to be worse than the other rows by more than {demand.gap:g} "
        f"{demand.metric}; {plural(seen, 'slice')} of {plural(demand.depth, 'condition')} at most "
        f"looked so, and one that is worse by {smallest:.3g} would be shown in 80 of 100 cases"
    )
