"""Verification: read every object of a remote and name each wrong byte, and what it costs.

A pack's digest says whether it is whole; the digests in its index say which blobs are lost if not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from trueup.foundation import digests, packs
from trueup.foundation.errors import BackendError, TrueupError
from trueup.state.remotes import chunks, envelopes, fetching, indexes
from trueup.state.remotes.indexes import Index, Pack
from trueup.state.remotes.link import Link
from trueup.state.remotes.records import Fault, Progress

_AT_ONCE: Final = 2  # whole packs in memory


def verify(link: Link, progress: Progress) -> Iterator[Fault]:
    """The faults of a remote, as they are found."""
    listed = {stored.path: stored.size for stored in link.objects.listed("")}
    yield from _layout_faults(link)
    found: list[Index] = []
    for path, raw in link.objects.get_all([path for path in listed if path.startswith("indexes/")]):
        try:
            found.append(indexes.read(path.partition("/")[2], raw, link.shown))
        except TrueupError as error:
            yield Fault(object=path, problem=error.message)
    packed = merged(found)
    lost: set[bytes] = set()
    for name, pack in packed.items():
        if f"packs/{name}" not in listed:
            keys = [entry.key for entry in pack.entries]
            lost.update(keys)
            yield _fault(f"packs/{name}", "an index names it, but it is not there", keys)
    present = [path for path in listed if path.startswith("packs/")]
    for path, raw in link.objects.get_all(present, count=_AT_ONCE):
        name = path.partition("/")[2]
        for fault in _pack_faults(path, raw, packed.get(name)):
            lost.update(digests.key(digest) for digest in fault.digests)
            yield fault
        progress(1, len(raw))
    whole = {e.key for pack in packed.values() for e in pack.entries if e.key not in lost}
    yield from _recipe_faults(link, found, whole)
    records = [path for path in listed if envelopes.is_record(path) or path.startswith("tomb")]
    for path, raw in link.objects.get_all(records):
        try:
            envelopes.unwrap(raw, path)
        except TrueupError as error:
            yield Fault(object=path, problem=error.message)
        progress(1, len(raw))


def _layout_faults(link: Link) -> Iterator[Fault]:
    try:
        link.refresh()
    except TrueupError as error:
        if error.code != "remote-damaged":
            raise
        yield Fault(object=str(error.context.get("object", "")), problem=error.message)


def merged(found: Iterable[Index]) -> dict[str, Pack]:
    """Every pack that an index names, by its name, with all entries that any has for it."""
    packed: dict[str, Pack] = {}
    for index in found:
        for pack in index.packs:
            known = packed.get(pack.name)
            entries = {*pack.entries, *(known.entries if known else ())}
            packed[pack.name] = pack._replace(entries=sorted(entries, key=lambda e: e.offset))
    return packed


def _pack_faults(path: str, raw: bytes, pack: Pack | None) -> Iterator[Fault]:
    name = path.partition("/")[2]
    if digests.key_of(raw).hex() == name:
        return
    entries = pack.entries if pack is not None else footer(raw, name)
    damaged = [entry for entry in entries if not _is_whole(raw, entry)]
    problem = (
        f"{len(damaged)} of {len(entries)} blobs in it are damaged"
        if damaged
        else "its bytes do not match its name, but every blob in it is whole"
    )
    yield _fault(path, problem, [entry.key for entry in damaged])


def footer(raw: bytes, name: str) -> list[packs.Entry]:
    """What a pack itself says that it holds; nothing where that is damaged."""
    try:
        return packs.read_entries(lambda start, end: raw[start:end], len(raw), name)
    except BackendError:
        return []


def _is_whole(raw: bytes, entry: packs.Entry) -> bool:
    try:
        packs.unpack(raw[entry.offset : entry.offset + entry.stored], entry)
    except TrueupError:
        return False
    return True


def _recipe_faults(link: Link, found: Iterable[Index], whole: set[bytes]) -> Iterator[Fault]:
    """Large files that cannot be put together any more."""
    files = {recipe: file for index in found for file, recipe in index.recipes}
    for recipe in files.keys() - whole:
        yield _fault("indexes", "the recipe of a file is lost or damaged", [files[recipe]])
    readable = link.cache.locate(files.keys() & whole)
    for digest, raw in fetching.read(link, [digests.of_key(key) for key in readable]):
        file = files[digests.key(digest)]
        lacking = [key for key, _ in chunks.read_recipe(raw).chunks if key not in whole]
        if lacking:
            what = f"{len(set(lacking))} chunks of a file are lost or damaged"
            yield _fault("packs", what, [file])


def _fault(path: str, problem: str, keys: Iterable[bytes]) -> Fault:
    return Fault(object=path, problem=problem, digests=tuple(map(digests.of_key, keys)))
