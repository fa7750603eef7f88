"""The SQL of persons and approvals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from trueup.people.records import Approval, Origin, Person, Role
from trueup.state import driver
from trueup.state.schema import Column, Integer, Json, Moment, String, Table, Text

if TYPE_CHECKING:
    import sqlalchemy as sa

people = Table(
    "people",
    Column("name", String(100), primary_key=True),
    Column("roles", Json, nullable=False),
    Column("added_at", Moment, nullable=False),
    Column("number", Integer, nullable=False, unique=True),
    Column("origin", String(20), nullable=False),
)

approvals = Table(
    "approvals",
    Column("id", String(20), primary_key=True),
    Column("subject", String(300), nullable=False, index=True),
    Column("content", String(80), nullable=False),
    Column("asked_by", String(100), nullable=False),
    Column("authors", Json, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("state", String(20), nullable=False),
    Column("decided_by", String(100), nullable=False, server_default=""),
    Column("decided_at", Moment),
    Column("reason", Text, nullable=False, server_default=""),
)


def person(connection: sa.Connection, name: str) -> Person | None:
    """One person by name."""
    return driver.record(connection, Person, people, "WHERE name = ?", name)


def roles(connection: sa.Connection, name: str) -> tuple[Role, ...] | None:
    """The roles of a person, asked before everything that anybody does; None for a stranger."""
    found = driver.execute(connection, "SELECT roles FROM people WHERE name = ?", (name,))
    return msgspec.json.decode(found[0][0], type=tuple[Role, ...]) if found else None


def add(
    connection: sa.Connection, name: str, roles: Sequence[Role], at: datetime, origin: Origin
) -> None:
    """Put a person down under the next number."""
    last = driver.execute(connection, "SELECT max(number) FROM people")[0][0] or 0
    values = {"roles": list(roles), "added_at": at, "number": last + 1, "origin": origin}
    driver.insert(connection, people, [{"name": name, **values}])


def everybody(connection: sa.Connection) -> list[Person]:
    """All persons, by name."""
    return driver.records(connection, Person, people, "ORDER BY name")


def approval(connection: sa.Connection, approval_id: str) -> Approval | None:
    """One approval by identifier."""
    return driver.record(connection, Approval, approvals, "WHERE id = ?", approval_id)


def approvals_of(connection: sa.Connection, subject: str) -> list[Approval]:
    """All questions about one thing, oldest first."""
    rest = "WHERE subject = ? ORDER BY asked_at"
    return driver.records(connection, Approval, approvals, rest, subject)


def open_approvals(connection: sa.Connection) -> list[Approval]:
    """All unanswered questions, oldest first."""
    rest = "WHERE state = 'asked' ORDER BY asked_at"
    return driver.records(connection, Approval, approvals, rest)
