"""The prediction journal's writer: a reply means recorded. Read `tail.py` and `frames.py` next.

What comes in one turn of an event loop is written with one call and synced once. While syncs are
quick the loop does that itself: handing over to a thread and back would cost more than the sync.
Where they are slow a thread does it, and the next group forms meanwhile; no timer is needed.

After a failed write or sync the segment is given up and nothing is accepted. The thread then tries
a fresh segment from time to time; its first frame is a `Gap` that counts what is missing, and when
that is on disk the journal goes on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, Literal, NamedTuple

from trueup.foundation import clock
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError
from trueup.lifecycle.serving.journal import folder as folders
from trueup.lifecycle.serving.journal import frames
from trueup.lifecycle.serving.journal.tail import Place, Tail
from trueup.lifecycle.serving.metrics import Histogram
from trueup.lifecycle.serving.records import AnyRecord, Gap, Predictions

SEGMENT_BYTES = 64 << 20
NOWHERE: Final = Place("", 0)  # of what was answered and not recorded
_QUICK_S = 0.001  # syncs that the event loop does itself
_LITTLE_BYTES = 256 << 10  # at once
_UNSYNCED_S = 1.0  # how long written frames may wait for a sync
_TRY_AGAIN_S = 1.0


class Way(NamedTuple):
    """How records are to be written.

    Attributes:
        durable: Acknowledged when synced; otherwise when written, and synced within a second.
        may_miss: Acknowledged and counted as missing where they cannot be written.
        lag_s: How long a write may have been under way before the disk counts as failed.
    """

    durable: bool = True
    may_miss: bool = False
    lag_s: float = float("inf")


DURABLE: Final = Way()


class _Entry(NamedTuple):
    """A frame and who waits for it; without a frame, a wish to seal."""

    frame: bytearray | None
    waiter: asyncio.Future[Place] | Future[Place]
    way: Way = DURABLE
    deployment: str = ""
    rows: int = 0


class Journal:
    """Appends records durably; every process that serves has one of its own.

    Args:
        folder: Where the segments are; made if absent.
        segment_bytes: Size from which a new segment is begun.
        try_again_s: Seconds between two attempts to write again after a failure.

    Attributes:
        recovered: Segments of dead writers that were sealed at the start.
        failed: Why nothing can be written at present, or None.
        missing: Predictions that were answered and not recorded, by deployment.

    Raises:
        BackendError: The folder cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        try_again_s: float = _TRY_AGAIN_S,
    ) -> None:
        self.folder = make_private(folder)
        self.failed: BackendError | None = None
        self.missing: dict[str, int] = {}
        self._gap: dict[str, int] = {}  # what of that no record says yet
        self._unsure = 0
        self._failed_at = clock.now()
        self._try_again_s = try_again_s
        self._busy_since: float | None = None
        self._tail = Tail(self.folder, segment_bytes)
        self._disk = threading.Lock()  # who holds it may use the tail
        self._gathered: list[_Entry] = []
        self._gathered_bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None  # will take what is gathered
        self._try_at = 0.0
        self._queue: SimpleQueue[_Entry | Literal["wake", "close"]] = SimpleQueue()
        self._door = threading.Lock()  # nothing is queued behind the last entry of `close`
        self._closed = False
        try:
            self.recovered = folders.recover(self.folder)
        except OSError as error:
            raise _failure(error, self.folder) from error
        self._thread = threading.Thread(target=self._run, name="trueup-journal", daemon=True)
        self._thread.start()

    @property
    def sync_seconds(self) -> Histogram:
        """How long the syncs took."""
        return self._tail.sync_seconds

    @property
    def lag_s(self) -> float:
        """How long the write that is under way has taken so far."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def append(self, records: Sequence[AnyRecord], way: Way = DURABLE) -> asyncio.Future[Place]:
        """Queue records that belong together; the future is done once they are on disk.

        To be called on a running event loop.

        Raises:
            BackendError: From the future: they could not be written.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Place] = loop.create_future()
        rows = sum(len(r.rows) for r in records if isinstance(r, Predictions))
        frame = frames.encode(records)
        entry = _Entry(frame, future, way, records[0].deployment, rows)
        if self.lag_s > way.lag_s:
            self._settle([(entry, _slow(self.folder, self.lag_s))])
        elif self._loop is loop:
            self._gathered.append(entry)
            self._gathered_bytes += len(frame)
        elif self._loop is None and self._is_quick():
            self._loop, self._gathered, self._gathered_bytes = loop, [entry], len(frame)
            loop.call_soon(self._take_gathered)
        else:
            self._put(entry)
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
        gathered, self._gathered, self._loop = self._gathered, [], None
        for entry in gathered:  # of a loop that ended before its turn came
            self._put(entry)
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put("close")
        self._thread.join()

    def _put(self, entry: _Entry) -> None:
        with self._door:
            if not self._closed:
                self._queue.put(entry)
                return
        self._settle([(entry, _closed(self.folder))])

    def _is_quick(self) -> bool:
        return (
            self._tail.usual_sync_s < _QUICK_S
            and self.failed is None
            and not self._closed
            and self._queue.empty()
            and not self._disk.locked()
        )

    def _take_gathered(self) -> None:
        """Write, on the event loop, what came in this turn of it."""
        entries, self._gathered, self._loop = self._gathered, [], None
        if not entries:
            return
        is_little = self._gathered_bytes < _LITTLE_BYTES
        if not is_little or self._closed or not self._disk.acquire(blocking=False):
            for entry in entries:
                self._put(entry)
            return
        try:
            settled = self._written(entries)
        finally:
            self._disk.release()
        self._settle(settled)

    def _run(self) -> None:
        closing = False
        while not closing:
            group: list[_Entry | Literal["wake", "close"]] = []
            try:
                group.append(self._queue.get(timeout=self._patience()))
                group += [self._queue.get_nowait() for _ in range(self._queue.qsize())]
            except Empty:
                pass
            closing = "close" in group
            with self._disk:
                settled = self._perform(
                    [entry for entry in group if isinstance(entry, _Entry)], closing
                )
            self._settle(settled)

    def _patience(self) -> float | None:
        if self.failed is not None:
            return self._try_again_s
        return _UNSYNCED_S if self._tail.unsynced or self._gap else None

    def _perform(
        self, entries: list[_Entry], closing: bool
    ) -> list[tuple[_Entry, Place | BackendError]]:
        """What the thread does in one turn."""
        self._busy_since = time.monotonic()
        try:
            if self.failed is not None and time.monotonic() >= self._try_at:
                self._tell_gap()
            settled = self._written(entries)
            wishes = [entry for entry in entries if entry.frame is None]
            if self.failed is None and (not entries or closing or wishes):
                self._settle_down(closing or bool(wishes))
            told = self.failed or NOWHERE
            return settled + [(entry, told) for entry in wishes]
        finally:
            self._busy_since = None

    def _settle_down(self, seals: bool) -> None:
        """Do what can wait: say what is missing, sync what is only written, seal."""
        if self._gap:
            self._tell_gap()
        try:
            if self.failed is None:
                self._tail.sync()
                if seals:
                    self._tail.seal()
        except Exception as error:
            self._fail(error)

    def _written(self, entries: list[_Entry]) -> list[tuple[_Entry, Place | BackendError]]:
        framed = [entry for entry in entries if entry.frame is not None]
        if self.failed is not None:
            return [(entry, self.failed) for entry in framed]
        if not framed:
            return []
        try:
            durable = any(entry.way.durable for entry in framed)
            was_synced = not self._tail.unsynced
            places = self._tail.write([e.frame for e in framed if e.frame], durable=durable)
        except Exception as error:
            failed = self._fail(error, len(framed))
            return [(entry, failed) for entry in framed]
        if was_synced and not durable:
            self._queue.put("wake")  # so that the thread syncs it in a while
        return list(zip(framed, places, strict=True))

    def _fail(self, error: Exception, refused: int = 0) -> BackendError:
        failed = self.failed = _failure(error, self.folder)
        self._failed_at = clock.now()
        self._unsure += max(0, self._tail.unsynced - refused)
        self._tail.abandon()
        self._try_at = time.monotonic() + self._try_again_s
        self._queue.put("wake")  # so that the thread tries again in a while
        return failed

    def _tell_gap(self) -> None:
        """Record what is missing; where that succeeds after a failure, the journal goes on."""
        with self._door:
            missing, self._gap = self._gap, {}
        gap = Gap(
            deployment="",
            received_at=clock.now(),
            since=self._failed_at,
            missing=missing,
            unsure=self._unsure,
            reason="" if self.failed is None else self.failed.message,
        )
        try:
            self._tail.write([frames.encode([gap])], durable=True)
        except Exception as error:
            self._tail.abandon()
            self.failed = _failure(error, self.folder)
            self._try_at = time.monotonic() + self._try_again_s
            with self._door:
                for name, rows in missing.items():
                    self._gap[name] = self._gap.get(name, 0) + rows
            return
        self._unsure = 0
        self.failed = None

    def _settle(self, settled: list[tuple[_Entry, Place | BackendError]]) -> None:
        """Wake all waiters: those on an event loop with one call for all of them."""
        on_loop: dict[
            asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Place], Place | BackendError]]
        ] = {}
        for entry, told in settled:
            outcome = self._excused(entry, told)
            if not isinstance(entry.waiter, Future):
                on_loop.setdefault(entry.waiter.get_loop(), []).append((entry.waiter, outcome))
            elif isinstance(outcome, BackendError):
                entry.waiter.set_exception(_again(outcome))
            else:
                entry.waiter.set_result(outcome)
        here = asyncio._get_running_loop()
        for loop, pairs in on_loop.items():
            if loop is here:
                _resolve(pairs)
                continue
            try:
                loop.call_soon_threadsafe(_resolve, pairs)
            except RuntimeError:  # the loop was closed: nobody waits any more
                continue

    def _excused(self, entry: _Entry, outcome: Place | BackendError) -> Place | BackendError:
        if not isinstance(outcome, BackendError) or not entry.way.may_miss:
            return outcome
        with self._door:
            for counts in (self.missing, self._gap):
                counts[entry.deployment] = counts.get(entry.deployment, 0) + entry.rows
        return NOWHERE


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


def _slow(folder: Path, lag_s: float) -> BackendError:
    return BackendError(
        "journal-slow",
        f"The prediction journal in {folder} has been writing for {lag_s:.1f} s.",
        hint="send the request again",
        context={"folder": str(folder)},
    )


def _closed(folder: Path) -> BackendError:
    return BackendError(
        "journal-failed",
        f"The prediction journal in {folder} is closed: the server is stopping.",
        hint="send the request again",
        context={"folder": str(folder)},
    )
