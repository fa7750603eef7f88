"""The bytes of a tracked file, read in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from trueup.ports.blobs import Blobs

PIECE: Final = 1 << 20
_SMALL: Final = 64 << 10  # kept in packs, and read at once


class Content(NamedTuple):
    """A file that can be read.

    Attributes:
        blobs: Where its bytes are.
        digest: Their digest.
        size: Their number.
    """

    blobs: Blobs
    digest: str
    size: int

    def pieces(self, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Its bytes from `start` on, a piece at a time."""
        left = self.size - start if length is None else length
        if self.size < _SMALL:
            yield self.blobs.get(self.digest)[start : start + left]
            return
        with self.blobs.local_path(self.digest).open("rb") as file:
            file.seek(start)
            while left and (piece := file.read(min(PIECE, left))):
                left -= len(piece)
                yield piece
