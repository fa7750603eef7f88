"""The SQL of runs, their steps and their metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from trueup.foundation.records import Record, builtins
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
from trueup.state import driver
from trueup.state.schema import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    Json,
    Moment,
    String,
    Table,
    Text,
    row_as,
)
from trueup.state.sql import sa

runs = Table(
    "runs",
    Column("id", String(20), primary_key=True),
    Column("pipeline", String(100), nullable=False, index=True),
    Column("model", String(100), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("parameters", Json, nullable=False),
    Column("commit", String(64), nullable=False),
    Column("dirty", Boolean, nullable=False),
    Column("source", String(80), nullable=False),
    Column("code", String(80), nullable=False),
    Column("data", Json, nullable=False),
    Column("environment", String(80), nullable=False),
    Column("caused_by", String(200), nullable=False, index=True),
    Column("reason", Text, nullable=False, server_default=""),
    Column("sweep", String(20), nullable=False, server_default="", index=True),
    Column("partition", String(100), nullable=False, server_default=""),
    Column("started_by", String(200), nullable=False),
    Column("started_at", Moment, nullable=False, index=True),
    Column("ended_at", Moment),
    Column("error", Json),
    Column("candidate", Json),
    Column("process", Json, nullable=False),
    Column("beat_at", Moment, nullable=False),
    Column("cancelled_by", String(200), nullable=False, server_default=""),
)

step_runs = Table(
    "step_runs",
    Column("run", String(20), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("step", String(150), nullable=False),
    Column("state", String(20), nullable=False),
    Column("cached", Boolean, nullable=False),
    Column("key", String(80), nullable=False),
    Column("why", Json, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("place", String(300), nullable=False),
    Column("outputs", Json),
    Column("item", Integer, primary_key=True, autoincrement=False),
    Column("items", Integer, nullable=False),
    Column("reused", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("peak_memory", BigInteger, nullable=False),
    Column("worker", String(300), nullable=False),
    Column("log", String(80), nullable=False),
)

step_attempts = Table(
    "step_attempts",
    Column("run", String(20), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("item", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("step", String(150), nullable=False),
    Column("state", String(20), nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("cpu_seconds", Float, nullable=False),
    Column("peak_memory", BigInteger, nullable=False),
    Column("worker", String(300), nullable=False),
    Column("exit", String(100), nullable=False),
    Column("error", Json),
    Column("log", String(80), nullable=False),
)

run_outlines = Table(
    "run_outlines",
    Column("run", String(20), primary_key=True),
    Column("steps", Json, nullable=False),
)

run_metrics = Table(
    "run_metrics",
    Column("run", String(20), primary_key=True),
    Column("step", String(150), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("value", Float, nullable=False),
    Column("at", Moment, nullable=False),
)

_AT_HAND: Final = 1000  # steps


class _Beat(Record):
    """The process of a run, and when it last said that it lives."""

    process: Process
    beat_at: datetime


def run(connection: sa.Connection, run_id: str) -> Run | None:
    """One run by identifier."""
    return driver.record(connection, Run, runs, "WHERE id = ?", run_id)


def state(connection: sa.Connection, run_id: str) -> RunState | None:
    """The state of a run, alone: it is asked for at each commit of a run."""
    found = driver.execute(connection, "SELECT state FROM runs WHERE id = ?", (run_id,))
    return found[0][0] if found else None


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
    query = sa.select(*_of_run()).order_by(runs.c.started_at.desc(), runs.c.id.desc()).limit(limit)
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


def newest_of_commit(connection: sa.Connection, model: str, commit: str) -> Run | None:
    """The newest run that finished on a clean tree at a commit and offers a model a candidate.

    Args:
        connection: The database.
        model: Name of the model.
        commit: The commit, or the beginning of its name.
    """
    query = (
        sa.select(*_of_run())
        .where(runs.c.commit.startswith(commit, autoescape=True), runs.c.model == model)
        .where(runs.c.state == "finished", sa.not_(runs.c.dirty))
        .order_by(runs.c.started_at.desc(), runs.c.id.desc())
        .limit(1)
    )
    row = connection.execute(query).first()
    return None if row is None else _run(row)


def having_read(connection: sa.Connection, dataset: str, digest: str, limit: int) -> list[Run]:
    """The newest runs that read a state of a dataset."""
    held = sa.cast(runs.c.data, sa.Text).contains(digest, autoescape=True)
    query = sa.select(*_of_run()).where(held).order_by(runs.c.started_at.desc()).limit(limit)
    found = [_run(row) for row in connection.execute(query)]
    return [run for run in found if run.data.get(dataset) == digest]


def offering(connection: sa.Connection, model: str, file: str, limit: int) -> list[Run]:
    """The newest finished runs whose candidate is a model file with this digest."""
    held = sa.cast(runs.c.candidate, sa.Text).contains(file, autoescape=True)
    query = sa.select(*_of_run()).where(runs.c.model == model, runs.c.state == "finished", held)
    query = query.order_by(runs.c.started_at.desc()).limit(limit)
    return [_run(row) for row in connection.execute(query)]


def caused_by(connection: sa.Connection, event_id: str) -> list[Run]:
    """The runs that an event caused, oldest first."""
    query = sa.select(*_of_run()).where(runs.c.caused_by == event_id).order_by(runs.c.started_at)
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
    rest = "WHERE state = 'running' ORDER BY id"
    found = driver.records(connection, Run, runs, rest)
    beats = driver.records(connection, _Beat, runs, rest) if found else []
    return [(run, its.process, its.beat_at) for run, its in zip(found, beats, strict=True)]


def outline(connection: sa.Connection, run_id: str) -> tuple[PlannedStep, ...]:
    """All steps of a run and what each takes; nothing for a run that was recorded without."""
    query = sa.select(run_outlines.c.steps).where(run_outlines.c.run == run_id)
    found = connection.execute(query).scalar()
    return msgspec.convert(found or (), tuple[PlannedStep, ...])


def steps(connection: sa.Connection, run_id: str) -> list[StepRun]:
    """The steps of a run that have ended, in order, without items."""
    rest = "WHERE run = ? AND item = -1 ORDER BY position"
    return driver.records(connection, StepRun, step_runs, rest, run_id)


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
    rest = "WHERE run = ? ORDER BY step, name"
    return driver.records(connection, Metric, run_metrics, rest, run_id)


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
    driver.insert(connection, runs, [values])


def add_outline(connection: sa.Connection, run_id: str, steps: Sequence[PlannedStep]) -> None:
    """Record the steps of a run that starts."""
    values = {"run": run_id, "steps": builtins(steps)}
    driver.insert(connection, run_outlines, [values])


def replace(connection: sa.Connection, changed: Run) -> None:
    """Record a run's new state."""
    driver.update(connection, runs, _columns(changed), "WHERE id = ?", changed.id)


