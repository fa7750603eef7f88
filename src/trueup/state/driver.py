"""Statements by the database's driver itself, without SQLAlchemy.

SQLAlchemy adds 0.1 to 0.4 ms to a statement, many times what SQLite needs for it, and a command
that gets by without it starts 0.3 s earlier. What stands here is written once in SQL that SQLite
and PostgreSQL both know, with `?` for each value; columns and their types are those of `schema.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from trueup.state.schema import Table

if TYPE_CHECKING:
    import sqlalchemy as sa

_T = TypeVar("_T", bound=msgspec.Struct)

_TOGETHER: Final = 50  # rows in one statement: more gain nothing, and have too many values


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


def add_many(
    connection: sa.Connection, sql: str, rows: Sequence[Sequence[Any]], rest: str = ""
) -> None:
    """Add rows of equal width, many with one statement: half the time of one for each.

    Args:
        connection: An open transaction.
        sql: The statement up to the values, `INSERT INTO points (run, step)`.
        rows: The values, few enough in a row that fifty rows are no more than a statement takes.
        rest: What comes after the values.
    """
    one = f"({marks(len(rows[0]))})" if rows else ""
    whole = len(rows) - len(rows) % _TOGETHER
    many = f"{sql} VALUES {', '.join([one] * _TOGETHER)} {rest}"
    for start in range(0, whole, _TOGETHER):
        execute(connection, many, [*chain.from_iterable(rows[start : start + _TOGETHER])])
    if whole < len(rows):
        execute_many(connection, f"{sql} VALUES {one} {rest}", rows[whole:])


def records(
    connection: sa.Connection, type_: type[_T], table: Table, rest: str, *parameters: Any
) -> list[_T]:
    """The records that rows of a table hold: columns and fields have the same names.

    Args:
        connection: An open transaction.
        type_: Of the records; columns that are none of its fields are not read.
        table: Where they are kept.
        rest: The statement from `WHERE` or `ORDER BY` on.
        parameters: Its values.
    """
    columns = [table.declared[n] for n in type_.__struct_fields__ if n in table.declared]
    # With its table: a name alone that SQLite does not know is a text to it, not a mistake.
    names = ", ".join(f'{table.name}."{each.name}"' for each in columns)
    sql = f"SELECT {names} FROM {table.name} {rest}"
    return [
        msgspec.convert(
            {each.name: each.found(value) for each, value in zip(columns, row, strict=True)},
            type_,
            strict=False,
        )
        for row in execute(connection, sql, parameters)
    ]


def record(
    connection: sa.Connection, type_: type[_T], table: Table, rest: str, *parameters: Any
) -> _T | None:
    """The first of `records`."""
    return next(iter(records(connection, type_, table, rest, *parameters)), None)


def insert(connection: sa.Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows, all with values for the same columns."""
    if not rows:
        return
    columns = [table.declared[name] for name in rows[0]]
    names = _names(each.name for each in columns)
    sql = f"INSERT INTO {table.name} ({names}) VALUES ({marks(len(columns))})"
    execute_many(connection, sql, [[each.kept(row[each.name]) for each in columns] for row in rows])


def update(
    connection: sa.Connection, table: Table, values: Mapping[str, Any], rest: str, *parameters: Any
) -> None:
    """Change the rows of a table that `rest`, from `WHERE` on, says."""
    columns = [table.declared[name] for name in values]
    changes = ", ".join(f'"{each.name}" = ?' for each in columns)
    kept = [each.kept(values[each.name]) for each in columns]
    execute(connection, f"UPDATE {table.name} SET {changes} {rest}", [*kept, *parameters])


def marks(number: int) -> str:
    """As many marks for values, between commas.

    Example:
        >>> marks(3)
        '?, ?, ?'
    """
    return ", ".join("?" * number)


def refused(sql: str, error: Exception, base: type[Exception]) -> Exception:
    """An error of the driver as SQLAlchemy raises it, so that it means the same from both."""
    import sqlalchemy as sa

    found: Exception = sa.exc.DBAPIError.instance(sql, None, error, base)
    return found


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
            raise refused(self._sql, error, base) from error


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


@lru_cache(maxsize=512)
def _spoken(sql: str, dialect: str) -> str:
    return sql if dialect == "sqlite" else sql.replace("?", "%s")
