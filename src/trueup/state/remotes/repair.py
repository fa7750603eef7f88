"""Repair: what is damaged in a remote goes, after all that is whole in it was put elsewhere.

Afterwards the remote says only what is true of it, so an ordinary push sends again what was lost.
Whatever stops a repair, the next one goes on: nothing whole goes before it lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from trueup.foundation import digests, packs
from trueup.foundation.errors import TrueupError
from trueup.foundation.packs import Entry
from trueup.state.remotes import (
    chunks,
    collection,
    envelopes,
    fetching,
    indexes,
    leasing,
    verification,
)
from trueup.state.remotes.indexes import Index, Pack
from trueup.state.remotes.link import Link
from trueup.state.remotes.records import Progress, Repaired, nothing
from trueup.state.remotes.sending import Sender
from trueup.state.remotes.workers import Workers

_AT_ONCE: Final = 2  # whole packs in memory
_UPLOADS: Final = 2


class _Packs(NamedTuple):
    """What reading all packs showed.

    Attributes:
        damaged: The entries of packs whose bytes do not match their name.
        unnamed: Whole packs that no sound index names.
        recipes: Large files whose recipe lies in a pack and in no sound index, and that recipe.
    """

    damaged: dict[str, Sequence[Entry]]
    unnamed: list[Pack]
    recipes: list[tuple[bytes, bytes]]


def repair(
    link: Link, may_drop: Callable[[str], bool], progress: Progress, who: str = ""
) -> Repaired:
    """Take out of a remote what is damaged.

    Args:
        link: The remote.
        may_drop: Whether a damaged record may be removed, by the path of its object.
        progress: Told what was read.
        who: The person it is done for; others are told.

    Raises:
        ConflictError: Somebody collects or repairs this remote.
    """
    is_new_layout = link.renew_layout()
    dropped, left = _drop_records(link, may_drop)
    with leasing.alone(link, "repairs", who) as lease:
        sound, broken = _read_indexes(link)
        named = verification.merged(sound.values())
        found = _read_packs(link, named, sound.values(), has_all=not broken, progress=progress)
        _replace_indexes(link, broken, found)
        link.refresh()
        listed = {s.path.partition("/")[2] for s in link.objects.listed("packs")}
        lost = found.damaged.keys() | (named.keys() - listed)
        link.distrust(lost)
        saved = _save_whole_blobs(link, found.damaged)
        link.refresh()
        lease.require()
        rewritten = _unname(link, lost)
        link.objects.delete([f"packs/{name}" for name in sorted(found.damaged)])
        link.distrust(())
        link.refresh()
    objects = [f"packs/{name}" for name in lost] + [f"indexes/{name}" for name in broken]
    objects += dropped + (["trueup.json"] if is_new_layout else [])
    return Repaired(
        objects=tuple(sorted(objects)), left=tuple(left), saved=saved, indexes=rewritten
    )


def _drop_records(link: Link, may_drop: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Remove damaged records; the paths of those removed, and of those that may not be."""
    listed = [stored.path for stored in link.objects.listed("")]
    stones = [path for path in listed if path.startswith("tombstones/")]
    damaged = []
    for path, raw in link.objects.get_all([*filter(envelopes.is_record, listed), *stones]):
        try:
            envelopes.unwrap(raw, path)
        except TrueupError:
            damaged.append(path)
    # Without its tombstone a pack counts again, until a collector marks it anew.
    own = ("tombstones/", "locks/")
    dropped = [path for path in damaged if path.startswith(own) or may_drop(path)]
    link.objects.delete(dropped)
    return dropped, [path for path in damaged if path not in dropped]


def _read_indexes(link: Link) -> tuple[dict[str, Index], list[str]]:
    """The sound indexes, and the names of the damaged ones."""
    sound: dict[str, Index] = {}
    broken = []
    for path, raw in link.objects.get_all([s.path for s in link.objects.listed("indexes")]):
        name = path.partition("/")[2]
        try:
            sound[name] = indexes.read(name, raw, link.shown)
        except TrueupError as error:
            if error.code != "remote-damaged":
                raise
            broken.append(name)
    return sound, broken


