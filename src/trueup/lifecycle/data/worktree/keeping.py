"""Keeping a place: every file is read once, and only if it may have changed.

Read `reading.py` for how a file is read, `../manifest.py` for what becomes of the entries.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trueup.foundation import digests, threads
from trueup.foundation.waiting import waits
from trueup.lifecycle.data.records import Entry
from trueup.lifecycle.data.worktree.reading import (
    SMALL,
    Item,
    LinkRule,
    Read,
    Reader,
    Source,
    Takes,
)
from trueup.lifecycle.data.worktree.statcache import Known, StatCache

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_GROUP: Final = 256
_GROUP_BYTES: Final = 16 << 20
_THREADS: Final = min(8, (os.cpu_count() or 1) + 2)
_SLOW_GROUPS: Final = 32
_SOME_WAITS: Final = 8  # for locks and the like

Progress = Callable[[int, int], None]
"""Told, now and then, how many files and bytes were looked at so far."""


class Hasher:
    """Takes bytes for their digest alone: nothing is kept."""

    def put(self, raw: bytes) -> str:
        """The digest of the bytes."""
        return digests.of_bytes(raw)

    def put_many(self, raws: Sequence[bytes]) -> list[str]:
        """The digests of many."""
        return [digests.of_bytes(raw) for raw in raws]

    def put_file(self, path: Path) -> str:
        """The digest of a file's bytes."""
        return digests.of_file(path)


def nothing(files: int, size: int) -> None:
    """A progress that nobody looks at."""


def read_all(
    source: Source,
    walked: Iterable[Known],
    kept: Iterable[Entry],
    into: Takes,
    cache: StatCache,
    *,
    links: LinkRule = "refuse",
    progress: Progress = nothing,
) -> Iterator[Entry]:
    """The entries of all files of a walk, in order; what is not known to be kept is put.

    Args:
        source: Where they lie.
        walked: The files, with the digests that the stat cache knows.
        kept: Entries, in order, of which the store surely holds the bytes.
        into: Takes the bytes of the others.
        cache: Remembers what was read.
        links: Whether links are refused, kept if they stay inside, or only looked at.
        progress: Told how far it is.

    Raises:
        UsageError: A file cannot be part of a dataset.
        ConflictError: A file goes on changing while it is read.
    """
    waiting: deque[Future[list[Read]] | list[Read]] = deque()
    files = size = 0
    hands = _Hands(Reader(source, into, links=links))
    try:
        for group in chain(_groups(_joined(walked, iter(kept))), repeat(None)):
            if group is not None:
                waiting.append(hands.read(group))
                if len(waiting) <= 2 * _THREADS:
                    continue
            if not waiting:
                break
            done = waiting.popleft()
            for entry, found in done if isinstance(done, list) else done.result():
                if found is not None:
                    cache.record(found, entry.digest)
                files, size = files + 1, size + entry.size
                yield entry
            progress(files, size)
    finally:
        hands.rest()


class _Hands:
    """Who reads a group: threads where that lets processors or a disk work side by side.

    Small files that the system has in memory are read here, see `waiting`.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pool: ThreadPoolExecutor | None = None
        self._slow = 0  # groups that threads shall read before it is tried here again

    def read(self, group: Sequence[Item]) -> list[Read] | Future[list[Read]]:
        """What the files of a group are, now or later."""
        unread = [item.found.size for item in group if item.entry is None]
        if self._slow or max(unread, default=0) >= SMALL:
            self._slow = max(0, self._slow - 1)
            self._pool = self._pool or threads.pool(_THREADS, "keep")
            return self._pool.submit(self._reader.read, group)
        before = waits()
        done = self._reader.read(group)
        if waits() - before > len(unread) // 4 + _SOME_WAITS:
            self._slow = _SLOW_GROUPS
        return done

    def rest(self) -> None:
        """Wait for what is being read, and read no more."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def _joined(walked: Iterable[Known], kept: Iterator[Entry]) -> Iterator[Item]:
    """Each file, with its entry if both the cache and a kept version know its bytes."""
    entry = next(kept, None)
    for found, digest in walked:
        path = found.path
        while entry is not None and entry.path < path:
            entry = next(kept, None)
        was = entry if entry is not None and entry.path == path else None
        if digest and was is not None and was.digest == digest:
            same = was.mode == found.mode
            entry_now = was if same else Entry(path, digest, found.size, found.mode)
            yield Item(found, was, entry_now)
        else:
            yield Item(found, was, None)


def _groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += 0 if item.entry else item.found.size
        if len(group) >= _GROUP or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
