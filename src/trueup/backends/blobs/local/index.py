"""The index of packed blobs, in SQLite beside the packs: digest to pack, offset, lengths, age.

The footers of the packs are the truth: an index that is lost or damaged is made again from them.
Read `opening` for that, `packed` for what lies in the packs.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from trueup.backends.blobs.local.opening import INDEXING, INSERT, LEAVING, LIVE, Opened, transaction
from trueup.foundation import clock
from trueup.foundation.packs import Entry

YOUNG = timedelta(minutes=1)
"""Putting a blob again renews its age only if it is older than this."""

_ASK = 500  # digests in one question
_WRITE = 1 << 15  # rows in one transaction: others wait no longer than this takes


class Sealed(NamedTuple):
    """A pack that is durable under its name but perhaps not indexed yet."""

    name: str
    entries: list[Entry]


class Location(NamedTuple):
    """Where a packed blob lies."""

    pack: str
    entry: Entry
    stored_at: int


class Index:
    """Questions and short transactions; any number of processes and threads at once."""

    def __init__(self, folder: Path) -> None:
        self._opened = Opened(folder)
        self.packs = self._opened.packs

    def locate(self, keys: Sequence[bytes]) -> dict[bytes, Location]:
        """Where those of the blobs lie that are packed."""
        return self._opened.read(lambda c: dict(_locate(c, keys)), {})

    def ages(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Which of the blobs are packed, and when they were put."""
        return self._opened.read(partial(_numbers, keys=keys, column="stored_at"), {})

    def lengths(self, keys: Sequence[bytes]) -> dict[bytes, int]:
        """Which of the blobs are packed, and the lengths of their bytes."""
        return self._opened.read(partial(_numbers, keys=keys, column="size"), {})

    def renew(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the blobs that are packed, made young again so that no collector takes them."""
        found = self.ages(keys)
        limit = _seconds(clock.now() - YOUNG)
        old = [key for key, at in found.items() if at < limit]
        renewed = found.keys() - old
        for part in _slices(old, _WRITE):
            renewed |= self._opened.write(partial(_renew, keys=part))
        return renewed

    def add(self, sealed: Sequence[Sealed]) -> None:
        """Index packs that are durable."""
        numbers = self._opened.write(lambda c: _announce(c, sealed))
        now = _seconds(clock.now())
        rows = [(e.key, numbers[s.name], *e[1:], now) for s in sealed for e in s.entries]
        rows.sort()  # neighbours in the tree go in together: few pages are touched
        for part in _slices(rows, _WRITE):
            self._opened.write(partial(_insert, rows=part))
        self._opened.write(lambda c: _finish(c, list(numbers.values())))

    def forget(self, keys: Sequence[bytes], stored_before: datetime | None) -> int:
        """Drop blobs unless they are young; the bytes they take in their packs."""
        limit, freed = _limit(stored_before), 0
        for part in _slices(keys, _WRITE):
            freed += self._opened.write(partial(_forget, keys=part, limit=limit), 0)
        return freed

    def while_none_renews(
        self,
        keys: Sequence[bytes],
        stored_before: datetime | None,
        each_dead: Callable[[str], None],
    ) -> int:
        """Act on packs that hold nothing but blobs to be forgotten; how many there are."""
        work = partial(_on_dead, keys=keys, limit=_limit(stored_before), each_dead=each_dead)
        return self._opened.write(work, 0)

    def sparse(self) -> list[str]:
        """Packs of which less than half is needed."""
        return self._opened.read(
            lambda c: [
                name
                for name, length, live in c.execute(
                    "SELECT name, length, coalesce(live, 0) FROM packs LEFT JOIN "
                    "(SELECT pack, sum(stored) AS live, count(*) AS count FROM blobs GROUP BY pack)"
                    f" ON pack = id WHERE state = {LIVE}"
                    " AND (count IS NULL OR coalesce(live, 0) * 2 < length)"
                )
            ],
            [],
        )

    def switch(self, old: str, new: Sealed | None) -> None:
        """Point what is still needed of a pack to its successor and mark it as leaving."""
        self._opened.write(lambda c: _switch(c, old, new))

    def is_leaving(self, name: str) -> bool:
        """Whether nothing of a pack is needed any more."""
        return self._opened.read(
            lambda c: (
                c.execute(
                    f"SELECT 1 FROM packs WHERE name = ? AND state = {LEAVING}", (name,)
                ).fetchone()
                is not None
            ),
            False,
        )

    def removed(self, name: str) -> None:
        """A leaving pack's file is gone."""
        self._opened.write(
            lambda c: c.execute(f"DELETE FROM packs WHERE name = ? AND state = {LEAVING}", (name,))
        )

    def sizes(self, first: int) -> list[tuple[bytes, int, int]]:
        """Digest, size and age of the packed blobs whose digest begins with a byte."""
        return self._opened.read(
            lambda c: c.execute(
                "SELECT digest, size, stored_at FROM blobs WHERE digest >= ? AND digest < ?",
                (bytes([first]), bytes([first + 1]) if first < 255 else b"\xff" * 33),
            ).fetchall(),
            [],
        )

    def counts(self) -> dict[str, int]:
        """How many blobs the index places in each pack."""
        return self._opened.read(
            lambda c: dict(
                c.execute(
                    "SELECT name, count(digest) FROM packs LEFT JOIN blobs ON pack = id"
                    f" WHERE state = {LIVE} GROUP BY id"
                )
            ),
            {},
        )

    def placed_in(self, name: str) -> list[bytes]:
        """The blobs that the index places in a pack; reads the whole index."""
        return self._opened.read(
            lambda c: [
                key
                for (key,) in c.execute(
                    "SELECT digest FROM blobs JOIN packs ON id = pack WHERE name = ?", (name,)
                )
            ],
            [],
        )

    def problems(self) -> list[str]:
        """What SQLite finds wrong in the index file."""
        return self._opened.check()

    def prepare(self) -> None:
        """Open the index, and make it if it is not there."""
        self._opened.write(lambda _: None)

    def take_in(self) -> None:
        """Compare the index with the packs that are there."""
        self._opened.take_in_again()

    def close(self) -> None:
        """Let go of the index file; it opens again by itself."""
        self._opened.close()


def _locate(c: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Location]]:
    for part in _slices(sorted(keys), _ASK):
        marks = ",".join("?" * len(part))
        for key, offset, stored, size, at, name in c.execute(
            "SELECT digest, offset, stored, size, blobs.stored_at, name"
            f" FROM blobs JOIN packs ON id = pack WHERE digest IN ({marks})",
            part,
        ):
            yield key, Location(name, Entry(key, offset, stored, size), at)


