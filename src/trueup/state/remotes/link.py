"""The link to a remote: its objects, what is known of it, and what must not be counted on.

trueup.json           how to read the rest
packs/<digest>        blobs, chunks and recipes (foundation/packs.py)
indexes/<digest>      which blob lies where (indexes.py)
tombstones/<id>       packs and indexes that will be removed (collection.py)
<kind>/<name>         small records that change: branches, cached steps (envelopes.py)
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from trueup.foundation import clock, digests
from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.foundation.records import decode, encode
from trueup.ports.loading import load, names
from trueup.state.remotes import envelopes, indexes
from trueup.state.remotes.cache import Cache
from trueup.state.remotes.chunks import STANDARD, Cutting, read_cutting
from trueup.state.remotes.records import Layout, Tombstone
from trueup.state.remotes.workers import Interruptible

LAYOUT: Final = 1
_FILE = "trueup.json"


class Link:
    """One remote, as far as it is known here. `refresh` makes that the present.

    Attributes:
        objects: The store.
        cache: What is remembered of it.
        cutting: How it wants large files to be cut.
        tombstones: The tombstones in force, by the name of their object.
        lost: Packs that indexes name and that are not there, as far as `doubt` was asked.
    """

    def __init__(self, url: str, cache_folder: Path) -> None:
        scheme = urlsplit(url).scheme
        if scheme not in names("objects"):
            raise UsageError(
                "remote-url",
                f"A remote cannot be of the kind '{scheme[:20]}://'.",
                hint=f"use one of: {', '.join(f'{name}://' for name in names('objects'))}",
            )
        self.objects = Interruptible(load("objects", scheme)(url))
        self.cache = Cache(cache_folder, self.objects.shown)
        self.folder = cache_folder
        self.cutting: Cutting = STANDARD
        self.tombstones: dict[str, Tombstone] = {}
        self.lost: set[str] = set()
        self._is_fresh = False

    @property
    def is_sound(self) -> bool:
        """Whether a recipe can be trusted to have its chunks."""
        return not self.tombstones and not self.lost

    @property
    def shown(self) -> str:
        """The URL for people."""
        return self.objects.shown

    def refresh(self, *, begin: bool = False) -> bool:
        """Learn what changed in the remote: three requests, and one for each new index.

        Tombstones are read before indexes. Who sees a tombstone no more then sees no index either
        that names what it removed; the other way round there would be a gap.

        Args:
            begin: Make a remote of an empty place.

        Returns:
            Whether all that could be counted on before can be counted on still.

        Raises:
            NotFoundError: Nothing was ever pushed there.
            BackendError: It is damaged, or of a newer Trueup.
        """
        self._read_layout(begin=begin)
        tombstones = self._read_tombstones()
        present = {stored.path.partition("/")[2] for stored in self.objects.listed("indexes")}
        known = self.cache.indexes()
        self.cache.forget(known - present)
        paths = [f"indexes/{name}" for name in sorted(present - known)]
        for path, raw in self.objects.get_all(paths):
            name = path.partition("/")[2]
            self.cache.learn(name, indexes.read(name, raw, self.shown))
        before = self.buried()
        self.tombstones = tombstones
        buried = self.buried()
        self.cache.bury(*buried)
        self._is_fresh = True
        return known <= present and all(new <= old for new, old in zip(buried, before, strict=True))

    def doubt(self) -> None:
        """Look which packs are there in truth; those that are not are counted on no more."""
        listed = {stored.path: stored.size for stored in self.objects.listed("packs")}
        self.distrust(
            pack.name
            for pack in self.cache.packs(entries=False)
            if listed.get(f"packs/{pack.name}") != pack.size
        )

    def distrust(self, packs: Iterable[str]) -> None:
        """Count on these packs no more, whatever an index says."""
        self.lost = set(packs)
        self.cache.bury(*self.buried())

    def look(self) -> None:
        """Refresh, unless that was done since this was made."""
        if not self._is_fresh:
            self.refresh()

    def buried(self) -> tuple[set[str], set[str]]:
        """The packs that a tombstone names or that are lost, and the indexes that one names."""
        stones = self.tombstones.values()
        return (
            self.lost.union(*(stone.packs for stone in stones)),
            {name for stone in stones for name in stone.indexes},
        )

    def close(self) -> None:
        """Close what is remembered."""
        self.cache.close()

    def renew_layout(self) -> bool:
        """Write the first object again if it is damaged; whether it was.

        Raises:
            NotFoundError: Nothing was ever pushed there.
        """
        try:
            self._read_layout(begin=False)
        except BackendError as error:
            if error.code != "remote-damaged":
                raise
            self.objects.put(_FILE, _new_layout())
            return True
        return False

    def _read_layout(self, *, begin: bool) -> None:
        try:
            raw = self.objects.get(_FILE)
        except NotFoundError as error:
            if error.code != "object-not-found":
                raise
            if not begin:
                raise NotFoundError(
                    "remote-empty",
                    f"Nothing was ever pushed to the remote {self.shown}.",
                    hint="trueup data push",
                ) from error
            raw = _new_layout()
            if self.objects.swap(_FILE, raw, "") is None:
                raw = self.objects.get(_FILE)  # somebody else began it at the same moment
        try:
            layout = decode(raw, Layout)
        except msgspec.MsgspecError as error:
            raise indexes.damaged(self.shown, _FILE, "it does not describe a remote") from error
        if layout.layout != LAYOUT:
            raise BackendError(
                "remote-newer",
                f"The remote {self.shown} has layout {layout.layout}; this Trueup reads {LAYOUT}.",
                hint="pip install --upgrade trueup",
            )
        if layout.check != _check_of(layout):
            raise indexes.damaged(self.shown, _FILE, "its bytes do not match its digest")
        self.cutting = read_cutting(layout.cutting)

    def _read_tombstones(self) -> dict[str, Tombstone]:
        found: dict[str, Tombstone] = {}
        for stored in self.objects.listed("tombstones"):
            if stored.path in self.tombstones:  # they never change
                found[stored.path] = self.tombstones[stored.path]
                continue
            try:
                raw = self.objects.get(stored.path)
            except NotFoundError:  # removed just now, with all that it named
                continue
            try:
                found[stored.path] = decode(envelopes.unwrap(raw, stored.path), Tombstone)
            except msgspec.MsgspecError as error:
                raise indexes.damaged(self.shown, stored.path, "it is no tombstone") from error
        return found


def _new_layout() -> bytes:
    made = Layout(layout=LAYOUT, cutting=STANDARD.name, made_at=clock.now())
    return encode(msgspec.structs.replace(made, check=_check_of(made)))


def _check_of(layout: Layout) -> str:
    return digests.of_bytes(encode(msgspec.structs.replace(layout, check="")))
