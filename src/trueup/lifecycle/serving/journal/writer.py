"""The prediction journal's writer: a reply means recorded. Read `folder.py` and `frames.py` next.

One thread takes everything that is queued, writes it with one call, syncs once and wakes whoever
waits; the next group forms meanwhile, so no timer is needed. After a failed write or sync nothing
is accepted any more: what the disk holds then is unknown, and trying again would hide it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError
from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.journal import frames
from trueup.lifecycle.serving.metrics import Histogram
from trueup.lifecycle.serving.records import AnyRecord

SEGMENT_BYTES = 64 << 20


class Place(NamedTuple):
    """Where a frame stands in the journal."""

    segment: str
    offset: int


class _Entry(NamedTuple):
    """A frame and who waits for it; without a frame, a wish to seal."""

    frame: bytearray | None
    waiter: asyncio.Future[Place] | Future[Place]


class Journal:
    """Appends records durably; every process that serves has one of its own.

    Args:
        folder: Where the segments are; made if absent.
        segment_bytes: Size from which a new segment is begun.

    Attributes:
        recovered: Segments of dead writers that were sealed at the start.
        failed: Why nothing can be written any more, or None.
        sync_seconds: How long the syncs took.

    Raises:
        BackendError: The folder cannot be written.
    """

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.folder = make_private(folder)
        self.failed: BackendError | None = None
        self.sync_seconds = Histogram()
        self._busy_since: float | None = None
        self._segment_bytes = segment_bytes
        self._segment = ""
        self._descriptor = -1
        self._size = 0
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._door = threading.Lock()  # nothing is queued behind the last entry of `close`
        self._closed = False
        try:
            self.recovered = folders.recover(self.folder)
        except OSError as error:
            raise _failure(error, self.folder) from error
        self._thread = threading.Thread(target=self._run, name="trueup-journal", daemon=True)
        self._thread.start()

    @property
    def lag_s(self) -> float:
        """How long the write that is under way has taken so far."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def append(self, records: Sequence[AnyRecord]) -> asyncio.Future[Place]:
        """Queue records that belong together; the future is done once they are on disk.

        To be called on a running event loop.

        Raises:
            BackendError: From the future: they could not be written.
        """
        future: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._put(_Entry(frames.encode(records), future))
        return future

    def write(self, records: Sequence[AnyRecord]) -> Place:
        """Write records that belong together and wait until they are on disk.

        Raises:
            BackendError: They could not be written.
        """
        future: Future[Place] = Future()
        self._put(_Entry(frames.encode(records), future))
        return future.result()

    def seal(self) -> None:
        """Make the present segment final; the next record begins a new one.

        Raises:
            BackendError: It could not be done.
        """
        future: Future[Place] = Future()
        self._put(_Entry(None, future))
        future.result()

    def close(self) -> None:
        """Write what is queued, seal, and stop; later appends fail."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, entry: _Entry) -> None:
        with self._door:
            if not self._closed:
                self._queue.put(entry)
                return
        _settle([(entry, _closed(self.folder))])

    def _run(self) -> None:
        closing = False
        while not closing:
            group = [self._queue.get()]
            group += [self._queue.get_nowait() for _ in range(self._queue.qsize())]
            self._busy_since = time.monotonic()
            closing = None in group
            entries = [entry for entry in group if entry is not None]
            try:
                settled = self._write_group(entries)
                if closing:
                    self._seal()
            except Exception as error:
                self.failed = self.failed or _failure(error, self.folder)
                settled = [(entry, self.failed) for entry in entries]
            self._busy_since = None
            _settle(settled)
        if self._descriptor >= 0:  # not sealed because writing failed: let others recover it
            os.close(self._descriptor)

    def _write_group(self, entries: list[_Entry]) -> list[tuple[_Entry, Place | BackendError]]:
        if self.failed is not None:
            return [(entry, self.failed) for entry in entries]
        raw = [entry.frame for entry in entries if entry.frame is not None]
        places: list[tuple[_Entry, Place | BackendError]] = []
        if raw:
            if self._descriptor < 0:
                self._segment, self._descriptor = folders.create(self.folder)
                self._size = 0
            offset = self._size
            for entry in entries:
                places.append((entry, Place(self._segment, offset)))
                offset += len(entry.frame or b"")
            _write_all(self._descriptor, raw[0] if len(raw) == 1 else b"".join(raw))
            started = time.perf_counter()
            os.fdatasync(self._descriptor)
            self.sync_seconds.observe(time.perf_counter() - started)
            self._size = offset
        else:
            places = [(entry, Place(self._segment, self._size)) for entry in entries]
        if len(raw) < len(entries) or self._size >= self._segment_bytes:
            self._seal()
        return places

    def _seal(self) -> None:
        if self._descriptor >= 0 and self.failed is None:
            os.fsync(self._descriptor)
            folders.seal(self.folder, self._segment)
            os.close(self._descriptor)
            self._descriptor = -1


def _write_all(descriptor: int, raw: bytes | bytearray) -> None:
    written = os.write(descriptor, raw)
    while written < len(raw):
        written += os.write(descriptor, memoryview(raw)[written:])


def _settle(settled: list[tuple[_Entry, Place | BackendError]]) -> None:
    """Wake all waiters: those on an event loop with one call for all of them."""
    on_loop: list[tuple[asyncio.Future[Place], Place | BackendError]] = []
    for entry, outcome in settled:
        if isinstance(entry.waiter, Future):
            if isinstance(outcome, BackendError):
                entry.waiter.set_exception(_again(outcome))
            else:
                entry.waiter.set_result(outcome)
        else:
            on_loop.append((entry.waiter, outcome))
    while on_loop:
        loop = on_loop[0][0].get_loop()
        own = [pair for pair in on_loop if pair[0].get_loop() is loop]
        on_loop = [pair for pair in on_loop if pair[0].get_loop() is not loop]
        try:
            loop.call_soon_threadsafe(_resolve, own)
        except RuntimeError:  # the loop was closed: nobody waits any more
            continue


def _resolve(pairs: list[tuple[asyncio.Future[Place], Place | BackendError]]) -> None:
    for future, outcome in pairs:
        if future.done():  # cancelled: the record stands, its caller is gone
            continue
        if isinstance(outcome, BackendError):
            future.set_exception(_again(outcome))
        else:
            future.set_result(outcome)


def _again(error: BackendError) -> BackendError:
    """A fresh copy for each waiter: one exception raised many times would grow its traceback."""
    return BackendError(error.code, error.message, hint=error.hint, context=error.context)


def _failure(error: Exception, folder: Path) -> BackendError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return BackendError(
        "journal-failed",
        f"The prediction journal in {folder} cannot be written: {reason}.",
        hint=f"df -h '{folder}'",
        context={"folder": str(folder)},
    )


def _closed(folder: Path) -> BackendError:
    return BackendError(
        "journal-failed",
        f"The prediction journal in {folder} is closed: the server is stopping.",
        hint="send the request again",
        context={"folder": str(folder)},
    )
