"""The same row gets the same answer: again, in other batches and orders, threads and processes."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from trueup.foundation import threads
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import fresh
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.models.answers import as_said
from trueup.lifecycle.plan.demands import Determinism
from trueup.ports.format import Predictor, Scores

TAKES = "evidence"
_TIMES: Final = 5
_AT_ONCE: Final = 4
_SINGLE: Final = 50
_SIZES: Final = (7, 256)


def check(demand: Determinism, evidence: Evidence) -> CheckResult:
    """Whether every way of asking gives the answers that the first one gave."""
    rows, predict = evidence.inputs.head(demand.rows), evidence.predict
    if not rows.height:
        return CheckResult(
            check="determinism", outcome="not-enough-data", words="there is no row to ask about"
        )
    first = predict(rows)
    parts = [
        *(_part(demand, "repeated", first, predict(rows)) for _ in range(_TIMES - 1)),
        *(_part(demand, f"batches of {s}", first, _cut(predict, rows, s)) for s in _SIZES),
        _part(demand, "one by one", first[:_SINGLE], _cut(predict, rows.head(_SINGLE), 1)),
        _part(demand, "other order", first, _shuffled(predict, rows)),
        *(_part(demand, "at once", first, again) for again in _together(predict, rows)),
        *_elsewhere(demand, evidence, rows, first),
    ]
    parts = _worst_of_each(parts)
    return CheckResult(
        check="determinism",
        outcome=worst(parts),
        words=told(parts, f"{rows.height:,} rows get {_same(demand)} however they are asked"),
        value=max((p.value for p in parts if p.value is not None), default=None),
        limit=demand.eps,
        rows=rows.height,
        parts=tuple(parts),
    )


def _part(demand: Determinism, name: str, first: Scores, now: Scores) -> Part:
    if first.shape != now.shape:
        words = f"{name}: {len(now):,} answers came for {len(first):,} rows"
        return Part(name=name, outcome="failed", words=words, rows=len(first))
    moved = np.where(np.isnan(first) & np.isnan(now), 0.0, np.abs(first - now))
    moved = np.where(np.isnan(moved), 1.0, moved)  # an answer here, none there
    moved = moved.reshape(len(first), -1).max(axis=1, initial=0.0)  # a row may have several numbers
    count, most = int(np.count_nonzero(moved > demand.eps)), float(moved.max(initial=0.0))
    words = f"{name}: {_same(demand)}"
    if count:
        words = f"{name}: {count:,} of {len(first):,} rows are answered otherwise, by {most:.2g}"
    return Part(
        name=name,
        outcome="failed" if count else "passed",
        words=words,
        value=most,
        limit=demand.eps,
        rows=len(first),
    )


def _same(demand: Determinism) -> str:
    return f"the same answers within {demand.eps:g}" if demand.eps else "the same bits"


def _cut(predict: Predictor, rows: pl.DataFrame, size: int) -> Scores:
    return np.concatenate([predict(piece) for piece in rows.iter_slices(size)])


def _shuffled(predict: Predictor, rows: pl.DataFrame) -> Scores:
    order = np.random.default_rng(rows.height).permutation(rows.height)
    answers = predict(rows[order])
    back = np.empty_like(answers)
    back[order] = answers
    return back


def _together(predict: Predictor, rows: pl.DataFrame) -> list[Scores]:
    with threads.pool(_AT_ONCE, "determinism") as pool:
        return list(pool.map(predict, [rows] * _AT_ONCE))


def _elsewhere(
    demand: Determinism, evidence: Evidence, rows: pl.DataFrame, first: Scores
) -> list[Part]:
    """What fresh processes answer, with as many threads as they like and with one."""
    file, names = evidence.file, {"fresh process": 0, "one thread": 1}
    if file is None:
        words = "the model is an object of this process and kept in no file"
        return [Part(name=name, outcome="not-applicable", words=words) for name in names]
    try:
        return [
            _part(demand, name, first, as_said(found, evidence.signature))
            for name, count in names.items()
            for _, found in (fresh.run(file, rows, threads=count),)
        ]
    except fresh.FreshError as error:
        return [Part(name="fresh process", outcome="error", words=str(error))]


def _worst_of_each(parts: list[Part]) -> list[Part]:
    """One part a name: the one that moved most."""
    found: dict[str, Part] = {}
    for part in parts:
        known = found.get(part.name)
        if known is None or known.outcome == "passed" != part.outcome:
            found[part.name] = part
    return list(found.values())
