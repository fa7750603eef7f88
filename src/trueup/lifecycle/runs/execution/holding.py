"""A blob store that holds small values back, to write many of them with one wait for the disk.

For steps that run in this process: what they give is needed by the next step at once, but durable
only when a record names it. Whoever records calls `write` first; a kill before loses what no record
names.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Final

from trueup.foundation import digests
from trueup.ports.blobs import Batch, Blobs, Damage, Kept, Link, Wanted

_SMALL: Final = 64 << 10
_MOST: Final = 16 << 20


class Holding:
    """`Blobs` over another store; `put` of a small value takes effect there with `write`.

    Args:
        store: Where the values go.
    """

    def __init__(self, store: Blobs) -> None:
        self.url = store.url
        self._store = store
        self._lock = threading.Lock()
        self._held: dict[str, bytes] = {}
        self._size = 0

    def write(self) -> None:
        """Write everything that is held back; it is durable when this returns."""
        with self._lock:
            if self._held:
                with self._store.batch() as batch:
                    batch.put_many(list(self._held.values()))
            self._held, self._size = {}, 0

    def put(self, raw: bytes) -> str:
        """Keep the bytes: a large value at once, a small one with the next `write`."""
        if len(raw) >= _SMALL:
            return self._store.put(raw)
        digest = digests.of_bytes(raw)
        with self._lock:
            if digest not in self._held:
                self._held[digest] = raw
                self._size += len(raw)
        if self._size > _MOST:
            self.write()
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a digest."""
        held = self._held.get(digest)
        return self._store.get(digest) if held is None else held

    def get_many(self, digests_: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of many small blobs."""
        elsewhere = []
        for digest in digests_:
            held = self._held.get(digest)
            if held is None:
                elsewhere.append(digest)
            else:
                yield digest, held
        yield from self._store.get_many(elsewhere)

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        return digest in self._held or self._store.has(digest)

    def missing(self, digests_: Iterable[str], *, renew: bool = False) -> set[str]:
        """Which of these are not here."""
        held = self._held
        return self._store.missing((d for d in digests_ if d not in held), renew=renew)

    def size(self, digest: str) -> int:
        """The length of the bytes."""
        held = self._held.get(digest)
        return self._store.size(digest) if held is None else len(held)

    def sizes(self, digests_: Iterable[str]) -> dict[str, int]:
        """The lengths of those that are here."""
        asked = list(digests_)
        held = {digest: len(self._held[digest]) for digest in asked if digest in self._held}
        return self._store.sizes(digest for digest in asked if digest not in held) | held

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes."""
        return self._store.put_file(path)

    def batch(self) -> AbstractContextManager[Batch]:
        """Put many blobs: all are durable when the block ends."""
        return self._store.batch()

    def local_path(self, digest: str) -> Path:
        """A read-only file that holds the bytes."""
        self._write_if_held([digest])
        return self._store.local_path(digest)

    def materialise(
        self, digest: str, target: Path, *, mode: int = 0o644, link: Link = "copy"
    ) -> None:
        """Write a file of the user's work tree."""
        self._write_if_held([digest])
        self._store.materialise(digest, target, mode=mode, link=link)

    def materialise_many(self, files: Iterable[Wanted], *, link: Link = "copy") -> None:
        """Write many files of the user's work tree."""
        wanted = list(files)
        self._write_if_held(file.digest for file in wanted)
        self._store.materialise_many(wanted, link=link)

    def digests(self) -> Iterator[str]:
        """All digests kept here."""
        self.write()
        return self._store.digests()

    def kept(self) -> Iterator[Kept]:
        """All blobs with their sizes and ages."""
        self.write()
        return self._store.kept()

    def delete(self, digests_: Iterable[str], *, stored_before: datetime | None = None) -> int:
        """Forget blobs that nobody needs any more."""
        self.write()
        return self._store.delete(digests_, stored_before=stored_before)

    def verify(self) -> Iterator[Damage]:
        """Read everything that is kept and name what is not as it was written."""
        self.write()
        return self._store.verify()

    def _write_if_held(self, digests_: Iterable[str]) -> None:
        if any(digest in self._held for digest in digests_):
            self.write()
