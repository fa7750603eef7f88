"""Fetching: blobs come in ranges of packs, and each is checked against its digest on arrival.

Where a pack fails and another one holds the same blob, that one is asked. Read `receiving.py` next:
what is done with the blobs.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from trueup.foundation import digests, packs
from trueup.foundation.errors import BackendError, NotFoundError, TrueupError
from trueup.state.remotes import indexes
from trueup.state.remotes.cache import Place
from trueup.state.remotes.link import Link
from trueup.state.remotes.workers import Workers

WINDOW: Final = 20_000
"""How many blobs are looked up at once."""

_DOWNLOADS: Final = 4
_RANGE: Final = 8 << 20
# Bytes that are fetched in vain rather than asking once more.
_GAP: Final = 128 << 10
_BATCH: Final = 256 << 20
_TRIES: Final = 3

Take = Callable[[bytes, bytes], object]
"""Given the key and the bytes of a blob that arrived and is genuine; by several threads at once."""


class Stretch(NamedTuple):
    """Part of a pack, and the blobs in it."""

    pack: str
    start: int
    end: int
    places: list[Place]


class Counts:
    """What arrived so far."""

    def __init__(self) -> None:
        self.moved = 0
        self.packs: set[str] = set()
        self._lock = threading.Lock()

    def add(self, pack: str, length: int) -> None:
        """Count one range."""
        with self._lock:
            self.moved += length
            self.packs.add(pack)


def read(link: Link, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """The bytes of small blobs of the remote, kept nowhere; a window of them is in memory.

    Raises:
        NotFoundError: The remote does not have one of them.
        BackendError: What arrived is not what was asked for.
    """
    each = iter(wanted)
    while window := list(dict.fromkeys(itertools.islice(each, WINDOW))):
        for part in places_of(link, [digests.key(digest) for digest in window]):
            arrived: dict[bytes, bytes] = {}
            fetch(link, part, arrived.__setitem__, Counts())
            yield from ((digests.of_key(key), raw) for key, raw in arrived.items())


def places_of(link: Link, keys: list[bytes], most: int = _BATCH) -> Iterator[dict[bytes, Place]]:
    """The places of blobs, in parts of at most so many bytes, each pack's blobs together.

    Raises:
        NotFoundError: The remote does not have one of them.
    """
    found = link.cache.locate(keys)
    if len(found) < len(keys):
        lost = digests.of_key(next(key for key in keys if key not in found))
        raise NotFoundError(
            "blob-not-found",
            f"The remote {link.shown} does not have {digests.short(lost)}.",
            hint="push it from the machine that has it: trueup data push",
            context={"digest": lost},
        )
    part: dict[bytes, Place] = {}
    size = 0
    for key, place in sorted(found.items(), key=lambda item: (item[1].pack, item[1].entry.offset)):
        if part and size + place.entry.size > most:
            yield part
            part, size = {}, 0
        part[key] = place
        size += place.entry.size
    if part:
        yield part


def fetch(link: Link, places: dict[bytes, Place], take: Take, counts: Counts) -> None:
    """Fetch blobs from their places; from other ones where a pack fails that holds them too.

    Raises:
        NotFoundError: A pack is gone.
        BackendError: A pack is damaged or cut short.
    """
    left = dict(places)
    failures: dict[str, TrueupError] = {}
    for _ in range(_TRIES):
        arrived: set[bytes] = set()
        with Workers(_DOWNLOADS) as workers:
            for stretch in stretches(left.values()):
                workers.submit(_bring, link, stretch, take, counts, arrived, failures)
        left = {key: place for key, place in left.items() if key not in arrived}
        if not left:
            return
        if any(error.code == "object-not-found" for error in failures.values()):
            link.refresh()  # somebody collected the remote meanwhile
        again = link.cache.locate(left, failures)
        if len(again) < len(left):
            break
        left = again
    raise failures[next(iter(left.values())).pack]


def stretches(places: Iterable[Place]) -> Iterator[Stretch]:
    """Few ranges that hold many blobs: neighbours are fetched together, up to 8 MiB."""
    current: Stretch | None = None
    for place in sorted(places, key=lambda place: (place.pack, place.entry.offset)):
        start, end = place.entry.offset, place.entry.offset + place.entry.stored
        if (
            current is not None
            and current.pack == place.pack
            and start - current.end <= _GAP
            and end - current.start <= _RANGE
        ):
            current.places.append(place)
            current = current._replace(end=max(end, current.end))
            continue
        if current is not None:
            yield current
        current = Stretch(place.pack, start, end, [place])
    if current is not None:
        yield current


def _bring(
    link: Link,
    stretch: Stretch,
    take: Take,
    counts: Counts,
    arrived: set[bytes],
    failures: dict[str, TrueupError],
) -> None:
    try:
        for key, raw in _blobs_of(link, stretch, counts):
            take(key, raw)
            arrived.add(key)
    except TrueupError as error:
        if error.code not in ("remote-damaged", "object-not-found"):
            raise
        failures[stretch.pack] = error


def _blobs_of(link: Link, stretch: Stretch, counts: Counts) -> Iterator[tuple[bytes, bytes]]:
    name = f"packs/{stretch.pack}"
    length = stretch.end - stretch.start
    raw = link.objects.get_range(name, stretch.start, length)
    counts.add(stretch.pack, len(raw))
    if len(raw) != length:
        keys = [place.entry.key for place in stretch.places]
        raise indexes.damaged(link.shown, name, "it is cut short", keys)
    for _, entry in stretch.places:
        at = entry.offset - stretch.start
        try:
            blob = packs.unpack(raw[at : at + entry.stored], entry)
        except BackendError as error:
            what = f"the bytes of {digests.short(entry.digest)} do not match their digest"
            raise indexes.damaged(link.shown, name, what, [entry.key]) from error
        yield entry.key, blob
