"""Figures of means: losses of labelled rows, rewards, differences of a shadow's pairs. Pure."""

from __future__ import annotations

import math

from trueup.lifecycle.plan.guards import Guarded, Margin
from trueup.lifecycle.releases.judging.evidence import Evidence, Moments
from trueup.lifecycle.releases.judging.records import Figure, Outcome
from trueup.statistics.sequential.means import bounded_mean, difference_bound

LEAST_UNITS = 50  # in each arm: bounds from means and variances hold from there on
TUNED_AT = 100.0  # effective units at which those bounds are tightest
_HIGHER_IS_BETTER = frozenset({"reward", "accuracy", "top_accuracy"})


def figure(guard: Guarded, evidence: Evidence, alpha: float, pass_alpha: float) -> Figure:
    """What is known of a mean.

    Args:
        guard: The metric and its margin.
        evidence: What both arms did.
        alpha: Chance of claiming harm where there is none.
        pass_alpha: Chance of ruling out harm that there is.
    """
    name = guard.metric
    new = sum((p.new.values.get(name, Moments()) for p in evidence.periods), Moments())
    control = sum((p.control.values.get(name, Moments()) for p in evidence.periods), Moments())
    rows = f"{new.rows:,.0f} labelled rows of the new version, {control.rows:,.0f} beside it"
    least = min(new.units, control.units)
    low = high = estimate = None
    margin = (guard.margin or Margin()).allowed(control.mean) if control.rows else None
    outcome: Outcome = "no-data"
    if new.rows and control.rows:
        outcome = "unknown"
        estimate, low, high = _known(guard, evidence, alpha, pass_alpha)
    words = f"{name}: {rows}"
    if estimate is not None and low is not None and high is not None and margin is not None:
        worse = -1.0 if name in _HIGHER_IS_BETTER else 1.0
        excess = worse * estimate
        surely, at_most = (low, high) if worse > 0 else (-high, -low)
        if surely > 0 and excess > margin:
            outcome = "harm"
        elif at_most < margin:
            outcome = "no-harm"
        words = (
            f"{name} {new.mean:.4f} in the new version and {control.mean:.4f} beside it, "
            f"difference between {low:+.4f} and {high:+.4f}"
        )
        if not (math.isfinite(low) or math.isfinite(high)):
            words = (
                f"{name}: {rows}; at least {LEAST_UNITS} entities or requests of each are needed"
            )
        elif outcome == "unknown":
            words += f" from {least:,.0f} entities or requests"
    return Figure(
        metric=name,
        outcome=outcome,
        words=words,
        required=guard.required,
        new=new.mean if new.rows else None,
        control=control.mean if control.rows else None,
        estimate=estimate,
        low=low if low is not None and math.isfinite(low) else None,
        high=high if high is not None and math.isfinite(high) else None,
        margin=margin,
        rows=round(new.rows),
        control_rows=round(control.rows),
        alpha=alpha,
    )


def _known(
    guard: Guarded, evidence: Evidence, alpha: float, pass_alpha: float
) -> tuple[float, float, float]:
    """Estimate and bounds of new minus control."""
    alphas = (alpha, pass_alpha) if guard.metric not in _HIGHER_IS_BETTER else (pass_alpha, alpha)
    if evidence.is_shadow:
        return _of_pairs(evidence.pairs.get(guard.metric, Moments()), guard, alphas)
    if guard.bounds is not None:
        return _bounded(guard, evidence, guard.bounds, alphas)
    return _unbounded(guard.metric, evidence, alphas)


