"""The SQL of model versions and aliases."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.models.records import Manifest, ModelVersion
from trueup.state.schema import Json, Moment, metadata

model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(80), nullable=False, index=True),
    sa.Column("run", sa.String(20), nullable=False, index=True),
    sa.Column("manifest", Json, nullable=False),
    sa.Column("registered_by", sa.String(100), nullable=False),
    sa.Column("registered_at", Moment, nullable=False),
)

aliases = sa.Table(
    "aliases",
    metadata,
    sa.Column("model", sa.String(100), primary_key=True),
    sa.Column("alias", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
)
_v = model_versions.c


def version(connection: sa.Connection, model: str, number: int) -> ModelVersion | None:
    """One version of a model."""
    return _one(
        connection, sa.select(model_versions).where(_v.model == model, _v.version == number)
    )


def latest(connection: sa.Connection, model: str) -> ModelVersion | None:
    """The newest version of a model."""
    query = sa.select(model_versions).where(_v.model == model).order_by(_v.version.desc())
    return _one(connection, query.limit(1))


def with_digest(connection: sa.Connection, model: str, digest: str) -> ModelVersion | None:
    """The version of a model with that manifest digest."""
    return _one(connection, sa.select(model_versions).where(_v.model == model, _v.digest == digest))


def of_run(connection: sa.Connection, run: str) -> list[ModelVersion]:
    """The versions that a run made."""
    query = sa.select(model_versions).where(_v.run == run).order_by(_v.version)
    return [_record(row) for row in connection.execute(query)]


def versions(connection: sa.Connection, model: str) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    query = sa.select(model_versions).where(_v.model == model).order_by(_v.version.desc())
    return [_record(row) for row in connection.execute(query)]


def models(connection: sa.Connection) -> list[str]:
    """The names of all models."""
    query = sa.select(_v.model).distinct().order_by(_v.model)
    return list(connection.execute(query).scalars())


def alias(connection: sa.Connection, model: str, name: str) -> int | None:
    """The version an alias points at."""
    query = sa.select(aliases.c.version).where(aliases.c.model == model, aliases.c.alias == name)
    return connection.execute(query).scalar()


def aliases_of(connection: sa.Connection, model: str) -> dict[str, int]:
    """All aliases of a model."""
    query = sa.select(aliases.c.alias, aliases.c.version).where(aliases.c.model == model)
    return {row.alias: row.version for row in connection.execute(query)}


def _one(connection: sa.Connection, query: sa.Select[Any]) -> ModelVersion | None:
    row = connection.execute(query).first()
    return None if row is None else _record(row)


def _record(row: sa.Row[Any]) -> ModelVersion:
    fields = dict(row._mapping)
    fields.pop("run")
    fields["manifest"] = msgspec.convert(fields["manifest"], Manifest)
    return ModelVersion(**fields)
