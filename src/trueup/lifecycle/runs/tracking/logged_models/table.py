"""The SQL of logged models. A model has a small number here, as runs have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking import points, table
from trueup.lifecycle.runs.tracking.logged_models.records import LoggedModel, ModelPoint
from trueup.lifecycle.runs.tracking.table import NAN
from trueup.state.schema import (
    BigInteger,
    Column,
    Float,
    Index,
    Number,
    SmallInteger,
    String,
    Table,
    Text,
    upsert,
)

logged_models = Table(
    "logged_models",
    Column("number", Number, primary_key=True),
    Column("id", String(256), nullable=False, unique=True),
    Column("experiment", BigInteger, nullable=False),
    Column("name", String(500), nullable=False),
    Column("kind", String(500), nullable=False),
    Column("run", String(256), nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("life", String(20), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("artifacts", Text, nullable=False),
    Index("ix_logged_models_newest", "experiment", "created_at", "id"),
    Index("ix_logged_models_named", "experiment", "name"),
)

logged_model_params = Table(
    "logged_model_params",
    Column("model", Number, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

logged_model_tags = Table(
    "logged_model_tags",
    Column("model", Number, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
    sqlite_with_rowid=False,
)

# The key holds all of a point: the same point sent twice is one point.
logged_model_points = Table(
    "logged_model_points",
    Column("model", Number, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("run", String(256), primary_key=True),
    Column("dataset_digest", String(255), primary_key=True),
    Column("value", Float, primary_key=True),
    Column("is_nan", SmallInteger, primary_key=True, autoincrement=False),
    Column("dataset", String(500), nullable=False),
    Index("ix_logged_model_points_key", "key", "model"),
    sqlite_with_rowid=False,
)

_COLUMNS = [
    logged_models.c[name] for name in LoggedModel.__struct_fields__ if name in logged_models.c
]
_p = logged_model_points.c


def number(connection: sa.Connection, model_id: str) -> int | None:
    """The number of a model."""
    query = sa.select(logged_models.c.number).where(logged_models.c.id == model_id)
    return connection.execute(query).scalar()


def model(connection: sa.Connection, model_id: str) -> LoggedModel | None:
    """One model with everything that was measured of it."""
    found = number(connection, model_id)
    return None if found is None else models_of(connection, [found], every_point=True)[0]


def models_of(
    connection: sa.Connection, wanted: Sequence[int], *, every_point: bool = False
) -> list[LoggedModel]:
    """The models of these numbers, in the same order; of each metric the last point, or all."""
    rows = {
        row.number: row
        for row in connection.execute(
            sa.select(*_COLUMNS, logged_models.c.number).where(logged_models.c.number.in_(wanted))
        )
    }
    listed = list(wanted)
    params = table.words_of_many(connection, logged_model_params, listed)
    tags = table.words_of_many(connection, logged_model_tags, listed)
    metrics = _points(connection, listed, every_point)
    return [
        LoggedModel(
            **{str(column.name): rows[each]._mapping[column] for column in _COLUMNS},
            params=params.get(each, {}),
            tags=tags.get(each, {}),
            metrics=tuple(metrics.get(each, ())),
        )
        for each in wanted
    ]


def add_points(connection: sa.Connection, model_number: int, given: Iterable[ModelPoint]) -> None:
    """Keep points of a model; the same point again changes nothing."""
    rows = [
        {
            "model": model_number,
            "key": point.key,
            "at": point.at,
            "step": point.step,
            "run": point.run,
            "dataset": point.dataset,
            "dataset_digest": point.dataset_digest,
            "value": 0.0 if math.isnan(point.value) else points.held(point.value),
            "is_nan": int(math.isnan(point.value)),
        }
        for point in given
    ]
    if rows:
        keys = tuple(column.name for column in logged_model_points.primary_key)
        upsert(connection, logged_model_points, rows, key=keys, replace=False)


def _points(
    connection: sa.Connection, wanted: list[int], every_point: bool
) -> dict[int, list[ModelPoint]]:
    place = (_p.at.desc(), _p.step.desc())
    age = sa.func.row_number().over(
        partition_by=(_p.model, _p.key, _p.run, _p.dataset, _p.dataset_digest), order_by=place
    )
    inner = sa.select(logged_model_points, age.label("age")).where(_p.model.in_(wanted)).subquery()
    query = sa.select(inner).order_by(inner.c.model, inner.c.key, inner.c.at, inner.c.step)
    if not every_point:
        query = query.where(inner.c.age == 1)
    found: dict[int, list[ModelPoint]] = {}
    row: Any
    for row in connection.execute(query):
        value = NAN if row.is_nan else row.value
        found.setdefault(row.model, []).append(
            ModelPoint(row.key, value, row.step, row.at, row.run, row.dataset, row.dataset_digest)
        )
    return found
