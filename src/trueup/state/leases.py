"""Leases: work that only one process may do at a time, even when a holder dies.

A holder that was paused past its lease is stopped by the fence: each new holder gets a larger
number, and a write with an old number is refused.
"""

from __future__ import annotations

from datetime import timedelta

from trueup.foundation import clock
from trueup.foundation.errors import ConflictError
from trueup.foundation.identifiers import short_id
from trueup.state.database import Database
from trueup.state.schema import BigInteger, Column, Moment, String, Table
from trueup.state.sql import sa

leases = Table(
    "leases",
    Column("name", String(200), primary_key=True),
    Column("holder", String(40), nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
)


class Lease:
    """One named piece of exclusive work, as seen by one process."""

    def __init__(self, database: Database, name: str, lasts: timedelta) -> None:
        self._database = database
        self._lasts = lasts
        self.name = name
        self.holder = short_id(12)
        self.fence = 0

    def take(self) -> bool:
        """Take the lease or renew it; false while another process holds it."""
        now = clock.now()
        with self._database.writing() as connection:
            row = connection.execute(
                sa.select(leases).where(leases.c.name == self.name).with_for_update()
            ).first()
            if row is None:
                self.fence = 1
                connection.execute(
                    leases.insert().values(
                        name=self.name, holder=self.holder, fence=1, expires_at=now + self._lasts
                    )
                )
                return True
            if row.holder != self.holder and row.expires_at > now:
                return False
            self.fence = row.fence if row.holder == self.holder else row.fence + 1
            connection.execute(
                leases.update()
                .where(leases.c.name == self.name)
                .values(holder=self.holder, fence=self.fence, expires_at=now + self._lasts)
            )
            return True

    def require(self, connection: sa.Connection) -> None:
        """Refuse to write for a holder that was paused while another one took over.

        Raises:
            ConflictError: The lease belongs to another holder by now.
        """
        query = sa.select(leases.c.fence).where(leases.c.name == self.name).with_for_update()
        fence = connection.execute(query).scalar()
        if fence is None or fence != self.fence:
            raise ConflictError(
                "lease-lost",
                f"Another process has taken over '{self.name}' (fence {fence}, ours {self.fence}).",
                hint="trueup status",
            )

    def release(self) -> None:
        """Give the lease back at once, if it is still ours."""
        with self._database.writing() as connection:
            connection.execute(
                leases.update()
                .where(leases.c.name == self.name, leases.c.holder == self.holder)
                .values(expires_at=clock.now())
            )
