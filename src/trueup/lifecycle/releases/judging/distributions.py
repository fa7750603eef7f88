"""Figures of distributions: quantiles of the latency, and whether the scores have changed. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from trueup.foundation.text import plural
from trueup.lifecycle.plan.guards import QUANTILES, Guarded, Margin
from trueup.lifecycle.releases.judging.evidence import (
    LATENCY_EDGES,
    Evidence,
    IntArray,
    by_scale,
    no_scores,
)
from trueup.lifecycle.releases.judging.records import Figure, Outcome
from trueup.statistics.sequential.quantiles import WIDEST, log_change_evidence, quantile_excess

_NONE = np.zeros(LATENCY_EDGES.size - 1, dtype=np.int64)


def latency(guard: Guarded, evidence: Evidence, alpha: float, pass_alpha: float) -> Figure:
    """What is known of a quantile of the latency, from requests of like size in like periods.

    Args:
        guard: The metric and its margin.
        evidence: What both arms did.
        alpha: Chance of claiming harm where there is none.
        pass_alpha: Chance of ruling out harm that there is.
    """
    quantile, margin = QUANTILES[guard.metric], guard.margin or Margin()
    pairs = _beside(evidence)
    new, control = (sum((pair[side] for pair in pairs), _NONE) for side in (0, 1))
    rows, control_rows = int(new.sum()), int(control.sum())
    if not rows or not control_rows:
        asked = f"{plural(rows, 'request')} of the new version and {control_rows:,} beside it"
        return Figure(
            metric=guard.metric,
            outcome="no-data",
            words=f"{guard.metric}: {asked} can be compared",
            required=guard.required,
            unit="seconds",
            rows=rows,
            control_rows=control_rows,
            alpha=alpha,
        )
    ours, theirs = _quantile(new, quantile), _quantile(control, quantile)
    allowed = margin.allowed(theirs)
    excess = quantile_excess(
        np.stack([pair[0] for pair in pairs]),
        np.stack([pair[1] for pair in pairs]),
        LATENCY_EDGES,
        quantile,
        margin.part,
        max(margin.least, 1e-6),
        (alpha, pass_alpha),
    )
    low, high = float(excess.low) * allowed, float(excess.high) * allowed
    estimate = _difference(pairs, quantile)
    is_harm = low > 0 and estimate > allowed
    outcome: Outcome = "harm" if is_harm else "no-harm" if float(excess.high) < 1 else "unknown"
    words = f"{guard.metric}: {_ms(ours)} in the new version and {_ms(theirs)} beside it"
    ends = (
        low if float(excess.low) > -WIDEST else None,
        high if float(excess.high) < WIDEST else None,
    )
    if ends[0] is not None and ends[1] is not None:
        words += f", difference between {_ms(low, '+')} and {_ms(high, '+')}"
    return Figure(
        metric=guard.metric,
        outcome=outcome,
        words=words,
        required=guard.required,
        unit="seconds",
        new=ours,
        control=theirs,
        estimate=estimate,
        low=ends[0],
        high=ends[1],
        margin=allowed,
        rows=rows,
        control_rows=control_rows,
        alpha=alpha,
    )


def scores(guard: Guarded, evidence: Evidence, alpha: float) -> Figure:
    """Whether the answers are distributed otherwise: a change to be told, no harm by itself."""
    new = sum((p.new.scores for p in evidence.periods), no_scores())
    control = sum((p.control.scores for p in evidence.periods), no_scores())
    ours, theirs = by_scale(new), by_scale(control)
    rows, control_rows = int(ours[0].sum()), int(theirs[0].sum())
    outcome: Outcome = "no-data"
    words = f"score: {rows:,} answers of the new version and {control_rows:,} beside it"
    if rows and control_rows:
        proven = _change(evidence) >= -math.log(alpha)
        outcome = "changed" if proven else "unchanged"
        distance = max(_distance(a, b) for a, b in zip(ours, theirs, strict=True))
        words = f"score: the answers of the two versions differ in {distance:.0%} of their mass"
        words += "" if proven else ", which may be chance"
    return Figure(
        metric="score",
        outcome=outcome,
        words=words,
        required=False,
        unit="share",
        rows=rows,
        control_rows=control_rows,
        alpha=alpha,
    )


def _beside(evidence: Evidence) -> Sequence[tuple[IntArray, IntArray]]:
    """Requests of both arms by size and period: a request of many rows takes longer."""
    return [
        (period.new.latency[size], period.control.latency[size])
        for period in evidence.periods
        for size in sorted({*period.new.latency} & {*period.control.latency})
    ]


def _difference(pairs: Sequence[tuple[IntArray, IntArray]], quantile: float) -> float:
    total = weights = 0.0
    for new, control in pairs:
        n, m = float(new.sum()), float(control.sum())
        if n and m:
            weight = n * m / (n + m)
            total += weight * (_quantile(new, quantile) - _quantile(control, quantile))
            weights += weight
    return total / weights if weights else 0.0


def _quantile(counts: IntArray, quantile: float) -> float:
    through = np.cumsum(counts)
    place = int(np.searchsorted(through, quantile * through[-1]))
    return float(np.sqrt(max(LATENCY_EDGES[place], 1e-7) * LATENCY_EDGES[place + 1]))


def _change(evidence: Evidence) -> float:
    """Evidence that the distributions differ: the mean over all scales of the scores."""
    if evidence.is_shadow:  # the same rows in both arms are not independent
        return 0.0
    each = np.zeros(len(by_scale(no_scores())))
    for period in evidence.periods:
        if 0 < period.share < 1:
            sides = zip(by_scale(period.new.scores), by_scale(period.control.scores), strict=True)
            each += [float(log_change_evidence(new, old, period.share)) for new, old in sides]
    return float(special.logsumexp(each) - math.log(each.size))


def _distance(new: IntArray, control: IntArray) -> float:
    return float(np.abs(new / new.sum() - control / control.sum()).sum() / 2)


def _ms(seconds: float, sign: str = "") -> str:
    milliseconds = seconds * 1000
    return f"{milliseconds:{sign}.3g} ms" if abs(milliseconds) < 1000 else f"{seconds:{sign}.3g} s"
