"""The unit of work: a verb's permission, its rows and its events, in one transaction.

with state.write(actor, "models.write") as unit:
    unit.execute(model_versions.insert().values(...))
    unit.emit("model-version.registered", subject="flights@1", data={...})
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.permissions import Permission
from trueup.ports.blobs import Blobs
from trueup.ports.keys import Keys
from trueup.state import eventlog
from trueup.state.database import Database
from trueup.state.writer import Writer

if TYPE_CHECKING:
    from concurrent.futures import Future

    import sqlalchemy as sa

_T = TypeVar("_T")


class Guard(Protocol):
    """Decides whether an actor may; raises `DeniedError` if not."""

    def __call__(self, connection: sa.Connection, actor: Actor, permission: Permission) -> None:
        """Return if they may."""
        ...


class Outbox(Protocol):
    """Notes what others are to be told of events, in the transaction that writes them."""

    def __call__(self, connection: sa.Connection, events: list[eventlog.Event], /) -> None:
        """Note it; what was noted is told later, by somebody who reads the notes."""
        ...


def tell_nobody(_connection: sa.Connection, _events: list[eventlog.Event]) -> None:
    """The outbox of a state whose events concern nobody elsewhere."""


class Unit:
    """An open transaction of one verb."""

    def __init__(self, connection: sa.Connection, actor: Actor, at: datetime) -> None:
        self.connection = connection
        self.actor = actor
        self.at = at
        self.drafts: list[dict[str, Any]] = []

    def execute(self, statement: sa.Executable, *rows: Any) -> sa.CursorResult[Any]:
        """Run one statement in the transaction."""
        return self.connection.execute(statement, *rows)

    def emit(
        self,
        type_: str,
        subject: str,
        *,
        data: dict[str, Any] | None = None,
        why: str = "",
        before: str = "",
        after: str = "",
    ) -> None:
        """Say what happened: the event is written with the rows or not at all."""
        self.drafts.append(
            {
                "type": type_,
                "subject": subject,
                "data": data or {},
                "why": why,
                "before": before,
                "after": after,
            }
        )


class State:
    """Everything that is kept: database, event log, blobs, keys, and the guard before them."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        keys: Keys,
        guard: Guard,
        outbox: Outbox = tell_nobody,
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.keys = keys
        self.log = eventlog.EventLog(keys)
        self._guard = guard
        self._outbox = outbox
        self._writer = Writer(database)

    @contextmanager
    def write(
        self, actor: Actor, permission: Permission, *, relaxed: bool = False
    ) -> Iterator[Unit]:
        """A transaction in which `actor` may do what `permission` names.

        Args:
            actor: Who does it.
            permission: What they need.
            relaxed: Do not wait for the disk, as `Database.writing` says: for what comes in
                masses and is told again by its sender when in doubt.

        Raises:
            DeniedError: The actor lacks the permission; nothing was written.
        """
        with self.database.writing(relaxed=relaxed) as connection:
            self._guard(connection, actor, permission)
            unit = Unit(connection, actor, clock.now())
            yield unit
            self._log(connection, unit)

    @contextmanager
    def read(self, actor: Actor, permission: Permission = "read") -> Iterator[sa.Connection]:
        """A consistent view for an actor who may read.

        Raises:
            DeniedError: The actor lacks the permission.
        """
        with self.database.reading() as connection:
            self._guard(connection, actor, permission)
            yield connection

    def submit(
        self, actor: Actor, permission: Permission, work: Callable[[Unit], _T]
    ) -> Future[_T]:
        """A relaxed transaction that is shared with others who write at the same time.

        Args:
            actor: Who does it.
            permission: What they need.
            work: Writes and returns; called in another thread. What it raises, `DeniedError` for
                one, comes out of the future, and its own writes alone are undone.
        """

        at = clock.now()

        def perform(connection: sa.Connection) -> _T:
            self._guard(connection, actor, permission)
            unit = Unit(connection, actor, at)
            result = work(unit)
            self._log(connection, unit)
            return result

        return self._writer.submit(perform)

    def _log(self, connection: sa.Connection, unit: Unit) -> None:
        if unit.drafts:
            self._outbox(connection, self.log.append(connection, unit.actor, unit.at, unit.drafts))

    def with_blobs(self, blobs: Blobs) -> State:
        """The same state, with another store of blobs before or instead of its own."""
        other = copy.copy(self)
        other.blobs = blobs
        return other

    def close(self) -> None:
        """Write what is under way, and close the database."""
        self._writer.close()
        self.database.close()
