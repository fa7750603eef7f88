"""A metric in every slice of the rows: what holds on the whole may not hold for one carrier."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from trueup.foundation.text import listing, plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.claims import Claim, detectable, enough, judged
from trueup.lifecycle.gates.methods.slicing import Slice, Slicing, absent, columns_of, sliced
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.plan.demands import Slices
from trueup.statistics.metrics import METRICS, Estimate

TAKES = "evidence"
SMALL_NAMED = 20  # slices of too few rows that are named one by one
_BESIDE_ALL = ", beside all rows"


def check(demand: Slices, evidence: Evidence) -> CheckResult:
    """Whether slices that hold nearly all rows are proven good, and none is proven bad."""
    evidence = evidence.labelled(demand.on_missing)
    rows = len(evidence.labels)
    named = [name for cut in demand.by for name in columns_of(cut)]
    trouble = absent(evidence.holdout, named) or evidence.why_not(METRICS[demand.metric])
    trouble = trouble or evidence.trouble()
    if METRICS[demand.metric].needs == "latency":
        trouble = f"{demand.metric} is measured on calls, which have no slices"
    if trouble:
        return CheckResult(check="slices", outcome="error", words=trouble)
    if rows < demand.min_rows:
        return CheckResult(
            check="slices",
            outcome="not-enough-data",
            words=f"a slice needs {demand.min_rows:,} rows, and there are {rows:,} in all",
            rows=rows,
            rows_needed=demand.min_rows,
        )
    cuts = [sliced(evidence.holdout, cut, demand.quantiles) for cut in demand.by]
    claims = [_claims(demand, evidence, cut) for cut in cuts]
    every = [claim for of_cut in claims for claim in of_cut]
    parts = judged(every, demand.confidence)
    small = [part for cut in cuts for part in _small(cut, demand)]
    good = {part.name.removesuffix(_BESIDE_ALL) for part in parts if part.outcome == "passed"}
    good -= {part.name.removesuffix(_BESIDE_ALL) for part in parts if part.outcome != "passed"}
    covered = min(sum(len(s.rows) for s in cut.slices if s.name in good) for cut in cuts) / rows
    outcome: CheckOutcome = "passed" if covered >= demand.cover else "not-enough-data"
    if any(part.outcome == "failed" for part in parts):
        outcome = "failed"
    worst = _worst(every, parts)
    needed = _needed(demand, cuts, every, rows) if outcome == "not-enough-data" else 0
    return CheckResult(
        check="slices",
        outcome=outcome,
        words=_words(demand, parts, covered, worst, needed),
        value=worst.value if worst else None,
        bound=(worst.lower if _is_floor(worst, every) else worst.upper) if worst else None,
        limit=worst.limit if worst else None,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=needed,
        detectable=detectable(every, demand.confidence),
        parts=(*parts, *small),
    )


def _claims(demand: Slices, evidence: Evidence, cut: Slicing) -> list[Claim]:
    whole = evidence.measured(METRICS[demand.metric])
    claims = []
    for piece in cut.slices:
        if len(piece.rows) < demand.min_rows:
            continue
        estimate = evidence.measured(METRICS[demand.metric], piece.rows)
        claims += _of_slice(demand, piece, estimate, whole)
    return claims


def _of_slice(demand: Slices, piece: Slice, estimate: Estimate, whole: Estimate) -> list[Claim]:
    rows, value, error = len(piece.rows), estimate.value, estimate.standard_error
    claims = []
    if demand.at_least is not None:
        claims.append(Claim(piece.name, value, error, "at least", demand.at_least, rows))
    elif demand.at_most is not None:
        claims.append(Claim(piece.name, value, error, "at most", demand.at_most, rows))
    if demand.gap is not None:
        worse = value - whole.value
        worse = -worse if METRICS[demand.metric].better == "higher" else worse
        apart = _error_of_gap(error, whole.standard_error, rows / whole.n)
        claims.append(Claim(piece.name + _BESIDE_ALL, worse, apart, "at most", demand.gap, rows))
    return claims


def _error_of_gap(of_slice: float, of_whole: float, share: float) -> float:
    """Error of slice less whole, which holds the slice: exact for means over rows."""
    if share == 1 or not math.isfinite(of_slice) or not math.isfinite(of_whole):
        return math.inf  # a slice that is the whole has nothing to be compared with
    return math.sqrt(max(of_slice**2 * (1 - 2 * share) + of_whole**2, 0.0))


def _small(cut: Slicing, demand: Slices) -> list[Part]:
    small = [piece for piece in cut.slices if len(piece.rows) < demand.min_rows]
    parts = [
        Part(
            name=piece.name,
            outcome="not-enough-data",
            words=f"{plural(len(piece.rows), 'row')}; {demand.min_rows:,} would do",
            rows=len(piece.rows),
        )
        for piece in small[:SMALL_NAMED]
    ]
    further = len(small[SMALL_NAMED:]) + cut.others
    if further:
        rows = sum(len(piece.rows) for piece in small[SMALL_NAMED:]) + cut.others_rows
        name = f"{plural(further, 'further slice')}"
        words = f"{plural(rows, 'row')} together; too few in each, or too many slices"
        parts.append(Part(name=name, outcome="not-enough-data", words=words, rows=rows))
    return parts


def _worst(claims: Sequence[Claim], parts: Sequence[Part]) -> Part | None:
    """The part that lies nearest to its limit, or furthest beyond it."""
    known = [(c.margin, number) for number, c in enumerate(claims) if c.is_defined]
    return parts[min(known)[1]] if known else None


def _is_floor(part: Part, claims: Sequence[Claim]) -> bool:
    return any(claim.name == part.name and claim.side == "at least" for claim in claims)


def _needed(demand: Slices, cuts: Sequence[Slicing], claims: Sequence[Claim], rows: int) -> int:
    """Rows at which every slice that must be proven would have enough, if the shares stay."""
    times = [enough(claim, demand.confidence, len(claims)) / claim.rows for claim in claims]
    for cut in cuts:
        passed = np.cumsum([len(piece.rows) for piece in cut.slices])
        last = min(int(np.searchsorted(passed, demand.cover * rows)), len(passed) - 1)
        times.append(demand.min_rows / len(cut.slices[last].rows))
    return max(math.ceil(rows * max(times, default=0)), rows + 1)


def _words(
    demand: Slices, parts: Sequence[Part], covered: float, worst: Part | None, needed: int
) -> str:
    by = listing(" with ".join(columns_of(cut)) for cut in demand.by)
    failed = [part for part in parts if part.outcome == "failed"]
    if worst is None:
        return f"no slice by {by} has the {demand.min_rows:,} rows that it needs"
    if failed:
        said = f"{demand.metric} is too bad where {worst.name}: {worst.words}"
        others = plural(len(failed) - 1, "other slice")
        return said + (f"; so it is in {others}" if failed[1:] else "")
    said = f"{demand.metric} by {by} is proven good in slices that hold {covered:.0%} of the rows"
    if covered >= demand.cover:
        return f"{said}; the worst is {worst.name}: {worst.words}"
    said += f", and must be in {demand.cover:.0%}"
    open_parts = [part for part in parts if part.outcome == "not-enough-data"]
    if open_parts:
        largest = max(open_parts, key=lambda part: part.rows)
        said += f"; the largest that is not is {largest.name}: {largest.words}"
    return f"{said}; about {needed:,} rows in all would tell"
