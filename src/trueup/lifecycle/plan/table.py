"""The SQL of plans."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.plan.records import AdoptedPlan, Plan
from trueup.state.schema import Json, Moment, metadata

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(80), nullable=False, index=True),
    sa.Column("plan", Json, nullable=False),
    sa.Column("metrics", Json, nullable=False),
    sa.Column("adopted_by", sa.String(100), nullable=False),
    sa.Column("adopted_at", Moment, nullable=False),
    sa.Column("commit", sa.String(64), nullable=False),
)


def current(connection: sa.Connection) -> AdoptedPlan | None:
    """The plan in force: the newest."""
    row = connection.execute(sa.select(plans).order_by(plans.c.version.desc()).limit(1)).first()
    return None if row is None else _record(row)


def version(connection: sa.Connection, number: int) -> AdoptedPlan | None:
    """One plan by version."""
    row = connection.execute(sa.select(plans).where(plans.c.version == number)).first()
    return None if row is None else _record(row)


def with_digest(connection: sa.Connection, digest: str) -> AdoptedPlan | None:
    """The newest plan with that digest."""
    query = sa.select(plans).where(plans.c.digest == digest).order_by(plans.c.version.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else _record(row)


def _record(row: sa.Row[Any]) -> AdoptedPlan:
    fields = dict(row._mapping)
    fields["plan"] = msgspec.convert(fields["plan"], Plan, strict=False)
    return AdoptedPlan(**fields)
