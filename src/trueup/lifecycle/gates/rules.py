"""Decisions of the gates: what a measurement proves. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from scipy import special

from trueup.lifecycle.gates.records import (
    CheckOutcome,
    CheckResult,
    Statement,
    VerdictOutcome,
    Waiver,
)
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.plan.records import Process
from trueup.statistics.metrics import Estimate

LONGEST_WAIVER: Final = timedelta(days=180)
_MOST_TIMES = 1e6  # "a trillion times as many rows" says it: no data will do


def outcome_of(results: Sequence[CheckResult], waivers: Sequence[Waiver] = ()) -> VerdictOutcome:
    """PASSED only when there is evidence and all of it is good, or waived: silence never passes."""
    waived = {waiver.check for waiver in waivers}
    passed = any(result.outcome == "passed" and not result.advisory for result in results)
    refused = any(result.refuses and result.name not in waived for result in results)
    return "PASSED" if passed and not refused else "FAILED"


def needed(results: Sequence[CheckResult], waivers: Sequence[Waiver]) -> tuple[Waiver, ...]:
    """Those waivers that a check needs: the newest of each, in the order of the checks."""
    newest = {waiver.check: waiver for waiver in sorted(waivers, key=lambda w: w.given_at)}
    return tuple(newest[r.name] for r in results if r.refuses and r.name in newest)


def why_no_waiver(waiver: Waiver, version: ModelVersion, process: Process) -> str:
    """Why a waiver cannot be given; empty when it can."""
    if process.template == "team" and version.registered_by == waiver.given_by:
        return f"{waiver.given_by} made {version.ref}, and nobody waives a check of their own work"
    if waiver.until <= waiver.given_at:
        return f"it would have ended on {waiver.until:%Y-%m-%d}"
    if waiver.until - waiver.given_at > LONGEST_WAIVER:
        return f"it would last until {waiver.until:%Y-%m-%d}; {LONGEST_WAIVER.days} days are most"
    return "" if waiver.reason.strip() else "nobody said why"


def against_limit(
    estimate: Estimate,
    *,
    at_least: float | None,
    at_most: float | None,
    confidence: float,
    min_rows: int,
) -> tuple[CheckOutcome, float | None, int]:
    """Whether a measurement proves that a limit is kept.

    The limit is kept when the one-sided bound is on its good side, broken when the opposite bound
    is on its bad side; in between there is not enough data.

    Returns:
        The outcome, the bound on the side that matters, and the rows that would do.
    """
    limit = at_least if at_least is not None else at_most
    if limit is None or not math.isfinite(estimate.value):
        return "not-enough-data", None, min_rows
    # From here on "more is better": a ceiling is a floor with the sign turned.
    sign = 1.0 if at_least is not None else -1.0
    z = float(special.ndtri(confidence))
    reach = z * estimate.standard_error
    bound = estimate.value - sign * reach if math.isfinite(reach) else None
    distance = sign * (estimate.value - limit)
    if not math.isfinite(reach):
        return "not-enough-data", None, max(estimate.n + 1, min_rows)
    if estimate.n < min_rows:
        enough = rows_needed(estimate.n, reach, distance) if 0 < distance < reach else 0
        return "not-enough-data", bound, max(enough, min_rows)
    if distance >= reach:
        return "passed", bound, 0
    if distance <= 0:
        return "failed", bound, 0
    return "not-enough-data", bound, rows_needed(estimate.n, reach, distance)


def against_champion(
    difference: float, lower: float, rows: int, margin: float
) -> tuple[CheckOutcome, int]:
    """Whether a paired difference (positive: candidate better) proves a win by `margin`.

    Returns:
        The outcome, and the rows that would do.
    """
    if not math.isfinite(difference) or not math.isfinite(lower):
        return "not-enough-data", 0
    if lower > margin:
        return "passed", 0
    if difference <= margin:
        return "failed", 0
    return "not-enough-data", rows_needed(rows, difference - lower, difference - margin)


def same_evidence(statement: Statement, model: str, plan: str, champion: str) -> bool:
    """Whether a verdict was given on this model, under this plan, against this champion."""
    return (statement.model, statement.plan, statement.champion) == (model, plan, champion)


def rows_needed(rows: int, reach: float, distance: float) -> int:
    """Rows at which a reach, which falls with their square root, is shorter than the distance."""
    return math.floor(rows * min(reach / distance, _MOST_TIMES) ** 2) + 1
