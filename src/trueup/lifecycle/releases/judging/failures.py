"""Figures from counts: rows that failed, and how the traffic fell on the arms. Pure."""

from __future__ import annotations

import math

import numpy as np

from trueup.lifecycle.plan.guards import Guarded, Margin
from trueup.lifecycle.releases.judging.evidence import ArmTotals, Evidence, Moments
from trueup.lifecycle.releases.judging.records import Figure
from trueup.statistics.sequential.rates import log_rate_evidence, rate_difference
from trueup.statistics.sequential.shares import excess_evidence, log_share_evidence

_FEW = 5  # units that failed: with fewer, how they cluster cannot be seen
_HIGHEST = 1e6


def figure(guard: Guarded, evidence: Evidence, alpha: float, pass_alpha: float) -> Figure:
    """What is known of a kind of failure.

    Harm is read from how the units that failed for the first time fall on the arms: that holds
    whatever the rate of failures is at the hour. No harm is read from the rates themselves.

    Args:
        guard: The metric and its margin.
        evidence: What both arms did.
        alpha: Chance of claiming harm where there is none.
        pass_alpha: Chance of ruling out harm that there is.
    """
    kind = guard.metric
    periods = evidence.periods
    new = sum((_failed(p.new, kind) for p in periods), Moments())
    control = sum((_failed(p.control, kind) for p in periods), Moments())
    margin = guard.margin or Margin()
    if not new.rows or not control.rows:
        words = f"no {kind} can be seen: {new.rows:.0f} rows of the new version and "
        words += f"{control.rows:.0f} beside it"
        return Figure(
            metric=kind,
            outcome="no-data",
            words=words,
            required=guard.required,
            unit="share",
            rows=round(new.rows),
            control_rows=round(control.rows),
            alpha=alpha,
        )
    estimate = _difference(evidence, kind)
    allowed = margin.allowed(control.mean)
    proven = _least_ratio(evidence, kind, alpha)
    low, high = _bounds(evidence, kind, alpha, pass_alpha)
    if proven > 1:
        low = max(low, new.mean * (1 - 1 / proven))
    too_many = guard.at_most is not None and _is_above(guard.at_most, evidence, kind, alpha)
    words = (
        f"{kind}: {_share(new)} of the new version and {_share(control)} beside it, "
        f"difference between {low:+.2%} and {high:+.2%}"
    )
    if too_many:
        words += f"; more than the {guard.at_most:.1%} that may fail"
    is_harm = too_many or (low > 0 and estimate > allowed)
    outcome = "harm" if is_harm else "no-harm" if high < allowed else "unknown"
    return Figure(
        metric=kind,
        outcome=outcome,  # type: ignore[arg-type]
        words=words,
        required=guard.required,
        unit="share",
        new=new.mean,
        control=control.mean,
        estimate=estimate,
        low=low,
        high=high,
        margin=allowed,
        rows=round(new.rows),
        control_rows=round(control.rows),
        alpha=alpha,
    )


def split(evidence: Evidence, alpha: float) -> Figure:
    """Whether entities and rows fall on the arms as they should (sample ratio mismatch)."""
    units = [(p.new.units, p.control.units, p.share) for p in evidence.periods]
    new, control = sum(u[0] for u in units), sum(u[1] for u in units)
    rows = evidence.rows()
    both = _split_evidence(units), _split_evidence(_rows_told(evidence))
    expected = sum((u[0] + u[1]) * u[2] for u in units)
    share = new / (new + control) if new + control else 0.0
    words = f"{new:,} of {new + control:,} entities met the new version, {expected:,.0f} expected"
    if not new + control:
        outcome = "no-data"
    else:
        outcome = "mismatch" if max(both) >= math.log(2 / alpha) else "unchanged"
    if outcome == "mismatch":
        words += ": the traffic is not split as it should be, so nothing here can be trusted"
    planned = expected / (new + control) if new + control else 0.0
    return Figure(
        metric="split",
        outcome=outcome,  # type: ignore[arg-type]
        words=words,
        unit="share",
        new=share,
        control=planned,
        estimate=share - planned,
        rows=rows[0],
        control_rows=rows[1],
        alpha=alpha,
    )


