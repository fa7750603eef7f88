"""Finding single things in the journal: a prediction, its label, the newest ones, used keys.

Everything here scans; identifiers hold their time, which says in which segments to look first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from pathlib import Path

from trueup.lifecycle.serving.journal import frames
from trueup.lifecycle.serving.journal.folder import Segment, segments
from trueup.lifecycle.serving.journal.tail import Place
from trueup.lifecycle.serving.records import AnyRecord, Label, Labels, Predictions

_FEW = 8  # identifiers to look for in the bytes before anything is decoded
_LABELS_MARK = b"\xa4kind\xa6labels"
_SLACK_S = 60.0  # between a request's id and its frame on disk, and for clocks that step


def parse_id(prediction_id: str) -> tuple[str, int] | None:
    """The request and the row that a prediction id names, or None if it is none.

    Example:
        >>> parse_id("0192f0c4aaaa7000800000000000beef-17")
        ('0192f0c4aaaa7000800000000000beef', 17)
    """
    request, _, row = prediction_id.partition("-")
    hexadecimal = len(request) == 32 and not request.strip("0123456789abcdef")
    if not hexadecimal or not (row.isascii() and row.isdecimal()) or len(row) > 9:
        return None
    return request, int(row)


def find(folder: Path, prediction_id: str) -> Predictions | None:
    """The record that holds a prediction that was answered, or None."""
    if (parsed := parse_id(prediction_id)) is None:
        return None
    request, row = parsed
    needle = request.encode()
    for segment in _likely_first(segments(folder), request):
        for record in _holding(segment, [needle]):
            if not isinstance(record, Predictions) or record.shadow:
                continue  # a shadow has the id of the answer that it stood beside
            if record.request == request and row in record.rows:
                return record
    return None


def labels_for(folder: Path, prediction_ids: Collection[str]) -> dict[str, list[Label]]:
    """All labels of each prediction that has one; the one that was known last comes first."""
    wanted = set(prediction_ids)
    found: dict[str, dict[datetime, tuple[datetime, Label]]] = {}
    few = len(wanted) <= _FEW
    needles = [name.encode() for name in wanted] if few else [_LABELS_MARK]
    for segment in segments(folder):
        for record in _holding(segment, needles):
            if not isinstance(record, Labels):
                continue
            for prediction_id, value in zip(record.predictions, record.labels, strict=True):
                if prediction_id not in wanted:
                    continue
                versions = found.setdefault(prediction_id, {})
                same = versions.get(record.at)
                if same is None or same[0] <= record.received_at:
                    label = Label(value=value, at=record.at)
                    versions[record.at] = (record.received_at, label)
    return {
        prediction_id: [versions[at][1] for at in sorted(versions, reverse=True)]
        for prediction_id, versions in found.items()
    }


def newest(folder: Path, deployment: str, limit: int) -> list[Predictions]:
    """The newest answers of a deployment, newest first, until they have `limit` rows."""
    found: list[Predictions] = []
    rows = 0
    for segment in reversed(segments(folder)):
        raw = segment.read()
        for frame in reversed(list(frames.walk(raw, over_damage=True))):
            for record in reversed(frames.decode(raw, frame)):
                if not isinstance(record, Predictions) or record.shadow:
                    continue
                if record.deployment == deployment:
                    found.append(record)
                    rows += len(record.rows)
            if rows >= limit:
                return found
    return found


def at_place(folder: Path, place: Place) -> list[AnyRecord] | None:
    """The records of one frame, or None if its segment is gone or damaged there."""
    try:
        raw = Segment(folder, place.segment, sealed=False).read(place.offset)
    except FileNotFoundError:
        return None
    end = frames.intact(raw, 0)
    return frames.decode(raw, frames.Frame(0, end)) if end else None


def _likely_first(listed: list[Segment], request: str) -> list[Segment]:
    """Segments that were written when the request came, then the others."""
    came_at = int(request[:12], 16) / 1000
    likely: list[Segment] = []
    others: list[Segment] = []
    for segment in listed:
        begun_at = int(segment.name[:12], 16) / 1000
        fits = begun_at <= came_at + _SLACK_S and segment.modified_at() >= came_at - _SLACK_S
        (likely if fits else others).append(segment)
    return likely + others


def _holding(segment: Segment, needles: list[bytes]) -> Iterator[AnyRecord]:
    """Records of the frames in which one of the needles occurs."""
    raw = segment.read()
    if not any(needle in raw for needle in needles):
        return
    for frame in frames.walk(raw, over_damage=True):
        if any(raw.find(needle, frame.start, frame.end) >= 0 for needle in needles):
            yield from frames.decode(raw, frame)
