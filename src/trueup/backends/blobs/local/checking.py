"""Reading everything that is kept and naming what is not as it was written.

Files are read, not mapped: a disk that cannot give a page then says so instead of killing us.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import blake3

from trueup.backends.blobs.local.index import Index
from trueup.backends.blobs.local.opening import read_footer
from trueup.backends.blobs.local.packed import path_of
from trueup.backends.blobs.local.wholes import Wholes, digest_of
from trueup.foundation import digests, packs, threads
from trueup.foundation.errors import BackendError
from trueup.ports.blobs import Damage

_PART = 1 << 20
_AT_ONCE = 256  # files in the hands of the threads


def verify(wholes: Wholes, index: Index) -> Iterator[Damage]:
    """Each damage in whole files, in packs and in the index."""
    index.take_in()
    yield from (Damage("", "index.db", problem) for problem in index.problems())
    counts = index.counts()
    questions: list[Callable[[], list[Damage]]] = [
        partial(_check_pack, wholes.folder, index, name, count) for name, count in counts.items()
    ]
    questions += [
        partial(_check_stray, wholes.folder, path)
        for path in sorted(index.packs.glob("*.pack"))
        if path.stem not in counts
    ]
    with threads.pool(min(8, os.cpu_count() or 1)) as pool:
        for found in pool.map(lambda ask: ask(), questions):
            yield from found
        for first, names in wholes.shards():
            for start in range(0, len(names), _AT_ONCE):
                some = [digest_of(first, name) for name in names[start : start + _AT_ONCE]]
                for found in pool.map(partial(_check_whole, wholes), some):
                    yield from found


def _check_whole(wholes: Wholes, digest: str) -> list[Damage]:
    path = wholes.path(digests.key(digest))
    try:
        actual = _hash(path)
    except FileNotFoundError:
        return []  # deleted meanwhile
    except OSError as error:
        return [Damage(digest, _shown(wholes.folder, path), f"it cannot be read: {error.strerror}")]
    if actual == digest:
        return []
    return [Damage(digest, _shown(wholes.folder, path), "its bytes have changed")]


def _check_pack(folder: Path, index: Index, name: str, count: int) -> list[Damage]:
    path = path_of(index.packs, name)
    place = _shown(folder, path)
    try:
        sound = _hash(path) == f"{digests.PREFIX}{name}"
        entries = read_footer(path)
    except FileNotFoundError:
        if name not in index.counts():
            return []  # rewritten meanwhile
        return [Damage(digests.of_key(k), place, "the pack is gone") for k in index.placed_in(name)]
    except (BackendError, OSError) as error:
        return [
            Damage("", place, getattr(error, "message", str(error))),
            *_check_records(path, place, _indexed(index, name)),
        ]
    damages = _check_index(index, name, count, entries)
    if sound:
        return damages
    damaged = _check_records(path, place, entries)
    return damages + (damaged or [Damage("", place, "bytes that no blob needs have changed")])


def _check_stray(folder: Path, path: Path) -> list[Damage]:
    """A pack that could not be taken into the index."""
    try:
        read_footer(path)
    except FileNotFoundError:
        return []
    except (BackendError, OSError) as error:
        return [Damage("", _shown(folder, path), getattr(error, "message", str(error)))]
    return []  # finished while we looked


def _check_records(path: Path, place: str, entries: list[packs.Entry]) -> list[Damage]:
    damaged = []
    handle = os.open(path, os.O_RDONLY)
    try:
        for entry in entries:
            try:
                packs.unpack(os.pread(handle, entry.stored, entry.offset), entry)
            except BackendError:
                damaged.append(Damage(entry.digest, place, "its bytes have changed"))
            except OSError as error:
                damaged.append(Damage(entry.digest, place, f"it cannot be read: {error.strerror}"))
    finally:
        os.close(handle)
    return damaged


def _check_index(index: Index, name: str, count: int, entries: list[packs.Entry]) -> list[Damage]:
    places = index.locate([entry.key for entry in entries])
    here = [e for e in entries if (place := places.get(e.key)) and place.pack == name]
    damages = [
        Damage(e.digest, "index.db", f"it points to a wrong place in pack {name[:12]}")
        for e in here
        if places[e.key].entry != e
    ]
    if len(here) != count:
        known = {entry.key for entry in entries}
        damages += [
            Damage(digests.of_key(key), "index.db", f"pack {name[:12]} does not hold it")
            for key in index.placed_in(name)
            if key not in known
        ]
    return damages


def _indexed(index: Index, name: str) -> list[packs.Entry]:
    places = index.locate(index.placed_in(name))
    return [place.entry for place in places.values() if place.pack == name]


def _hash(path: Path) -> str:
    hasher = blake3.blake3()
    with path.open("rb", buffering=0) as file:
        while part := file.read(_PART):
            hasher.update(part)
    return digests.of_key(hasher.digest())


def _shown(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder))
