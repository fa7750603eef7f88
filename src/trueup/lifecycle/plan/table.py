"""The SQL of plans."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from trueup.foundation import clock
from trueup.foundation.records import builtins
from trueup.lifecycle.plan.records import AdoptedPlan
from trueup.state import driver
from trueup.state.schema import Column, Integer, Json, Moment, String, Table

if TYPE_CHECKING:
    import sqlalchemy as sa

plans = Table(
    "plans",
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("plan", Json, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("adopted_by", String(100), nullable=False),
    Column("adopted_at", Moment, nullable=False),
    Column("commit", String(64), nullable=False),
)


def insert(connection: sa.Connection, new: AdoptedPlan) -> None:
    """Keep a plan."""
    driver.insert(connection, plans, [builtins(new) | {"adopted_at": new.adopted_at}])


def current(connection: sa.Connection) -> AdoptedPlan | None:
    """The plan in force: the newest."""
    return driver.record(connection, AdoptedPlan, plans, "ORDER BY version DESC LIMIT 1")


def as_of(connection: sa.Connection, at: datetime) -> AdoptedPlan | None:
    """The plan that was in force at a moment."""
    newest = "WHERE adopted_at <= ? ORDER BY version DESC LIMIT 1"
    return driver.record(connection, AdoptedPlan, plans, newest, clock.microseconds(at))


def version(connection: sa.Connection, number: int) -> AdoptedPlan | None:
    """One plan by version."""
    return driver.record(connection, AdoptedPlan, plans, "WHERE version = ?", number)


def with_digest(connection: sa.Connection, digest: str) -> AdoptedPlan | None:
    """The newest plan with that digest."""
    newest = "WHERE digest = ? ORDER BY version DESC LIMIT 1"
    return driver.record(connection, AdoptedPlan, plans, newest, digest)
