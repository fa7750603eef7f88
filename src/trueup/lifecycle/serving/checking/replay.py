"""Logged traffic of a deployment, answered again by a candidate and compared row by row."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from trueup.foundation.errors import TrueupError, UsageError
from trueup.foundation.records import Record
from trueup.foundation.text import listing
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.serving.journal import reader
from trueup.lifecycle.serving.records import Labels, Predictions, Score
from trueup.ports.format import Predictor, Scores

_HALF: Final = 0.5


class Replay(Record):
    """What is replayed, and what is asked of it.

    Attributes:
        rows: The newest so many rows.
        tolerance: A move of an answer by no more than this counts as none.
        moved: Largest share of rows whose answer may move; None for any.
        threshold: Answers from here on decide yes.
        flipped: Largest share of rows whose decision may flip; None for any.
    """

    rows: int = 10_000
    tolerance: float = 1e-9
    moved: float | None = None
    threshold: float = _HALF
    flipped: float | None = None


class Traffic(Record):
    """Logged rows, each as long as the others.

    Attributes:
        inputs: Values by input; None where a row was logged without it.
        scores: What was answered.
        versions: By whom.
        labels: What was true; NaN where it is not known.
    """

    inputs: dict[str, list[Any]]
    scores: list[Score]
    versions: list[str]
    labels: list[float]


def traffic(folder: Path, deployment: str, rows: int) -> Traffic:
    """The newest rows that a journal holds of a deployment, with the labels that have come."""
    kept: deque[Predictions] = deque()
    count = 0
    labels: dict[str, float] = {}
    for record, _ in reader.read(folder):
        if record.deployment != deployment:
            continue
        if isinstance(record, Labels):
            labels |= {
                prediction: float(label)
                for prediction, label in zip(record.predictions, record.labels, strict=True)
                if not isinstance(label, str)
            }
        elif isinstance(record, Predictions) and not record.shadow:
            kept.append(record)
            count += len(record.rows)
            while count - len(kept[0].rows) >= rows:
                count -= len(kept.popleft().rows)
    names = dict.fromkeys(name for record in kept for name in record.inputs)
    return Traffic(
        inputs={
            name: [
                value
                for record in kept
                for value in record.inputs.get(name, [None] * len(record.rows))
            ]
            for name in names
        },
        scores=[score for record in kept for score in record.scores],
        versions=[record.model_ref for record in kept for _ in record.rows],
        labels=[
            labels.get(f"{record.request}-{row}", float("nan"))
            for record in kept
            for row in record.rows
        ],
    )


def check(
    logged: Traffic, candidate: str, predict: Predictor, signature: Signature, asked: Replay
) -> CheckResult:
    """Let a candidate answer what was asked, and compare row by row."""
    count = len(logged.scores)
    if not count:
        words = "the journal holds no prediction of this deployment"
        return CheckResult(check="replay", outcome="not-enough-data", words=words)
    try:
        now = predict(_rows(logged.inputs, signature))
    except TrueupError as error:
        return CheckResult(check="replay", outcome="failed", words=error.message, rows=count)
    except Exception as error:  # a model may fail in any way
        words = " ".join(str(error).split())[:300] or type(error).__name__
        return CheckResult(
            check="replay",
            outcome="failed",
            words=f"{candidate} cannot answer the logged rows: {words}",
            rows=count,
        )
    before = np.asarray(logged.scores)
    parts = [_whole(now), *_moves(before, now, asked), *_same_version(candidate, logged, now)]
    parts += _truth(before, now, np.asarray(logged.labels))
    outcome = worst(parts)
    return CheckResult(
        check="replay",
        outcome=outcome,
        words=told(parts, f"{candidate} answers {count:,} logged rows; {parts[1].words}"),
        value=parts[1].value,
        limit=asked.moved,
        rows=count,
        parts=tuple(parts),
    )


def _rows(inputs: Mapping[str, list[Any]], signature: Signature) -> pl.DataFrame:
    """The logged inputs as the candidate takes them.

    Raises:
        UsageError: It takes what was never logged, or as another kind.
    """
    frame = pl.DataFrame(dict(inputs), strict=False, infer_schema_length=None)
    names = [column.name for column in signature.inputs]
    hint = "replay against a version that takes what was logged"
    if missing := [name for name in names if name not in frame.columns]:
        words = f"the logged rows lack {listing(missing[:5])}, which the candidate takes"
        raise UsageError("service-rows", words, hint=hint)
    if unfit := model_rules.why_unfit(frame, signature):
        raise UsageError("service-rows", f"the logged rows do not fit: {unfit}", hint=hint)
    return model_rules.conform(frame, signature)


def _whole(now: Scores) -> Part:
    odd = int(np.count_nonzero(~np.isfinite(now)))
    words = f"{odd:,} rows get no number" if odd else "every row gets a number"
    return Part(name="answers", outcome="failed" if odd else "passed", words=words, rows=len(now))


def _moves(before: Scores, now: Scores, asked: Replay) -> list[Part]:
    gaps = np.abs(now - before)
    moved = float(np.mean(~(gaps <= asked.tolerance)))
    flips = float(np.mean((before >= asked.threshold) != (now >= asked.threshold)))
    known = gaps[np.isfinite(gaps)]
    middle, most = np.quantile(known, (0.5, 1.0)) if len(known) else (0.0, 0.0)
    words = f"{moved:.1%} of the answers move by more than {asked.tolerance:g}"
    words += f" (half by {middle:.2g}, one by {most:.2g})"
    decided = f"{flips:.1%} of the decisions at {asked.threshold:g} flip"
    return [
        _held("moved", moved, asked.moved, words, len(now)),
        _held("flipped", flips, asked.flipped, decided, len(now)),
    ]


def _held(name: str, value: float, limit: float | None, words: str, rows: int) -> Part:
    outcome: CheckOutcome = "not-applicable"
    if limit is not None:
        outcome = "failed" if value > limit else "passed"
        words += f"; at most {limit:.1%} will do"
    return Part(name=name, outcome=outcome, words=words, value=value, limit=limit, rows=rows)


def _same_version(candidate: str, logged: Traffic, now: Scores) -> list[Part]:
    """What the candidate itself answered when it served must come again."""
    own = np.asarray([version == candidate for version in logged.versions])
    if not own.any():
        return []
    gaps = np.abs(np.asarray(logged.scores)[own] - now[own])
    moved = int(np.count_nonzero(~(gaps <= 1e-9)))
    words = f"{moved:,} of its own {int(own.sum()):,} logged answers do not come again"
    return [
        Part(
            name="own answers",
            outcome="failed" if moved else "passed",
            words=words if moved else f"its own {int(own.sum()):,} logged answers come again",
            value=float(moved),
            limit=0.0,
            rows=int(own.sum()),
        )
    ]


def _truth(before: Scores, now: Scores, labels: Scores) -> list[Part]:
    """Where the truth is known: the difference of squared errors, with its interval."""
    known = np.isfinite(labels)
    rows = int(known.sum())
    if rows < 2:
        return []
    gain = (before[known] - labels[known]) ** 2 - (now[known] - labels[known]) ** 2
    mean, reach = float(gain.mean()), 1.645 * float(gain.std(ddof=1)) / rows**0.5
    words = f"on {rows:,} rows whose truth is known it errs less by {mean:+.4f} (squared error, "
    words += f"{mean - reach:+.4f} to {mean + reach:+.4f})"
    return [
        Part(
            name="truth",
            outcome="not-applicable",
            words=words,
            value=mean,
            lower=mean - reach,
            upper=mean + reach,
            rows=rows,
        )
    ]
