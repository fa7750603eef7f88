"""Groups of people must be decided alike, by the measures that Fairlearn defines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trueup.foundation.text import plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.slicing import absent, columns_of, sliced
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.gates.rules import rows_needed
from trueup.lifecycle.plan.demands import Cut, Fairness
from trueup.statistics.intervals import minimum_detectable, wilson
from trueup.statistics.parity import Kind, Parity, parity

TAKES = "evidence"
SELECTED, FOUND, ALARMED = "decided yes", "found of label 1", "alarmed of label 0"
_RATES = {
    "demographic_parity": (SELECTED,),
    "equalized_odds": (FOUND, ALARMED),
    "equal_opportunity": (FOUND,),
}


class _Rate(NamedTuple):
    """A rate of one group: hits of the rows that it rests on."""

    group: str
    name: str
    hits: int
    rows: int


class _Compared(NamedTuple):
    """What one cut shows; no parity where fewer than two groups have enough rows."""

    by: str
    found: Parity | None
    parts: tuple[Part, ...]
    covered: float
    smallest: int


def check(demand: Fairness, evidence: Evidence) -> CheckResult:
    """Whether the bound of the measure keeps its limit for every cut."""
    evidence = evidence.labelled(demand.on_missing)
    task, rows = evidence.signature.task, len(evidence.labels)
    named = [name for cut in demand.by for name in columns_of(cut)]
    trouble = absent(evidence.holdout, named) or evidence.trouble()
    if task != "binary":
        trouble = f"{evidence.ref} is a {task} model, and decides neither yes nor no"
    if trouble:
        return CheckResult(check="fairness", outcome="error", words=trouble)
    compared = [_compared(demand, evidence, cut) for cut in demand.by]
    outcomes = [_outcome(demand, one) for one in compared]
    sign = 1 if demand.at_most is not None else -1
    order = ("failed", "not-enough-data", "passed")
    worst, outcome = min(
        zip(compared, outcomes, strict=True),
        key=lambda pair: (order.index(pair[1]), -sign * _bound(demand, pair[0].found)),
    )
    found = worst.found
    needed = _needed(demand, worst, rows) if outcome == "not-enough-data" else 0
    is_known = found is not None and not np.isnan(found.value)
    return CheckResult(
        check="fairness",
        outcome=outcome,
        words=_words(demand, worst, outcome, needed, rows),
        value=found.value if found and is_known else None,
        bound=_bound(demand, found) if is_known else None,
        limit=demand.at_most if demand.at_most is not None else demand.at_least,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=needed,
        detectable=minimum_detectable(found.error, demand.confidence) if found else None,
        parts=tuple(part for one in compared for part in one.parts),
    )


def _compared(demand: Fairness, evidence: Evidence, cut: Cut) -> _Compared:
    measure, _, kind = demand.measure.rpartition("_")
    pieces = sliced(evidence.holdout, cut, demand.quantiles)
    yes, labels = evidence.scores >= demand.threshold, evidence.labels
    table = [
        [_rate(name, piece.name, yes[piece.rows], labels[piece.rows]) for name in _RATES[measure]]
        for piece in pieces.slices
    ]
    kept = [rates for rates in table if min(rate.rows for rate in rates) >= demand.min_rows]
    sizes = [len(piece.rows) for piece in pieces.slices]
    held = sum(size for size, rates in zip(sizes, table, strict=True) if rates in kept)
    found = None
    if len(kept) > 1:
        hits = [[rate.hits for rate in column] for column in zip(*kept, strict=True)]
        totals = [[rate.rows for rate in column] for column in zip(*kept, strict=True)]
        found = parity(hits, totals, _kind(kind), confidence=demand.confidence)
    parts = [_part(rate, demand.min_rows, rates in kept) for rates in table for rate in rates]
    if pieces.others:
        name = plural(pieces.others, "further group")
        parts.append(Part(name=name, outcome="not-enough-data", rows=pieces.others_rows))
    covered = held / max(len(labels), 1)
    smallest = min((rate.rows for rates in table for rate in rates), default=0)
    return _Compared(" with ".join(columns_of(cut)), found, tuple(parts), covered, smallest)


def _kind(name: str) -> Kind:
    return "ratio" if name == "ratio" else "difference"


def _rate(
    name: str, group: str, yes: npt.NDArray[np.bool_], labels: npt.NDArray[np.float64]
) -> _Rate:
    counts = {SELECTED: np.ones_like(yes), FOUND: labels == 1, ALARMED: labels == 0}[name]
    return _Rate(group, name, int(np.sum(yes & counts)), int(np.sum(counts)))


def _part(rate: _Rate, min_rows: int, is_compared: bool) -> Part:
    lower, upper = wilson(rate.hits, rate.rows)
    words = "" if is_compared else f"{min_rows:,} rows would do"
    return Part(
        name=f"{rate.group}, {rate.name}",
        outcome="not-applicable" if is_compared else "not-enough-data",
        words=words,
        value=rate.hits / rate.rows if rate.rows else None,
        lower=lower,
        upper=upper,
        rows=rate.rows,
    )


def _bound(demand: Fairness, found: Parity | None) -> float:
    if found is None or np.isnan(found.value):
        return np.inf if demand.at_most is not None else -np.inf
    return found.upper if demand.at_most is not None else found.lower


def _outcome(demand: Fairness, compared: _Compared) -> CheckOutcome:
    found = compared.found
    if found is None or np.isnan(found.value):
        return "not-enough-data"
    if demand.at_most is not None:
        kept, broken = found.upper <= demand.at_most, found.lower > demand.at_most
    else:
        assert demand.at_least is not None
        kept, broken = found.lower >= demand.at_least, found.upper < demand.at_least
    if broken:
        return "failed"
    return "passed" if kept and compared.covered >= demand.cover else "not-enough-data"


def _needed(demand: Fairness, compared: _Compared, rows: int) -> int:
    found, limit = compared.found, demand.at_most
    if found is None or compared.covered < demand.cover:
        return max(-(-rows * demand.min_rows // max(compared.smallest, 1)), rows + 1)
    if np.isnan(found.value):
        return rows + 1
    limit = limit if limit is not None else demand.at_least
    distance = abs(found.value - limit) if limit is not None else 0.0
    reach = abs(_bound(demand, found) - found.value)
    return rows_needed(rows, reach, distance) if 0 < distance < reach else rows + 1


def _words(
    demand: Fairness, worst: _Compared, outcome: CheckOutcome, needed: int, rows: int
) -> str:
    found, by = worst.found, worst.by
    if found is None:
        return (
            f"{by} makes fewer than two groups whose rates rest on {demand.min_rows:,} rows; "
            f"about {needed:,} rows would do, there are {rows:,}"
        )
    if np.isnan(found.value):
        return f"no group by {by} has any yes, so {demand.measure} is not defined"
    side, limit = "at most", demand.at_most
    if limit is None:
        side, limit = "at least", demand.at_least
    words = (
        f"{demand.measure} by {by} is {found.value:.4g} and must be {side} {limit:g}; with "
        f"{demand.confidence:.0%} confidence it is {side} {_bound(demand, found):.4g}"
    )
    if worst.covered < demand.cover:
        words += f"; only {worst.covered:.0%} of the rows lie in groups that could be compared"
    return words + (f"; about {needed:,} rows would tell, there are {rows:,}" if needed else "")
