"""The SQL of traces."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.traces.records import Assessment, Span, Trace
from trueup.state.schema import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Json,
    String,
    Table,
    Text,
    row_as,
    upsert,
)

traces = Table(
    "traces",
    Column("id", String(128), primary_key=True),
    Column("experiment", BigInteger, nullable=False),
    Column("state", String(20), nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("took", BigInteger),
    Column("client_request", Text),
    Column("request_preview", Text),
    Column("response_preview", Text),
    Index("ix_traces_newest", "experiment", "started_at", "id"),
)

trace_tags = Table(
    "trace_tags",
    Column("trace", String(128), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

trace_metadata = Table(
    "trace_metadata",
    Column("trace", String(128), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# Runs and versions of prompts that somebody said belong to a trace, as `key` and `value`.
trace_links = Table(
    "trace_links",
    Column("trace", String(128), primary_key=True),
    Column("key", String(10), primary_key=True),
    Column("value", String(500), primary_key=True),
    Index("ix_trace_links_value", "value", "key"),
    sqlite_with_rowid=False,
)

spans = Table(
    "spans",
    Column("trace", String(128), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("parent", String(32), nullable=False),
    Column("started_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger, nullable=False),
    Column("failed", Boolean, nullable=False),
    Column("body", Json, nullable=False),
    sqlite_with_rowid=False,
)

assessments = Table(
    "assessments",
    Column("id", String(40), primary_key=True),
    Column("trace", String(128), nullable=False, index=True),
    Column("name", String(250), nullable=False),
    Column("body", Json, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

_OWN = tuple(name for name in Trace.__struct_fields__ if name in traces.c)


def add(connection: sa.Connection, trace: Trace) -> None:
    """Write a trace with its words; what is there of the same name is replaced."""
    upsert(connection, traces, [{name: getattr(trace, name) for name in _OWN}], key=("id",))
    set_words(connection, trace_metadata, trace.id, trace.metadata)
    set_words(connection, trace_tags, trace.id, trace.tags)


def set_words(
    connection: sa.Connection, target: sa.Table, trace: str, words: Mapping[str, str]
) -> None:
    """Set tags or metadata of a trace."""
    rows = [{"trace": trace, "key": key, "value": value} for key, value in words.items()]
    if rows:
        upsert(connection, target, rows, key=("trace", "key"))


def add_links(
    connection: sa.Connection, traces: Collection[str], key: str, values: Collection[str]
) -> None:
    """Link each of these traces to each of these values; again changes nothing."""
    rows = [{"trace": t, "key": key, "value": value} for t in traces for value in values]
    if rows:
        upsert(connection, trace_links, rows, key=("trace", "key", "value"))


def add_spans(connection: sa.Connection, found: Sequence[Span]) -> None:
    """Write spans; the same again changes nothing."""
    rows = [{name: getattr(each, name) for name in Span.__struct_fields__} for each in found]
    upsert(connection, spans, rows, key=("trace", "id"))


def known(connection: sa.Connection, ids: Sequence[str]) -> list[Trace]:
    """Those of these traces that exist, in the same order."""
    rows = connection.execute(sa.select(traces).where(traces.c.id.in_(ids)))
    found = {row.id: {name: getattr(row, name) for name in _OWN} for row in rows}
    tags = _words(connection, trace_tags, found)
    words = _words(connection, trace_metadata, found)
    said = _said(connection, found)
    return [
        Trace(
            **found[id_],
            tags=tags.get(id_, {}),
            metadata=words.get(id_, {}),
            assessments=tuple(said.get(id_, ())),
        )
        for id_ in ids
        if id_ in found
    ]


def spans_of(connection: sa.Connection, ids: Collection[str]) -> dict[str, list[Span]]:
    """The spans of traces, by trace, in the order in which they began."""
    query = sa.select(spans).where(spans.c.trace.in_(ids))
    found: dict[str, list[Span]] = {}
    for row in connection.execute(query.order_by(spans.c.trace, spans.c.started_ns, spans.c.id)):
        found.setdefault(row.trace, []).append(row_as(Span, row))
    return found


def assessment(connection: sa.Connection, trace: str, id_: str) -> Assessment | None:
    """One assessment of a trace."""
    query = sa.select(assessments).where(assessments.c.trace == trace, assessments.c.id == id_)
    row = connection.execute(query).first()
    return None if row is None else row_as(Assessment, row)


def delete(connection: sa.Connection, ids: Sequence[str]) -> None:
    """Delete traces with all that belongs to them."""
    for target in (trace_tags, trace_metadata, trace_links, spans, assessments):
        connection.execute(target.delete().where(target.c.trace.in_(ids)))
    connection.execute(traces.delete().where(traces.c.id.in_(ids)))


def _words(
    connection: sa.Connection, target: sa.Table, ids: Collection[str]
) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    query = sa.select(target).where(target.c.trace.in_(ids)).order_by(target.c.key)
    for row in connection.execute(query):
        found.setdefault(row.trace, {})[row.key] = row.value
    return found


def _said(connection: sa.Connection, ids: Collection[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    query = sa.select(assessments).where(assessments.c.trace.in_(ids))
    for row in connection.execute(query.order_by(assessments.c.made_at, assessments.c.id)):
        found.setdefault(row.trace, []).append(row_as(Assessment, row))
    return found
