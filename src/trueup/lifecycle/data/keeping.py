"""Keeping a place: every file is read once, by several threads, and only if it may have changed.

This is the one place that opens a dataset's files: links are never followed, and a file that
changes while it is read is read again. Read `manifest.py` next.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from trueup.foundation import digests
from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN, Entry
from trueup.lifecycle.data.statcache import Known, StatCache
from trueup.lifecycle.data.tree import Found, found_at, refused_link

SMALL: Final = 64 << 10
_GROUP: Final = 256
_GROUP_BYTES: Final = 16 << 20
_THREADS: Final = min(8, (os.cpu_count() or 1) + 2)
_TRIES: Final = 3

LinkRule = Literal["refuse", "keep", "look"]
Progress = Callable[[int, int], None]
"""Told, now and then, how many files and bytes were looked at so far."""


class Takes(Protocol):
    """Where bytes go: a batch of the blob store, or a hasher that keeps nothing."""

    def put(self, raw: bytes) -> str:
        """Take the bytes and return their digest."""
        ...

    def put_file(self, path: Path) -> str:
        """Take a file's bytes and return their digest."""
        ...


class Source(NamedTuple):
    """A dataset's place in the work tree.

    Attributes:
        place: The file or folder, absolute.
        shown: The same as the user wrote it, for messages.
        home: The state folder; a link into it is a file checked out with `--link symbolic`.
        locate: Where the store has the bytes of a digest.
    """

    place: Path
    shown: str
    home: Path
    locate: Callable[[str], Path]


class _Item(NamedTuple):
    found: Found
    was: Entry | None  # what a kept version says of this path
    entry: Entry | None  # None: it must be read


class Hasher:
    """Takes bytes for their digest alone: nothing is kept."""

    def put(self, raw: bytes) -> str:
        """The digest of the bytes."""
        return digests.of_bytes(raw)

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
    reader = _Reader(source, into, links=links)
    waiting: deque[Future[list[tuple[Found, Entry]]] | list[_Item]] = deque()
    files = size = 0
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="keep")
    try:
        for group in chain(_groups(_joined(walked, iter(kept))), repeat(None)):
            if group is not None:
                unread = any(item.entry is None for item in group)
                waiting.append(pool.submit(reader.read_group, group) if unread else group)
                if len(waiting) <= 2 * _THREADS:
                    continue
            if not waiting:
                break
            for entry in _finished(waiting.popleft(), cache):
                files, size = files + 1, size + entry.size
                yield entry
            progress(files, size)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(
    group: Future[list[tuple[Found, Entry]]] | list[_Item], cache: StatCache
) -> Iterator[Entry]:
    if isinstance(group, list):
        yield from (item.entry for item in group if item.entry is not None)
        return
    for found, entry in group.result():
        if found.mode != LINK:
            cache.record(found, entry.digest)
        yield entry


def _joined(walked: Iterable[Known], kept: Iterator[Entry]) -> Iterator[_Item]:
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
            yield _Item(found, was, entry_now)
        else:
            yield _Item(found, was, None)


def _groups(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    group: list[_Item] = []
    size = 0
    for item in items:
        group.append(item)
        size += 0 if item.entry else item.found.size
        if len(group) >= _GROUP or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class _Reader:
    def __init__(self, source: Source, into: Takes, *, links: LinkRule) -> None:
        self._source = source
        self._links = links
        self._is_folder = source.place.is_dir()
        self._place = str(source.place)
        self._into = into

    def read_group(self, group: list[_Item]) -> list[tuple[Found, Entry]]:
        return [(item.found, item.entry) if item.entry else self._read(item) for item in group]

    def _read(self, item: _Item) -> tuple[Found, Entry]:
        found = item.found
        path = found.path
        where = f"{self._place}/{path}" if self._is_folder else self._place
        shown = f"{self._source.shown}/{path}" if self._is_folder else self._source.shown
        try:
            if found.mode == LINK:
                return found, self._link(item, where, shown)
            for _ in range(_TRIES):
                read = self._small(path, where) if found.size < SMALL else None
                read = read or self._large(path, where, shown)
                if read is not None:
                    digest, now = read
                    return now, Entry(path, digest, now.size, now.mode)
        except OSError as error:
            raise rules.unreadable(error, shown) from error
        raise ConflictError(
            "dataset-changing",
            f"{shown} went on changing while it was being read.",
            hint="wait until nothing writes there, then run this again",
        )

    def _small(self, path: str, where: str) -> tuple[str, Found] | None:
        """Digest and state of a small file; None if it changed meanwhile, or is not small."""
        # Never through a link, and never waiting for the other end of a pipe.
        handle = os.open(where, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            before = os.fstat(handle)
            if not stat.S_ISREG(before.st_mode) or before.st_size >= SMALL:
                return None
            raw = os.read(handle, SMALL)
            if len(raw) != before.st_size or not _same(before, os.fstat(handle)):
                return None
        finally:
            os.close(handle)
        return self._into.put(raw), _state(path, before)

    def _large(self, path: str, where: str, shown: str) -> tuple[str, Found] | None:
        before = os.lstat(where)
        if not stat.S_ISREG(before.st_mode):
            raise UsageError(
                "dataset-special-file",
                f"{shown} was replaced by something that is no file.",
                hint=f"ls -l '{shown}'",
            )
        digest = self._into.put_file(Path(where))
        return (digest, _state(path, before)) if _same(before, os.lstat(where)) else None

    def _link(self, item: _Item, where: str, shown: str) -> Entry:
        target = os.readlink(where)  # noqa: PTH115 (a Path would change the text)
        path = item.found.path
        was = item.was
        if was is not None and was.mode != LINK and self._stands_for(target, was):
            return was
        if _leads_into(target, self._source.home):
            size = Path(where).stat().st_size
            return Entry(path, self._into.put_file(Path(where).resolve()), size, PLAIN)
        if self._links == "refuse":
            raise refused_link(shown)
        if self._links == "keep":
            rules.check_name(target, shown)
            rules.check_link(path, target)
        raw = target.encode(errors="surrogateescape")
        return Entry(path, self._into.put(raw), len(raw), LINK)

    def _stands_for(self, target: str, entry: Entry) -> bool:
        """Whether a link leads to the store's own file: then it was checked out as a link."""
        return target.startswith("/") and Path(target) == self._source.locate(entry.digest)


def _leads_into(target: str, home: Path) -> bool:
    """Whether a link leads into the state folder, so that it stands for the file itself."""
    return target.startswith(f"{home}/") and ".." not in target.split("/")


def _same(one: os.stat_result, two: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) == (
        two.st_dev,
        two.st_ino,
        two.st_size,
        two.st_mtime_ns,
        two.st_ctime_ns,
    )


def _state(path: str, status: os.stat_result) -> Found:
    return found_at(path, EXECUTABLE if status.st_mode & stat.S_IXUSR else PLAIN, status)