def _failed(arm: ArmTotals, kind: str) -> Moments:
    return arm.failed.get(kind, Moments())


def _share(failed: Moments) -> str:
    return f"{failed.mean:.2%} of {failed.rows:,.0f} rows"


def _difference(evidence: Evidence, kind: str) -> float:
    """Difference of the rates, each period weighted by what it tells."""
    total = weights = 0.0
    for period in evidence.periods:
        new, control = _failed(period.new, kind), _failed(period.control, kind)
        if new.rows and control.rows:
            weight = new.rows * control.rows / (new.rows + control.rows)
            total += weight * (new.mean - control.mean)
            weights += weight
    return total / weights if weights else 0.0


def _least_ratio(evidence: Evidence, kind: str, alpha: float) -> float:
    """How many times as often units fail in the new arm, at least."""
    new = [float(p.new.failing.get(kind, 0)) for p in evidence.periods]
    rest = [float(p.control.failing.get(kind, 0)) for p in evidence.periods]
    shares = [p.share for p in evidence.periods]
    target = -math.log(alpha)
    if float(excess_evidence(new, rest, shares)) < target:
        return 1.0
    low, high = 0.0, math.log(_HIGHEST)
    for _ in range(40):
        middle = (low + high) / 2
        is_proven = float(excess_evidence(new, rest, shares, math.exp(middle))) >= target
        low, high = (middle, high) if is_proven else (low, middle)
    return math.exp(low)


def _bounds(evidence: Evidence, kind: str, alpha: float, pass_alpha: float) -> tuple[float, float]:
    told = [(*_told(p.new, kind), *_told(p.control, kind)) for p in evidence.periods]
    x1, n1, x0, n0 = np.array(told, dtype=np.float64).T
    low, _ = rate_difference(x1, n1, x0, n0, alpha)
    _, high = rate_difference(x1, n1, x0, n0, pass_alpha)
    return float(low), float(high)


def _told(arm: ArmTotals, kind: str) -> tuple[float, float]:
    """Failures and rows as they count where rows fail together (Rao & Scott 1992).

    While hardly anything fails nobody can see what fails together: then a request counts once.
    """
    failed = _failed(arm, kind)
    crowding = failed.rows / arm.requests if arm.requests else 1.0
    if failed.total >= _FEW and 0 < failed.mean < 1 and failed.units > 2:
        crowding = failed.variance * failed.rows / (failed.mean * (1 - failed.mean))
    crowding = max(crowding, 1.0)
    return failed.total / crowding, failed.rows / crowding


def _is_above(most: float, evidence: Evidence, kind: str, alpha: float) -> bool:
    told = [_told(period.new, kind) for period in evidence.periods]
    events, rows = (sum(part[side] for part in told) for side in (0, 1))
    return events > most * rows and float(log_rate_evidence(events, rows, most)) >= -math.log(alpha)


def _split_evidence(
    counts: list[tuple[int, int, float]] | list[tuple[float, float, float]],
) -> float:
    told = [(new, rest, share) for new, rest, share in counts if 0 < share < 1]
    if not told:
        return 0.0
    new, rest, shares = np.array(told, dtype=np.float64).T
    return float(log_share_evidence(new, rest, shares, strength=100.0).sum())


def _rows_told(evidence: Evidence) -> list[tuple[float, float, float]]:
    told = []
    for period in evidence.periods:
        new, control = _failed(period.new, "errors"), _failed(period.control, "errors")
        crowding = max((new + control).crowding, 1.0)
        told.append((new.rows / crowding, control.rows / crowding, period.share))
    return told
