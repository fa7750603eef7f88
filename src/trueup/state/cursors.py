"""Readers of the event log: each has a cursor, gets events at least once, in order.

A reader's effect must be idempotent: after a crash between the effect and the acknowledgement the
same event comes again.
"""

from __future__ import annotations

from trueup.state import eventlog
from trueup.state.database import Database
from trueup.state.schema import BigInteger, Column, String, Table
from trueup.state.sql import sa

cursors = Table(
    "cursors",
    Column("reader", String(300), primary_key=True),
    Column("seq", BigInteger, nullable=False),
)


class Reader:
    """One reader's place in the event log."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    def pending(self, types: tuple[str, ...] = (), limit: int = 1000) -> list[eventlog.Event]:
        """Events this reader has not acknowledged, oldest first."""
        with self._database.reading() as connection:
            return eventlog.since(connection, place(connection, self.name), types, limit)

    def acknowledge(self, seq: int) -> None:
        """Move past event `seq`; never back."""
        with self._database.writing() as connection:
            move(connection, self.name, seq)


def place(connection: sa.Connection, reader: str) -> int:
    """The last event that a reader is done with; 0 before the first."""
    query = sa.select(cursors.c.seq).where(cursors.c.reader == reader)
    return connection.execute(query).scalar() or 0


def move(connection: sa.Connection, reader: str, seq: int) -> None:
    """Move a reader past event `seq`, in the transaction of its effect; never back."""
    if seq <= place(connection, reader):
        return
    mine = cursors.c.reader == reader
    changed = connection.execute(cursors.update().where(mine).values(seq=seq))
    if changed.rowcount == 0:
        connection.execute(cursors.insert().values(reader=reader, seq=seq))


def is_known(connection: sa.Connection, reader: str) -> bool:
    """Whether a reader has ever moved."""
    query = sa.select(cursors.c.reader).where(cursors.c.reader == reader)
    return connection.execute(query).first() is not None


def skip(connection: sa.Connection, reader: str) -> None:
    """Move a reader to the end of the log: what happened so far does not concern it."""
    end = eventlog.last_seq(connection)
    if not is_known(connection, reader):
        connection.execute(cursors.insert().values(reader=reader, seq=end))
    move(connection, reader, end)


def skip_all(connection: sa.Connection, beginning: str) -> None:
    """Move all readers whose names begin so to the end of the log."""
    mine = cursors.c.reader.startswith(beginning, autoescape=True)
    end = eventlog.last_seq(connection)
    connection.execute(cursors.update().where(mine, cursors.c.seq < end).values(seq=end))
