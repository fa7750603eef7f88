"""The book of one writer: every frame it writes, segment after segment.

The hot path of the whole client is `Book.points`; all else is rare. Read `handle.py` next.
"""

from __future__ import annotations

import os
import struct
import threading
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from trueup.foundation.errors import TrueupError, UsageError
from trueup.lifecycle.runs.logging import framing, segments
from trueup.lifecycle.runs.logging.outbox import Writer
from trueup.lifecycle.runs.logging.records import Gap, Note, Opening
from trueup.lifecycle.runs.logging.segments import SIZE, Segment
from trueup.lifecycle.runs.tracking import rules
from trueup.lifecycle.runs.tracking.records import Point

_AT_ONCE: Final = 1000  # values in one frame
_MARGIN: Final = 32 + 8 * _AT_ONCE + framing.HEAD.size
_AGAIN_S: Final = 1.0  # between two tries to get room on a full disk
_CLOSED: Final = -2
_WITHOUT: Final = -1  # there is no segment


class Book:
    """What one process writes about one run.

    Args:
        outbox: The folder of all writers.
        opening: Whose segments these are.
        warn: Told once when points cannot be kept.
        size: Bytes of a segment.
    """

    def __init__(
        self, outbox: Path, opening: Opening, warn: Callable[[str], None], size: int = SIZE
    ) -> None:
        self._outbox = outbox
        self._opening = opening
        self._warn = warn
        self._size = size
        self.last_step = -1
        self.gap = self._told = 0
        self._last_at = 0
        self._at = 0
        self._told = 0
        self._synced = (0, 0)
        self._has_warned = False
        self._fresh()
        with self._lock:
            self._has_room()

    def points(self, metrics: dict[str, Any], step: int | None) -> None:
        """Write the values of one moment.

        Raises:
            UsageError: A name or a value is none that can be kept; nothing was written.
        """
        if len(metrics) > _AT_ONCE:
            self._in_parts(metrics, step)
            return
        with self._lock:
            if self._at > self._limit and not self._has_room():
                self._miss(metrics, step)
                return
            try:
                number, pack = self._shapes[tuple(metrics)]
            except (KeyError, TypeError):
                if not self._is_defined(metrics):
                    self._miss(metrics, step)
                    return
                number, pack = self._shapes[tuple(metrics)]
            if step is None:
                step = self.last_step + 1
            at = time.time_ns() // 1_000_000
            if at < self._last_at:  # noqa: PLR1730 - a call of max costs a tenth of all this; the clock was set back: order is worth more
                at = self._last_at
            try:
                body = pack(framing.POINTS, number, step, at, *metrics.values())
            except (struct.error, TypeError, ValueError, OverflowError) as error:
                raise _unusable(metrics, step) from error
            frame = _HEAD(len(body), _CHECKSUM(body)) + body
            end = self._at + len(frame)
            self._memory[self._at : end] = frame
            self._at = end
            self._last_at = at
            self.last_step = step

    def beside(self, metrics: dict[str, float], step: int) -> None:
        """Write values that do not count as a step of the training."""
        at = self.now()
        points = tuple(Point(key, value, step, at) for key, value in metrics.items())
        self.write(framing.NOTE, Note(points=points))

    def write(self, kind: int, value: Any) -> bool:
        """Write one frame of JSON; whether there was room."""
        body = framing.spoken(kind, value)
        with self._lock:
            return self._appended(body)

    def now(self) -> int:
        """The time in milliseconds, never before that of the last point."""
        return max(time.time_ns() // 1_000_000, self._last_at)

    def sync(self) -> None:
        """Bring what was written to the disk."""
        writer, last, at = self._writer, self._number, self._at
        if writer is None or (last, at) == self._synced:
            return
        for number in range(max(self._synced[0], 1), last + 1):
            with suppress(OSError):  # shipped and gone, or a disk that the next frame tells about
                segments.sync(writer.segment(number))
        self._synced = last, at

    def aside(self, suffix: str = "") -> Path:
        """A new name for a file that waits to be shipped.

        Raises:
            OSError: There is no outbox.
        """
        with self._lock:
            if self._writer is None and not self._has_room():
                raise OSError(28, "No space left on device", str(self._outbox))
            assert self._writer is not None  # there is room, so there is a folder
            return self._writer.aside(suffix)

    @property
    def folder(self) -> Path | None:
        """The folder of this writer; None as long as the disk has no room for one."""
        return self._writer.folder if self._writer is not None else None

    @property
    def place(self) -> tuple[int, int]:
        """The number of the present segment, and how many bytes it holds."""
        return self._number, max(self._at, 0)

    def close(self) -> None:
        """Nothing more will be written."""
        with self._lock:
            self._tell_gap()
            self._seal()
            self._limit = _CLOSED
            if self._writer is not None:
                self._writer.release()

    def forked(self) -> None:
        """In the child of a fork: leave all to the parent, and begin a folder of one's own."""
        segment, writer = self._segment, self._writer
        self._opening = msgspec.structs.replace(
            self._opening, owns=False, process=os.getpid(), name=""
        )
        if segment is not None:
            segment.leave()
        if writer is not None:
            writer.release()
        closed = self._limit == _CLOSED
        self._fresh()
        if closed:
            self._limit = _CLOSED

    def _fresh(self) -> None:
        self._lock = threading.Lock()
        self._shapes: dict[tuple[str, ...], tuple[int, Any]] = {}
        self._writer: Writer | None = None
        self._segment: Segment | None = None
        self._memory: Any = None
        self._number = 0
        self._at = 0
        self._limit = _WITHOUT
        self._again_at = 0.0
        self._synced = (0, 0)

    def _has_room(self) -> bool:
        """Begin the next segment; False when there can be none now."""
        if self._limit == _CLOSED or time.monotonic() < self._again_at:
            return False
        self._seal()
        try:
            if self._writer is None:
                self._writer = Writer(self._outbox, self._opening.run)
            segment = Segment(self._writer.segment(self._number + 1), self._size)
        except (OSError, TrueupError) as error:
            self._again_at = time.monotonic() + _AGAIN_S
            if not self._has_warned:
                self._has_warned = True
                why = getattr(error, "strerror", "") or error
                self._warn(
                    f"what run {self._opening.run} logs cannot be kept in {self._outbox}: {why}. "
                    "Training goes on; the points that are missed are counted."
                )
            return False
        self._number += 1
        self._segment, self._memory, self._at = segment, segment.memory, segment.at
        self._limit = self._size - _MARGIN
        self._shapes.clear()
        self._put(framing.spoken(framing.OPENING, self._opening))
        self._tell_gap()
        return True

    def _seal(self) -> None:
        if self._segment is not None:
            self._segment.at = self._at
            self._segment.close()
        self._segment = self._memory = None
        self._limit = _WITHOUT if self._limit != _CLOSED else _CLOSED
        self._at = 0

    def _tell_gap(self) -> None:
        if self.gap != self._told and self._segment is not None:
            self._put(framing.spoken(framing.GAP, Gap(points=self.gap)))
            self._told = self.gap

    def _appended(self, body: bytes) -> bool:
        if not self._has_room_for(len(body)):
            return False
        self._put(body)
        return True

    def _has_room_for(self, length: int) -> bool:
        """Whether a body of this length fits, in the next segment if need be."""
        needed = framing.HEAD.size + length
        if self._at + needed <= self._limit:
            return True
        return self._has_room() and self._at + needed <= self._limit

    def _put(self, body: bytes) -> None:
        frame = framing.framed(body)
        self._memory[self._at : self._at + len(frame)] = frame
        self._at += len(frame)

    def _miss(self, metrics: dict[str, Any], step: int | None) -> None:
        self.gap += len(metrics)
        self.last_step = self.last_step + 1 if step is None else step

    def _is_defined(self, metrics: dict[str, Any]) -> bool:
        """Give the names of some metrics their number; False when there is no room for it."""
        if not metrics:
            raise UsageError(
                "nothing-logged",
                "run.log was called without a value.",
                hint="run.log(loss=0.1)",
            )
        for key in metrics:
            rules.check_key(key if isinstance(key, str) else repr(key), "metric")
        names = tuple(metrics)
        if not self._has_room_for(len(framing.shape(0, names))):
            return False
        number = len(self._shapes)
        self._put(framing.shape(number, names))
        self._shapes[names] = number, framing.packer(len(names)).pack
        return True

    def _in_parts(self, metrics: dict[str, Any], step: int | None) -> None:
        step = self.last_step + 1 if step is None else step
        items = list(metrics.items())
        for start in range(0, len(items), _AT_ONCE):
            self.points(dict(items[start : start + _AT_ONCE]), step)


_HEAD: Final = framing.HEAD.pack
_CHECKSUM: Final = zlib.crc32


def _unusable(metrics: dict[str, Any], step: Any) -> UsageError:
    try:
        struct.pack("<q", step)
    except (struct.error, TypeError):
        return UsageError(
            "step-unusable",
            f"The step {str(step)[:100]!r} is no whole number of 64 bits.",
            hint="run.log(loss=0.1, step=3)",
        )
    key, value = next((key, value) for key, value in metrics.items() if not _is_number(value))
    return UsageError(
        "value-unusable",
        f"The value of metric '{key[:100]}' is no number: {type(value).__name__} "
        f"{str(value)[:100]!r}. Words are parameters or tags.",
        hint=f"run.params({key}=...)" if key.isidentifier() else "run.params({...})",
    )


def _is_number(value: Any) -> bool:
    try:
        struct.pack("<d", value)
    except (struct.error, TypeError, ValueError, OverflowError):
        return False
    return True
