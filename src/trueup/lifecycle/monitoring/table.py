"""The SQL of monitoring: hours of counts, the index of predictions, evaluations, alerts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import sqlalchemy as sa

from trueup.foundation.records import builtins
from trueup.lifecycle.monitoring.fold import Key
from trueup.lifecycle.monitoring.index import Entry, Label, pack, request_of, unpack
from trueup.lifecycle.monitoring.records import Alert, Evaluation, HourSummary
from trueup.state.schema import (
    BigInteger,
    Bytes,
    Column,
    Float,
    Integer,
    Json,
    Moment,
    String,
    Table,
    Text,
    Unique,
    row_as,
)

monitor_hours = Table(
    "monitor_hours",
    Column("deployment", String(100), primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("model_ref", String(120), primary_key=True),
    Column("counts", Bytes, nullable=False),
)

# Request ids are the caller's and ours: long enough for either.
monitor_index = Table(
    "monitor_index",
    Column("request", String(64), primary_key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("deployment", String(100), nullable=False),
    Column("model_ref", String(120), nullable=False),
    Column("hour", Moment, nullable=False),
    Column("rows", Bytes, nullable=False),
)

waiting_labels = Table(
    "waiting_labels",
    Column("prediction", String(200), primary_key=True),
    Column("request", String(200), nullable=False, index=True),
    Column("deployment", String(100), nullable=False, index=True),
    Column("value", Integer, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
)

monitor_cursors = Table(
    "monitor_cursors",
    Column("journal", String(200), primary_key=True),
    Column("cursor", Json, nullable=False),
)

evaluations = Table(
    "evaluations",
    Column("id", String(20), primary_key=True),
    Column("deployment", String(100), nullable=False),
    Column("as_of", Moment, nullable=False),
    Column("evaluated_at", Moment, nullable=False),
    Column("plan", String(80), nullable=False),
    Column("model_ref", String(120), nullable=False),
    Column("findings", Json, nullable=False),
    Unique("deployment", "as_of"),
)

alerts = Table(
    "alerts",
    Column("id", String(20), primary_key=True),
    Column("deployment", String(100), nullable=False, index=True),
    Column("monitor", String(120), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("goal", String(100), nullable=False),
    Column("model_ref", String(120), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("raised_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("first_bad", Moment, nullable=False),
    Column("window_start", Moment, nullable=False),
    Column("window_end", Moment, nullable=False),
    Column("cause", Text, nullable=False),
    Column("value", Float, nullable=False),
    Column("limit", Float, nullable=False),
    Column("bound", Float, nullable=False),
    Column("evaluation", String(20), nullable=False),
    Column("clean", Integer, nullable=False),
    Column("resolved_at", Moment),
    Column("why", Text, nullable=False),
    Column("handled_by", String(100), nullable=False),
    Column("judged", String(10), nullable=False),
)

_MOST_AT_ONCE = 500  # parameters of one IN list


def cursor(connection: sa.Connection, journal: str) -> Any:
    """How far a journal has been counted; None if not at all."""
    query = sa.select(monitor_cursors.c.cursor).where(monitor_cursors.c.journal == journal)
    return connection.execute(query).scalar()


def move_cursor(connection: sa.Connection, journal: str, before: Any, after: Any) -> None:
    """Remember how far a journal has been counted."""
    if before is None:
        connection.execute(monitor_cursors.insert().values(journal=journal, cursor=after))
        return
    row = monitor_cursors.c.journal == journal
    connection.execute(monitor_cursors.update().where(row).values(cursor=after))


def hours(
    connection: sa.Connection, deployment: str, start: datetime, end: datetime
) -> list[HourSummary]:
    """The counts of whole hours from `start` to before `end`, oldest first."""
    c = monitor_hours.c
    query = sa.select(c.model_ref, c.hour, c.counts).where(
        c.deployment == deployment, c.hour >= start, c.hour < end
    )
    found = connection.execute(query.order_by(c.hour, c.model_ref))
    # An evaluation reads thousands: by place, since looking up names takes longer than reading.
    return [
        HourSummary(deployment=deployment, model_ref=model_ref, hour=hour, counts=counts)
        for model_ref, hour, counts in found
    ]


def first_hours(connection: sa.Connection, deployment: str) -> dict[str, datetime]:
    """When each model version began to answer."""
    c = monitor_hours.c
    query = sa.select(c.model_ref, sa.func.min(c.hour).label("hour"))
    found = connection.execute(query.where(c.deployment == deployment).group_by(c.model_ref))
    return {row.model_ref: row.hour for row in found}


def stored_counts(connection: sa.Connection, keys: Iterable[Key]) -> dict[Key, bytes]:
    """The packed counts there are for some hours."""
    c = monitor_hours.c
    stored: dict[Key, bytes] = {}
    by_arm: dict[tuple[str, str], list[datetime]] = {}
    for deployment, model_ref, hour in keys:
        by_arm.setdefault((deployment, model_ref), []).append(hour)
    for (deployment, model_ref), wanted in by_arm.items():
        for some in _chunks(sorted(wanted)):
            query = sa.select(c.hour, c.counts).where(
                c.deployment == deployment, c.model_ref == model_ref, c.hour.in_(some)
            )
            found = connection.execute(query)
            stored |= {(deployment, model_ref, row.hour): row.counts for row in found}
    return stored


def put_counts(connection: sa.Connection, packed: dict[Key, bytes], stored: set[Key]) -> None:
    """Write the packed counts of some hours, of which `stored` exist."""
    rows = [
        {"deployment": key[0], "model_ref": key[1], "hour": key[2], "counts": raw}
        for key, raw in sorted(packed.items())
    ]
    _put(connection, monitor_hours, rows, lambda row: _hour_key(row) in stored)


def entries(connection: sa.Connection, requests: Iterable[str]) -> list[Entry]:
    """The index entries of some requests."""
    found = []
    for some in _chunks(sorted(requests)):
        query = sa.select(monitor_index).where(monitor_index.c.request.in_(some))
        for row in connection.execute(query):
            fields = dict(row._mapping)
            found.append(Entry(**fields | _unpacked(fields["rows"])))
    return found


def versions_of(connection: sa.Connection, requests: Iterable[str]) -> set[str]:
    """The model versions that answered some requests."""
    found: set[str] = set()
    for some in _chunks(sorted(requests)):
        query = sa.select(monitor_index.c.model_ref).distinct()
        found |= set(connection.execute(query.where(monitor_index.c.request.in_(some))).scalars())
    return found


def put_entries(
    connection: sa.Connection, created: Sequence[Entry], changed: Sequence[Entry]
) -> None:
    """Write index entries, new ones and ones that labels changed."""
    rows = [
        {
            "request": entry.request,
            "release": entry.release,
            "deployment": entry.deployment,
            "model_ref": entry.model_ref,
            "hour": entry.hour,
            "rows": pack(entry),
        }
        for entry in (*created, *changed)
    ]
    old = {(entry.request, entry.release) for entry in changed}
    _put(connection, monitor_index, rows, lambda row: (row["request"], row["release"]) in old)


def waiting(connection: sa.Connection, requests: Iterable[str]) -> list[Label]:
    """The labels that wait for predictions of some requests."""
    if connection.execute(sa.select(waiting_labels.c.prediction).limit(1)).first() is None:
        return []
    found = []
    for some in _chunks(sorted(requests)):
        query = sa.select(waiting_labels).where(waiting_labels.c.request.in_(some))
        for row in connection.execute(query):
            fields = dict(row._mapping)
            fields.pop("request")
            found.append(Label(**fields))
    return found


def replace_waiting(
    connection: sa.Connection, gone: Iterable[str], labels: Sequence[Label]
) -> None:
    """Forget the waiting labels of some predictions and keep others."""
    old = {*gone, *(label.prediction for label in labels)}
    if connection.execute(sa.select(waiting_labels.c.prediction).limit(1)).first() is not None:
        for some in _chunks(sorted(old)):
            connection.execute(waiting_labels.delete().where(waiting_labels.c.prediction.in_(some)))
    rows = [
        {
            "prediction": label.prediction,
            "request": request_of(label.prediction),
            "deployment": label.deployment,
            "value": label.value,
            "known_at": label.known_at,
            "received_at": label.received_at,
        }
        for label in labels
    ]
    if rows:
        connection.execute(waiting_labels.insert(), rows)


def waiting_count(connection: sa.Connection, deployment: str) -> int:
    """How many labels wait for a prediction that has not been seen."""
    query = sa.select(sa.func.count()).where(waiting_labels.c.deployment == deployment)
    return int(connection.execute(query).scalar_one())


def evaluation(connection: sa.Connection, deployment: str, as_of: datetime) -> Evaluation | None:
    """The evaluation of a deployment at a moment."""
    c = evaluations.c
    query = sa.select(evaluations).where(c.deployment == deployment, c.as_of == as_of)
    row = connection.execute(query).first()
    return None if row is None else row_as(Evaluation, row)


def latest_evaluations(
    connection: sa.Connection, deployment: str, most: int | None = None
) -> list[Evaluation]:
    """Evaluations of a deployment, newest first."""
    c = evaluations.c
    query = sa.select(evaluations).where(c.deployment == deployment).order_by(c.as_of.desc())
    return [row_as(Evaluation, row) for row in connection.execute(query.limit(most))]


def put_evaluation(connection: sa.Connection, made: Evaluation) -> None:
    """Write an evaluation."""
    values = _values(made) | {"findings": builtins(made.findings)}
    connection.execute(evaluations.insert().values(**values))


def alert(connection: sa.Connection, alert_id: str) -> Alert | None:
    """One alert."""
    row = connection.execute(sa.select(alerts).where(alerts.c.id == alert_id)).first()
    return None if row is None else row_as(Alert, row)


def alerts_of(
    connection: sa.Connection, deployment: str = "", states: Sequence[str] = ()
) -> list[Alert]:
    """Alerts, newest first; of one deployment and in some states if these are given."""
    query = sa.select(alerts).order_by(alerts.c.raised_at.desc(), alerts.c.id)
    if deployment:
        query = query.where(alerts.c.deployment == deployment)
    if states:
        query = query.where(alerts.c.state.in_(states))
    return [row_as(Alert, row) for row in connection.execute(query)]


def put_alert(connection: sa.Connection, changed: Alert) -> None:
    """Write an alert, new or changed."""
    values = _values(changed)
    row = alerts.c.id == changed.id
    if connection.execute(alerts.update().where(row).values(**values)).rowcount == 0:
        connection.execute(alerts.insert().values(**values))


def _values(record: Alert | Evaluation) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def _hour_key(row: dict[str, Any]) -> Key:
    return row["deployment"], row["model_ref"], row["hour"]


def _unpacked(raw: bytes) -> dict[str, Any]:
    names = ("rows", "cells", "states", "known_at", "received_at")
    return dict(zip(names, unpack(raw), strict=True))


def _put(
    connection: sa.Connection, table: sa.Table, rows: list[dict[str, Any]], is_old: Any
) -> None:
    new = [row for row in rows if not is_old(row)]
    old = [row for row in rows if is_old(row)]
    if new:
        connection.execute(table.insert(), new)
    if old:
        keys = [column.name for column in table.primary_key]
        # A bound parameter may not have the name of a column that is set.
        where = [table.c[key] == sa.bindparam(f"old_{key}") for key in keys]
        data = [name for name in table.c.keys() if name not in keys]  # noqa: SIM118
        statement = table.update().where(*where).values({name: sa.bindparam(name) for name in data})
        connection.execute(
            statement,
            [
                {f"old_{key}": row[key] for key in keys} | {name: row[name] for name in data}
                for row in old
            ],
        )


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    source = iter(values)
    while some := list(islice(source, _MOST_AT_ONCE)):
        yield some
