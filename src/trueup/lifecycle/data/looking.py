"""Looking at data without keeping it: the same digests, and nothing written.

A preview of a run asks what a dataset would be. `keeping.py` reads the files for both.
"""

from __future__ import annotations

from pathlib import Path

from trueup.foundation import digests
from trueup.ports.blobs import Blobs


class Unkept:
    """Takes bytes like a blob store and keeps none; what is kept already can be read."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def put(self, raw: bytes) -> str:
        """The digest of the bytes."""
        return digests.of_bytes(raw)

    def put_file(self, path: Path) -> str:
        """The digest of a file's bytes."""
        return digests.of_file(path)

    def get(self, digest: str) -> bytes:
        """Bytes that are kept.

        Raises:
            NotFoundError: They are not here.
        """
        return self._blobs.get(digest)
