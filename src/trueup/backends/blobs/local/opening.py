"""Opening the index: made when absent, made again when damaged, brought up to date with the packs.

A pack on the disk that the index does not know was finished by a process that died before it could
index it: it is taken in. A pack that the index knows and the disk has not is dropped.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from trueup.foundation import clock, packs
from trueup.foundation.configuration import is_read_only, make_private, sqlite_read_only
from trueup.foundation.errors import BackendError

INDEXING, LIVE, LEAVING = range(3)
"""A pack's state: some of it may not be indexed yet; all is; its file is about to be removed."""

INSERT = (
    "INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (digest) DO UPDATE SET stored_at = max(stored_at, excluded.stored_at)"
)

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA cache_size = -16000;
CREATE TABLE IF NOT EXISTS packs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    length INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS blobs (
    digest BLOB PRIMARY KEY,
    pack INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    stored INTEGER NOT NULL,
    size INTEGER NOT NULL,
    stored_at INTEGER NOT NULL
) WITHOUT ROWID;
"""
_KNOWN = "SELECT name, state FROM packs"
_SUFFIX = ".pack"
_NAME = re.compile(r"[0-9a-f]{64}\.pack\Z")
_NO_DAMAGE = {
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
_WAIT_S = 60.0

_T = TypeVar("_T")
_everywhere: weakref.WeakSet[Opened] = weakref.WeakSet()
_abandoned: list[sqlite3.Connection] = []  # closing these would disturb whoever still uses the file


class Opened:
    """The SQLite file of one store, opened when first needed and again after a fork."""

    def __init__(self, folder: Path) -> None:
        self.packs = folder / "packs"
        self._folder = folder
        self._file = folder / "index.db"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._closing: weakref.finalize[..., Opened] | None = None
        self._inode = 0
        _everywhere.add(self)

    def read(self, ask: Callable[[sqlite3.Connection], _T], without: _T) -> _T:
        """Ask the index; `without` is the answer when there are no packs.

        Raises:
            BackendError: It cannot be used.
        """
        if not self.packs.is_dir():
            return without
        try:
            return self._use(ask)
        except (OSError, sqlite3.Error) as error:
            raise BackendError(
                "blob-index-failed",
                f"The index {self._file} of the blob store cannot be used: {error}.",
                hint=f"ls -l '{self._file}'",
            ) from error

    def write(self, change: Callable[[sqlite3.Connection], _T], without: _T | None = None) -> _T:
        """Change the index in one transaction; `without` as in `read`.

        Raises:
            OSError: It cannot be written.
            sqlite3.Error: It cannot be written.
        """
        if without is not None and not self.packs.is_dir():
            return without
        return self._use(change)

    def check(self) -> list[str]:
        """What SQLite finds wrong in the file."""
        if not self.packs.is_dir():
            return []
        with self._lock:
            try:
                found = self._connected().execute("PRAGMA integrity_check(20)").fetchall()
            except sqlite3.DatabaseError as error:
                return [str(error)]
        return [text for (text,) in found if text != "ok"]

    def take_in_again(self) -> None:
        """Compare with the packs on the disk now."""
        self.read(self._take_in, None)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._closing is not None:
                self._closing()
            self._connection = self._closing = None

    def abandon(self) -> None:
        """Leave the connection as it is: it belongs to a parent process or to a removed file."""
        if self._connection is not None:
            _abandoned.append(self._connection)
        if self._closing is not None:
            self._closing.detach()
        self._connection = self._closing = None

    def after_fork(self) -> None:
        """Begin anew in a child process."""
        self.abandon()
        self._lock = threading.RLock()

    def _use(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        with self._lock:
            try:
                return work(self._connected())
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self.abandon()
                self._adopt(self._start_over())
                return work(self._connected())

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None:
            with suppress(FileNotFoundError):
                if self._file.stat().st_ino == self._inode:
                    return self._connection
            self.abandon()
        try:
            connection = self._connect()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            connection = self._start_over()
        return self._adopt(connection)

    def _adopt(self, connection: sqlite3.Connection) -> sqlite3.Connection:
        self._connection = connection
        self._inode = self._file.stat().st_ino
        self._closing = weakref.finalize(self, connection.close)
        return connection

    def _connect(self, thoroughly: bool = False) -> sqlite3.Connection:
        if is_read_only(self.packs) and self._file.exists():
            address = sqlite_read_only(self._file)
            return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        make_private(self.packs)
        os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(
            self._file, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.executescript(_SCHEMA)
            if thoroughly and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise _malformed()
            self._take_in(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _start_over(self) -> sqlite3.Connection:
        """Set a damaged index aside and make it again from the footers."""
        handle = os.open(self.packs, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            try:
                return self._connect(thoroughly=True)  # another process may have mended it
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
            for suffix in ("-wal", "-shm", ""):
                file = self._file.with_name(self._file.name + suffix)
                with suppress(FileNotFoundError):
                    file.rename(self._folder / f"damaged-{file.name}")
            return self._connect()
        finally:
            os.close(handle)

    def _take_in(self, connection: sqlite3.Connection) -> None:
        known = dict(connection.execute(_KNOWN).fetchall())
        if self._on_disk() == known.keys() and set(known.values()) <= {LIVE}:
            return
        try:
            self._reconcile(connection)
        except sqlite3.OperationalError as error:
            # On a full disk nothing can be taken in, but what is indexed can still be read.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_FULL:
                raise

    def _reconcile(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            # Inside the transaction nobody switches packs: what is absent now is gone for good.
            known = dict(connection.execute(_KNOWN).fetchall())
            there = self._on_disk()
            for name, state in known.items():
                if name not in there or state == LEAVING:
                    self._drop(connection, name)
            for name in there:
                if known.get(name, INDEXING) == INDEXING:
                    with suppress(BackendError):  # a damaged pack is named by `verify`
                        self._insert(connection, name)

    def _on_disk(self) -> set[str]:
        found = os.listdir(self.packs)  # noqa: PTH208
        return {name.removesuffix(_SUFFIX) for name in found if _NAME.match(name)}

    def _drop(self, connection: sqlite3.Connection, name: str) -> None:
        (self.packs / f"{name}{_SUFFIX}").unlink(missing_ok=True)
        (number,) = connection.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()
        connection.execute("DELETE FROM blobs WHERE pack = ?", (number,))
        connection.execute("DELETE FROM packs WHERE id = ?", (number,))

    def _insert(self, connection: sqlite3.Connection, name: str) -> None:
        path = self.packs / f"{name}{_SUFFIX}"
        entries = read_footer(path)
        connection.execute(
            "INSERT INTO packs (name, state, length) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET state = excluded.state",
            (name, LIVE, sum(entry.stored for entry in entries)),
        )
        (number,) = connection.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()
        now = int(clock.now().timestamp())
        connection.executemany(INSERT, sorted((e.key, number, *e[1:], now) for e in entries))


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One short writing transaction, waiting for its turn at the beginning."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_footer(path: Path) -> list[packs.Entry]:
    """What a pack in a file holds.

    Raises:
        BackendError: It is damaged.
        OSError: It cannot be read.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        return footer_of(handle, path.name)
    finally:
        os.close(handle)


def footer_of(handle: int, name: str) -> list[packs.Entry]:
    """What a pack in an open file holds; `name` is for messages.

    Raises:
        BackendError: It is damaged.
    """
    length = os.fstat(handle).st_size
    return packs.read_entries(lambda start, end: os.pread(handle, end - start, start), length, name)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # Whatever is not about locks, memory, room or rights: a flipped byte shows in many ways.
    return error.sqlite_errorcode & 0xFF not in _NO_DAMAGE


def _malformed() -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError("database disk image is malformed")
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _after_fork() -> None:
    for opened in list(_everywhere):
        opened.after_fork()


os.register_at_fork(after_in_child=_after_fork)
