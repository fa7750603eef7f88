"""Messages between processes: four bytes of length, then JSON."""

from __future__ import annotations

from typing import Any

import msgspec

_LENGTH = 4


def packed(message: Any) -> bytes:
    """One message as bytes."""
    raw = msgspec.json.encode(message)
    return len(raw).to_bytes(_LENGTH, "big") + raw


class Unpacker:
    """Bytes as they come in, whole messages out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, raw: bytes) -> list[Any]:
        """The messages that are complete now."""
        self._buffer += raw
        found = []
        start = 0
        while len(self._buffer) - start >= _LENGTH:
            size = int.from_bytes(self._buffer[start : start + _LENGTH], "big")
            if len(self._buffer) - start - _LENGTH < size:
                break
            start += _LENGTH
            found.append(msgspec.json.decode(memoryview(self._buffer)[start : start + size]))
            start += size
        del self._buffer[:start]
        return found
