"""Putting back what the store lost: bytes that still lie in the work tree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trueup.foundation import digests
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.data.worktree.reading import Takes
from trueup.ports.blobs import Blobs


class Repairing:
    """Takes bytes like a batch; a damaged blob is replaced by the bytes that it should have."""

    def __init__(self, blobs: Blobs, batch: Takes) -> None:
        self._blobs = blobs
        self._batch = batch

    def put(self, raw: bytes) -> str:
        """Take the bytes and return their digest."""
        self._drop_if_damaged(digests.of_bytes(raw))
        return self._batch.put(raw)

    def put_many(self, raws: Sequence[bytes]) -> list[str]:
        """Take many at once and return their digests."""
        return [self.put(raw) for raw in raws]

    def put_file(self, path: Path) -> str:
        """Take a file's bytes and return their digest."""
        self._drop_if_damaged(digests.of_file(path))
        return self._batch.put_file(path)

    def _drop_if_damaged(self, digest: str) -> None:
        """A blob that is there is not written again: one that is no longer what it was must go."""
        if not self._blobs.has(digest):
            return
        try:
            for _ in self._blobs.get_many([digest]):
                pass
        except TrueupError:
            self._blobs.delete([digest])
