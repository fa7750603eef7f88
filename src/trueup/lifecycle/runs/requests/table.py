"""The SQL of requests. One cause asks once: the database itself refuses the second."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from trueup.foundation.records import builtins
from trueup.lifecycle.runs.requests.records import Kind, RequestState, RunRequest
from trueup.state.schema import Column, Index, Integer, Json, Moment, String, Table, Text, row_as
from trueup.state.sql import sa

requests = Table(
    "run_requests",
    Column("id", String(20), primary_key=True),
    Column("pipeline", String(100), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("cause", String(200), nullable=False, unique=True),
    Column("reason", Text, nullable=False),
    Column("parameters", Json, nullable=False),
    Column("partition", String(100), nullable=False),
    Column("asked_by", String(200), nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("run", String(20), nullable=False, unique=True),
    Column("attempts", Integer, nullable=False),
    Column("process", Json),
    Column("beat_at", Moment),
    Column("not_before", Moment),
    Column("ended_at", Moment),
    Column("error", Json),
    Index("ix_run_requests_pipeline_asked_at", "pipeline", "asked_at"),
)
_r = requests.c


def add(connection: sa.Connection, new: RunRequest) -> bool:
    """Put a request down; false, and nothing done, when its cause has asked before."""
    if of_cause(connection, new.cause) is not None:
        return False
    connection.execute(requests.insert().values(**_columns(new)))
    return True


def change(connection: sa.Connection, before: RunRequest, **changes: Any) -> bool:
    """Change a request that still stands as `before` says; false when it does not."""
    same = (_r.id == before.id) & (_r.state == before.state) & (_r.run == before.run)
    values = {name: builtins(v) if name == "process" else v for name, v in changes.items()}
    if values.get("error") is not None:
        values["error"] = builtins(values["error"])
    done = connection.execute(requests.update().where(same).values(**values))
    return done.rowcount == 1


def beat(connection: sa.Connection, run: str, at: datetime) -> None:
    """Record that the process that sees to a request lives."""
    where = (_r.run == run, _r.state == "started")
    connection.execute(requests.update().where(*where).values(beat_at=at))


def of_cause(connection: sa.Connection, cause: str) -> RunRequest | None:
    """The request that a cause made."""
    return _one(connection, _r.cause == cause)


def of_run(connection: sa.Connection, run: str) -> RunRequest | None:
    """The request that a run is, was or will be an attempt at."""
    return _one(connection, (_r.run == run) | (_r.id == run))


def in_states(
    connection: sa.Connection,
    states: Sequence[RequestState],
    pipeline: str = "",
    kind: Kind | None = None,
) -> list[RunRequest]:
    """Requests in some states, the oldest first."""
    query = sa.select(requests).where(_r.state.in_(states)).order_by(_r.asked_at, _r.cause)
    if pipeline:
        query = query.where(_r.pipeline == pipeline)
    if kind:
        query = query.where(_r.kind == kind)
    return [_request(row) for row in connection.execute(query)]


def newest(connection: sa.Connection, limit: int, pipeline: str = "") -> list[RunRequest]:
    """Requests, the newest first."""
    query = sa.select(requests).order_by(_r.asked_at.desc(), _r.cause.desc()).limit(limit)
    if pipeline:
        query = query.where(_r.pipeline == pipeline)
    return [_request(row) for row in connection.execute(query)]


def asked_by_events(connection: sa.Connection, pipeline: str, since: datetime) -> list[datetime]:
    """When events asked for runs of a pipeline."""
    query = sa.select(_r.asked_at).where(
        _r.pipeline == pipeline, _r.kind == "event", _r.asked_at > since
    )
    return list(connection.execute(query).scalars())


def _one(connection: sa.Connection, where: sa.ColumnElement[bool]) -> RunRequest | None:
    row = connection.execute(sa.select(requests).where(where)).first()
    return None if row is None else _request(row)


def _columns(request: RunRequest) -> dict[str, Any]:
    values = {name: getattr(request, name) for name in request.__struct_fields__}
    nested = ("parameters", "process", "error")
    return values | {n: builtins(values[n]) for n in nested if values[n] is not None}


def _request(row: sa.Row[Any]) -> RunRequest:
    found: RunRequest = row_as(RunRequest, row)
    return found
