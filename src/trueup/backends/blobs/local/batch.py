"""Many blobs at once: small ones into packs, large ones as files, durable when the block ends.

Threads read, hash and squeeze side by side; only appending to the pack is one after another.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trueup.backends.blobs.local import sources
from trueup.backends.blobs.local.incoming import Incoming, sync_folder, writing
from trueup.backends.blobs.local.index import Index, Sealed
from trueup.backends.blobs.local.packed import Growing
from trueup.backends.blobs.local.wholes import Wholes
from trueup.foundation import digests, packs, threads
from trueup.foundation.errors import BackendError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_GROUP_BLOBS = 256
_GROUP_BYTES = 1 << 20
_FILES = 64
_FILES_BYTES = 256 << 20
_UNINDEXED = 1 << 18  # entries in memory before they go into the index


class LocalBatch:
    """See `trueup.ports.blobs.Batch`."""

    def __init__(self, wholes: Wholes, index: Index) -> None:
        self._wholes = wholes
        self._index = index
        self._folder = wholes.folder
        self._taking = threading.Lock()  # guards the next five
        self._known: set[bytes] = set()  # taken, but not yet to be found in the store
        self._group: list[tuple[bytes, bytes]] = []
        self._group_bytes = 0
        self._files: list[tuple[bytes, Incoming, int]] = []
        self._asides: dict[Path, Incoming] = {}
        self._packing = threading.Lock()  # guards the next three
        self._growing: Growing | None = None
        self._sealing: list[Future[Sealed]] = []
        self._sealed: list[Sealed] = []
        self._sealer: ThreadPoolExecutor | None = None  # a small batch seals its pack by itself
        self._folders: set[Path] = set()
        self._failure: BackendError | None = None

    def put(self, raw: bytes) -> str:
        """Take the bytes and return their digest."""
        key = digests.key_of(raw)
        if len(raw) < packs.SMALL:
            self._take_small([(key, raw)])
        else:
            with self._sound():
                if not self._is_here(key):
                    self._take_file(key, sources.from_bytes(self._folder, raw), len(raw))
        return digests.of_key(key)

    def put_many(self, raws: Sequence[bytes]) -> list[str]:
        """Take many at once and return their digests."""
        if any(len(raw) >= packs.SMALL for raw in raws):
            return [self.put(raw) for raw in raws]
        keys = [digests.key_of(raw) for raw in raws]
        self._take_small(zip(keys, raws, strict=True))
        return [digests.of_key(key) for key in keys]

    def put_file(self, path: Path) -> str:
        """Take a regular file's bytes and return their digest; one from `aside` is taken away."""
        if self._asides:
            with self._taking:
                aside = self._asides.pop(path, None)
            if aside is not None:
                return self._put_aside(aside)
        handle, size = sources.open_regular(path)
        try:
            if size >= sources.IN_MEMORY:
                return self._copy(handle, size, path)
            raw = sources.read_all(handle, size, path)
        finally:
            os.close(handle)
        return self.put(raw)

    def aside(self) -> Path:
        """A new empty file inside the store, to be filled, closed and given to `put_file`."""
        with self._sound():
            file = Incoming(self._folder)
        with self._taking:
            self._asides[file.path] = file
        return file.path

    def finish(self) -> None:
        """Make everything durable."""
        with self._sound():
            self._pack(self._group)
            self._settle(self._files)
            if self._growing is not None:
                self._sealed.append(self._growing.seal(self._index.packs))
                self._growing = None
            self._sealed += [future.result() for future in self._sealing]
            self._sealing = []
            self._write_index()
            for folder in self._folders:
                sync_folder(folder)

    def close(self) -> None:
        """Let go of what is not finished; what is durable already stays."""
        if self._sealer is not None:
            self._sealer.shutdown()
        for file in [*self._asides.values(), *(file for _, file, _ in self._files)]:
            file.discard()
        if self._growing is not None:
            self._growing.discard()
        with suppress(Exception):  # the caller is told what ended the block, not what followed
            self._sealed += [future.result() for future in self._sealing]
            self._write_index()

    def _copy(self, source: int, size: int, shown: Path) -> str:
        with self._sound():
            file, key = sources.copy(self._folder, source, size, shown)
            self._take_file(key, file, size)
        return digests.of_key(key)

    def _put_aside(self, file: Incoming) -> str:
        with self._sound():
            file.reopen()
            size = os.fstat(file.handle).st_size
            if size >= packs.SMALL:
                key = digests.key_of_file(file.path)
                self._take_file(key, file, size)
                return digests.of_key(key)
        try:
            return self.put(file.path.read_bytes())
        finally:
            file.discard()

    def _take_small(self, blobs: Iterable[tuple[bytes, bytes]]) -> None:
        if self._failure is not None:
            raise self._failure
        full: list[list[tuple[bytes, bytes]]] = []
        with self._taking:
            for key, raw in blobs:
                if key in self._known:
                    continue
                self._known.add(key)
                self._group.append((key, raw))
                self._group_bytes += len(raw)
                if len(self._group) >= _GROUP_BLOBS or self._group_bytes >= _GROUP_BYTES:
                    full.append(self._group)
                    self._group, self._group_bytes = [], 0
        for group in full:
            with self._sound():
                self._pack(group)

    def _pack(self, group: Sequence[tuple[bytes, bytes]]) -> None:
        here = self._here([key for key, _ in group])
        new = [(key, raw) for key, raw in group if key not in here]
        squeezed = packs.squeeze_all([raw for _, raw in new])
        records = [(k, stored, len(raw)) for (k, raw), stored in zip(new, squeezed, strict=True)]
        with self._packing:
            if records:
                self._growing = self._growing or Growing(self._folder)
                self._growing.writer.append(records)
                if self._growing.writer.is_full:
                    self._seal(self._growing)
        with self._taking:
            self._known -= here

    def _seal(self, growing: Growing) -> None:
        """Sync and name a full pack while the next one grows."""
        self._growing = None
        self._index.prepare()  # else the next question would take this pack in for us
        self._sealer = self._sealer or threads.pool(1)
        self._sealing.append(self._sealer.submit(growing.seal, self._index.packs))
        if len(self._sealing) > 1:  # no more than two packs wait for the disk
            self._sealed.append(self._sealing.pop(0).result())
        if sum(len(sealed.entries) for sealed in self._sealed) >= _UNINDEXED:
            self._write_index()

    def _write_index(self) -> None:
        if self._sealed:
            self._index.add(self._sealed)
            with self._taking:
                self._known.difference_update(e.key for s in self._sealed for e in s.entries)
            self._sealed = []

    def _here(self, keys: Sequence[bytes]) -> set[bytes]:
        here = self._index.renew(keys)
        whole = self._wholes.renew_many([key for key in keys if key not in here])
        # Another process may have named them a moment ago: their names must be durable too.
        self._folders.update(self._wholes.path(key).parent for key in whole)
        return here | whole

    def _is_here(self, key: bytes) -> bool:
        with self._taking:
            if key in self._known:
                return True
        return bool(self._here([key]))

    def _take_file(self, key: bytes, file: Incoming, size: int) -> None:
        if self._is_here(key):
            file.discard()
            return
        with self._taking:
            if key in self._known:
                file.discard()
                return
            self._known.add(key)
            self._files.append((key, file, size))
            if len(self._files) < _FILES and sum(s for *_, s in self._files) < _FILES_BYTES:
                return
            files, self._files = self._files, []
        self._settle(files)

    def _settle(self, files: Sequence[tuple[bytes, Incoming, int]]) -> None:
        try:
            self._folders |= self._wholes.settle([(key, file) for key, file, _ in files])
        except BaseException:
            for _, file, _ in files:
                file.discard()
            raise
        with self._taking:
            self._known.difference_update(key for key, *_ in files)

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """A store that failed once ends the whole batch, even if the caller swallows the error."""
        if self._failure is not None:
            raise self._failure
        try:
            with writing(self._folder):
                yield
        except BackendError as error:
            self._failure = error
            raise
