"""The journal's folder: segments, their names, and which of them a live writer still holds.

A segment is `<name>.open` while its writer lives and `<name>.journal` once sealed. Creating,
sealing and listing take turns through a lock file, so that names appear in rising order and a
listing never misses a segment that is being renamed.
"""

from __future__ import annotations

import fcntl
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from trueup.foundation.identifiers import time_ordered_id
from trueup.lifecycle.serving.journal import frames

OPEN = ".open"
SEALED = ".journal"
_LOCK = "lock"
_NAME = re.compile("[0-9a-f]{32}")


class Segment(NamedTuple):
    """One file of the journal, as it was when the folder was listed."""

    folder: Path
    name: str
    sealed: bool

    def read(self, offset: int = 0) -> bytes:
        """Its bytes from `offset` on."""
        with self._open() as file:
            file.seek(offset)
            return file.read()

    def modified_at(self) -> float:
        """When it was written last, in seconds since 1970."""
        with self._open() as file:
            return os.fstat(file.fileno()).st_mtime

    def _open(self) -> io.FileIO:
        try:
            suffix = SEALED if self.sealed else OPEN
            return (self.folder / (self.name + suffix)).open("rb", buffering=0)
        except FileNotFoundError:  # sealed since it was listed
            return (self.folder / (self.name + SEALED)).open("rb", buffering=0)


class Recovery(NamedTuple):
    """What was left of a dead writer's segment.

    Attributes:
        name: The segment.
        kept_bytes: Bytes up to the last intact frame; a segment that kept none is gone.
        cut_bytes: Bytes cut off behind them: a write that was never acknowledged.
    """

    name: str
    kept_bytes: int
    cut_bytes: int


def segments(folder: Path) -> list[Segment]:
    """All segments, oldest first."""
    if not folder.is_dir():
        return []
    with _turn(folder, fcntl.LOCK_SH):
        return _listed(folder)


def create(folder: Path) -> tuple[str, int]:
    """A new segment, held by this process: its name and an open file descriptor.

    Raises:
        OSError: The folder cannot be written.
    """
    with _turn(folder, fcntl.LOCK_EX):
        newest = max((segment.name for segment in _listed(folder)), default="0")
        # A clock that was set back must not make a name that readers have gone past.
        name = max(time_ordered_id().hex, f"{int(newest, 16) + 1:032x}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(folder / (name + OPEN), flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sync(folder)
        except OSError:
            os.close(descriptor)
            raise
        return name, descriptor


def seal(folder: Path, name: str) -> None:
    """Mark a segment as final. Its bytes must be on disk already."""
    with _turn(folder, fcntl.LOCK_EX):
        _seal(folder, name)


def remove(folder: Path, name: str) -> None:
    """Take away a segment that this process began and in which nothing stands."""
    with _turn(folder, fcntl.LOCK_EX):
        (folder / (name + OPEN)).unlink()
        _sync(folder)


def recover(folder: Path) -> list[Recovery]:
    """Cut torn tails off the segments of dead writers, and seal them; live ones are left alone.

    Damage in front of an intact frame stays where it is: a reader skips and counts it.
    """
    with _turn(folder, fcntl.LOCK_EX):
        left = [_recover(folder, s.name) for s in _listed(folder) if not s.sealed]
    return [recovery for recovery in left if recovery is not None]


def _recover(folder: Path, name: str) -> Recovery | None:
    path = folder / (name + OPEN)
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        size = os.fstat(descriptor).st_size
        kept = frames.intact_length(path.read_bytes())
        if kept == 0:
            path.unlink()
            _sync(folder)
        else:
            if kept < size:
                os.ftruncate(descriptor, kept)
            os.fsync(descriptor)
            _seal(folder, name)
        return Recovery(name, kept, size - kept)
    finally:
        os.close(descriptor)


def _seal(folder: Path, name: str) -> None:
    (folder / (name + OPEN)).rename(folder / (name + SEALED))
    _sync(folder)


def _listed(folder: Path) -> list[Segment]:
    return sorted(
        Segment(folder, path.stem, path.suffix == SEALED)
        for path in folder.iterdir()
        if path.suffix in (OPEN, SEALED) and _NAME.fullmatch(path.stem)
    )


@contextmanager
def _turn(folder: Path, kind: int) -> Iterator[None]:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
