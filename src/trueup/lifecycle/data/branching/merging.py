"""Three-way merging of file lists: what either side changed since the version both came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.manifest import Reads
from trueup.lifecycle.data.records import Change, DatasetVersion, Entry
from trueup.lifecycle.data.rules import first, folded

Prefer = Literal["", "ours", "theirs"]


class Merged(NamedTuple):
    """What to do to our side to have both.

    Attributes:
        changes: Their changes that ours does not touch, and decided conflicts, by path.
        conflicts: Paths on which the sides disagree and nobody preferred one.
    """

    changes: dict[str, Entry | None]
    conflicts: list[str]


def ancestor(parents: Mapping[int, tuple[int, ...]], one: int, two: int) -> int:
    """The nearest version that both come from; 0 if there is none.

    A version's number is larger than its parents', so of all common ones the largest is nearest.
    """
    return max(ancestors(parents, one) & ancestors(parents, two), default=0)


def ancestors(parents: Mapping[int, tuple[int, ...]], version: int) -> set[int]:
    """A version and everything it comes from."""
    found: set[int] = set()
    waiting = [version]
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += parents.get(number, ())
    return found


def bases(
    parents: Mapping[int, tuple[int, ...]], heads: Mapping[str, int]
) -> dict[int, tuple[str, str]]:
    """What merges of branches begin at: versions, and two branches that both come from each.

    Args:
        parents: The parents of every version.
        heads: The newest version of each branch.
    """
    lines = {version: ancestors(parents, version) for version in heads.values()}
    found: dict[int, tuple[str, str]] = {}
    for (one, here), (two, there) in combinations(sorted(heads.items()), 2):
        found.setdefault(max(lines[here] & lines[there], default=0), (one, two))
    return {version: pair for version, pair in found.items() if version not in {0, *lines}}


def no_base(
    cause: NotFoundError, ours: DatasetVersion, other: DatasetVersion, theirs: str
) -> NotFoundError:
    """The error for two sides of which nobody here can say what they began as."""
    return NotFoundError(
        "merge-base",
        f"Who changed what between {ours.ref} and {other.ref} cannot be told without the version "
        f"both come from. {cause.message}",
        hint=f"{cause.hint.partition('   (')[0]}   (or, if nobody has it: "
        f"trueup data merge {ours.name} {theirs} --without-base)",
    )


def merge(blobs: Reads, base: str, ours: str, theirs: str, prefer: Prefer = "") -> Merged:
    """Find what has to change in `ours` so that it holds the changes of both sides.

    Args:
        blobs: Where the manifests are.
        base: The manifest that both come from; empty for none.
        ours: The manifest that is changed.
        theirs: The manifest whose changes are wanted.
        prefer: Whose file to take where both changed the same one differently.
    """
    mine = {change.path: change for change in manifest.difference(blobs, base, ours)}
    changes: dict[str, Entry | None] = {}
    conflicts: list[str] = []
    yours: list[Change] = []
    for change in manifest.difference(blobs, base, theirs):
        own = mine.get(change.path)
        if own is None:
            yours.append(change)
            changes[change.path] = change.after
            continue
        both, agreed = _both(own, change)
        if agreed:
            if both != own.after:
                changes[change.path] = both
        elif prefer == "theirs":
            changes[change.path] = change.after
        elif not prefer:
            conflicts.append(change.path)
    for one, other in _in_the_way(mine.values(), yours):
        if prefer == "ours":
            changes.pop(other, None)
        elif prefer == "theirs":
            changes[one] = None
        else:
            conflicts.append(other)
    return Merged(changes, sorted(set(conflicts)))


def check(merged: Merged, ours: DatasetVersion, other: DatasetVersion, theirs: str) -> None:
    """Refuse a merge in which the sides disagree.

    Raises:
        ConflictError: Naming the files.
    """
    if merged.conflicts:
        raise ConflictError(
            "merge-conflict",
            f"{ours.ref} and {other.ref} changed the same files differently: "
            f"{first(merged.conflicts)}.",
            hint=f"trueup data merge {ours.name} {theirs} --ours   (or: --theirs)",
            context={"files": merged.conflicts[:1000]},
        )


def apply(entries: Iterable[Entry], changes: Mapping[str, Entry | None]) -> Iterator[Entry]:
    """A list of files with some of them changed, added or removed; None removes."""
    added = iter(sorted(changes))
    path = next(added, None)
    for entry in entries:
        while path is not None and path < entry.path:
            new = changes[path]
            if new is not None:
                yield new
            path = next(added, None)
        if path == entry.path:
            new = changes[entry.path]
            if new is not None:
                yield new
            path = next(added, None)
        else:
            yield entry
    while path is not None:
        new = changes[path]
        if new is not None:
            yield new
        path = next(added, None)


def _both(mine: Change, yours: Change) -> tuple[Entry | None, bool]:
    """One file that both sides changed, and whether they agree; content and mode one by one."""
    if mine.after == yours.after:
        return mine.after, True
    base, own, other = mine.before, mine.after, yours.after
    if base is None or own is None or other is None:
        return None, False
    if base.digest == other.digest:
        return Entry(own.path, own.digest, own.size, other.mode), own.mode == base.mode
    if base.digest == own.digest:
        return Entry(own.path, other.digest, other.size, own.mode), other.mode == base.mode
    return None, False


def _in_the_way(mine: Iterable[Change], yours: Iterable[Change]) -> Iterator[tuple[str, str]]:
    """Pairs of added paths, ours and theirs, that cannot both be: a file and a folder of one
    name, or two names that differ only in case.
    """
    own = [change.path for change in mine if change.before is None]
    other = [change.path for change in yours if change.before is None]
    own_files, own_folders = set(own), _folders(own)
    own_folded = {folded(path): path for path in own}
    for path in other:
        for folder in map(str, PurePosixPath(path).parents):
            if folder in own_files:
                yield folder, path
        if path in own_folders:
            yield own_folders[path], path
        clash = own_folded.get(folded(path), path)
        if clash != path:
            yield clash, path


def _folders(paths: Iterable[str]) -> dict[str, str]:
    """The folders above some files, each with one of the files."""
    return {str(parent): path for path in paths for parent in PurePosixPath(path).parents}
