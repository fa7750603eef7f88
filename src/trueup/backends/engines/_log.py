"""The log of one attempt: bounded, with secrets hidden, made when the first byte comes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from trueup.ports.engine import LOG_BYTES, LOG_TAIL_BYTES

_HIDDEN = b"***"


class BoundedLog:
    """An append-only file that keeps the beginning and the end of what is written."""

    def __init__(self, path: Path, most: int = LOG_BYTES, tail: int = LOG_TAIL_BYTES) -> None:
        self._path = path
        self._most = most
        self._tail_most = tail
        self._file = -1
        self._written = 0
        self._left_out = 0
        self._tail = bytearray()
        self._words: list[bytes] = []
        self._held = b""

    def hide(self, words: Iterable[str]) -> None:
        """Write `***` instead of these words from now on."""
        found = {word.encode() for word in words if word} | set(self._words)
        self._words = sorted(found, key=len, reverse=True)

    def write(self, raw: bytes) -> None:
        """Append; what is beyond the bound is left out, but for the end."""
        if self._words:
            raw = self._without_words(self._held + raw)
        self._append(raw)

    def close(self) -> None:
        """Write what was held back, and the end of what was left out."""
        self._append(self._held)
        self._held = b""
        if self._left_out or self._tail:
            gap = self._left_out
            if gap:
                self._put(f"\n[trueup: {gap:,} bytes are left out here]\n".encode())
            self._put(bytes(self._tail))
            self._tail.clear()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, raw: bytes) -> None:
        room = self._most - self._written
        if room > 0:
            self._put(raw[:room])
            raw = raw[room:]
        if raw:
            self._tail += raw
            more = len(self._tail) - self._tail_most
            if more > 0:
                del self._tail[:more]
                self._left_out += more

    def _put(self, raw: bytes) -> None:
        if not raw:
            return
        if self._file < 0:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
        self._written += len(raw)
        view = memoryview(raw)
        while view:
            view = view[os.write(self._file, view) :]

    def _without_words(self, raw: bytes) -> bytes:
        for word in self._words:
            raw = raw.replace(word, _HIDDEN)
        held = max((_begun(raw, word) for word in self._words), default=0)
        self._held = raw[len(raw) - held :]
        return raw[: len(raw) - held]


def _begun(raw: bytes, word: bytes) -> int:
    """How many bytes at the end of `raw` may be the beginning of `word`."""
    for length in range(min(len(word) - 1, len(raw)), 0, -1):
        if raw.endswith(word[:length]):
            return length
    return 0
