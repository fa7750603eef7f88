"""What a remote holds, remembered here: a SQLite file that is filled from the remote's indexes.

It can be deleted at any time. A location is *active* unless its pack or the index that names it
has a tombstone: a push counts on active ones alone, a pull takes any.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from trueup.foundation import digests
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError
from trueup.foundation.packs import Entry
from trueup.state.remotes.indexes import Index, Pack

_VERSION = 1
_MANY = 1000
_SCHEMA = """
CREATE TABLE indexes(id INTEGER PRIMARY KEY, name TEXT UNIQUE, active INTEGER DEFAULT 1);
CREATE TABLE packs(id INTEGER PRIMARY KEY, key BLOB UNIQUE, size INTEGER, active INTEGER DEFAULT 1);
CREATE TABLE blobs(key BLOB, pack INTEGER, source INTEGER, offset INTEGER, stored INTEGER,
  size INTEGER, PRIMARY KEY(key, pack, source)) WITHOUT ROWID;
CREATE TABLE recipes(file BLOB, recipe BLOB, source INTEGER, PRIMARY KEY(file, source))
  WITHOUT ROWID;
CREATE TABLE pending(pack BLOB PRIMARY KEY, size INTEGER);
CREATE TABLE pending_blobs(key BLOB, pack BLOB, offset INTEGER, stored INTEGER, size INTEGER,
  PRIMARY KEY(key, pack)) WITHOUT ROWID;
