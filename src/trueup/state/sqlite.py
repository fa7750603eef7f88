"""Transactions on an SQLite file by its driver. SQLAlchemy joins one when a statement of its comes.

Importing SQLAlchemy costs more than most commands do. So a connection is opened by the driver and
kept open between transactions; the first statement of SQLAlchemy's makes it one of its own, too,
over the same open file and in the same transaction, and it stays so.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from trueup.foundation.configuration import is_read_only, make_private, sqlite_read_only
from trueup.foundation.errors import BackendError
from trueup.state import driver

if TYPE_CHECKING:
    import sqlalchemy as sa


class Dialect:
    """What `driver.py` asks of a connection's dialect."""

    name: Final = "sqlite"
    loaded_dbapi: Final = sqlite3


class Connection:
    """A transaction. What the driver does not know is asked of SQLAlchemy's connection.

    Attributes:
        connection: The driver's connection.
    """

    dialect: Final = Dialect

    def __init__(self, link: _Link) -> None:
        self.connection = link.raw
        self._link = link
        self._begun: sa.RootTransaction | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = self._link.full()
        if self._begun is None:
            self._begun = full.begin()
        return getattr(full, name)

    def commit(self) -> None:
        """Keep what was written."""
        if self._begun is not None:
            self._begun.commit()
            return
        try:
            self.connection.commit()
        except sqlite3.Error as error:
            raise driver.refused("COMMIT", error, sqlite3.Error) from error

    def rollback(self) -> None:
        """Undo what was written."""
        if self._begun is not None:
            self._begun.rollback()
            self._begun = None
        self.connection.rollback()


class _Link:
    """An open connection, between its transactions."""

    def __init__(self, raw: sqlite3.Connection, file: SqliteFile) -> None:
        self.raw = raw
        self.synchronous = "FULL"
        self._file = file
        self._full: sa.Connection | None = None

    def full(self) -> sa.Connection:
        """The same connection as one of SQLAlchemy's."""
        if self._full is None:
            self._full = self._file.adopted(self.raw)
        return self._full

    def close(self) -> None:
        """Close it."""
        if self._full is not None:
            self._full.close()
        self.raw.close()


class SqliteFile:
    """Connections to one file, opened as many as are used at once.

    Args:
        file: The database's file; made with its folder, for nobody else to read, if it is missing.
        busy_seconds: How long to wait for others who write.
    """

    def __init__(self, file: Path, busy_seconds: float) -> None:
        self.file = file
        self._is_read_only = is_read_only(file.parent) and file.exists()
        if not self._is_read_only:
            _create_private(file)
        self._busy_seconds = busy_seconds
        # The last one used comes first. They stay open: when the last one of all closes, SQLite
        # folds its log back (6 ms).
        self._free: deque[_Link] = deque()
        self._engine: sa.Engine | None = None
        self._idle: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._adopting = threading.local()
        _files.add(self)

    @contextmanager
    def transaction(self, begin: str, synchronous: str = "") -> Iterator[sa.Connection]:
        """One transaction: committed at the end of the block, undone by any exception.

        Args:
            begin: The statement that begins it.
            synchronous: How SQLite waits for the disk; as before if left out.
        """
        if self._is_read_only and begin != "BEGIN":
            make_private(self.file.parent)  # says why not
        link = self._take()
        connection = Connection(link)
        told = cast("sa.Connection", connection)
        try:
            if synchronous and synchronous != link.synchronous:
                driver.execute(told, f"PRAGMA synchronous={synchronous}")
                link.synchronous = synchronous
            driver.execute(told, begin)
            yield told
            connection.commit()
        except BaseException:
            try:
                connection.rollback()
            except Exception:  # nobody may use it again; what is not committed is undone
                link.close()
            else:
                self._free.append(link)
            raise
        self._free.append(link)

    @property
    def engine(self) -> sa.Engine:
        """SQLAlchemy's engine over these connections."""
        with self._lock:
            if self._engine is None:
                self._engine = self._made()
            return self._engine

    def adopted(self, raw: sqlite3.Connection) -> sa.Connection:
        """An open connection as one of SQLAlchemy's."""
        engine = self.engine
        self._adopting.raw = raw
        return engine.connect()

    def data_version(self) -> int:
        """SQLite's own number of what anybody has committed."""
        with self._lock:
            # One that never writes: SQLite does not count what a connection wrote itself.
            if self._idle is None:
                self._idle = self._opened()
            ((version,),) = self._idle.execute("PRAGMA data_version")
        return int(version)

    def close(self) -> None:
        """Close all connections that nobody uses."""
        with self._lock:
            if self._idle is not None:
                self._idle.close()
                self._idle = None
        while self._free:
            self._free.pop().close()
        if self._engine is not None:
            self._engine.dispose()

    def forget(self) -> None:
        """Leave all connections alone: a child made by fork must not use its parent's."""
        _abandoned.extend(self._free)
        self._free.clear()
        if self._idle is not None:
            _alone.append(self._idle)
            self._idle = None
        self._lock = threading.Lock()

    def _take(self) -> _Link:
        try:
            return self._free.pop()
        except IndexError:
            return _Link(self._opened(), self)

    def _opened(self) -> sqlite3.Connection:
        try:
            raw = sqlite3.connect(
                sqlite_read_only(self.file) if self._is_read_only else self.file,
                uri=self._is_read_only,
                timeout=self._busy_seconds,
                isolation_level=None,  # transactions begin where we say
                check_same_thread=False,
            )
            for pragma in ("synchronous=FULL", "foreign_keys=ON"):
                raw.execute(f"PRAGMA {pragma}").close()
            if not self._is_read_only:
                self._use_write_ahead_log(raw)
        except sqlite3.Error as error:
            raise driver.refused("", error, sqlite3.Error) from error
        return raw

    def _use_write_ahead_log(self, raw: sqlite3.Connection) -> None:
        """Switch on the log, which the file remembers. SQLite waits for no lock here: we do."""
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                raw.execute("PRAGMA journal_mode=WAL").close()
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _made(self) -> sa.Engine:
        import sqlalchemy as sa

        engine = sa.create_engine("sqlite://", creator=self._handed, poolclass=sa.pool.NullPool)
        # SQLAlchemy tries its first connection, and undoes what that did: it gets an empty one.
        self._adopting.raw = sqlite3.connect(":memory:")
        engine.connect().close()
        return engine

    def _handed(self) -> sqlite3.Connection:
        """The connection that is being adopted; a new one for whoever asks the engine itself."""
        raw = getattr(self._adopting, "raw", None)
        self._adopting.raw = None
        return raw or self._opened()


def _create_private(file: Path) -> None:
    make_private(file.parent)
    if file.exists():
        return
    try:
        file.touch(mode=0o600)  # SQLite gives its log and index files the same mode
    except OSError as error:
        raise BackendError(
            "database-unusable",
            f"The database {file} cannot be made: {error.strerror or error}.",
            hint="trueup doctor",
        ) from error


_files: weakref.WeakSet[SqliteFile] = weakref.WeakSet()
_abandoned: list[_Link] = []
_alone: list[sqlite3.Connection] = []


def _forget_connections() -> None:
    for file in list(_files):
        file.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)
