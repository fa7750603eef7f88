"""The SQL of feature definitions, and of which run used which."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.runs.features.records import FeatureDefinition, FeatureVersion
from trueup.state.schema import Column, Integer, Json, Moment, String, Table

feature_versions = Table(
    "feature_versions",
    Column("name", String(100), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("definition", Json, nullable=False),
    Column("run", String(20), nullable=False),
    Column("defined_by", String(200), nullable=False),
    Column("defined_at", Moment, nullable=False),
)

run_features = Table(
    "run_features",
    Column("run", String(20), primary_key=True),
    Column("name", String(100), primary_key=True),
    Column("digest", String(80), nullable=False, index=True),
)
_f = feature_versions.c


def versions(connection: sa.Connection, name: str) -> list[FeatureVersion]:
    """All versions of a definition, newest first."""
    query = sa.select(feature_versions).where(_f.name == name).order_by(_f.version.desc())
    return _all(connection, query)


def newest_of_each(connection: sa.Connection) -> list[FeatureVersion]:
    """The newest version of every definition, by name."""
    newest = sa.select(_f.name, sa.func.max(_f.version).label("version")).group_by(_f.name)
    top = newest.subquery()
    query = sa.select(feature_versions).join(
        top, sa.and_(_f.name == top.c.name, _f.version == top.c.version)
    )
    return _all(connection, query.order_by(_f.name))


def with_digest(connection: sa.Connection, name: str, digest: str) -> FeatureVersion | None:
    """The version of a definition with this address."""
    where = (_f.name == name, _f.digest.startswith(digest, autoescape=True))
    found = _all(connection, sa.select(feature_versions).where(*where).order_by(_f.version.desc()))
    return found[0] if found else None


def of_run(connection: sa.Connection, run: str) -> dict[str, str]:
    """The definitions that a run used: name to address."""
    query = sa.select(run_features.c.name, run_features.c.digest).where(run_features.c.run == run)
    return {row.name: row.digest for row in connection.execute(query.order_by("name"))}


def _all(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[FeatureVersion]:
    found = []
    for row in connection.execute(query):
        fields = dict(row._mapping)
        fields["definition"] = msgspec.convert(fields["definition"], FeatureDefinition)
        found.append(FeatureVersion(**fields))
    return found