def _numbers(c: sqlite3.Connection, keys: Sequence[bytes], column: str) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for part in _slices(sorted(keys), _ASK):
        marks = ",".join("?" * len(part))
        ask = f"SELECT digest, {column} FROM blobs WHERE digest IN ({marks})"
        found.update(c.execute(ask, part).fetchall())
    return found


def _renew(c: sqlite3.Connection, keys: Sequence[bytes]) -> set[bytes]:
    # In one transaction: a collector either sees them young or has taken them before we look.
    with transaction(c):
        found = set(_numbers(c, keys, "stored_at"))
        now = _seconds(clock.now())
        c.executemany("UPDATE blobs SET stored_at = ? WHERE digest = ?", [(now, k) for k in found])
    return found


def _announce(c: sqlite3.Connection, sealed: Iterable[Sealed]) -> dict[str, int]:
    with transaction(c):
        for name, entries in sealed:
            c.execute(
                f"INSERT OR IGNORE INTO packs (name, state, length) VALUES (?, {INDEXING}, ?)",
                (name, sum(entry.stored for entry in entries)),
            )
        return {
            name: c.execute("SELECT id FROM packs WHERE name = ?", (name,)).fetchone()[0]
            for name, _ in sealed
        }


def _insert(c: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    with transaction(c):
        # Another process may have taken the pack in for us, and even rewritten it since.
        ours = {i for (i,) in c.execute(f"SELECT id FROM packs WHERE state = {INDEXING}")}
        c.executemany(INSERT, [row for row in rows if row[1] in ours])


def _finish(c: sqlite3.Connection, numbers: Iterable[int]) -> None:
    with transaction(c):
        c.executemany(
            f"UPDATE packs SET state = {LIVE} WHERE id = ? AND state = {INDEXING}",
            [(number,) for number in numbers],
        )


def _forget(c: sqlite3.Connection, keys: Sequence[bytes], limit: int) -> int:
    with transaction(c):
        old = [(k, at) for k, at in _locate(c, keys) if at.stored_at < limit]
        c.executemany("DELETE FROM blobs WHERE digest = ?", [(key,) for key, _ in old])
    return sum(place.entry.stored for _, place in old)


def _on_dead(
    c: sqlite3.Connection, keys: Sequence[bytes], limit: int, each_dead: Callable[[str], None]
) -> int:
    dead = 0
    c.execute("BEGIN IMMEDIATE")
    try:
        dying = Counter(at.pack for _, at in _locate(c, keys) if at.stored_at < limit)
        for name, count in c.execute(
            "SELECT name, count(*) FROM blobs JOIN packs ON id = pack GROUP BY id"
        ).fetchall():
            if dying[name] == count:
                each_dead(name)
                dead += 1
    finally:
        c.execute("ROLLBACK")
    return dead


def _switch(c: sqlite3.Connection, old: str, new: Sealed | None) -> None:
    with transaction(c):
        row = c.execute(
            f"SELECT id FROM packs WHERE name = ? AND state = {LIVE}", (old,)
        ).fetchone()
        if row is None:
            return  # another process was faster
        if new is not None:
            c.execute(
                "INSERT INTO packs (name, state, length) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET state = excluded.state",
                (new.name, LIVE, sum(entry.stored for entry in new.entries)),
            )
            number = c.execute("SELECT id FROM packs WHERE name = ?", (new.name,)).fetchone()[0]
            c.executemany(
                "UPDATE blobs SET pack = ?, offset = ?, stored = ? WHERE digest = ? AND pack = ?",
                [(number, e.offset, e.stored, e.key, row[0]) for e in new.entries],
            )
        left = c.execute("SELECT count(*) FROM blobs WHERE pack = ?", row).fetchone()[0]
        if not left:
            c.execute("UPDATE packs SET state = ? WHERE id = ?", (LEAVING, row[0]))


def _limit(stored_before: datetime | None) -> int:
    return 1 << 62 if stored_before is None else _seconds(stored_before)


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _slices(items: Sequence[Any], length: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), length):
        yield items[start : start + length]
