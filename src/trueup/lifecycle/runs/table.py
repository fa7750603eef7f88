"""The SQL of runs, their steps and their metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup.foundation.records import builtins
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.records import CacheEntry
from trueup.lifecycle.runs.records import (
    Metric,
    PlannedStep,
    Process,
    Run,
    RunState,
    StepAttempt,
    StepRun,
    StepState,
)
from trueup.state.schema import Json, Moment, metadata, row_as

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.String(20), primary_key=True),
    sa.Column("pipeline", sa.String(100), nullable=False, index=True),
    sa.Column("model", sa.String(100), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("parameters", Json, nullable=False),
    sa.Column("commit", sa.String(64), nullable=False),
    sa.Column("dirty", sa.Boolean, nullable=False),
    sa.Column("source", sa.String(80), nullable=False),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("data", Json, nullable=False),
    sa.Column("environment", sa.String(80), nullable=False),
    sa.Column("caused_by", sa.String(200), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("sweep", sa.String(20), nullable=False, server_default="", index=True),
    sa.Column("partition", sa.String(100), nullable=False, server_default=""),
    sa.Column("started_by", sa.String(200), nullable=False),
    sa.Column("started_at", Moment, nullable=False, index=True),
    sa.Column("ended_at", Moment),
    sa.Column("error", Json),
    sa.Column("candidate", Json),
    sa.Column("process", Json, nullable=False),
    sa.Column("beat_at", Moment, nullable=False),
    sa.Column("cancelled_by", sa.String(200), nullable=False, server_default=""),
)

step_runs = sa.Table(
    "step_runs",
    metadata,
    sa.Column("run", sa.String(20), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("step", sa.String(150), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("cached", sa.Boolean, nullable=False),
    sa.Column("key", sa.String(80), nullable=False),
    sa.Column("why", Json, nullable=False),
    sa.Column("seconds", sa.Float(53), nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("place", sa.String(300), nullable=False),
    sa.Column("outputs", Json),
    sa.Column("item", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("reused", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("cpu_seconds", sa.Float(53), nullable=False),
    sa.Column("peak_memory", sa.BigInteger, nullable=False),
    sa.Column("worker", sa.String(300), nullable=False),
    sa.Column("log", sa.String(80), nullable=False),
)

step_attempts = sa.Table(
    "step_attempts",
    metadata,
    sa.Column("run", sa.String(20), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("item", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("step", sa.String(150), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("started_at", Moment, nullable=False),
    sa.Column("seconds", sa.Float(53), nullable=False),
    sa.Column("cpu_seconds", sa.Float(53), nullable=False),
    sa.Column("peak_memory", sa.BigInteger, nullable=False),
    sa.Column("worker", sa.String(300), nullable=False),
    sa.Column("exit", sa.String(100), nullable=False),
    sa.Column("error", Json),
    sa.Column("log", sa.String(80), nullable=False),
)

run_outlines = sa.Table(
    "run_outlines",
    metadata,
    sa.Column("run", sa.String(20), primary_key=True),
    sa.Column("steps", Json, nullable=False),
)

run_metrics = sa.Table(
    "run_metrics",
    metadata,
    sa.Column("run", sa.String(20), primary_key=True),
    sa.Column("step", sa.String(150), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("value", sa.Float(53), nullable=False),
    sa.Column("at", Moment, nullable=False),
)

_AT_HAND: Final = 1000  # steps

_RUN = [runs.c[name] for name in Run.__struct_fields__]


def run(connection: sa.Connection, run_id: str) -> Run | None:
    """One run by identifier."""
    row = connection.execute(sa.select(*_RUN).where(runs.c.id == run_id)).first()
    return None if row is None else _run(row)


def state(connection: sa.Connection, run_id: str) -> RunState | None:
    """The state of a run, alone: it is asked for at each commit of a run."""
    found: RunState | None
    found = connection.execute(sa.select(runs.c.state).where(runs.c.id == run_id)).scalar()
    return found


def newest(
    connection: sa.Connection,
    limit: int,
    pipeline: str = "",
    state: str = "",
    after: Run | None = None,
    *,
    lost: Collection[str] = (),
) -> list[Run]:
    """Runs, newest first.

    Args:
        connection: The database.
        limit: How many at most.
        pipeline: Only runs of this pipeline.
        state: Only runs in this state.
        after: The last run of the page before.
        lost: Runs that are recorded as running and are lost.
    """
    query = sa.select(*_RUN).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
    if pipeline:
        query = query.where(runs.c.pipeline == pipeline)
    if state == "running":
        query = query.where(runs.c.state == state, runs.c.id.not_in(lost))
    elif state == "lost":
        query = query.where((runs.c.state == state) | runs.c.id.in_(lost))
    elif state:
        query = query.where(runs.c.state == state)
    if after is not None:
        older = runs.c.started_at < after.started_at
        tied = (runs.c.started_at == after.started_at) & (runs.c.id < after.id)
        query = query.where(older | tied)
    return [_run(row) for row in connection.execute(query)]


def caused_by(connection: sa.Connection, event_id: str) -> list[Run]:
    """The runs that an event caused, oldest first."""
    query = sa.select(*_RUN).where(runs.c.caused_by == event_id).order_by(runs.c.started_at)
    return [_run(row) for row in connection.execute(query)]


def has_used(connection: sa.Connection, pipeline: str, dataset: str, digest: str) -> bool:
    """Whether a run of a pipeline has read this state of a dataset, or is reading it."""
    query = (
        sa.select(runs.c.data)
        .where(runs.c.pipeline == pipeline, runs.c.state.in_(("running", "finished")))
        .order_by(runs.c.started_at.desc())
        .limit(100)
    )
    return any(data.get(dataset) == digest for data in connection.execute(query).scalars())


def running(connection: sa.Connection) -> list[tuple[Run, Process, datetime]]:
    """The runs that count as running, with their processes and last beats."""
    query = sa.select(runs).where(runs.c.state == "running")
    found = []
    for row in connection.execute(query):
        fields = {name: getattr(row, name) for name in Run.__struct_fields__}
        its_process = msgspec.convert(row.process, Process)
        found.append((msgspec.convert(fields, Run, strict=False), its_process, row.beat_at))
    return found


def outline(connection: sa.Connection, run_id: str) -> tuple[PlannedStep, ...]:
    """All steps of a run and what each takes; nothing for a run that was recorded without."""
    query = sa.select(run_outlines.c.steps).where(run_outlines.c.run == run_id)
    found = connection.execute(query).scalar()
    return msgspec.convert(found or (), tuple[PlannedStep, ...])


def steps(connection: sa.Connection, run_id: str) -> list[StepRun]:
    """The steps of a run that have ended, in order, without items."""
    where = (step_runs.c.run == run_id, step_runs.c.item == -1)
    query = sa.select(step_runs).where(*where).order_by(step_runs.c.position)
    return [row_as(StepRun, row) for row in connection.execute(query)]


def items(
    connection: sa.Connection, run_id: str, position: int, limit: int, start: int = 0
) -> list[StepRun]:
    """The items of a step that have ended, in order, from number `start`."""
    where = (
        step_runs.c.run == run_id,
        step_runs.c.position == position,
        step_runs.c.item >= start,
    )
    query = sa.select(step_runs).where(*where).order_by(step_runs.c.item).limit(limit)
    return [row_as(StepRun, row) for row in connection.execute(query)]


def item_states(connection: sa.Connection, run_id: str) -> list[tuple[int, StepState, bool, int]]:
    """How many items of each step ended how: position, state, whether reused, and number."""
    columns = step_runs.c
    group = (columns.position, columns.state, columns.cached)
    query = (
        sa.select(*group, sa.func.count())
        .where(columns.run == run_id, columns.item >= 0)
        .group_by(*group)
        .order_by(*group)
    )
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]


def failed_items(connection: sa.Connection, run_id: str, limit: int) -> list[tuple[int, str]]:
    """The first items of a run that failed: position of the step, and name of the item."""
    columns = step_runs.c
    query = (
        sa.select(columns.position, columns.step)
        .where(columns.run == run_id, columns.item >= 0, columns.state == "failed")
        .order_by(columns.position, columns.item)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def attempts(
    connection: sa.Connection, run_id: str, step: str = "", limit: int = 10_000
) -> list[StepAttempt]:
    """The attempts of a run, or of one step or item of it, in order."""
    columns = step_attempts.c
    query = sa.select(step_attempts).where(columns.run == run_id).limit(limit)
    if step:
        query = query.where(
            (columns.step == step) | columns.step.startswith(f"{step}[", autoescape=True)
        )
    query = query.order_by(columns.position, columns.item, columns.number)
    return [row_as(StepAttempt, row) for row in connection.execute(query)]


def failures(connection: sa.Connection, run_id: str, limit: int = 100) -> list[StepAttempt]:
    """The attempts of a run that did not finish, in order."""
    columns = step_attempts.c
    query = (
        sa.select(step_attempts)
        .where(columns.run == run_id, columns.state != "finished")
        .order_by(columns.position, columns.item, columns.number)
        .limit(limit)
    )
    return [row_as(StepAttempt, row) for row in connection.execute(query)]


def metrics(connection: sa.Connection, run_id: str) -> list[Metric]:
    """The metrics of a run, by step and name."""
    query = (
        sa.select(run_metrics)
        .where(run_metrics.c.run == run_id)
        .order_by(run_metrics.c.step, run_metrics.c.name)
    )
    return [row_as(Metric, row) for row in connection.execute(query)]


def durations(
    connection: sa.Connection, pipeline: str, step: str, limit: int, *, items: bool = False
) -> list[float]:
    """What a step took in its newest runs, in seconds; reused results do not count.

    Args:
        connection: The database.
        pipeline: Name of the pipeline.
        step: Name of the step in it.
        limit: How many at most.
        items: Ask for its items rather than for the step as a whole.
    """
    name = step_runs.c.step
    query = (
        sa.select(step_runs.c.seconds)
        .join(runs, runs.c.id == step_runs.c.run)
        .where(
            runs.c.pipeline == pipeline,
            name.startswith(f"{step}[", autoescape=True) if items else name == step,
            step_runs.c.state == "finished",
            step_runs.c.cached.is_(False),
        )
        .order_by(step_runs.c.started_at.desc())
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def identifiers(connection: sa.Connection, limit: int = 1000) -> list[str]:
    """Identifiers of the newest runs, for "did you mean"."""
    query = sa.select(runs.c.id).order_by(runs.c.started_at.desc()).limit(limit)
    return list(connection.execute(query).scalars())


def add(connection: sa.Connection, new: Run, process: Process) -> None:
    """Record a run that starts."""
    values = _columns(new) | {"process": builtins(process), "beat_at": new.started_at}
    connection.execute(runs.insert().values(**values))


def add_outline(connection: sa.Connection, run_id: str, steps: Sequence[PlannedStep]) -> None:
    """Record the steps of a run that starts."""
    values = {"run": run_id, "steps": builtins(steps)}
    connection.execute(run_outlines.insert().values(**values))


def replace(connection: sa.Connection, changed: Run) -> None:
    """Record a run's new state."""
    connection.execute(runs.update().where(runs.c.id == changed.id).values(**_columns(changed)))


