"""What an endpoint may answer with besides JSON: bytes, at once or as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

Header = tuple[bytes, bytes]

JSON: Final[Header] = (b"content-type", b"application/json")
TEXT: Final[Header] = (b"content-type", b"text/plain; charset=utf-8")


class Reply(NamedTuple):
    """An answer that is whole."""

    status: int
    body: bytes
    headers: tuple[Header, ...] = (JSON,)


class Stream(NamedTuple):
    """An answer that is sent piece by piece; `pieces` is read in a thread.

    Attributes:
        status: HTTP status.
        size: Number of bytes that the pieces have together.
        pieces: The bytes.
        headers: What is said before them.
    """

    status: int
    size: int
    pieces: Iterator[bytes]
    headers: tuple[Header, ...]
