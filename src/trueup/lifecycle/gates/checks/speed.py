"""How fast a model answers, how fast it starts, and what it needs: each against its limit.

A model that is kept in a file is measured in a fresh process, where nothing else runs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods import fresh, timing
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.plan.demands import Speed
from trueup.statistics.quantiles import fewest, quantile

TAKES = "evidence"
_MB: Final = 1e6
_SECONDS: Final = 1.0
_OF_A_FILE: Final = ("start_seconds", "memory_mb", "size_mb", "joules_per_1000")


def is_timed(demand: Speed) -> bool:
    """Always: nothing else may run meanwhile, and another machine is measured anew."""
    return True


def check(demand: Speed, evidence: Evidence) -> CheckResult:
    """Whether every limit that is stated is kept."""
    if not evidence.inputs.height:
        return CheckResult(
            check="speed", outcome="not-enough-data", words="there is no row to ask the model about"
        )
    unknown = [name for name in _OF_A_FILE if getattr(demand, name) is not None]
    if evidence.file is None and unknown:
        return CheckResult(
            check="speed",
            outcome="error",
            words=f"{unknown[0]} is asked of a model that is kept in no file: register it first, "
            "or leave the limit out",
        )
    try:
        costs = _measured(demand, evidence)
    except fresh.FreshError as error:
        return CheckResult(check="speed", outcome="error", words=str(error))
    parts = (*_latencies(demand, costs), *_rates(demand, costs), *_needs(demand, evidence, costs))
    outcome = worst(parts)
    first = next((part for part in parts if part.outcome == outcome), parts[0])
    return CheckResult(
        check="speed",
        outcome=outcome,
        words=told(parts, "; ".join(part.words for part in parts)),
        value=first.value,
        bound=first.upper if demand.rows_per_second is None else None,
        limit=first.limit,
        confidence=demand.confidence,
        rows=first.rows,
        rows_needed=_needed(demand) if outcome == "not-enough-data" else 0,
        parts=parts,
    )


def _measured(demand: Speed, evidence: Evidence) -> fresh.Costs:
    limits = (demand.p50_ms, demand.p95_ms, demand.p99_ms)
    calls = demand.calls if any(limit is not None for limit in limits) else 0
    runs_batches = demand.rows_per_second is not None or demand.joules_per_1000 is not None
    seconds = _SECONDS if runs_batches else 0.0
    if evidence.file is not None:
        return fresh.run(
            evidence.file, evidence.inputs, calls=calls, batch=demand.batch, seconds=seconds
        )[0]
    rows, predict = evidence.inputs, evidence.predict
    return fresh.Costs(
        start=0.0,
        peak=0,
        calls=tuple(timing.calls(predict, rows, calls)) if calls else (),
        batches=tuple(timing.batches(predict, rows, demand.batch, seconds)) if seconds else (),
    )


def _latencies(demand: Speed, costs: fresh.Costs) -> Iterator[Part]:
    for q, limit in ((0.5, demand.p50_ms), (0.95, demand.p95_ms), (0.99, demand.p99_ms)):
        if limit is None:
            continue
        found = quantile(np.asarray(costs.calls) * 1000, q, demand.confidence)
        name = f"p{q * 100:.0f}"
        words = f"{name} of a call with one row is {found.value:.3g} ms, at most {limit:g} will do"
        if found.value > limit:
            outcome: CheckOutcome = "failed"
        elif found.upper is None:
            outcome = "not-enough-data"
            words += (
                f"; {fewest(q, demand.confidence):,} calls bound it, there are {demand.calls:,}"
            )
        elif found.upper > limit:
            outcome = "not-enough-data"
            words += f", but it may be as much as {found.upper:.3g}: more calls would tell"
        else:
            outcome = "passed"
        yield Part(
            name=name,
            outcome=outcome,
            words=words,
            value=found.value,
            lower=found.lower,
            upper=found.upper,
            limit=limit,
            rows=len(costs.calls),
        )


def _rates(demand: Speed, costs: fresh.Costs) -> Iterator[Part]:
    if demand.rows_per_second is not None:
        found = quantile(costs.batches, 0.5, demand.confidence)
        rate, least = demand.batch / found.value, demand.batch / (found.upper or math.inf)
        limit = demand.rows_per_second
        within: CheckOutcome = "passed" if least >= limit else "not-enough-data"
        yield Part(
            name="throughput",
            outcome="failed" if rate < limit else within,
            words=f"{rate:,.0f} rows a second in batches of {demand.batch:,}, surely {least:,.0f}; "
            f"at least {limit:,g} will do",
            value=rate,
            lower=least,
            limit=limit,
            rows=len(costs.batches) * demand.batch,
        )
    if demand.joules_per_1000 is not None:
        # The extra batch that warms up is in the processor time, too.
        thousands = (len(costs.batches) + 1) * demand.batch / 1000
        if costs.joules is not None:
            joules, how = costs.joules / thousands, "by the meter of the processor"
        else:
            joules = costs.cpu * demand.watts / thousands
            how = f"estimated from processor time at {demand.watts:g} watts"
        yield _most("energy", joules, demand.joules_per_1000, "J for 1,000 rows", f", {how}")


def _needs(demand: Speed, evidence: Evidence, costs: fresh.Costs) -> Iterator[Part]:
    if demand.start_seconds is not None:
        words = " from the start of a process to the first answer"
        yield _most("start-up", costs.start, demand.start_seconds, "s", words)
    if demand.memory_mb is not None:
        rows = evidence.inputs.height
        words = f" at its peak, to load the model and answer {rows:,} rows"
        yield _most("memory", costs.peak / _MB, demand.memory_mb, "MB", words)
    if demand.size_mb is not None and evidence.file is not None:
        size = len(evidence.file.read()) / _MB
        yield _most("size", size, demand.size_mb, "MB", " in its file")


def _most(name: str, value: float, limit: float, unit: str, more: str) -> Part:
    return Part(
        name=name,
        outcome="passed" if value <= limit else "failed",
        words=f"{name} is {value:.3g} {unit}{more}; at most {limit:g} will do",
        value=value,
        limit=limit,
    )


def _needed(demand: Speed) -> int:
    limits = ((0.5, demand.p50_ms), (0.95, demand.p95_ms), (0.99, demand.p99_ms))
    wanted = [fewest(q, demand.confidence) for q, limit in limits if limit is not None]
    return max([*wanted, demand.calls + 1])
