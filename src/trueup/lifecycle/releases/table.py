"""The SQL of releases."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from trueup.lifecycle.releases.records import Brake, Release, ReleaseState
from trueup.state.schema import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    Json,
    Moment,
    String,
    Table,
    Text,
    row_as,
)

releases = Table(
    "releases",
    Column("deployment", String(100), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("model", String(100), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("approval", String(20), nullable=False),
    Column("strategy", String(20), nullable=False),
    Column("weight", Float, nullable=False),
    Column("state", String(20), nullable=False),
    Column("requested_by", String(100), nullable=False),
    Column("requested_at", Moment, nullable=False),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("previous", Integer, nullable=False, server_default="0"),
    Column("why", Text, nullable=False, server_default=""),
    Column("steps", Json, nullable=False, server_default="[]"),
    Column("step", Integer, nullable=False, server_default="0"),
    Column("stepped_at", Moment),
    Column("paused", Boolean, nullable=False, server_default="0"),
    Column("starts_at", Moment),
    Column("override", Text, nullable=False, server_default=""),
    # The database itself refuses a second live release or a second canary in one place.
    *(
        Index(f"uq_releases_{state}", "deployment", unique=True, where=f"state = '{state}'")
        for state in ("live", "canary")
    ),
)
brakes = Table(
    "brakes",
    Column("deployment", String(100), primary_key=True),
    Column("stopped_by", String(100), nullable=False),
    Column("why", Text, nullable=False),
    Column("stopped_at", Moment, nullable=False),
)
_r = releases.c


def stopped(connection: sa.Connection) -> dict[str, Brake]:
    """The deployments that somebody has stopped."""
    rows = connection.execute(sa.select(brakes).order_by(brakes.c.deployment))
    return {row.deployment: row_as(Brake, row) for row in rows}


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


def waiting(connection: sa.Connection) -> list[Release]:
    """All releases that were asked for and have not started."""
    query = sa.select(releases).where(_r.state == "requested")
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
