"""Push: what the remote lacks goes there in packs, then an index says so.

A pack counts once an index names it. Until then it is remembered here as pending, so that a push
that was interrupted sends no finished pack again.
"""

from __future__ import annotations

import io
import itertools
import os
import threading
from collections.abc import Iterable, Iterator
from typing import Final

import blake3

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, NotFoundError
from trueup.foundation.packs import Writer, squeeze
from trueup.ports.blobs import Blobs
from trueup.state.remotes import chunks, indexes
from trueup.state.remotes.chunks import CUT_FROM, Recipe
from trueup.state.remotes.indexes import Index, Pack
from trueup.state.remotes.link import Link
from trueup.state.remotes.records import Progress, Transferred
from trueup.state.remotes.workers import Workers

_WINDOW: Final = 2000
_GROUP: Final = 256
# Packs under way are in memory: three and the one being filled.
_UPLOADS: Final = 3
_PACKS_PER_INDEX: Final = 32
_ENTRIES_PER_INDEX: Final = 200_000
_PACK_END: Final = 32


def push(link: Link, blobs: Blobs, wanted: Iterable[str], progress: Progress) -> Transferred:
    """Send blobs that the remote lacks, and an index of them.

    Raises:
        NotFoundError: A blob is neither here nor there.
        DeniedError: The remote may only be read.
        BackendError: A blob is damaged here, or the remote fails.
    """
    known = 0
    # Where a tombstone stands, a recipe may promise chunks that are about to be removed.
    trusted = link.is_sound
    with Workers(_UPLOADS) as workers:
        sender = Sender(link, workers, progress, salted=not trusted)
        for window in _windows(wanted):
            absent = sender.lacking([digests.key(digest) for digest in window], recipes=trusted)
            known += len(window) - len(absent)
            _send(sender, blobs, [digests.of_key(key) for key in absent])
        return sender.finish(known)


def _send(sender: Sender, blobs: Blobs, absent: list[str]) -> None:
    sizes = blobs.sizes(absent)
    for digest in absent:
        if digest not in sizes:
            raise NotFoundError(
                "blob-not-found",
                f"The bytes of {digests.short(digest)} are neither here nor in the remote.",
                hint="push from the machine that has them, or pull them from another remote",
                context={"digest": digest},
            )
    for _, raw in blobs.get_many([digest for digest in absent if sizes[digest] < CUT_FROM]):
        sender.add(raw)
    for digest in absent:
        if sizes[digest] >= CUT_FROM:
            sender.add_file(digest, blobs)