def beat(connection: sa.Connection, run_id: str, at: datetime) -> None:
    """Record that the process of a run lives."""
    where = (runs.c.id == run_id, runs.c.state == "running")
    connection.execute(runs.update().where(*where).values(beat_at=at))


def results_at_hand(connection: sa.Connection, pipeline: str) -> dict[str, CacheEntry]:
    """The results, by key, that the newest run of a pipeline used or made for its first steps.

    Those of items are left out: they may be too many, and are asked for many at once anyway.
    """
    ended = runs.c.state != "running"
    newest = sa.select(runs.c.id).where(runs.c.pipeline == pipeline, ended)
    newest = newest.order_by(runs.c.started_at.desc()).limit(1)
    of_steps = (step_runs.c.run == newest.scalar_subquery(), step_runs.c.item == -1)
    used = sa.select(step_runs.c.key).where(*of_steps, step_runs.c.position <= _AT_HAND)
    kept = pipeline_table.step_cache
    query = sa.select(kept).where(kept.c.key.in_(used))
    return {row.key: row_as(CacheEntry, row) for row in connection.execute(query)}


def cancelled_by(connection: sa.Connection, run_id: str) -> str:
    """Who wants a run to stop; empty when nobody does."""
    query = sa.select(runs.c.cancelled_by).where(runs.c.id == run_id)
    return str(connection.execute(query).scalar() or "")


def cancel(connection: sa.Connection, run_id: str, by: str) -> None:
    """Record that somebody wants a run to stop."""
    connection.execute(runs.update().where(runs.c.id == run_id).values(cancelled_by=by))


def add_steps(
    connection: sa.Connection,
    ended: Iterable[StepRun],
    attempts: Iterable[StepAttempt],
    metrics: Iterable[Metric],
) -> None:
    """Record steps and attempts that ended, with the metrics they returned."""
    for into, records in ((step_runs, ended), (step_attempts, attempts), (run_metrics, metrics)):
        if rows := [_columns(record) for record in records]:
            connection.execute(into.insert(), rows)


def _columns(record: Run | StepRun | StepAttempt | Metric) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    nested = ("parameters", "data", "error", "candidate", "outputs", "why")
    return values | {n: builtins(values[n]) for n in nested if values.get(n) is not None}


def _run(row: sa.Row[Any]) -> Run:
    found: Run = row_as(Run, row)
    return found
