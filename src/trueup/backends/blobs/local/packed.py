"""Reading and writing the packs of a local store. Their format is `foundation.packs`."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from trueup.backends.blobs.local.incoming import Incoming, sync_folder
from trueup.backends.blobs.local.index import Index, Sealed
from trueup.foundation import packs
from trueup.foundation.configuration import make_private


class Growing:
    """A pack that is being written."""

    def __init__(self, folder: Path) -> None:
        self._file = Incoming(folder)
        self.writer = packs.Writer(self._file, salt=secrets.randbits(32))

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


def read(index: Index, keys: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """The bytes of those of the blobs that are packed, pack by pack, each checked.

    Raises:
        BackendError: One does not match its digest.
    """
    by_pack: dict[str, list[packs.Entry]] = {}
    for location in index.locate(keys).values():
        by_pack.setdefault(location.pack, []).append(location.entry)
    moved: list[bytes] = []
    for name, entries in by_pack.items():
        try:
            handle = os.open(path_of(index.packs, name), os.O_RDONLY)
        except FileNotFoundError:  # rewritten since we asked where they are
            moved += [entry.key for entry in entries]
            continue
        try:
            for entry in sorted(entries, key=lambda e: e.offset):
                yield entry.key, packs.unpack(os.pread(handle, entry.stored, entry.offset), entry)
        finally:
            os.close(handle)
    if moved:
        # If other hands took the file away, the index learns it here and asking again ends.
        index.take_in()
        yield from read(index, moved)
