"""The SQL of model versions and aliases; `registry/table.py` reads the same rows for clients."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from trueup.foundation.errors import ConflictError
from trueup.state.schema import Column, Integer, Json, Moment, String, Table, Text, upsert

if TYPE_CHECKING:
    from trueup.lifecycle.models.records import ModelVersion  # NumPy comes with it

# A name stays known when it is deleted: its numbers are never given again.
registered_models = Table(
    "registered_models",
    Column("name", String(256), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("life", String(20), nullable=False),
    Column("last", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

model_versions = Table(
    "model_versions",
    Column("model", String(256), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("run", String(256), nullable=False, index=True),
    Column("manifest", Json, nullable=False),
    Column("registered_by", String(100), nullable=False),
    Column("registered_at", Moment, nullable=False),
    # The rest is for clients of other tools, and may change but for `source` and what it implies.
    Column("updated_at", Moment, nullable=False),
    Column("life", String(20), nullable=False, server_default="active"),
    Column("description", Text, nullable=False, server_default=""),
    Column("stage", String(20), nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("location", Text, nullable=False, server_default=""),
    Column("logged_model", String(256), nullable=False, server_default=""),
    Column("run_link", Text, nullable=False, server_default=""),
)

aliases = Table(
    "aliases",
    Column("model", String(256), primary_key=True),
    Column("alias", String(255), primary_key=True),
    Column("version", Integer, nullable=False),
)
_v = model_versions.c
_IS_THERE = _v.life == "active"


def version(connection: sa.Connection, model: str, number: int) -> ModelVersion | None:
    """One version of a model."""
    return _one(
        connection,
        sa.select(model_versions).where(_v.model == model, _v.version == number, _IS_THERE),
    )


def latest(connection: sa.Connection, model: str) -> ModelVersion | None:
    """The newest version of a model."""
    query = sa.select(model_versions).where(_v.model == model, _IS_THERE)
    return _one(connection, query.order_by(_v.version.desc()).limit(1))


def with_digest(connection: sa.Connection, model: str, digest: str) -> ModelVersion | None:
    """The version of a model with that manifest digest."""
    query = sa.select(model_versions).where(_v.model == model, _v.digest == digest, _IS_THERE)
    return _one(connection, query)


def of_run(connection: sa.Connection, run: str) -> list[ModelVersion]:
    """The versions that a run made."""
    query = sa.select(model_versions).where(_v.run == run, _IS_THERE).order_by(_v.version)
    return [_record(row) for row in connection.execute(query)]


def versions(connection: sa.Connection, model: str) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    query = sa.select(model_versions).where(_v.model == model, _IS_THERE)
    query = query.order_by(_v.version.desc())
    return [_record(row) for row in connection.execute(query)]


def models(connection: sa.Connection) -> list[str]:
    """The names of all models that have a version."""
    names = registered_models.c
    prompts = sa.select(names.name).where(names.kind != "model")
    query = sa.select(_v.model).distinct().where(_IS_THERE, _v.model.not_in(prompts))
    query = query.order_by(_v.model)
    return list(connection.execute(query).scalars())


def is_registered(connection: sa.Connection, model: str) -> bool:
    """Whether there is such a name; a deleted one is not there."""
    names = registered_models.c
    query = sa.select(names.name).where(names.name == model, names.life == "active")
    return connection.execute(query).first() is not None


def next_number(connection: sa.Connection, model: str, at: datetime) -> int:
    """The number of a new version; a name that is not there, or was deleted, is there afterwards.

    Raises:
        ConflictError: The name is that of a prompt.
    """
    row = {
        **{"name": model, "kind": "model", "life": "active", "last": 0, "description": ""},
        **{"created_at": at, "updated_at": at},
    }
    upsert(connection, registered_models, [row], key=("name",), replace=False)
    names = registered_models
    values = {"last": names.c.last + 1, "life": "active", "updated_at": at}
    change = names.update().where(names.c.name == model, names.c.kind == "model").values(**values)
    number: int | None = connection.execute(change.returning(names.c.last)).scalar()
    if number is None:
        raise ConflictError(
            "model-exists",
            f"The name '{model}' is taken by a prompt.",
            hint="register the model under another name",
            context={"name": model, "is": "prompt", "wanted": "model"},
        )
    return number


def alias(connection: sa.Connection, model: str, name: str) -> int | None:
    """The version an alias points at."""
    query = sa.select(aliases.c.version).where(aliases.c.model == model, aliases.c.alias == name)
    return connection.execute(query).scalar()


def aliases_of(connection: sa.Connection, model: str) -> dict[str, int]:
    """All aliases of a model."""
    query = sa.select(aliases.c.alias, aliases.c.version).where(aliases.c.model == model)
    return {row.alias: row.version for row in connection.execute(query)}


def standing_in(connection: sa.Connection, name: str, stage: str) -> list[int]:
    """The numbers of the versions in a stage, lowest first."""
    query = sa.select(_v.version).where(_v.model == name, _v.stage == stage, _IS_THERE)
    return list(connection.execute(query.order_by(_v.version)).scalars())


def _one(connection: sa.Connection, query: sa.Select[Any]) -> ModelVersion | None:
    row = connection.execute(query).first()
    return None if row is None else _record(row)


def _record(row: sa.Row[Any]) -> ModelVersion:
    from trueup.lifecycle.models.records import Manifest, ModelVersion

    fields = {name: row._mapping[name] for name in ModelVersion.__struct_fields__}
    fields["manifest"] = msgspec.convert(fields["manifest"], Manifest)
    return ModelVersion(**fields)
