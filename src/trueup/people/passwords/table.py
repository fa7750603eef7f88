"""The SQL of passwords. What is kept of one cannot be turned back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.state import driver
from trueup.state.schema import Column, Moment, String, Table

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

passwords = Table(
    "passwords",
    Column("person", String(100), primary_key=True),
    Column("hash", String(300), nullable=False),
    Column("set_at", Moment, nullable=False),
)


def kept(connection: sa.Connection, person: str) -> str | None:
    """What is kept of a person's password; None when they have none."""
    found = driver.execute(connection, "SELECT hash FROM passwords WHERE person = ?", [person])
    return found[0][0] if found else None


def keep(connection: sa.Connection, person: str, hash_: str, at: datetime) -> None:
    """Keep a password in place of an earlier one."""
    forget(connection, person)
    driver.insert(connection, passwords, [{"person": person, "hash": hash_, "set_at": at}])


def forget(connection: sa.Connection, person: str) -> None:
    """Let a person's password count for nothing."""
    driver.execute(connection, "DELETE FROM passwords WHERE person = ?", [person])
