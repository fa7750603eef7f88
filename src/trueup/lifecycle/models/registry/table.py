"""The SQL of registered names and of versions as clients see them: whole pages in a few queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.models.registry.records import RegisteredModel, RegisteredVersion
from trueup.lifecycle.models.table import aliases, model_versions, registered_models
from trueup.lifecycle.models.table import models as names_of_models
from trueup.state.schema import Column, Integer, String, Table, Text

model_tags = Table(
    "model_tags",
    Column("model", String(256), primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
)

version_tags = Table(
    "version_tags",
    Column("model", String(256), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("value", Text, nullable=False),
)

_n = registered_models.c
_v = model_versions.c
_VERSION = [_v[name] for name in RegisteredVersion.__struct_fields__ if name in model_versions.c]


def head(connection: sa.Connection, name: str) -> sa.Row[Any] | None:
    """The row of a name, deleted or not."""
    return connection.execute(sa.select(registered_models).where(_n.name == name)).first()


def require(connection: sa.Connection, name: str, *, deleted: bool = False) -> sa.Row[Any]:
    """The row of a name that is there; a `deleted` one will do only when asked for.

    Raises:
        NotFoundError: There is none.
    """
    row = head(connection, name)
    if row is None or (row.life != "active" and not deleted):
        known = names_of_models(connection)
        raise NotFoundError(
            "model-not-found",
            f"There is no model '{name[:300]}'.{did_you_mean(name, known)}",
            hint="trueup model list",
            context={"name": name[:300]},
        )
    return row


def require_version(connection: sa.Connection, name: str, number: int) -> RegisteredVersion:
    """One version.

    Raises:
        NotFoundError: There is none.
    """
    query = sa.select(*_VERSION).where(_v.model == name, _v.version == number, _v.life == "active")
    rows = connection.execute(query).all()
    if not rows:
        raise NotFoundError(
            "model-not-found",
            f"There is no model version '{name[:300]}@{number}'.",
            hint=f"trueup model history {name}",
            context={"name": name[:300], "version": number},
        )
    return versions_of(connection, rows)[0]


def models_of(connection: sa.Connection, names: Sequence[str]) -> list[RegisteredModel]:
    """The registered models of these names, in the same order, with all that belongs to them."""
    listed = list(names)
    rows = {
        row.name: row
        for row in connection.execute(sa.select(registered_models).where(_n.name.in_(listed)))
    }
    tags = _words(connection, model_tags, listed)
    pointing = _aliases(connection, listed)
    latest: dict[str, list[RegisteredVersion]] = {}
    for version in versions_of(connection, _latest(connection, listed)):
        latest.setdefault(version.model, []).append(version)
    return [
        RegisteredModel(
            name=name,
            kind=rows[name].kind,
            description=rows[name].description,
            created_at=rows[name].created_at,
            updated_at=rows[name].updated_at,
            aliases=pointing.get(name, {}),
            tags=tags.get((name,), {}),
            latest=tuple(latest.get(name, ())),
        )
        for name in listed
    ]


def versions_of(connection: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[RegisteredVersion]:
    """The versions that rows of their table hold, with aliases and tags, in the same order."""
    names = sorted({row.model for row in rows})
    numbers = sorted({row.version for row in rows})
    tags = _words(connection, version_tags, names, numbers)
    pointing = _aliases(connection, names)
    return [
        RegisteredVersion(
            **{str(column.name): row._mapping[column] for column in _VERSION},
            aliases=tuple(
                alias
                for alias, number in pointing.get(row.model, {}).items()
                if number == row.version
            ),
            tags=tags.get((row.model, row.version), {}),
        )
        for row in rows
    ]


def select_versions() -> sa.Select[Any]:
    """A query of rows for `versions_of`."""
    return sa.select(*_VERSION).where(_v.life == "active")


def newest(connection: sa.Connection, name: str) -> int | None:
    """The number of the newest version."""
    query = sa.select(sa.func.max(_v.version)).where(_v.model == name, _v.life == "active")
    return connection.execute(query).scalar()


def numbers(connection: sa.Connection, name: str) -> list[int]:
    """The numbers of all versions that are there."""
    query = sa.select(_v.version).where(_v.model == name, _v.life == "active")
    return list(connection.execute(query.order_by(_v.version)).scalars())


def set_tags(
    connection: sa.Connection, target: sa.Table, owner: dict[str, Any], tags: dict[str, str]
) -> None:
    """Set tags of one name or version; what is there is replaced."""
    from trueup.state.schema import upsert

    rows = [{**owner, "key": key, "value": value} for key, value in tags.items()]
    if rows:
        upsert(connection, target, rows, key=(*owner, "key"))


def remove_tag(
    connection: sa.Connection, target: sa.Table, owner: dict[str, Any], key: str
) -> bool:
    """Take a tag away; whether it was there."""
    where = [target.c[name] == value for name, value in owner.items()]
    return bool(connection.execute(target.delete().where(*where, target.c.key == key)).rowcount)


def touch(
    connection: sa.Connection, name: str, at: datetime, version: int | None = None, **values: Any
) -> None:
    """Note that a name, or one of its versions, was changed; `values` go to the innermost."""
    rows = model_versions
    if version is not None:
        where = (rows.c.model == name, rows.c.version == version)
        connection.execute(rows.update().where(*where).values(updated_at=at, **values))
        values = {}
    connection.execute(
        registered_models.update().where(_n.name == name).values(updated_at=at, **values)
    )


def _latest(connection: sa.Connection, names: list[str]) -> list[sa.Row[Any]]:
    newest_ = (
        sa.select(_v.model, sa.func.max(_v.version).label("version"))
        .where(_v.model.in_(names), _v.life == "active")
        .group_by(_v.model, _v.stage)
        .subquery()
    )
    query = (
        sa.select(*_VERSION)
        .join(newest_, sa.and_(newest_.c.model == _v.model, newest_.c.version == _v.version))
        .order_by(_v.model, _v.version)
    )
    return list(connection.execute(query).all())


def _aliases(connection: sa.Connection, names: list[str]) -> dict[str, dict[str, int]]:
    query = sa.select(aliases).where(aliases.c.model.in_(names)).order_by(aliases.c.alias)
    found: dict[str, dict[str, int]] = {}
    for model, alias, number in connection.execute(query):
        found.setdefault(model, {})[alias] = number
    return found


def _words(
    connection: sa.Connection, source: sa.Table, names: list[str], versions: list[int] | None = None
) -> dict[tuple[Any, ...], dict[str, str]]:
    query = sa.select(source).where(source.c.model.in_(names))
    if versions is not None:
        query = query.where(source.c.version.in_(versions))
    found: dict[tuple[Any, ...], dict[str, str]] = {}
    for *owner, key, value in connection.execute(query.order_by(source.c.key)):
        found.setdefault(tuple(owner), {})[key] = value
    return found
