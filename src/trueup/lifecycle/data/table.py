"""The SQL of dataset versions."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.lifecycle.data.records import DatasetVersion
from trueup.state.schema import Json, Moment, metadata, row_as

dataset_versions = sa.Table(
    "dataset_versions",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(80), nullable=False, index=True),
    sa.Column("files", Json, nullable=False),
    sa.Column("columns", Json, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("taken_by", sa.String(100), nullable=False),
    sa.Column("taken_at", Moment, nullable=False),
)
_t = dataset_versions.c


def latest(connection: sa.Connection, name: str) -> DatasetVersion | None:
    """The newest snapshot of a dataset."""
    query = sa.select(dataset_versions).where(_t.name == name).order_by(_t.version.desc()).limit(1)
    return _one(connection, query)


def version(connection: sa.Connection, name: str, number: int) -> DatasetVersion | None:
    """One snapshot by number."""
    return _one(
        connection, sa.select(dataset_versions).where(_t.name == name, _t.version == number)
    )


def with_digest(connection: sa.Connection, name: str, digest: str) -> DatasetVersion | None:
    """The newest snapshot of a dataset whose digest starts so."""
    query = sa.select(dataset_versions).where(
        _t.name == name, _t.digest.startswith(digest, autoescape=True)
    )
    return _one(connection, query.order_by(_t.version.desc()).limit(1))


def newest_of_each(connection: sa.Connection) -> list[DatasetVersion]:
    """The newest snapshot of every dataset, by name."""
    newest = sa.select(_t.name, sa.func.max(_t.version).label("version")).group_by(_t.name)
    top = newest.subquery()
    query = sa.select(dataset_versions).join(
        top, sa.and_(_t.name == top.c.name, _t.version == top.c.version)
    )
    return [row_as(DatasetVersion, row) for row in connection.execute(query.order_by(_t.name))]


def _one(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> DatasetVersion | None:
    row = connection.execute(query).first()
    return None if row is None else row_as(DatasetVersion, row)
