"""The end of the journal: the segment that is being written. One thread at a time may use it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.metrics import Histogram

_NEWEST: Final = 1 / 8  # part of the last sync in what is usual


class Place(NamedTuple):
    """Where a frame stands in the journal."""

    segment: str
    offset: int


class Tail:
    """Writes frames behind each other, and begins a new segment when one is full.

    Args:
        folder: The journal's folder.
        segment_bytes: Size from which a new segment is begun.

    Attributes:
        sync_seconds: How long the syncs took.
        usual_sync_s: What a sync takes these days; infinite before the first.
        unsynced: Frames that were written and not synced yet.
    """

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self.folder = folder
        self.sync_seconds = Histogram()
        self.usual_sync_s = float("inf")
        self.unsynced = 0
        self._segment_bytes = segment_bytes
        self._segment = ""
        self._descriptor = -1
        self._size = 0

    def write(self, frames: Sequence[bytes | bytearray], *, durable: bool) -> list[Place]:
        """Write frames with one call and, where asked, sync once; where each of them stands.

        Raises:
            OSError: Nothing of it counts as written; call `abandon`.
        """
        if self._descriptor < 0:
            self._segment, self._descriptor = folders.create(self.folder)
            self._size = 0
        places: list[Place] = []
        offset = self._size
        for frame in frames:
            places.append(Place(self._segment, offset))
            offset += len(frame)
        _write_all(self._descriptor, frames[0] if len(frames) == 1 else b"".join(frames))
        self.unsynced += len(frames)
        if durable:
            self.sync()
        self._size = offset
        if offset >= self._segment_bytes:
            self.seal()
        return places

    def sync(self) -> None:
        """Have all that was written on disk.

        Raises:
            OSError: It may be lost; call `abandon`.
        """
        if self._descriptor < 0:
            return
        started = time.perf_counter()
        os.fdatasync(self._descriptor)
        took = time.perf_counter() - started
        self.sync_seconds.observe(took)
        first = self.usual_sync_s == float("inf")
        self.usual_sync_s = took if first else self.usual_sync_s * (1 - _NEWEST) + took * _NEWEST
        self.unsynced = 0

    def seal(self) -> None:
        """Make the segment final; the next frame begins a new one.

        Raises:
            OSError: It could not be done; call `abandon`.
        """
        if self._descriptor >= 0:
            os.fsync(self._descriptor)
            self.unsynced = 0
            folders.seal(self.folder, self._segment)
            os.close(self._descriptor)
            self._descriptor = -1

    def abandon(self) -> None:
        """Give a segment up whose disk failed; a sync is never tried again over unknown bytes.

        What was not acknowledged is cut off where that is possible, which also makes room. What
        cannot be done now is left to `folders.recover`.
        """
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, self._size)
            os.fsync(descriptor)
            if self._size:
                folders.seal(self.folder, self._segment)
            else:
                folders.remove(self.folder, self._segment)
        self.unsynced = 0
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _write_all(descriptor: int, raw: bytes | bytearray) -> None:
    written = os.write(descriptor, raw)
    while written < len(raw):
        written += os.write(descriptor, memoryview(raw)[written:])
