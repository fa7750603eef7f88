"""Statements on the hottest paths, by the database's driver itself.

SQLAlchemy adds 0.1 to 0.4 ms to a statement, many times what SQLite needs for it. What stands here
is written once in SQL that SQLite and PostgreSQL both know, with `?` for each value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa


def execute(
    connection: sa.Connection, sql: str, parameters: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Run one statement in the transaction of `connection` and return its rows.

    Args:
        connection: An open transaction.
        sql: One statement, `?` for each value; no other `?` and no `%` in it.
        parameters: The values.
    """
    with _cursor(connection, sql) as cursor:
        cursor.execute(_spoken(sql, connection.dialect.name), parameters)
        return [] if cursor.description is None else cursor.fetchall()


def execute_many(connection: sa.Connection, sql: str, rows: Iterable[Sequence[Any]]) -> None:
    """Run one statement for each row of values, in order."""
    with _cursor(connection, sql) as cursor:
        cursor.executemany(_spoken(sql, connection.dialect.name), rows)


def marks(number: int) -> str:
    """As many marks for values, between commas.

    Example:
        >>> marks(3)
        '?, ?, ?'
    """
    return ", ".join("?" * number)


class _cursor:  # noqa: N801 (used like a function; a generator would cost as much as SQLite)
    """A cursor, closed at the end; the driver's errors become those that SQLAlchemy raises."""

    __slots__ = ("_connection", "_cursor", "_sql")

    def __init__(self, connection: sa.Connection, sql: str) -> None:
        self._connection = connection
        self._sql = sql

    def __enter__(self) -> Any:
        self._cursor = self._connection.connection.cursor()
        return self._cursor

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._cursor.close()
        base = self._connection.dialect.loaded_dbapi.Error
        if isinstance(error, base):
            raise sa.exc.DBAPIError.instance(self._sql, None, error, base) from error


@lru_cache(maxsize=512)
def _spoken(sql: str, dialect: str) -> str:
    return sql if dialect == "sqlite" else sql.replace("?", "%s")