def _read_packs(
    link: Link,
    named: dict[str, Pack],
    sound: Iterable[Index],
    *,
    has_all: bool,
    progress: Progress,
) -> _Packs:
    """Read every pack; what a lost index said is found again in the packs themselves."""
    known = {file for index in sound for file, _ in index.recipes}
    found = _Packs({}, [], [])
    paths = [stored.path for stored in link.objects.listed("packs")]
    for path, raw in link.objects.get_all(paths, absent=True, count=_AT_ONCE):
        name = path.partition("/")[2]
        pack = named.get(name)
        entries = pack.entries if pack else verification.footer(raw, name)
        if digests.key_of(raw).hex() != name:
            found.damaged[name] = entries
        elif pack is None and not has_all:
            found.unnamed.append(Pack(digests.key(digests.PREFIX + name), len(raw), entries))
        if not has_all:
            found.recipes.extend(_recipes_in(raw, entries, known))
        progress(1, len(raw))
    return found


def _recipes_in(
    raw: bytes, entries: Iterable[Entry], known: set[bytes]
) -> Iterator[tuple[bytes, bytes]]:
    for entry, blob in _whole(raw, entries):
        if chunks.is_recipe(blob):
            file = digests.key(chunks.read_recipe(blob).digest)
            if file not in known:
                yield file, entry.key


def _whole(raw: bytes, entries: Iterable[Entry]) -> Iterator[tuple[Entry, bytes]]:
    """The blobs of a pack that are as they were written."""
    for entry in entries:
        try:
            yield entry, packs.unpack(raw[entry.offset : entry.offset + entry.stored], entry)
        except TrueupError:
            continue


def _replace_indexes(link: Link, broken: list[str], found: _Packs) -> None:
    """Write an index of what no other one names, and remove those that cannot be read."""
    if not broken:
        return
    for part in collection.parts(found.unnamed, found.recipes):
        collection.put_index(link, part)
    link.objects.delete([f"indexes/{name}" for name in broken])
    link.cache.forget(broken)


def _save_whole_blobs(link: Link, damaged: dict[str, Sequence[Entry]]) -> int:
    """Copy what is whole in damaged packs into new ones; how many blobs that were."""
    saved = 0
    with Workers(_UPLOADS) as workers:
        sender = Sender(link, workers, nothing, salted=True)
        for name, entries in damaged.items():
            raw = link.objects.get(f"packs/{name}")
            lacking = set(sender.lacking([entry.key for entry in entries], recipes=False))
            for entry, blob in _whole(raw, entries):
                if entry.key in lacking:
                    sender.add(blob)
                    saved += 1
        sender.finish(0)
    return saved


def _unname(link: Link, lost: Iterable[str]) -> int:
    """Write anew the indexes that name what is lost: packs, and files whose chunks are."""
    gone = set(lost)
    torn = _torn_files(link, gone)
    replaced = []
    for name, index in collection.all_indexes(link):
        kept = [pack for pack in index.packs if pack.name not in gone]
        recipes = [pair for pair in index.recipes if pair[0] not in torn]
        if len(kept) == len(index.packs) and len(recipes) == len(index.recipes):
            continue
        if kept or recipes:
            collection.put_index(link, Index(kept, recipes))
        replaced.append(name)
    link.objects.delete([f"indexes/{name}" for name in replaced])
    return len(replaced)


def _torn_files(link: Link, gone: set[str]) -> set[bytes]:
    """Large files of which the recipe or a chunk is lost: a push must not count on them."""
    by_recipe = {recipe: file for file, recipe in link.cache.all_recipes()}
    readable = link.cache.locate(by_recipe, gone)
    torn = {file for recipe, file in by_recipe.items() if recipe not in readable}
    for digest, raw in fetching.read(link, [digests.of_key(key) for key in readable]):
        wanted = {key for key, _ in chunks.read_recipe(raw).chunks}
        if len(link.cache.locate(wanted, gone)) < len(wanted):
            torn.add(by_recipe[digests.key(digest)])
    return torn
