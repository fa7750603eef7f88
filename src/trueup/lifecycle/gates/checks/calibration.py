"""Probabilities must keep their word, for every class."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.gates.rules import rows_needed
from trueup.lifecycle.plan.demands import Calibration
from trueup.statistics.intervals import minimum_detectable, wilson
from trueup.statistics.metrics import FloatArray
from trueup.statistics.reliability import (
    Group,
    Reliability,
    brier_parts,
    reliability,
    spiegelhalter,
)

TAKES = "evidence"


class _Asked(NamedTuple):
    """The rows of one class against all others; a question of yes or no has one."""

    name: str
    labels: FloatArray
    scores: FloatArray


def check(demand: Calibration, evidence: Evidence) -> CheckResult:
    """Whether the bound of the calibration error stays below the limit, for every class."""
    evidence = evidence.labelled(demand.on_missing)
    task, rows = evidence.signature.task, len(evidence.labels)
    trouble = evidence.trouble()
    if task not in ("binary", "multiclass"):
        trouble = f"{evidence.ref} is a {task} model, and its answers are no probabilities"
    if trouble:
        return CheckResult(check="calibration", outcome="error", words=trouble)
    if rows < demand.min_rows:
        return CheckResult(
            check="calibration",
            outcome="not-enough-data",
            words=f"{demand.min_rows:,} rows are needed, there are {rows:,}",
            limit=demand.at_most,
            rows=rows,
            rows_needed=demand.min_rows,
        )
    asked = _asked(evidence)
    found = [_measured(demand, each) for each in asked]
    outcomes = [_outcome(demand, one) for one in found]
    worst = max(range(len(found)), key=lambda number: found[number].upper)
    outcome: CheckOutcome = "failed" if "failed" in outcomes else outcomes[worst]
    needed = _needed(demand, found[worst], rows) if outcome == "not-enough-data" else 0
    return CheckResult(
        check="calibration",
        outcome=outcome,
        words=_words(demand, asked[worst], found[worst], needed, rows),
        value=found[worst].error,
        bound=found[worst].upper,
        limit=demand.at_most,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=needed,
        detectable=minimum_detectable(found[worst].spread, demand.confidence),
        parts=_parts(demand, asked, found, outcomes),
    )


def _asked(evidence: Evidence) -> list[_Asked]:
    labels, scores = evidence.labels, evidence.scores
    if scores.ndim == 1:
        return [_Asked("", labels, scores)]
    return [
        _Asked(f"class {name}", (labels == place).astype(np.float64), scores[:, place])
        for place, name in enumerate(evidence.signature.classes)
    ]


def _measured(demand: Calibration, asked: _Asked) -> Reliability:
    # Answers to several classes may add up to a hair more than 1.
    return reliability(
        asked.labels,
        np.clip(asked.scores, 0.0, 1.0),
        groups=demand.groups,
        confidence=demand.confidence,
        seed=demand.seed,
    )


def _outcome(demand: Calibration, found: Reliability) -> CheckOutcome:
    if found.upper <= demand.at_most:
        return "passed"
    return "failed" if found.lower > demand.at_most else "not-enough-data"


def _needed(demand: Calibration, found: Reliability, rows: int) -> int:
    """Rows at which the bound would reach the limit, if the true error is the lower bound."""
    reach, distance = found.upper - found.lower, demand.at_most - found.lower
    return rows_needed(rows, max(reach, distance), distance) if distance > 0 else rows + 1


def _words(demand: Calibration, asked: _Asked, found: Reliability, needed: int, rows: int) -> str:
    z, p = spiegelhalter(asked.labels, np.clip(asked.scores, 0.0, 1.0))
    of = f" of {asked.name}" if asked.name else ""
    words = (
        f"the calibration error{of} is {found.error:.4g} and must be at most {demand.at_most:g}; "
        f"with {demand.confidence:.0%} confidence it is at most {found.upper:.4g}"
    )
    if not math.isnan(z):
        words += f"; Spiegelhalter's z is {z:.2f} (p {p:.2g})"
    return words + (f"; about {needed:,} rows would tell, there are {rows:,}" if needed else "")


def _parts(
    demand: Calibration,
    asked: list[_Asked],
    found: list[Reliability],
    outcomes: list[CheckOutcome],
) -> tuple[Part, ...]:
    """Each class; the groups of scores and the parts of the Brier score are shown, not judged."""
    parts = []
    for each, one, outcome in zip(asked, found, outcomes, strict=True):
        lead = f"{each.name}, " if each.name else ""
        parts.append(
            Part(
                name=f"{lead}calibration error",
                outcome=outcome,
                value=one.error,
                lower=one.lower,
                upper=one.upper,
                limit=demand.at_most,
                rows=len(each.labels),
            )
        )
        parts += [_group(lead, group) for group in one.groups]
        made = brier_parts(each.labels, np.clip(each.scores, 0.0, 1.0), demand.groups)
        parts += [
            Part(name=f"{lead}brier, {name}", outcome="not-applicable", value=value)
            for name, value in made._asdict().items()
        ]
    return tuple(parts)


def _group(lead: str, group: Group) -> Part:
    lower, upper = wilson(round(group.share * group.rows), group.rows)
    return Part(
        name=f"{lead}scores {group.lowest:.3g} to {group.highest:.3g}",
        outcome="not-applicable",
        words=f"mean score {group.score:.3g}, share of the label {group.share:.3g}",
        value=group.share,
        lower=lower,
        upper=upper,
        limit=group.score,
        rows=group.rows,
    )
