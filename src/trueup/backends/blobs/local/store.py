"""The local blob store: what each verb of the port does with whole files and packs.

`ab/cdef…` are whole files (`wholes`), `packs/` holds small blobs by the thousand (`packed`), and
`index.db` says where each of these lies (`index`, `opening`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from trueup.backends.blobs.local import checking, deletion, sources, worktree
from trueup.backends.blobs.local.batch import LocalBatch
from trueup.backends.blobs.local.incoming import remove_leftovers, sync_folder, writing
from trueup.backends.blobs.local.index import Index
from trueup.backends.blobs.local.packed import read_packed
from trueup.backends.blobs.local.wholes import Wholes, digest_of
from trueup.foundation import digests
from trueup.foundation.configuration import is_read_only, make_private
from trueup.foundation.errors import NotFoundError
from trueup.ports.blobs import Damage, Kept, Link, Wanted

_AT_ONCE = 10_000  # blobs in memory's reach while many are read or written
_EXECUTABLE = 0o111
_T = TypeVar("_T")


class Backend:
    """Files and packs under one folder; everything is written aside, synced, then renamed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.folder = Path(unquote(urlsplit(url).path))
        can_write = not is_read_only(self.folder)
        if can_write:
            make_private(self.folder)
        self._wholes = Wholes(self.folder)
        self._index = Index(self.folder)
        if can_write:
            with writing(self.folder):
                remove_leftovers(self.folder)

    def put(self, raw: bytes) -> str:
        """Keep the bytes and return their digest."""
        key = digests.key_of(raw)
        with writing(self.folder):
            if not self._renew(key):
                self._wholes.keep(key, sources.from_bytes(self.folder, raw))
        return digests.of_key(key)

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes and return their digest."""
        handle, size = sources.open_regular(path)
        try:
            if size < sources.IN_MEMORY:
                return self.put(sources.read_all(handle, size, path))
            with writing(self.folder):
                file, key = sources.copy(self.folder, handle, size, path)
                if self._renew(key):
                    file.discard()
                else:
                    self._wholes.keep(key, file)
        finally:
            os.close(handle)
        return digests.of_key(key)

    @contextmanager
    def batch(self) -> Iterator[LocalBatch]:
        """Put many blobs: all are durable when the block ends."""
        made = LocalBatch(self._wholes, self._index)
        try:
            yield made
            made.finish()
        finally:
            made.close()

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, checked against it."""
        key = digests.key(digest)
        try:
            raw = self._wholes.path(key).read_bytes()
        except FileNotFoundError:
            for _, raw in read_packed(self._index, [key]):
                return raw
            raise _absent(digest) from None
        if digests.key_of(raw) != key:
            raise digests.mismatch(digest)
        return raw

    def get_many(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of many small blobs, pack by pack."""
        for some in _slices(digests):
            left = dict.fromkeys(_keys(some))
            for key, raw in read_packed(self._index, list(left)):
                del left[key]
                yield _digest(key), raw
            for key in left:
                yield _digest(key), self.get(_digest(key))

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        key = digests.key(digest)
        return self._wholes.stat(key) is not None or bool(self._index.ages([key]))

    def missing(self, digests: Iterable[str], *, renew: bool = False) -> set[str]:
        """Which of these are not here."""
        absent: set[str] = set()
        for some in _slices(digests):
            keys = _keys(some)
            if renew:
                with writing(self.folder):
                    here = self._index.renew(keys)
                    here |= self._wholes.renew_many([key for key in keys if key not in here])
            else:
                packed = self._index.ages(keys)
                here = {key for key in keys if key in packed or self._wholes.stat(key)}
            absent.update(digest for digest, key in zip(some, keys, strict=True) if key not in here)
        return absent

    def size(self, digest: str) -> int:
        """The length of the bytes."""
        for size in self.sizes([digest]).values():
            return size
        raise _absent(digest)

    def sizes(self, digests: Iterable[str]) -> dict[str, int]:
        """The lengths of those that are here."""
        sizes: dict[str, int] = {}
        for some in _slices(digests):
            keys = _keys(some)
            packed = self._index.lengths(keys)
            for digest, key in zip(some, keys, strict=True):
                if key in packed:
                    sizes[digest] = packed[key]
                elif found := self._wholes.stat(key):
                    sizes[digest] = found.st_size
        return sizes

    def local_path(self, digest: str) -> Path:
        """A read-only file that holds the bytes; a packed blob becomes one when first asked for."""
        key = digests.key(digest)
        if self._wholes.stat(key) is None:
            for _, raw in read_packed(self._index, [key]):
                with writing(self.folder):
                    self._wholes.keep(key, sources.from_bytes(self.folder, raw))
                break
            else:
                raise _absent(digest)
        return self._wholes.path(key)

    def materialise(
        self, digest: str, target: Path, *, mode: int = 0o644, link: Link = "copy"
    ) -> None:
        """Write a file of the user's work tree, atomically."""
        self.materialise_many([Wanted(digest, str(target), mode)], link=link)

    def materialise_many(self, files: Iterable[Wanted], *, link: Link = "copy") -> None:
        """Write many files of the user's work tree, each atomically."""
        for some in _slices(files):
            if link == "copy":
                self._copy_out(some)
                continue
            for wanted in some:
                # The permissions of a linked file are those of the blob, which nobody executes.
                if wanted.mode & _EXECUTABLE or not worktree.write_link(
                    Path(wanted.target), self.local_path(wanted.digest), link
                ):
                    self._copy_out([wanted._replace(mode=wanted.mode & ~0o222)])

    def digests(self) -> Iterator[str]:
        """All digests kept here."""
        for first, names in self._wholes.shards():
            found = {digest_of(first, name) for name in names}
            found.update(digests.of_key(key) for key, *_ in self._index.sizes(first))
            yield from found

    def kept(self) -> Iterator[Kept]:
        """All blobs with their sizes and ages."""
        for first, names in self._wholes.shards():
            found = {
                digest: Kept(digest, size, datetime.fromtimestamp(at, UTC))
                for key, size, at in self._index.sizes(first)
                for digest in [digests.of_key(key)]
            }
            for digest in (digest_of(first, name) for name in names):
                if status := self._wholes.stat(digests.key(digest)):
                    at = self._wholes.stored_at(status)
                    if digest in found:
                        at = max(at, found[digest].stored_at)
                    found[digest] = Kept(digest, status.st_size, at)
            yield from found.values()

    def delete(self, digests: Iterable[str], *, stored_before: datetime | None = None) -> int:
        """Forget blobs that nobody needs any more; the bytes they took."""
        with writing(self.folder):
            return deletion.delete(self._wholes, self._index, _keys(digests), stored_before)

    def verify(self) -> Iterator[Damage]:
        """Read everything that is kept and name what is not as it was written."""
        return checking.verify(self._wholes, self._index)

    def close(self) -> None:
        """Let go of open files; the store opens them again when it is used."""
        self._index.close()

    def _renew(self, key: bytes) -> bool:
        if self._wholes.renew(key):
            # Another process may have named it a moment ago: the name must be durable too.
            sync_folder(self._wholes.path(key).parent)
            return True
        return bool(self._index.renew([key]))

    def _copy_out(self, files: Sequence[Wanted]) -> None:
        places: dict[bytes, list[Wanted]] = {}
        for wanted in files:
            places.setdefault(digests.key(wanted.digest), []).append(wanted)
        worktree.write_many(
            (wanted.target, raw, wanted.mode)
            for key, raw in read_packed(self._index, list(places))
            for wanted in places.pop(key)
        )
        for key, wishes in places.items():
            found = self._wholes.stat(key)
            if found is None:
                raise _absent(wishes[0].digest)
            for wanted in wishes:
                if found.st_size < sources.IN_MEMORY:
                    worktree.write_bytes(wanted.target, self.get(wanted.digest), wanted.mode)
                else:
                    worktree.write_copy(
                        Path(wanted.target), self._wholes.path(key), wanted.digest, wanted.mode
                    )


def _absent(digest: str) -> NotFoundError:
    return NotFoundError(
        "blob-not-found",
        f"The bytes of {digests.short(digest)} are not in the blob store.",
        hint="trueup doctor",
        context={"digest": digest},
    )


def _keys(named: Iterable[str]) -> list[bytes]:
    return [digests.key(digest) for digest in named]


_digest = digests.of_key


def _slices(items: Iterable[_T]) -> Iterator[list[_T]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
