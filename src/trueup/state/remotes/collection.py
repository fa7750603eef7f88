"""Collecting: what nobody needs is marked first, and removed a day later if nobody needs it still.

Several people push while one collects, and nothing locks them out. Why nothing needed is lost:

1. Needed is what a record names, and what the caller finds below that: branches lead to versions,
   these to manifests, these to files. Packs younger than the grace time count as needed too: their
   push may not have written its record yet. A needed recipe makes its chunks needed.
2. Marking removes nothing. It writes an index of what is needed, then a tombstone that names the
   packs and indexes to go. Pulls go on reading all of it. Pushes count on none of it: what lies
   only there is sent again, into packs that a random record gives another name.
3. Removing happens in a later run, at least the grace time after. It looks anew at what is
   needed. A marked pack of which something is needed that lies nowhere else is revived. So a push
   that counted on a pack before its tombstone was written is safe if its record was written before
   this second look.
4. A push therefore refreshes right before it writes its record, and sends again what a tombstone
   took from it in between. From then on at least the grace time passes before anything that it saw
   without a tombstone is removed. A machine that sleeps for a day between these two requests looks
   again after its record is written, and mends what is missing.
5. A push that was killed may leave an index with a recipe whose chunks are marked. While a
   tombstone stands, pushes trust no recipe and look for every chunk; and before the chunks go, the
   second look has marked that index too, as nothing needs what it names.
6. One collects at a time (`leasing.py`).
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from trueup.foundation import clock, digests
from trueup.foundation.identifiers import time_ordered_id
from trueup.foundation.records import encode
from trueup.ports.objects import Stored
from trueup.state.remotes import chunks, envelopes, fetching, indexes, leasing
from trueup.state.remotes.indexes import Index, Pack
from trueup.state.remotes.leasing import Lease
from trueup.state.remotes.link import Link
from trueup.state.remotes.records import Collected, Tombstone, nothing
from trueup.state.remotes.sending import Sender
from trueup.state.remotes.workers import Workers

GRACE: Final = timedelta(hours=24)
_ENTRIES_PER_INDEX: Final = 200_000


class _Judged(NamedTuple):
    """What is to become of the packs."""

    kept: list[Pack]  # with the entries that are needed
    dead: set[str]
    sparse: list[Pack]  # less than half is needed: what is moves elsewhere
    live: int


def collect(
    link: Link,
    needed: Callable[[], Iterable[str]],
    *,
    dry_run: bool,
    grace: timedelta,
    who: str = "",
) -> Collected:
    """Mark what nobody needs; remove what was marked long enough ago.

    Raises:
        ConflictError: Somebody else collects.
        NotFoundError: Something needed is not there: nothing was removed.
    """
    mine = nullcontext() if dry_run else leasing.alone(link, "collects", who)
    with mine as lease, _Marks() as marks:
        now = clock.now()
        listed = {s.path.partition("/")[2]: s for s in link.objects.listed("packs")}
        young = {name for name, stored in listed.items() if now - stored.changed_at < grace}
        packs = link.cache.packs()
        _mark(link, marks, needed, (pack for pack in packs if pack.name in young))
        marked_packs, _ = link.buried()
        judged = _judge(packs, listed, marked_packs, young, marks)
        return _carry_out(link, judged, listed, grace, marks, lease)


def _carry_out(
    link: Link,
    judged: _Judged,
    listed: dict[str, Stored],
    grace: timedelta,
    marks: _Marks,
    lease: Lease | None,
) -> Collected:
    now = clock.now()
    marked_before, _ = link.buried()
    kept_names = {pack.name for pack in judged.kept}
    revived = marked_before & kept_names
    old = {
        path: stone for path, stone in link.tombstones.items() if now - stone.written_at >= grace
    }
    gone = {
        name
        for stone in old.values()
        for name in stone.packs
        if name not in kept_names and name in listed and listed[name].changed_at <= stone.written_at
    }
    sparse = judged.sparse
    newly = (judged.dead - marked_before) | {pack.name for pack in sparse}
    waits = [stone.written_at for path, stone in link.tombstones.items() if path not in old]
    waits += [now] if newly else []
    waiting = (marked_before - kept_names - gone) | newly
    report = Collected(
        removed=len(gone),
        freed=sum(listed[name].size for name in gone),
        marked=len(newly),
        rewritten=len(sparse),
        revived=len(revived),
        waiting=sum(listed[name].size for name in waiting if name in listed),
        live=judged.live,
        due=max(waits) + grace if waits else None,
    )
    if lease is None:
        return report
    moved = _move(link, sparse) if sparse else []
    superseded = _reindex(link, judged, marks, moved)
    if newly or superseded:
        _write_tombstone(link, newly, superseded)
    lease.require()
    # From here on things go, in the order in which `Link.refresh` may see them go.
    superseded_before = {name for stone in old.values() for name in stone.indexes}
    link.objects.delete([f"indexes/{name}" for name in sorted(superseded_before)])
    link.objects.delete([f"packs/{name}" for name in sorted(gone)])
    _settle_tombstones(link, old, revived)
    link.refresh()
    return report


def _mark(
    link: Link, marks: _Marks, needed: Callable[[], Iterable[str]], young: Iterable[Pack]
) -> None:
    for pack in young:
        marks.add(entry.key for entry in pack.entries)
    records = [s.path for s in link.objects.listed("") if envelopes.is_record(s.path)]
    for path, raw in link.objects.get_all(records, absent=True):
        body = envelopes.unwrap(raw, path)
        marks.add(digests.key(digest) for digest in envelopes.named_in(body))
    marks.add(digests.key(digest) for digest in needed())
    live = [pair for pair in link.cache.all_recipes() if any(map(marks.has, pair))]
    for pair in live:
        marks.add(pair)
    for _, raw in fetching.read(link, [digests.of_key(recipe) for _, recipe in live]):
        marks.add(key for key, _ in chunks.read_recipe(raw).chunks)


def _judge(
    packs: list[Pack],
    listed: dict[str, Stored],
    marked: set[str],
    young: set[str],
    marks: _Marks,
) -> _Judged:
    """Each needed blob has one home: a pack without a tombstone if there is one, the fullest."""
    live_in = {pack.name: [e for e in pack.entries if marks.has(e.key)] for pack in packs}

    def worth(pack: Pack) -> tuple[bool, bool, int]:
        entries = live_in[pack.name]
        return pack.name in marked, pack.name not in young, -sum(e.stored for e in entries)

    housed = _Marks()
    kept: list[Pack] = []
    sparse: list[Pack] = []
    dead = {name for name in listed if name not in live_in and name not in young}
    live = 0
    with housed:
        for pack in sorted(packs, key=worth):
            if pack.name not in listed:
                continue
            home = [e for e in live_in[pack.name] if not housed.has(e.key)]
            housed.add(e.key for e in home)
            stored = sum(e.stored for e in home)
            live += stored
            if not home:
                dead |= {pack.name} - young
            elif stored * 2 < pack.size and pack.name not in young | marked:
                sparse.append(pack._replace(entries=home))
            else:
                kept.append(pack._replace(entries=home))
    return _Judged(kept, dead, sparse, live)


def _move(link: Link, sparse: Iterable[Pack]) -> list[Pack]:
    """Copy what is needed of sparse packs into new ones."""
    wanted = [entry.digest for pack in sparse for entry in pack.entries]
    with Workers(2) as workers:
        sender = Sender(link, workers, nothing, salted=True, indexed=False)
        for _, raw in fetching.read(link, wanted):
            sender.add(raw)
        return sender.finish_unindexed()


def _reindex(link: Link, judged: _Judged, marks: _Marks, moved: list[Pack]) -> set[str]:
    """Write indexes of what is needed, for those that name anything else; return their names."""
    sound = {pack.name: {e.key for e in pack.entries} for pack in judged.kept}
    _, marked = link.buried()
    superseded: set[str] = set()
    again: dict[str, Pack] = {pack.name: pack for pack in moved}
    recipes: dict[bytes, bytes] = {}
    kept = {pack.name: pack for pack in judged.kept}
    for name, index in all_indexes(link):
        is_sound = name not in marked and all(
            pack.name in sound and all(e.key in sound[pack.name] for e in pack.entries)
            for pack in index.packs
        )
        if is_sound and all(marks.has(file) for file, _ in index.recipes):
            continue
        superseded.add(name)
        for pack in index.packs:
            if pack.name in kept:
                again[pack.name] = kept[pack.name]
        recipes.update({file: recipe for file, recipe in index.recipes if marks.has(file)})
    for part in parts(list(again.values()), list(recipes.items())):
        put_index(link, part)
    return superseded - marked


def put_index(link: Link, index: Index) -> None:
    """Write an index under a name of its own: one that says the same may be about to be removed."""
    name, raw = indexes.write(index, salt=int.from_bytes(os.urandom(8)))
    link.objects.put(f"indexes/{name}", raw)


def all_indexes(link: Link) -> Iterator[tuple[str, Index]]:
    """Every index that is known, read anew, and its name."""
    paths = [f"indexes/{name}" for name in sorted(link.cache.indexes())]
    for path, raw in link.objects.get_all(paths, absent=True):
        name = path.partition("/")[2]
        yield name, indexes.read(name, raw, link.shown)


def parts(packs: list[Pack], recipes: list[tuple[bytes, bytes]]) -> Iterator[Index]:
    """Indexes of so many packs; none is too large to read in one go."""
    part: list[Pack] = []
    size = 0
    for pack in packs:
        part.append(pack)
        size += len(pack.entries)
        if size >= _ENTRIES_PER_INDEX:
            yield Index(part, [])
            part, size = [], 0
    if part or recipes:
        yield Index(part, recipes)


def _write_tombstone(link: Link, packs: Iterable[str], superseded: Iterable[str]) -> None:
    stone = Tombstone(
        written_at=clock.now(), packs=tuple(sorted(packs)), indexes=tuple(sorted(superseded))
    )
    path = f"tombstones/{time_ordered_id()}"
    link.objects.put(path, envelopes.wrap(encode(stone)))


def _settle_tombstones(link: Link, old: dict[str, Tombstone], revived: set[str]) -> None:
    """Remove those that were carried out; take what was revived off the others."""
    done = list(old)
    for path, stone in link.tombstones.items():
        left = tuple(name for name in stone.packs if name not in revived)
        if path not in old and left != stone.packs:
            done.append(path)
            again = Tombstone(written_at=stone.written_at, packs=left, indexes=stone.indexes)
            link.objects.put(f"tombstones/{time_ordered_id()}", envelopes.wrap(encode(again)))
    link.objects.delete(done)


class _Marks:
    """A set of keys on disk: there may be more of them than memory."""

    def __enter__(self) -> _Marks:
        self._folder = tempfile.TemporaryDirectory(prefix="trueup-collect-")
        self._db = sqlite3.connect(Path(self._folder.name) / "marks.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE marks(key BLOB PRIMARY KEY) WITHOUT ROWID")
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def add(self, keys: Iterable[bytes]) -> None:
        """Add keys."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO marks VALUES (?)", ((key,) for key in keys))
        self._db.execute("COMMIT")

    def has(self, key: bytes) -> bool:
        """Whether a key is in the set."""
        return self._db.execute("SELECT 1 FROM marks WHERE key = ?", (key,)).fetchone() is not None
