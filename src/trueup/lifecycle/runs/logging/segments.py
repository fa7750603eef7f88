"""A segment: an append-only file that is written through shared memory.

A frame is in the page cache as soon as it stands in `memory`: it survives `kill -9` of this
process. It is on the disk when `sync` returned. Its blocks are taken first, so that a full disk is
an error at a place where it can be told, never a signal in the middle of a store.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import Final

from trueup.lifecycle.runs.logging import framing

SIZE: Final = 4 << 20


class Segment:
    """One segment that is open for writing.

    Args:
        path: The file; it must not exist.
        size: How many bytes it may hold.

    Raises:
        OSError: There is no room for it, or it cannot be made.

    Attributes:
        memory: The bytes of the file.
        at: Where the next frame goes; whoever writes to `memory` moves it.
    """

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self.path = path
        self.size = size
        self.at = len(framing.MAGIC)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _take(self._file, size)
            self.memory = mmap.mmap(self._file, size)
        except OSError:
            os.close(self._file)
            path.unlink(missing_ok=True)
            raise
        self.memory[: self.at] = framing.MAGIC

    def close(self) -> None:
        """Cut off what was not used, and close it."""
        self.memory.close()
        try:
            os.ftruncate(self._file, self.at)
        finally:
            os.close(self._file)

    def leave(self) -> None:
        """Close it as it is: it belongs to the process that this one was forked from."""
        self.memory.close()
        os.close(self._file)


def sync(path: Path) -> None:
    """Bring what a segment holds to the disk; whoever writes to it goes on meanwhile.

    Raises:
        OSError: The segment is gone, or the disk failed.
    """
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        getattr(os, "fdatasync", os.fsync)(file)
    finally:
        os.close(file)


def _take(file: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
        return
    for start in range(0, size, 1 << 16):  # macOS
        os.pwrite(file, bytes(min(1 << 16, size - start)), start)
