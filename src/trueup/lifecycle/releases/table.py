"""The SQL of releases."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from trueup.lifecycle.releases.records import Release, ReleaseState
from trueup.state.schema import Moment, metadata, row_as

releases = sa.Table(
    "releases",
    metadata,
    sa.Column("deployment", sa.String(100), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("model", sa.String(100), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("verdict", sa.String(20), nullable=False),
    sa.Column("approval", sa.String(20), nullable=False),
    sa.Column("strategy", sa.String(20), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("requested_by", sa.String(100), nullable=False),
    sa.Column("requested_at", Moment, nullable=False),
    sa.Column("started_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("previous", sa.Integer, nullable=False, server_default="0"),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
)
_r = releases.c

# The database itself refuses a second live release or a second canary in one place.
for _state in ("live", "canary"):
    sa.Index(
        f"uq_releases_{_state}",
        _r.deployment,
        unique=True,
        sqlite_where=_r.state == _state,
        postgresql_where=_r.state == _state,
    )


def release(connection: sa.Connection, deployment: str, number: int) -> Release | None:
    """One release."""
    return _one(
        connection, sa.select(releases).where(_r.deployment == deployment, _r.number == number)
    )


def in_state(
    connection: sa.Connection, deployment: str, states: Sequence[ReleaseState]
) -> list[Release]:
    """The releases of a deployment in any of these states, by number."""
    query = sa.select(releases).where(_r.deployment == deployment, _r.state.in_(states))
    return [row_as(Release, row) for row in connection.execute(query.order_by(_r.number))]


def of_deployment(connection: sa.Connection, deployment: str) -> list[Release]:
    """All releases of a deployment, newest first."""
    query = sa.select(releases).where(_r.deployment == deployment).order_by(_r.number.desc())
    return [row_as(Release, row) for row in connection.execute(query)]


def of_version(connection: sa.Connection, model: str, version: int) -> list[Release]:
    """All releases of a model version, oldest first."""
    query = sa.select(releases).where(_r.model == model, _r.version == version)
    return [row_as(Release, row) for row in connection.execute(query.order_by(_r.requested_at))]


def with_approval(connection: sa.Connection, approval: str) -> list[Release]:
    """The releases that stand on an approval, newest first."""
    query = sa.select(releases).where(_r.approval == approval).order_by(_r.number.desc())
    return [row_as(Release, row) for row in connection.execute(query)]


def serving(connection: sa.Connection) -> list[Release]:
    """All releases that take traffic now, in every deployment."""
    query = sa.select(releases).where(_r.state.in_(("live", "canary")))
    return [
        row_as(Release, row) for row in connection.execute(query.order_by(_r.deployment, _r.number))
    ]


def deployments(connection: sa.Connection) -> list[str]:
    """The names of all deployments that ever had a release."""
    query = sa.select(_r.deployment).distinct().order_by(_r.deployment)
    return list(connection.execute(query).scalars())


def _one(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> Release | None:
    row = connection.execute(query).first()
    return None if row is None else row_as(Release, row)