class Sender:
    """Fills packs and sends them, with a few uploads under way."""

    def __init__(
        self,
        link: Link,
        workers: Workers,
        progress: Progress,
        *,
        salted: bool,
        indexed: bool = True,
    ) -> None:
        self._link = link
        self._salted = salted
        self._indexed = indexed
        self._workers = workers
        self._progress = progress
        self._lock = threading.Lock()
        self._number = 0  # of the pack that is being filled
        self._arrived: dict[int, Pack] = {}  # uploaded by this push, in no index yet
        self._next = 0  # all packs before this one are in an index
        self._travelling: dict[int, set[bytes]] = {}
        self._recipes: list[tuple[int, bytes, bytes]] = []  # pack with the recipe, file, recipe
        self._left = _still_there(link)
        self._counts = {"blobs": 0, "size": 0, "moved": 0, "packs": 0}
        self._begin()

    def lacking(self, keys: Iterable[bytes], *, recipes: bool) -> list[bytes]:
        """Which of these are neither in the remote nor on their way, in order, each once."""
        asked = list(dict.fromkeys(keys))
        there = self._link.cache.active(asked, pending=True, recipes=recipes)
        with self._lock:
            for travelling in self._travelling.values():
                there |= travelling.intersection(asked)
        return [key for key in asked if key not in there]

    def add(self, raw: bytes, *, counted: bool = True) -> bytes:
        """Put a blob into the pack; a full pack is sent."""
        key = digests.key_of(raw)
        with self._lock:
            self._travelling[self._number].add(key)
        self._writer.append([(key, squeeze(raw), len(raw))])
        if counted:
            self._blobs += 1
            self._size += len(raw)
        if self._writer.is_full:
            self._dispatch()
        return key

    def add_file(self, digest: str, blobs: Blobs) -> None:
        """Send the chunks of a large file that the remote lacks, and its recipe."""
        path = blobs.local_path(digest)
        hasher = blake3.blake3()
        found: list[tuple[bytes, int]] = []
        cut = chunks.cut(path, self._link.cutting)
        while group := list(itertools.islice(cut, _GROUP)):
            keyed = {}
            for chunk in group:
                hasher.update(chunk.raw)
                key = digests.key_of(chunk.raw)
                found.append((key, len(chunk.raw)))
                keyed[key] = chunk.raw
            for key in self.lacking(keyed, recipes=False):
                self.add(keyed[key], counted=False)
        file = hasher.digest()
        if digests.of_key(file) != digest:
            raise BackendError(
                "blob-damaged",
                f"The stored bytes of {digests.short(digest)} no longer match their digest.",
                hint="trueup doctor",
                context={"digest": digest},
            )
        size = sum(length for _, length in found)
        recipe = chunks.write_recipe(Recipe(digest, size, self._link.cutting.name, found))
        key = digests.key_of(recipe)
        if self.lacking([key], recipes=False):
            self.add(recipe, counted=False)
        self._blobs += 1
        self._size += size
        self._recipes.append((self._number, file, key))
        starts = itertools.accumulate((length for _, length in found), initial=0)
        self._link.cache.note_placed(
            file, ((chunk, at) for (chunk, _), at in zip(found, starts, strict=False))
        )

    def finish(self, known: int) -> Transferred:
        """Send what is left and the index of it all."""
        if self._writer.entries:
            self._dispatch()
        self._workers.drain()
        self._publish(everything=True)
        if self._blobs:  # large files of which every chunk was known
            self._progress(self._blobs, self._size)
            self._count(self._blobs, self._size)
        return Transferred(**self._counts, known=known)

    def finish_unindexed(self) -> list[Pack]:
        """Send what is left; the index is the caller's."""
        if self._writer.entries:
            self._dispatch()
        self._workers.drain()
        return list(self._arrived.values())

    def _begin(self) -> None:
        self._file = io.BytesIO()
        self._writer = Writer(self._file)
        self._blobs = self._size = 0
        with self._lock:
            self._travelling[self._number] = set()

    def _dispatch(self) -> None:
        if self._salted:
            # Equal packs have equal names, and this name may be on a tombstone: make it another.
            self._writer.append([(digests.key_of(salt := os.urandom(16)), salt, len(salt))])
        name = self._writer.finish()
        raw = self._file.getvalue()
        pack = Pack(digests.key(name), len(raw), self._writer.entries)
        self._workers.submit(self._upload, self._number, pack, raw, self._blobs, self._size)
        self._number += 1
        self._begin()
        self._publish()

    def _upload(self, number: int, pack: Pack, raw: bytes, blobs: int, size: int) -> None:
        self._link.objects.put(f"packs/{pack.name}", raw)
        self._link.cache.note_pending(pack)
        with self._lock:
            self._arrived[number] = pack
            del self._travelling[number]
            self._count(blobs, size)
            self._counts["moved"] += pack.size
            self._counts["packs"] += 1
            self._progress(blobs, size)

    def _count(self, blobs: int, size: int) -> None:
        self._counts["blobs"] += blobs
        self._counts["size"] += size

    def _publish(self, *, everything: bool = False) -> None:
        """Write indexes of the packs that arrived, as far as there is enough for one.

        A recipe promises its chunks, so it is published only with or after all packs that were
        filled before it.
        """
        is_last = not self._indexed
        while not is_last:
            packs, is_full = self._ready()
            if not is_full and not everything:
                return
            upto = self._next + len(packs)
            is_last = everything and upto == self._number
            recipes = [(f, key) for number, f, key in self._recipes if is_last or number < upto]
            self._write(Index([*self._left, *packs] if is_last else packs, recipes))
            with self._lock:
                for number in range(self._next, upto):
                    del self._arrived[number]
                self._next = upto
                self._recipes = [r for r in self._recipes if not (is_last or r[0] < upto)]

    def _ready(self) -> tuple[list[Pack], bool]:
        """The next packs for an index, all of which arrived; and whether it is full with them."""
        packs: list[Pack] = []
        entries = 0
        with self._lock:
            while (pack := self._arrived.get(self._next + len(packs))) is not None:
                packs.append(pack)
                entries += len(pack.entries)
                if len(packs) >= _PACKS_PER_INDEX or entries >= _ENTRIES_PER_INDEX:
                    return packs, True
        return packs, False

    def _write(self, index: Index) -> None:
        if index.packs or index.recipes:
            name, raw = indexes.write(index)
            self._link.objects.put(f"indexes/{name}", raw)
            self._link.cache.learn(name, index)
            self._counts["moved"] += len(raw)


def _still_there(link: Link) -> list[Pack]:
    """The packs of a push that was interrupted, without those that are gone or cut short."""
    left = []
    for pack in link.cache.pending():
        try:
            end = link.objects.get_range(f"packs/{pack.name}", pack.size - _PACK_END, _PACK_END + 1)
        except NotFoundError:
            end = b""
        if len(end) == _PACK_END and end.endswith(b"TRUEPACK"):
            left.append(pack)
        else:
            link.cache.forget_pending([pack.key])
    return left


def _windows(wanted: Iterable[str]) -> Iterator[list[str]]:
    each = iter(wanted)
    while window := list(itertools.islice(each, _WINDOW)):
        yield list(dict.fromkeys(window))
