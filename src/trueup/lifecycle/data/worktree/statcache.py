"""Digests of files that have not changed since they were last read, by what `stat` says of them.

A cache: losing it costs time alone, so no trouble with it stops anybody. `keeping.py` uses it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
from blake3 import blake3

from trueup.foundation import clock, digests
from trueup.foundation.configuration import is_read_only, make_private
from trueup.lifecycle.data.worktree.tree import Found

# A file touched less than this before it was read may be written again within the same tick of
# the file system's clock, and `stat` would not tell. Kernels tick every 10 ms or faster; file
# systems that keep whole milliseconds, or coarser, may be 2 s behind.
_FINE: Final = 20_000_000
_COARSE: Final = 2_000_000_000
_AT_ONCE: Final = 10_000

_MTIME: Final = itemgetter(Found._fields.index("mtime_ns"))
_CTIME: Final = itemgetter(Found._fields.index("ctime_ns"))

_TABLE: Final = """
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, dev INTEGER, ino INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER,
    digest BLOB, recorded INTEGER
) WITHOUT ROWID"""
_WALKS: Final = """
CREATE TABLE IF NOT EXISTS walks (place TEXT PRIMARY KEY, sum BLOB, digest TEXT, files INTEGER)"""
_INSERT: Final = "INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?,?)"
_RANGE: Final = "SELECT * FROM files WHERE path >= ? AND path < ? ORDER BY path"


class Walk:
    """Files as they pass by, summed up: two walks of one sum saw the same of every file.

    Args:
        walked: The files, some of one folder at a time.
    """

    def __init__(self, walked: Iterable[list[Found]]) -> None:
        self._walked = walked
        self._hasher = blake3()
        self.files = 0
        self.newest = 0

    def __iter__(self) -> Iterator[Found]:
        return chain.from_iterable(self._passing())

    def run(self) -> bytes:
        """Let all files pass; the sum."""
        for _ in self._passing():
            pass
        return self.sum

    def _passing(self) -> Iterator[list[Found]]:
        for some in self._walked:
            self._hasher.update(msgspec.msgpack.encode(some))
            self.files += len(some)
            self.newest = max(self.newest, *map(_MTIME, some), *map(_CTIME, some))
            yield some

    @property
    def sum(self) -> bytes:
        """The sum of those that passed."""
        return self._hasher.digest()


_Row = tuple[str, int, int, int, int, int, bytes, int]


class Known(NamedTuple):
    """A file, and its digest if it has not changed since it was recorded; else nothing."""

    found: Found
    digest: str


class StatCache:
    """The cache of one project, for one walk over one place of it."""

    def __init__(self, folder: Path, place: str) -> None:
        self._can_write = not is_read_only(folder)
        self._file = (make_private(folder) if self._can_write else folder) / "stat.db"
        # Paths are relative to the project, so a project may be moved or copied with its cache.
        self._prefix = "" if place in ("", ".") else place + "/"
        self.begin()
        self._fresh: list[tuple[object, ...]] = []
        self._gone: list[tuple[str]] = []

    def begin(self) -> None:
        """From now on files are read or written: what happens to them later shows in `stat`."""
        self._since = int(clock.now().timestamp() * 1_000_000_000)

    def is_still(self, digest: str, walked: Iterable[list[Found]]) -> int | None:
        """How many files there are, if all of them are as when they were last found to be `digest`.

        None if they are not, or were never found to be that.
        """
        with closing(self._open()) as connection, suppress(sqlite3.Error):
            query = "SELECT sum, files FROM walks WHERE place = ? AND digest = ?"
            row = connection.execute(query, (self._prefix, digest)).fetchone()
            if row is not None and row[0] == Walk(walked).run():
                return int(row[1])
        return None

    def found_to_be(self, digest: str, walk: Walk) -> None:
        """Remember that all files of a walk are those of a version."""
        if walk.newest >= self._since - _COARSE:  # one may be written again and show the same times
            return
        with suppress(sqlite3.Error), closing(self._open()) as connection, connection:
            connection.execute(
                "INSERT OR REPLACE INTO walks VALUES (?,?,?,?)",
                (self._prefix, walk.sum, digest, walk.files),
            )

    def recall(self, walked: Iterable[Found]) -> Iterator[Known]:
        """Each file of a walk with the digest it had, if nothing says that it changed since."""
        prefix = self._prefix
        with closing(self._open()) as connection:
            rows = iter(self._below(connection))
            row = next(rows, None)
            for found in walked:
                path = prefix + found.path
                while row is not None and row[0] < path:
                    self._gone.append((row[0],))
                    row = next(rows, None)
                if row is not None and row[0] == path:
                    # dev, ino, size, mtime and ctime, in the same order in both
                    trusted = row[1:6] == found[2:] and _is_settled(found, row[7])
                    yield Known(found, digests.of_key(row[6]) if trusted else "")
                    row = next(rows, None)
                else:
                    yield Known(found, "")

    def of_one(self, found: Found) -> str:
        """The digest that one file had, if nothing says that it changed since; else nothing."""
        with suppress(sqlite3.Error), closing(self._open()) as connection:
            query = "SELECT * FROM files WHERE path = ?"
            row = connection.execute(query, (self._prefix + found.path,)).fetchone()
            if row is not None and row[1:6] == found[2:] and _is_settled(found, row[7]):
                return digests.of_key(row[6])
        return ""

    def record(self, found: Found, digest: str) -> None:
        """Remember the digest of a file that was read after this object was made."""
        self._fresh.append(
            (
                self._prefix + found.path,
                found.dev,
                found.ino,
                found.size,
                found.mtime_ns,
                found.ctime_ns,
                digests.key(digest),
                self._since,
            )
        )
        if len(self._fresh) >= _AT_ONCE:
            self.save()

    def save(self) -> None:
        """Write what was recorded, and forget the files that are gone."""
        fresh, gone, self._fresh, self._gone = self._fresh, self._gone, [], []
        if not fresh and not gone:
            return
        # A full disk or a foreign lock: the next walk reads these files again, that is all.
        with suppress(sqlite3.Error), closing(self._open()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM files WHERE path = ?", gone)
            connection.executemany(_INSERT, fresh)

    def _below(self, connection: sqlite3.Connection) -> Iterator[_Row]:
        # '0' follows '/', so this range is what lies below the place, in the order of a walk.
        upper = self._prefix[:-1] + "0" if self._prefix else "\U0010ffff"
        try:
            cursor = connection.execute(_RANGE, (self._prefix, upper))
            # Many at a time: every row gives up the interpreter to the threads that walk ahead.
            while rows := cursor.fetchmany(_AT_ONCE):
                yield from rows
        except sqlite3.Error:
            return

    def _open(self) -> sqlite3.Connection:
        if not self._can_write:
            return _prepared(sqlite3.connect(":memory:"))
        try:
            return _connect(self._file)
        except sqlite3.Error:
            self._file.unlink(missing_ok=True)
        try:
            return _connect(self._file)
        except sqlite3.Error:
            return _prepared(sqlite3.connect(":memory:"))


def _connect(file: Path) -> sqlite3.Connection:
    if not file.exists():
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(file, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("PRAGMA synchronous=NORMAL").close()
        return _prepared(connection)
    except sqlite3.Error:
        connection.close()
        raise


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    connection.execute(_TABLE).close()
    connection.execute(_WALKS).close()
    return connection


def _is_settled(found: Found, recorded: int) -> bool:
    """Whether a change after the recording would show in the times."""
    slack = _FINE if found.ctime_ns % 1_000_000 else _COARSE
    return max(found.ctime_ns, found.mtime_ns) < recorded - slack