def beat(connection: sa.Connection, run_id: str, at: datetime) -> None:
    """Record that the process of a run lives."""
    rest = "WHERE id = ? AND state = 'running'"
    driver.update(connection, runs, {"beat_at": at}, rest, run_id)


def results_at_hand(connection: sa.Connection, pipeline: str) -> dict[str, CacheEntry]:
    """The results, by key, that the newest run of a pipeline used or made for its first steps.

    Those of items are left out: they may be too many, and are asked for many at once anyway.
    """
    newest = (
        "SELECT id FROM runs WHERE pipeline = ? AND state <> 'running'"
        " ORDER BY started_at DESC LIMIT 1"
    )
    used = (
        f'SELECT "key" FROM step_runs WHERE run = ({newest}) AND item = -1'
        f" AND position <= {_AT_HAND}"
    )
    rest, kept = f'WHERE "key" IN ({used})', pipeline_table.step_cache
    return {each.key: each for each in driver.records(connection, CacheEntry, kept, rest, pipeline)}


def cancelled_by(connection: sa.Connection, run_id: str) -> str:
    """Who wants a run to stop; empty when nobody does."""
    found = driver.execute(connection, "SELECT cancelled_by FROM runs WHERE id = ?", (run_id,))
    return str(found[0][0]) if found else ""


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
        driver.insert(connection, into, [_columns(record) for record in records])


def _columns(record: Run | StepRun | StepAttempt | Metric) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in record.__struct_fields__}
    nested = ("parameters", "data", "error", "candidate", "outputs", "why")
    return values | {n: builtins(values[n]) for n in nested if values.get(n) is not None}


def _of_run() -> list[sa.Column[Any]]:
    return [runs.c[name] for name in Run.__struct_fields__]


def _run(row: sa.Row[Any]) -> Run:
    found: Run = row_as(Run, row)
    return found
