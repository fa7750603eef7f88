"""The bytes of the journal: frames of length, CRC and msgpack. Read `folder.py` next.

A frame is u32 length, u32 CRC-32 (little-endian), then a msgpack array of the records that were
written together: all of them are there or none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from trueup.foundation.errors import BackendError
from trueup.lifecycle.serving.records import AnyRecord

HEADER_BYTES = 8
_header = struct.Struct("<II")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[AnyRecord])

# Every payload begins with an array header (1, 3 or 5 bytes), a map header (1 byte up to 15
# fields, else 3) and this key. After damage it leads to the next frame.
_MARK = b"\xa4kind"
_MARK_DISTANCES = tuple(HEADER_BYTES + size for size in (2, 4, 6, 8))


class Frame(NamedTuple):
    """Where an intact frame lies.

    Attributes:
        start: Offset of its header.
        end: Offset after its payload.
        skipped: Damaged bytes between the frame before and this one.
    """

    start: int
    end: int
    skipped: int = 0


def encode(records: Sequence[AnyRecord]) -> bytearray:
    """One frame that holds the records."""
    frame = bytearray(HEADER_BYTES)
    _encoder.encode_into(records, frame, HEADER_BYTES)
    with memoryview(frame) as view:
        crc = zlib.crc32(view[HEADER_BYTES:])
    _header.pack_into(frame, 0, len(frame) - HEADER_BYTES, crc)
    return frame


def decode(raw: bytes, frame: Frame) -> list[AnyRecord]:
    """The records in an intact frame of `raw`.

    Raises:
        BackendError: A newer Trueup wrote them.
    """
    try:
        return _decoder.decode(memoryview(raw)[frame.start + HEADER_BYTES : frame.end])
    except msgspec.DecodeError as error:
        raise BackendError(
            "journal-newer",
            f"The journal holds a record that this Trueup cannot read: {error}.",
            hint="pip install --upgrade trueup",
        ) from error


def intact(raw: bytes, start: int) -> int:
    """The end of the frame that starts at `start`, or 0 if no whole and undamaged frame does."""
    if start < 0 or start + HEADER_BYTES > len(raw):
        return 0
    length, crc = _header.unpack_from(raw, start)
    end: int = start + HEADER_BYTES + length
    if length == 0 or end > len(raw):
        return 0
    return end if zlib.crc32(memoryview(raw)[start + HEADER_BYTES : end]) == crc else 0


def walk(raw: bytes, start: int = 0, *, over_damage: bool) -> Iterator[Frame]:
    """The intact frames from `start` on.

    Args:
        raw: Bytes of a segment.
        start: Where a frame begins.
        over_damage: Go on behind damaged bytes; else stop at them, as at the end of a live segment.
    """
    while True:
        while end := intact(raw, start):
            yield Frame(start, end)
            start = end
        found = _next_intact(raw, start) if over_damage else None
        if found is None:
            return
        yield Frame(found.start, found.end, skipped=found.start - start)
        start = found.end


def intact_length(raw: bytes) -> int:
    """The bytes up to the end of the last intact frame."""
    end = 0
    for frame in walk(raw, over_damage=True):
        end = frame.end
    return end


def _next_intact(raw: bytes, after: int) -> Frame | None:
    mark = raw.find(_MARK, after)
    while mark >= 0:
        for distance in _MARK_DISTANCES:
            start = mark - distance
            if start > after and (end := intact(raw, start)):
                return Frame(start, end)
        mark = raw.find(_MARK, mark + 1)
    return None
