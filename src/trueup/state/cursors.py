"""Readers of the event log: each has a cursor, gets events at least once, in order.

A reader's effect must be idempotent: after a crash between the effect and the acknowledgement the
same event comes again.
"""

from __future__ import annotations

import sqlalchemy as sa

from trueup.state import eventlog
from trueup.state.database import Database
from trueup.state.schema import metadata

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("reader", sa.String(200), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
)


class Reader:
    """One reader's place in the event log."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self.name = name

    def pending(self, types: tuple[str, ...] = (), limit: int = 1000) -> list[eventlog.Event]:
        """Events this reader has not acknowledged, oldest first."""
        with self._database.reading() as connection:
            return eventlog.since(connection, self._seq(connection), types, limit)

    def acknowledge(self, seq: int) -> None:
        """Move past event `seq`; never back."""
        with self._database.writing() as connection:
            if seq <= self._seq(connection):
                return
            changed = connection.execute(
                cursors.update().where(cursors.c.reader == self.name).values(seq=seq)
            )
            if changed.rowcount == 0:
                connection.execute(cursors.insert().values(reader=self.name, seq=seq))

    def _seq(self, connection: sa.Connection) -> int:
        query = sa.select(cursors.c.seq).where(cursors.c.reader == self.name)
        return connection.execute(query).scalar() or 0
