"""A model must behave as people expect: what changes nothing, what never falls, what holds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.text import plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.asking import ask, furthest
from trueup.lifecycle.gates.methods.slicing import absent
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.gates.rules import rows_needed
from trueup.lifecycle.models.rules import conform
from trueup.lifecycle.plan.demands import Behaviour
from trueup.lifecycle.plan.trials import Direction, Invariance, Minimum, Trial
from trueup.ports.format import Scores
from trueup.statistics.intervals import wilson

TAKES = "evidence"
_ORDER: tuple[CheckOutcome, ...] = ("error", "failed", "not-enough-data", "passed")
_ROUNDING = 1e-9  # what a sum in another order may change


def check(demand: Behaviour, evidence: Evidence) -> CheckResult:
    """Whether every test of behaviour holds."""
    parts = tuple(_tested(demand, test, evidence) for test in demand.tests)
    worst = min(parts, key=lambda part: (_ORDER.index(part.outcome), part.value or 0.0))
    bad = [part for part in parts if part.outcome != "passed"]
    words = f"{worst.name}: {worst.words}"
    if bad[1:]:
        words += f"; {plural(len(bad) - 1, 'other test')} did not pass either"
    elif not bad:
        words = f"all of {plural(len(parts), 'test')} hold; least often {words}"
    return CheckResult(
        check="behaviour",
        outcome=worst.outcome,
        words=words,
        value=worst.value,
        bound=worst.lower,
        limit=worst.limit,
        confidence=demand.confidence,
        rows=sum(part.rows for part in parts),
        rows_needed=_needed(worst) if worst.outcome == "not-enough-data" else 0,
        parts=parts,
    )


def _tested(demand: Behaviour, test: Trial, evidence: Evidence) -> Part:
    if isinstance(test, Minimum):
        return _minimum(test, evidence)
    columns = test.columns if isinstance(test, Invariance) else (test.column,)
    if trouble := _untestable(test, columns, evidence):
        return Part(name=test.name, outcome="error", words=trouble)
    generator = np.random.default_rng(demand.seed)
    some = np.sort(generator.permutation(evidence.inputs.height)[: demand.rows])
    rows, before = evidence.inputs[some], evidence.scores[some]
    other = _changed(test, columns, rows, evidence, generator)
    differs = _differs(rows, other, columns)
    if not differs.any():
        words = f"no row got another value in {', '.join(columns)}, so nothing was tried"
        return Part(name=test.name, outcome="not-enough-data", words=words)
    reply = ask(evidence, other)
    if reply.scores is None:
        return Part(name=test.name, outcome="failed", words=f"the model breaks: {reply.trouble}")
    holds = _holds(test, before, reply.scores)[differs]
    return _rated(demand, test, int(holds.sum()), len(holds))


def _untestable(test: Invariance | Direction, columns: tuple[str, ...], evidence: Evidence) -> str:
    if trouble := absent(evidence.inputs, columns):
        return trouble
    if isinstance(test, Direction) and evidence.scores.ndim > 1:
        return "an answer of several numbers neither rises nor falls"
    words = [name for name in columns if not evidence.inputs[name].dtype.is_numeric()]
    return f"{words[0]} is no number that could be raised" if test.by is not None and words else ""


def _changed(
    test: Invariance | Direction,
    columns: tuple[str, ...],
    rows: pl.DataFrame,
    evidence: Evidence,
    generator: np.random.Generator,
) -> pl.DataFrame:
    if test.by is not None:
        more = ((pl.col(name) + test.by).cast(rows.schema[name]) for name in columns)
        return rows.with_columns(more)
    seen = evidence.trained_on
    known = evidence.inputs if seen is None else conform(seen, evidence.signature)
    if not known.height:
        return rows
    drawn = known.select(columns)[generator.integers(0, known.height, rows.height)]
    return rows.with_columns(drawn.get_columns())


def _differs(
    rows: pl.DataFrame, other: pl.DataFrame, columns: tuple[str, ...]
) -> npt.NDArray[np.bool_]:
    differs = np.zeros(rows.height, dtype=np.bool_)
    for name in columns:
        differs |= rows[name].ne_missing(other[name]).to_numpy()
    return differs


def _holds(test: Invariance | Direction, before: Scores, after: Scores) -> npt.NDArray[np.bool_]:
    within = test.within + _ROUNDING
    if isinstance(test, Invariance):
        return np.asarray(furthest(before, after) <= within)
    sign = 1.0 if test.score == "rises" else -1.0
    return np.asarray(sign * (after - before) >= -within)


def _rated(demand: Behaviour, test: Trial, held: int, rows: int) -> Part:
    lower, upper = wilson(held, rows, 2 * demand.confidence - 1)
    outcome: CheckOutcome = "not-enough-data"
    if lower >= demand.at_least:
        outcome = "passed"
    elif held / rows < demand.at_least:
        outcome = "failed"
    words = (
        f"it holds on {held:,} of {rows:,} rows, with {demand.confidence:.0%} confidence on at "
        f"least {lower:.2%}, and must on {demand.at_least:.2%}"
    )
    return Part(
        name=test.name,
        outcome=outcome,
        words=words,
        value=held / rows,
        lower=lower,
        upper=upper,
        limit=demand.at_least,
        rows=rows,
    )


def _minimum(test: Minimum, evidence: Evidence) -> Part:
    assert not isinstance(test.rows, str), "the plan holds what the file says"
    names = [column.name for column in evidence.signature.inputs]
    given = {name for row in test.rows for name in row}
    lacks = [name for name in names if name not in given]
    if lacks:
        words = f"its rows lack {', '.join(lacks[:5])}, which the model takes"
        return Part(name=test.name, outcome="error", words=words)
    try:
        columns = [
            pl.Series(name, [row.get(name) for row in test.rows], strict=False) for name in names
        ]
        rows = conform(pl.DataFrame(columns), evidence.signature)
    except pl.exceptions.PolarsError as error:
        return Part(name=test.name, outcome="error", words=str(error).splitlines()[0][:200])
    reply = ask(evidence, rows)
    if reply.scores is None:
        return Part(name=test.name, outcome="failed", words=f"the model breaks: {reply.trouble}")
    if trouble := _misfit(test, evidence, reply.scores):
        return Part(name=test.name, outcome="error", words=trouble)
    holds = _is_as_said(test, evidence, reply.scores)
    share = float(holds.mean())
    return Part(
        name=test.name,
        outcome="passed" if holds.all() else "failed",
        words=f"it holds on {int(holds.sum()):,} of {len(holds):,} rows, and must on every one",
        value=share,
        lower=share,
        upper=share,
        limit=1.0,
        rows=len(holds),
    )


def _misfit(test: Minimum, evidence: Evidence, scores: Scores) -> str:
    classes = evidence.signature.classes
    if test.says is not None and test.says not in classes:
        return f"'{test.says}' is no class of the model" if classes else "the model has no classes"
    if scores.ndim > 1 and test.says is None:
        return "an answer of several numbers is neither low nor high; say which class: says"
    return ""


def _is_as_said(test: Minimum, evidence: Evidence, scores: Scores) -> npt.NDArray[np.bool_]:
    holds = np.ones(len(scores), dtype=np.bool_)
    if test.says is not None:
        holds &= scores.argmax(axis=1) == evidence.signature.classes.index(test.says)
    if test.at_least is not None:
        holds &= scores >= test.at_least - _ROUNDING
    if test.at_most is not None:
        holds &= scores <= test.at_most + _ROUNDING
    return holds


def _needed(part: Part) -> int:
    """Rows at which a share would be proven; where nothing was tried, nobody knows."""
    if part.value is None or part.lower is None or part.limit is None:
        return 0
    distance = part.value - part.limit
    return rows_needed(part.rows, part.value - part.lower, distance) if distance > 0 else 0
