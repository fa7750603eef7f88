"""The SQL of persons and approvals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from trueup.people.records import Approval, Origin, Person, Role
from trueup.state import driver
from trueup.state.schema import Column, Integer, Json, Moment, String, Table, Text, row_as
from trueup.state.sql import sa

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
    last = connection.execute(sa.select(sa.func.max(people.c.number))).scalar() or 0
    values = {"roles": list(roles), "added_at": at, "number": last + 1, "origin": origin}
    connection.execute(people.insert().values(name=name, **values))


def everybody(connection: sa.Connection) -> list[Person]:
    """All persons, by name."""
    query = sa.select(people).order_by(people.c.name)
    return [row_as(Person, row) for row in connection.execute(query)]


def approval(connection: sa.Connection, approval_id: str) -> Approval | None:
    """One approval by identifier."""
    row = connection.execute(sa.select(approvals).where(approvals.c.id == approval_id)).first()
    return None if row is None else row_as(Approval, row)


def approvals_of(connection: sa.Connection, subject: str) -> list[Approval]:
    """All questions about one thing, oldest first."""
    query = (
        sa.select(approvals).where(approvals.c.subject == subject).order_by(approvals.c.asked_at)
    )
    return [row_as(Approval, row) for row in connection.execute(query)]


def open_approvals(connection: sa.Connection) -> list[Approval]:
    """All unanswered questions, oldest first."""
    query = sa.select(approvals).where(approvals.c.state == "asked").order_by(approvals.c.asked_at)
    return [row_as(Approval, row) for row in connection.execute(query)]
