"""Reading the files of a dataset: the one place that opens them.

Links are never followed, and a file that changes while it is read is read again.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN, Entry
from trueup.lifecycle.data.worktree import linking
from trueup.lifecycle.data.worktree.tree import Found, found_at

SMALL: Final = 64 << 10
"""Files below this many bytes are read many at a time."""

_TRIES: Final = 3
# Never through a link, and never waiting for the other end of a pipe.
_CAREFULLY: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

LinkRule = Literal["refuse", "keep", "look"]


class Takes(Protocol):
    """Where bytes go: a batch of the blob store, or a hasher that keeps nothing."""

    def put(self, raw: bytes) -> str:
        """Take the bytes and return their digest."""
        ...

    def put_many(self, raws: Sequence[bytes]) -> list[str]:
        """Take many at once and return their digests."""
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


class Item(NamedTuple):
    """A file of a walk.

    Attributes:
        found: As it lies there.
        was: What a kept version says of its path.
        entry: What it is; None if it must be read.
    """

    found: Found
    was: Entry | None
    entry: Entry | None


class Read(NamedTuple):
    """A file that was looked at.

    Attributes:
        entry: What it is.
        found: As it lay there when it was read; None if there is nothing to remember.
    """

    entry: Entry
    found: Found | None = None


class Reader:
    """Reads files of one source and hands on their bytes; several threads may call it."""

    def __init__(self, source: Source, into: Takes, *, links: LinkRule) -> None:
        self._source = source
        self._links = links
        self._is_folder = source.place.is_dir()
        self._place = str(source.place)
        self._into = into

    def read(self, group: Sequence[Item]) -> list[Read]:
        """What the files of a group are, in order.

        Raises:
            UsageError: A file cannot be part of a dataset.
            ConflictError: A file goes on changing while it is read.
        """
        raws: dict[str, bytes] = {}
        for item in group:
            if item.entry is None and (raw := self._small(item.found)) is not None:
                raws[item.found.path] = raw
        taken = dict(zip(raws, self._into.put_many(list(raws.values())), strict=True))
        done: list[Read] = []
        for found, was, entry in group:
            path, _, _, _, size, _, _ = found
            if entry is not None:
                done.append(Read(entry))
            elif path in taken:
                done.append(Read(Entry(path, taken[path], size, found.mode), found))
            else:
                done.append(self._carefully(found, was))
        return done

    def _where(self, path: str) -> str:
        return f"{self._place}/{path}" if self._is_folder else self._place

    def _small(self, found: Found) -> bytes | None:
        """The bytes of a small file that still is what the walk saw; else None."""
        path, mode, _, _, size, _, _ = found
        if size >= SMALL or mode == LINK:
            return None
        try:
            handle = os.open(self._where(path), _CAREFULLY)
            try:
                raw = os.read(handle, SMALL)
                now = os.fstat(handle)
            finally:
                os.close(handle)
        except OSError:
            return None
        return raw if len(raw) == size and _state(path, now) == found else None

    def _carefully(self, found: Found, was: Entry | None) -> Read:
        """A file that is large, a link, or not what the walk saw."""
        path = found.path
        where = self._where(path)
        shown = f"{self._source.shown}/{path}" if self._is_folder else self._source.shown
        try:
            if found.mode == LINK:
                return Read(self._link(path, was, where, shown))
            for _ in range(_TRIES):
                before = os.lstat(where)
                if stat.S_ISLNK(before.st_mode):
                    raise OSError(errno.ELOOP, "a link")
                if not stat.S_ISREG(before.st_mode):
                    raise UsageError(
                        "dataset-special-file",
                        f"{shown} was replaced by something that is no file.",
                        hint=f"ls -l '{shown}'",
                    )
                digest = self._into.put_file(Path(where))
                now = _state(path, before)
                if now == _state(path, os.lstat(where)):
                    return Read(Entry(path, digest, now.size, now.mode), now)
        except OSError as error:
            raise rules.unreadable(error, shown) from error
        except UsageError as error:
            if isinstance(error.__cause__, OSError):  # of the store, which knows no datasets
                raise rules.unreadable(error.__cause__, shown) from error
            raise
        raise ConflictError(
            "dataset-changing",
            f"{shown} went on changing while it was being read.",
            hint="wait until nothing writes there, then run this again",
        )

    def _link(self, path: str, was: Entry | None, where: str, shown: str) -> Entry:
        target = os.readlink(where)  # noqa: PTH115 (a Path would change the text)
        if was is not None and was.mode != LINK and self._stands_for(target, was):
            return was
        if _leads_into(target, self._source.home):
            size = Path(where).stat().st_size
            return Entry(path, self._into.put_file(Path(where).resolve()), size, PLAIN)
        is_kept = self._links == "keep"
        if self._links == "refuse" or (is_kept and not linking.stays_inside(path, target)):
            dataset = self._source.shown
            raise linking.refused(Path(where), path, shown, dataset, may_stay_inside=is_kept)
        if is_kept:
            rules.check_name(target, shown)
        raw = target.encode(errors="surrogateescape")
        return Entry(path, self._into.put(raw), len(raw), LINK)

    def _stands_for(self, target: str, entry: Entry) -> bool:
        """Whether a link leads to the store's own file: then it was checked out as a link."""
        return target.startswith("/") and Path(target) == self._source.locate(entry.digest)


def _leads_into(target: str, home: Path) -> bool:
    """Whether a link leads into the state folder, so that it stands for the file itself."""
    return target.startswith(f"{home}/") and ".." not in target.split("/")


def _state(path: str, status: os.stat_result) -> Found:
    return found_at(path, EXECUTABLE if status.st_mode & stat.S_IXUSR else PLAIN, status)
