"""Frames of a segment: length, checksum, body. What a torn write leaves behind is never read.

A segment begins with `MAGIC` and is zero behind its last frame. Read `segments.py` next.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

MAGIC: Final = b"TRUEUPS1"
LARGEST: Final = 2 << 20  # bytes of one body

OPENING: Final = 1  # JSON: whose segment this is
SHAPE: Final = 2  # a number for a tuple of names
POINTS: Final = 3  # values for the names of a shape
NOTE: Final = 4  # JSON: parameters, tags, a file
GAP: Final = 5  # JSON: what could not be written
END: Final = 6  # JSON: how the run ended

HEAD: Final = struct.Struct("<II")
_SHAPE: Final = struct.Struct("<BI")
_POINTS: Final = struct.Struct("<BIqq")


class Frame(NamedTuple):
    """One frame as it was read.

    Attributes:
        kind: One of the kinds above.
        body: All bytes of the body, the kind included.
        end: Where the next frame begins.
    """

    kind: int
    body: bytes
    end: int


class Points(NamedTuple):
    """The body of a frame of points."""

    shape: int
    step: int
    at: int
    values: tuple[float, ...]


def framed(body: bytes) -> bytes:
    """A body with its length and checksum before it."""
    return HEAD.pack(len(body), zlib.crc32(body)) + body


def spoken(kind: int, value: Any) -> bytes:
    """The body of a frame that holds JSON."""
    return bytes([kind]) + msgspec.json.encode(value)


def told(frame: Frame, type_: Any) -> Any:
    """What a frame of JSON holds.

    Raises:
        msgspec.MsgspecError: It has another shape.
    """
    return msgspec.json.decode(frame.body[1:], type=type_)


def shape(number: int, names: tuple[str, ...]) -> bytes:
    """The body that gives a tuple of names its number in this segment."""
    return _SHAPE.pack(SHAPE, number) + msgspec.json.encode(names)


def shape_of(frame: Frame) -> tuple[int, tuple[str, ...]]:
    """The number and the names that a frame of a shape holds."""
    _, number = _SHAPE.unpack_from(frame.body)
    return number, msgspec.json.decode(frame.body[_SHAPE.size :], type=tuple[str, ...])


@lru_cache(256)
def packer(count: int) -> struct.Struct:
    """What packs kind, shape, step, time and this many values."""
    return struct.Struct(f"<BIqq{count}d")


def points_of(frame: Frame) -> Points:
    """The values that a frame of points holds."""
    count = (len(frame.body) - _POINTS.size) // 8
    _, number, step, at, *values = packer(count).unpack(frame.body)
    return Points(number, step, at, tuple(values))


def frames(raw: bytes, at: int = len(MAGIC)) -> Iterator[Frame]:
    """The whole frames in some bytes; it ends before the first that is not whole.

    Args:
        raw: Bytes of a segment.
        at: Where in them a frame begins.
    """
    while at + HEAD.size < len(raw):
        length, checksum = HEAD.unpack_from(raw, at)
        end = at + HEAD.size + length
        if not 0 < length <= LARGEST or end > len(raw):
            return
        body = raw[at + HEAD.size : end]
        if zlib.crc32(body) != checksum:
            return
        yield Frame(body[0], body, end)
        at = end
