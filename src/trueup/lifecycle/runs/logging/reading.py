"""From segments to batches, in order, from where the last shipper stopped.

A reader never changes what a writer wrote, and never waits for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from trueup.foundation.records import Record
from trueup.lifecycle.runs.logging import framing, outbox
from trueup.lifecycle.runs.logging.framing import Frame
from trueup.lifecycle.runs.logging.records import End, Gap, Kept, Note, Opening, Shipped
from trueup.lifecycle.runs.tracking.receiving.records import Batch
from trueup.lifecycle.runs.tracking.records import Point

MISSED: Final = "trueup.points.missed"
_POINTS: Final = 10_000
_WORDS: Final = 500
_READ: Final = framing.LARGEST + framing.HEAD.size


class Piece(Record):
    """Some of what a writer wrote.

    Attributes:
        batch: What the receiver gets.
        files: What it gets before that.
        shipped: What to note when it has both.
        opening: Whose it is.
    """

    batch: Batch
    files: tuple[Kept, ...]
    shipped: Shipped
    opening: Opening


class Reader:
    """Reads what one writer writes.

    Args:
        folder: The writer's folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opening: Opening | None = None
        self.last_at = 0
        self._shapes: dict[int, tuple[str, ...]] = {}
        self._how_far = outbox.shipped(folder)
        if self._how_far.offset:
            self._recall()

    @property
    def is_over(self) -> bool:
        """Whether everything was read and nothing will follow."""
        return self._how_far.is_over

    def next(self) -> Piece | None:
        """What follows what was noted; None when there is nothing now.

        The same comes again until `note` was called.
        """
        if self.is_over:
            return None
        is_alive = outbox.is_alive(self.folder)  # asked first: the dead write no more
        piece = self._read()
        if piece is not None:
            return piece
        following = Shipped(segment=self._how_far.segment + 1)
        if outbox.segment(self.folder, following.segment).exists():
            piece = self._read()  # what came between the two looks
            if piece is None:
                self._how_far, self._shapes = following, {}
                piece = self._read()
            return piece
        return None if is_alive else self._died()

    def note(self, piece: Piece) -> None:
        """A piece was received: go on behind it.

        Raises:
            OSError: The disk is full.
        """
        outbox.note_shipped(self.folder, piece.shipped)
        if piece.shipped.segment != self._how_far.segment:
            self._shapes = {}
        self._how_far = piece.shipped

    def beat(self) -> Batch | None:
        """A batch that says only that the run goes on."""
        return None if self.opening is None else _empty(self.opening)

    def _read(self) -> Piece | None:
        raw = self._raw()
        if not raw:
            return None
        start = self._how_far.offset or len(framing.MAGIC)
        points: list[Point] = []
        params: dict[str, str] = {}
        tags: dict[str, str] = {}
        files: tuple[Kept, ...] = ()
        end, at = None, 0
        for frame in framing.frames(raw, 0):
            note = framing.told(frame, Note) if frame.kind == framing.NOTE else None
            if note is not None and note.files and (points or params or tags):
                break  # files go first, so what was logged before them goes alone
            at = frame.end
            if frame.kind == framing.POINTS:
                points.extend(self._points(frame))
            elif note is not None:
                params.update(note.params)
                tags.update(note.tags)
                files = note.files
                points.extend(note.points)
            elif frame.kind == framing.GAP:
                tags[self._missed()] = str(framing.told(frame, Gap).points)
            elif frame.kind == framing.END:
                end = framing.told(frame, End)
            else:
                self._learn(frame)
            if files or end or len(points) >= _POINTS or len(params) + len(tags) >= _WORDS:
                break
        if at == 0 or self.opening is None:
            return None
        owns = end is not None and self.opening.owns
        batch = Batch(
            run=self.opening.run,
            experiment=self.opening.experiment,
            name=self.opening.name,
            user=self.opening.user,
            started_at=self.opening.started_at,
            points=tuple(points),
            params=params,
            tags=tags,
            state=end.state if end is not None and owns else None,
            ended_at=end.at if end is not None and owns else None,
        )
        shipped = Shipped(segment=self._how_far.segment, offset=start + at, is_over=end is not None)
        return Piece(batch=batch, files=files, shipped=shipped, opening=self.opening)

    def _points(self, frame: Frame) -> list[Point]:
        number, step, at, values = framing.points_of(frame)
        self.last_at = max(self.last_at, at)
        names = self._shapes[number]
        return [Point(key, value, step, at) for key, value in zip(names, values, strict=True)]

    def _learn(self, frame: Frame) -> None:
        if frame.kind == framing.SHAPE:
            number, names = framing.shape_of(frame)
            self._shapes[number] = names
        elif frame.kind == framing.OPENING:
            self.opening = framing.told(frame, Opening)

    def _missed(self) -> str:
        assert self.opening is not None  # it is the first frame
        return MISSED if self.opening.owns else f"{MISSED}.{self.opening.process}"

    def _recall(self) -> None:
        """Read again what the frames behind the note stand on."""
        raw = self._bytes(0, self._how_far.offset)
        for frame in framing.frames(raw):
            self._learn(frame)

    def _raw(self) -> bytes:
        """The bytes behind what was noted; none when no frame begins there."""
        at = self._how_far.offset
        if at == 0:
            if self._bytes(0, len(framing.MAGIC)) != framing.MAGIC:
                return b""
            at = len(framing.MAGIC)
        if not any(self._bytes(at, framing.HEAD.size)):
            return b""
        return self._bytes(at, _READ)

    def _bytes(self, at: int, length: int) -> bytes:
        try:
            handle = os.open(
                outbox.segment(self.folder, self._how_far.segment), os.O_RDONLY | os.O_CLOEXEC
            )
        except FileNotFoundError:
            return b""
        try:
            return os.pread(handle, length, at)
        finally:
            os.close(handle)

    def _died(self) -> Piece | None:
        """The end that a killed writer could not write."""
        how_far = Shipped(segment=self._how_far.segment, offset=self._how_far.offset, is_over=True)
        if self.opening is None:
            self._how_far = how_far
            return None
        batch = _empty(self.opening)
        if self.opening.owns:
            at = self.last_at or round(self._modified() * 1000)
            batch = Batch(
                **{name: getattr(batch, name) for name in ("run", "experiment", "name", "user")},
                started_at=batch.started_at,
                state="killed",
                ended_at=max(at, batch.started_at),
                tags={"trueup.died": f"process {self.opening.process} on {self.opening.host}"},
            )
        return Piece(batch=batch, files=(), shipped=how_far, opening=self.opening)

    def _modified(self) -> float:
        try:
            return outbox.segment(self.folder, self._how_far.segment).stat().st_mtime
        except OSError:
            return 0.0


def _empty(opening: Opening) -> Batch:
    return Batch(
        run=opening.run,
        experiment=opening.experiment,
        name=opening.name,
        user=opening.user,
        started_at=opening.started_at,
    )