def _unbounded(
    name: str, evidence: Evidence, alphas: tuple[float, float]
) -> tuple[float, float, float]:
    """Differences of periods, each weighted by what it tells, so a growing share does no harm."""
    known = []
    for period in evidence.periods:
        new = period.new.values.get(name, Moments())
        control = period.control.values.get(name, Moments())
        if min(new.units, control.units) >= 2:
            told = new.units * control.units / (new.units + control.units)
            known.append((told, new.mean - control.mean, new.variance + control.variance))
    units = [
        sum(side.units for side in sides)
        for sides in zip(
            *(
                (p.new.values.get(name, Moments()), p.control.values.get(name, Moments()))
                for p in evidence.periods
            ),
            strict=True,
        )
    ]
    told = sum(part[0] for part in known)
    if not told:
        return _estimate(name, evidence), -math.inf, math.inf
    estimate = sum(part[0] * part[1] for part in known) / told
    variance = sum(part[0] ** 2 * part[2] for part in known) / told**2
    if min(units) < LEAST_UNITS or variance <= 0:
        return estimate, -math.inf, math.inf
    low = float(difference_bound(estimate, variance, told, alphas[0], TUNED_AT))
    high = -float(difference_bound(-estimate, variance, told, alphas[1], TUNED_AT))
    return estimate, low, high


def _bounded(
    guard: Guarded, evidence: Evidence, bounds: tuple[float, float], alphas: tuple[float, float]
) -> tuple[float, float, float]:
    """Each arm's mean has its own bounds, exact for values between the declared ones."""
    new, control = (
        sum(
            (getattr(p, side).values.get(guard.metric, Moments()) for p in evidence.periods),
            Moments(),
        )
        for side in ("new", "control")
    )
    low = _lower(new, bounds, alphas[0] / 2) - _upper(control, bounds, alphas[0] / 2)
    high = _upper(new, bounds, alphas[1] / 2) - _lower(control, bounds, alphas[1] / 2)
    return new.mean - control.mean, low, high


def _lower(values: Moments, bounds: tuple[float, float], alpha: float) -> float:
    n, total, raw = _thinned(values)
    centre = (bounds[0] + bounds[1]) / 2
    squares = raw - 2 * centre * total + n * centre**2
    bound = bounded_mean(n, total - n * centre, squares, bounds[0] - centre, alpha)
    return max(float(bound) + centre, bounds[0])


def _upper(values: Moments, bounds: tuple[float, float], alpha: float) -> float:
    mirrored = Moments(values.units, values.rows, -values.total, 0.0, 0.0, values.sizes, values.raw)
    return -_lower(mirrored, (-bounds[1], -bounds[0]), alpha)


def _thinned(values: Moments) -> tuple[float, float, float]:
    crowding = max(values.crowding, 1.0)
    return values.rows / crowding, values.total / crowding, values.raw / crowding


def _of_pairs(
    pairs: Moments, guard: Guarded, alphas: tuple[float, float]
) -> tuple[float, float, float]:
    """The same rows in both: bounded losses have bounded differences, and so exact bounds."""
    if not pairs.rows:
        return 0.0, -math.inf, math.inf
    bounds = guard.bounds or ((0.0, 1.0) if guard.metric in ("brier", "accuracy") else None)
    if bounds is not None:
        span = 2 * (bounds[1] - bounds[0]) if guard.metric == "brier" else bounds[1] - bounds[0]
        n, total, raw = _thinned(pairs)
        low = float(bounded_mean(n, total, raw, -span, alphas[0]))
        high = -float(bounded_mean(n, -total, raw, -span, alphas[1]))
        return pairs.mean, low, high
    if pairs.units < LEAST_UNITS or not pairs.variance > 0:
        return pairs.mean, -math.inf, math.inf
    told = (pairs.variance, pairs.units)
    low = float(difference_bound(pairs.mean, *told, alphas[0], TUNED_AT))
    return pairs.mean, low, -float(difference_bound(-pairs.mean, *told, alphas[1], TUNED_AT))


def _estimate(name: str, evidence: Evidence) -> float:
    new = sum((p.new.values.get(name, Moments()) for p in evidence.periods), Moments())
    control = sum((p.control.values.get(name, Moments()) for p in evidence.periods), Moments())
    return new.mean - control.mean
