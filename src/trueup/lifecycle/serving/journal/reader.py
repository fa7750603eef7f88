"""Reading the journal in order, from a stored cursor on. Monitors live on this.

Single predictions are found by `lookup.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trueup.lifecycle.serving.journal import frames
from trueup.lifecycle.serving.journal.folder import Segment, segments
from trueup.lifecycle.serving.records import AnyRecord, Cursor


def read(folder: Path, cursor: Cursor | None = None) -> Iterator[tuple[AnyRecord, Cursor]]:
    """All records behind the cursor, each with the cursor to store once it is dealt with.

    A segment that is being written is read up to its last whole frame. Records that were written
    together share one cursor and count as dealt with only with the last of them: after a crash in
    between, the first ones come again.

    Args:
        folder: The journal's folder; may be absent.
        cursor: Where to go on; from the beginning if absent.
    """
    known = cursor or Cursor()
    listed = segments(folder)
    present = {segment.name for segment in listed}
    unfinished = {name: at for name, at in known.unfinished.items() if name in present}
    through, lost = known.through, known.lost_bytes
    for segment in listed:
        name = segment.name
        if name <= known.through and name not in known.unfinished:
            continue
        through = max(through, name)
        offset = unfinished.setdefault(name, 0)
        for records, end, skipped, is_last in _frames(segment, offset):
            if len(records) > 1:
                before = Cursor(through=through, unfinished=dict(unfinished), lost_bytes=lost)
                yield from ((record, before) for record in records[:-1])
            lost += skipped
            unfinished[name] = end
            if is_last:
                del unfinished[name]
            after = Cursor(through=through, unfinished=dict(unfinished), lost_bytes=lost)
            yield records[-1], after
        if segment.sealed:
            unfinished.pop(name, None)


def _frames(segment: Segment, offset: int) -> Iterator[tuple[list[AnyRecord], int, int, bool]]:
    """Records, the offset behind them, bytes skipped before them, and whether none can follow."""
    raw = segment.read(offset)
    for frame in frames.walk(raw, over_damage=segment.sealed):
        if records := frames.decode(raw, frame):
            is_last = segment.sealed and frame.end == len(raw)
            yield records, offset + frame.end, frame.skipped, is_last