CREATE TABLE placed(chunk BLOB PRIMARY KEY, file BLOB, offset INTEGER) WITHOUT ROWID;
"""
_ACTIVE = "JOIN indexes i ON i.id = x.source AND i.active"


class Place(NamedTuple):
    """Where a blob lies in the remote: the name of a pack, and the place in it."""

    pack: str
    entry: Entry


class Cache:
    """The memory of one remote, in a folder of the project's state."""

    def __init__(self, folder: Path, url: str) -> None:
        self.file = make_private(folder) / f"{digests.key_of(url.encode()).hex()[:20]}.db"
        self._lock = threading.RLock()
        try:
            self._db = self._open()
        except sqlite3.DatabaseError:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.file}{suffix}").unlink(missing_ok=True)
            self._db = self._open()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def indexes(self) -> set[str]:
        """The names of the index objects that are known."""
        with self._reading() as db:
            return {name for (name,) in db.execute("SELECT name FROM indexes")}

    def learn(self, name: str, index: Index) -> None:
        """Remember what an index object says, and that its packs need no index any more."""
        with self._writing() as db:
            done = db.execute("INSERT OR IGNORE INTO indexes(name) VALUES (?)", (name,))
            if done.rowcount == 0:
                return
            source = done.lastrowid
            for pack in index.packs:
                db.execute(
                    "INSERT OR IGNORE INTO packs(key, size) VALUES (?, ?)", (pack.key, pack.size)
                )
                (number,) = db.execute("SELECT id FROM packs WHERE key = ?", (pack.key,)).fetchone()
                db.executemany(
                    "INSERT OR IGNORE INTO blobs VALUES (?, ?, ?, ?, ?, ?)",
                    ((e.key, number, source, e.offset, e.stored, e.size) for e in pack.entries),
                )
            db.executemany(
                "INSERT OR IGNORE INTO recipes VALUES (?, ?, ?)",
                ((file, recipe, source) for file, recipe in index.recipes),
            )
            self._forget_pending(db, [pack.key for pack in index.packs])

    def forget(self, names: Collection[str]) -> None:
        """Forget what index objects said that are gone."""
        with self._writing() as db:
            for name in names:
                found = db.execute("SELECT id FROM indexes WHERE name = ?", (name,)).fetchone()
                if found is not None:
                    for table in ("blobs", "recipes"):
                        db.execute(f"DELETE FROM {table} WHERE source = ?", found)
                    db.execute("DELETE FROM indexes WHERE id = ?", found)
            if names:
                db.execute("DELETE FROM packs WHERE id NOT IN (SELECT DISTINCT pack FROM blobs)")

    def bury(self, packs: Collection[str], indexes: Collection[str]) -> None:
        """Take these packs and indexes as not active, and all others as active."""
        with self._writing() as db:
            db.execute("UPDATE packs SET active = 1 WHERE NOT active")
            db.execute("UPDATE indexes SET active = 1 WHERE NOT active")
            keys = [(bytes.fromhex(name),) for name in packs]
            db.executemany("UPDATE packs SET active = 0 WHERE key = ?", keys)
            db.executemany(
                "UPDATE indexes SET active = 0 WHERE name = ?", [(name,) for name in indexes]
            )
            self._forget_pending(db, [key for (key,) in keys])

    def active(
        self, keys: Iterable[bytes], *, pending: bool = False, recipes: bool = True
    ) -> set[bytes]:
        """Which of these blobs a push may count on.

        Args:
            keys: The blobs.
            pending: Count those too that were uploaded but stand in no index yet.
            recipes: Count large files that have a recipe.
        """
        found: set[bytes] = set()
        queries = [
            f"SELECT x.key FROM blobs x {_ACTIVE} JOIN packs p ON p.id = x.pack AND p.active "
            "WHERE x.key IN "
        ]
        if recipes:
            queries.append(f"SELECT x.file FROM recipes x {_ACTIVE} WHERE x.file IN ")
        if pending:
            queries.append("SELECT key FROM pending_blobs WHERE key IN ")
        with self._reading() as db:
            for part in _parts(keys):
                for query in queries:
                    found.update(key for (key,) in db.execute(query + _marks(part), part))
        return found

    def locate(self, keys: Iterable[bytes], avoid: Collection[str] = ()) -> dict[bytes, Place]:
        """Where blobs lie, active places first, without those in packs to avoid."""
        found: dict[bytes, Place] = {}
        query = (
            "SELECT x.key, p.key, x.offset, x.stored, x.size FROM blobs x "
            "JOIN packs p ON p.id = x.pack JOIN indexes i ON i.id = x.source WHERE x.key IN {} "
            "ORDER BY p.active AND i.active DESC, x.pack"
        )
        with self._reading() as db:
            for part in _parts(keys):
                for key, pack, *place in db.execute(query.format(_marks(part)), part):
                    if key not in found and pack.hex() not in avoid:
                        found[key] = Place(pack.hex(), Entry(key, *place))
        return found

    def recipes(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The recipes of files, active ones first."""
        found: dict[bytes, bytes] = {}
        query = (
            "SELECT x.file, x.recipe FROM recipes x JOIN indexes i ON i.id = x.source "
            "WHERE x.file IN {} ORDER BY i.active DESC"
        )
        with self._reading() as db:
            for part in _parts(keys):
                for file, recipe in db.execute(query.format(_marks(part)), part):
                    found.setdefault(file, recipe)
        return found

    def packs(self, *, entries: bool = True) -> list[Pack]:
        """All packs that an index names, with every entry that an index has for them."""
        query = (
            "SELECT DISTINCT x.key, x.offset, x.stored, x.size FROM blobs x WHERE x.pack = ? "
            "ORDER BY x.offset"
        )
        with self._reading() as db:
            found = db.execute("SELECT id, key, size FROM packs").fetchall()
            if not entries:
                return [Pack(key, size, ()) for _, key, size in found]
            db.execute("CREATE INDEX IF NOT EXISTS blobs_by_pack ON blobs(pack)")
            return [
                Pack(key, size, [Entry(*row) for row in db.execute(query, (number,))])
                for number, key, size in found
            ]

    def all_recipes(self) -> list[tuple[bytes, bytes]]:
        """Every large file and its recipe."""
        with self._reading() as db:
            return db.execute("SELECT DISTINCT file, recipe FROM recipes").fetchall()

    def note_pending(self, pack: Pack) -> None:
        """Remember a pack that was uploaded, until an index names it."""
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO pending VALUES (?, ?)", (pack.key, pack.size))
            db.executemany(
                "INSERT OR REPLACE INTO pending_blobs VALUES (?, ?, ?, ?, ?)",
                ((e.key, pack.key, e.offset, e.stored, e.size) for e in pack.entries),
            )

    def pending(self) -> list[Pack]:
        """The packs that were uploaded and that no index names yet."""
        query = "SELECT key, offset, stored, size FROM pending_blobs WHERE pack = ? ORDER BY offset"
        with self._reading() as db:
            return [
                Pack(key, size, [Entry(*row) for row in db.execute(query, (key,))])
                for key, size in db.execute("SELECT pack, size FROM pending").fetchall()
            ]

    def forget_pending(self, keys: Iterable[bytes]) -> None:
        """Forget packs that are not in the remote after all."""
        with self._writing() as db:
            self._forget_pending(db, keys)

    def note_placed(self, file: bytes, chunks: Iterable[tuple[bytes, int]]) -> None:
        """Remember where in a file that is kept here chunks lie: a pull need not fetch those."""
        with self._writing() as db:
            db.executemany(
                "INSERT OR REPLACE INTO placed VALUES (?, ?, ?)",
                ((chunk, file, offset) for chunk, offset in chunks),
            )

    def placed(self, chunks: Iterable[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """In which files that were kept here, and where in them, chunks lay."""
        found: dict[bytes, tuple[bytes, int]] = {}
        with self._reading() as db:
            for part in _parts(chunks):
                query = f"SELECT chunk, file, offset FROM placed WHERE chunk IN {_marks(part)}"
                found.update({chunk: (file, at) for chunk, file, at in db.execute(query, part)})
        return found

    def _forget_pending(self, db: sqlite3.Connection, keys: Iterable[bytes]) -> None:
        gone = [(key,) for key in keys]
        if db.execute("SELECT 1 FROM pending LIMIT 1").fetchone():
            db.executemany("DELETE FROM pending WHERE pack = ?", gone)
            db.executemany("DELETE FROM pending_blobs WHERE pack = ?", gone)

    def _open(self) -> sqlite3.Connection:
        self.file.touch(mode=0o600)
        db = sqlite3.connect(self.file, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute("BEGIN IMMEDIATE")
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:
                if version:
                    raise sqlite3.DatabaseError("made by another version")
                for statement in _SCHEMA.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {_VERSION}")
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        return db

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._translated():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BackendError(
                "remote-cache",
                f"What is known of the remote cannot be kept in {self.file}: {error}.",
                hint=f"rm '{self.file}'   (it is made again)",
            ) from error


def _parts(keys: Iterable[bytes]) -> Iterator[list[bytes]]:
    wanted: Sequence[bytes] = list(keys)
    for start in range(0, len(wanted), _MANY):
        yield list(wanted[start : start + _MANY])


def _marks(part: Sequence[bytes]) -> str:
    return f"({','.join('?' * len(part))})"
