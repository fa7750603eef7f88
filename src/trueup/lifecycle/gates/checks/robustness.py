"""What a model loses when its inputs are noisy, missing, extreme, mixed up or new."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.text import plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.asking import Reply, ask, ask_each, decided
from trueup.lifecycle.gates.methods.disturbing import Way, disturbed, halves, ways
from trueup.lifecycle.gates.methods.slicing import absent
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.models.rules import conform
from trueup.lifecycle.plan.demands import Robustness
from trueup.ports.format import Scores
from trueup.statistics.intervals import minimum_detectable, wilson
from trueup.statistics.metrics import METRICS
from trueup.statistics.pairs import PairedDifference, compare, why_not

TAKES = "evidence"
_WAYS_AT_ONCE = 50
_ORDER: tuple[CheckOutcome, ...] = ("failed", "not-enough-data", "passed", "not-applicable")


def check(demand: Robustness, evidence: Evidence) -> CheckResult:
    """Whether the model keeps what it is worth under every way of disturbing its inputs."""
    evidence = evidence.labelled(demand.on_missing)
    rows = len(evidence.labels)
    if trouble := _trouble(demand, evidence):
        return CheckResult(check="robustness", outcome="error", words=trouble)
    if rows < demand.min_rows:
        return CheckResult(
            check="robustness",
            outcome="not-enough-data",
            words=f"{demand.min_rows:,} rows are needed, there are {rows:,}",
            rows=rows,
            rows_needed=demand.min_rows,
        )
    trial = _Trial(demand, evidence)
    parts = tuple(trial.parts())
    if not parts:
        return CheckResult(
            check="robustness",
            outcome="not-applicable",
            words=f"the model has no input that {' or '.join(demand.under)} could disturb",
            rows=rows,
        )
    worst = min(parts, key=lambda part: (_ORDER.index(part.outcome), _room(part)))
    bad = [part for part in parts if part.outcome == worst.outcome]
    others = f"; so it is for {plural(len(bad) - 1, 'other way')}" if bad[1:] else ""
    words = f"{worst.name}: {worst.words}{others}"
    if worst.outcome == "passed":
        words = f"none of {plural(len(parts), 'way')} is too much; the worst is {worst.name}: "
        words += worst.words
    return CheckResult(
        check="robustness",
        outcome=worst.outcome,
        words=words,
        value=worst.value,
        bound=worst.upper,
        limit=worst.limit,
        confidence=demand.confidence,
        rows=rows,
        rows_needed=2 * rows if worst.outcome == "not-enough-data" else 0,
        detectable=minimum_detectable(trial.largest_error, demand.confidence),
        parts=parts,
    )


def _trouble(demand: Robustness, evidence: Evidence) -> str:
    named = [*demand.columns, *(name for group in demand.together for name in group)]
    trouble = absent(evidence.inputs, named) or evidence.trouble()
    if demand.loss is not None:
        metric = METRICS[demand.metric]
        trouble = trouble or evidence.why_not(metric) or why_not(metric, "")
    if demand.moves is not None and evidence.signature.task not in ("binary", "multiclass"):
        trouble = trouble or f"a {evidence.signature.task} model decides nothing that could move"
    return trouble


def _room(part: Part) -> float:
    """How far the bound lies below the limit, in limits; what breaks has none at all."""
    if part.upper is None or not part.limit:
        return -np.inf if part.upper is None else -part.upper
    return (part.limit - part.upper) / part.limit


class _Trial:
    """A model, and the rows of it that are disturbed."""

    def __init__(self, demand: Robustness, evidence: Evidence) -> None:
        self._demand, self._evidence = demand, evidence
        seen = evidence.trained_on
        self._reference = evidence.inputs if seen is None else conform(seen, evidence.signature)
        self._generator = np.random.default_rng(demand.seed)
        rows = len(evidence.labels)
        count = max(round(demand.share * rows), 1)
        self._some = np.sort(self._generator.permutation(rows)[:count])
        self._rows = evidence.inputs[self._some]
        self.largest_error = 0.0

    def parts(self) -> Iterator[Part]:
        """What every way costs, and how many decisions it moves; or how the model breaks."""
        every = list(ways(self._demand, self._evidence.signature))
        for start in range(0, len(every), _WAYS_AT_ONCE):
            some = every[start : start + _WAYS_AT_ONCE]
            frames = [self._disturbed(way) for way in some]
            for way, reply in zip(some, ask_each(self._evidence, frames), strict=True):
                yield from self._judged(way, reply)

    def _disturbed(self, way: Way) -> pl.DataFrame:
        rows = self._evidence.inputs if way.kind == "noise" else self._rows
        return disturbed(rows, way, self._reference, self._generator)

    def _judged(self, way: Way, reply: Reply) -> Iterator[Part]:
        if reply.scores is None:
            yield self._broken(way, reply.trouble)
            return
        after, which = reply.scores, np.arange(len(self._evidence.scores))
        if way.kind != "noise":
            after, which = self._evidence.scores.copy(), self._some
            after[which] = reply.scores
        if self._demand.loss is not None:
            yield self._loss(way, after, self._demand.loss)
        if self._demand.moves is not None:
            yield self._moves(way, after, which, self._demand.moves)

    def _broken(self, way: Way, trouble: str) -> Part:
        """Of columns that were disturbed together, the first that breaks the model by itself."""
        while len(way.columns) > 1 and way.kind != "noise":
            found = next((half for half in halves(way) if self._breaks(half)), None)
            if found is None:
                break
            way, trouble = found, self._breaks(found)
        return Part(name=way.name, outcome="failed", words=f"the model breaks: {trouble}")

    def _breaks(self, way: Way) -> str:
        return ask(self._evidence, self._disturbed(way)).trouble

    def _loss(self, way: Way, after: Scores, most: float) -> Part:
        evidence, metric = self._evidence, METRICS[self._demand.metric]
        is_mean = metric.row_value is not None and not metric.is_magnitude
        found = compare(
            metric,
            evidence.labels,
            evidence.scores,
            after,
            "t" if is_mean else "",
            beside=evidence.beside,
            draws=200,
            confidence=self._demand.confidence,
        )
        rows = len(after)
        if not np.isfinite(found.difference):
            words = f"{metric.name} is not defined on these rows"
            return Part(name=way.name, outcome="not-enough-data", words=words, rows=rows)
        self._note(found)
        said = f"{metric.name} is worse by {found.difference:.4g}, and may be by {most:g}"
        return _part(way.name, said, found.difference, (found.lower, found.upper), most, rows)

    def _note(self, found: PairedDifference) -> None:
        reach = (found.upper - found.lower) / 2
        if np.isfinite(reach):
            z = minimum_detectable(1.0, self._demand.confidence, 0.5 + 1e-9)
            self.largest_error = max(self.largest_error, reach / z)

    def _moves(self, way: Way, after: Scores, which: npt.NDArray[np.int64], most: float) -> Part:
        signature = self._evidence.signature
        was = decided(self._evidence.scores[which], signature)
        now = decided(after[which], signature)
        moved = int(np.count_nonzero(was != now))
        ends = wilson(moved, len(which), 2 * self._demand.confidence - 1)
        said = f"{moved / len(which):.2%} of the decisions move, and {most:.2%} may"
        name = f"{way.name}, decisions"
        return _part(name, said, moved / len(which), ends, most, len(which))


def _part(
    name: str, said: str, value: float, ends: tuple[float, float], most: float, rows: int
) -> Part:
    lower, upper = ends
    outcome: CheckOutcome = "not-enough-data"
    if upper <= most:
        outcome = "passed"
    elif lower > most:
        outcome = "failed"
    return Part(
        name=name,
        outcome=outcome,
        words=f"{said}; at most {upper:.4g} on the bound",
        value=value,
        lower=lower,
        upper=upper,
        limit=most,
        rows=rows,
    )
