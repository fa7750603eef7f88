"""Reading and writing the packs of a local store. Their format is `foundation.packs`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from trueup.backends.blobs.local.incoming import Incoming, sync_folder
from trueup.backends.blobs.local.index import Index, Sealed
from trueup.foundation import packs
from trueup.foundation.configuration import make_private

_TRIES = 4  # a pack that is rewritten again and again while we read it is no likely thing


class Growing:
    """A pack that is being written."""

    def __init__(self, folder: Path) -> None:
        self._file = Incoming(folder)
        self.writer = packs.Writer(self._file, salt=int.from_bytes(os.urandom(4)))

    def seal(self, folder: Path) -> Sealed:
        """Make it durable under its name in the folder of packs."""
        name = self.writer.finish().removeprefix("b3:")
        self._file.sync()
        make_private(folder)
        self._file.settle(path_of(folder, name))
        sync_folder(folder)
        sync_folder(folder.parent)
        return Sealed(name, self.writer.entries)

    def discard(self) -> None:
        """Give it up."""
        self._file.discard()


def path_of(folder: Path, name: str) -> Path:
    """The file of a pack."""
    return folder / f"{name}.pack"


def read_packed(index: Index, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The bytes of those of the blobs that are packed, pack by pack, each checked.

    Raises:
        BackendError: One does not match its digest.
    """
    moved = keys
    for _ in range(_TRIES):
        keys, moved = moved, []
        for name, entries in _by_pack(index, keys).items():
            try:
                handle = os.open(path_of(index.packs, name), os.O_RDONLY)
            except FileNotFoundError:  # rewritten since we asked where they are
                moved += [entry.key for entry in entries]
                continue
            try:
                for entry in sorted(entries, key=lambda e: e.offset):
                    stored = os.pread(handle, entry.stored, entry.offset)
                    yield entry.key, packs.unpack(stored, entry)
            finally:
                os.close(handle)
        if not moved:
            return
        index.take_in()  # if other hands took the file away, the index learns it now


def _by_pack(index: Index, keys: Sequence[bytes]) -> dict[str, list[packs.Entry]]:
    found: dict[str, list[packs.Entry]] = {}
    for location in index.locate(keys).values():
        found.setdefault(location.pack, []).append(location.entry)
    return found
