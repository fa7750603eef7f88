"""The work tree against versions: what was added, changed and removed since.

A file is read only when `stat` cannot tell; what was read is remembered. `checkout.py` uses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trueup.foundation.records import Record
from trueup.lifecycle.data.records import LINK, Entry
from trueup.lifecycle.data.worktree import keeping
from trueup.lifecycle.data.worktree.keeping import Hasher, Progress, nothing
from trueup.lifecycle.data.worktree.reading import Source
from trueup.lifecycle.data.worktree.statcache import Known, StatCache
from trueup.lifecycle.data.worktree.tree import Found


class Status(Record, kw_only=True):
    """How the files of a dataset differ from the version that was checked out or kept last.

    Attributes:
        dataset: Its name.
        path: Where it lies.
        branch: The branch on which the next version is made.
        version: The version that the files are, apart from changes; 0 for none.
        newest: The newest version of that branch.
        files: Number of files that lie there.
        added: Files that the version lacks.
        changed: Files of other content or mode.
        removed: Files that only the version has.
        unfinished: Whether a checkout was interrupted.
    """

    dataset: str
    path: str
    branch: str
    version: int
    newest: int
    files: int
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unfinished: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether the files are the version."""
        return not (self.added or self.changed or self.removed or self.unfinished)


class Compared(NamedTuple):
    """The paths that differ, and how many files there are."""

    files: int
    added: list[str]
    changed: list[str]
    removed: list[str]


def lined_up(*streams: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """Streams in the order of their paths, side by side: None where one lacks a path."""
    turns = [iter(stream) for stream in streams]
    heads = [next(turn, None) for turn in turns]
    while True:
        paths = [head.path for head in heads if head is not None]
        if not paths:
            return
        path = min(paths)
        yield tuple(head if head is not None and head.path == path else None for head in heads)
        for i, head in enumerate(heads):
            if head is not None and head.path == path:
                heads[i] = next(turns[i], None)


def compare(
    source: Source,
    walked: Iterable[Known],
    version: Iterable[Entry],
    cache: StatCache,
    progress: Progress = nothing,
) -> Compared:
    """What differs between the files that lie there and a version."""
    files = 0
    added: list[str] = []
    changed: list[str] = []
    removed: list[str] = []
    unsure: list[Known] = []
    expected: list[Entry] = []
    entries = iter(version)
    entry = next(entries, None)
    for known in walked:
        found, digest = known
        files += 1
        path = found.path
        while entry is not None and entry.path < path:
            removed.append(entry.path)
            entry = next(entries, None)
        if entry is None or entry.path != path:
            added.append(path)
            continue
        if digest == entry.digest and found.mode == entry.mode:
            pass
        elif _surely_differs(found, digest, entry):
            changed.append(path)
        else:
            unsure.append(known)
            expected.append(entry)
        entry = next(entries, None)
    removed += [] if entry is None else [entry.path, *(later.path for later in entries)]
    # Links may lead anywhere here: they are compared, not kept.
    now = read(source, unsure, expected, cache, progress)
    changed += [
        old.path
        for old, new in zip(expected, now, strict=True)
        if (old.digest, old.mode) != (new.digest, new.mode)
    ]
    return Compared(files, added, sorted(changed), removed)


def read(
    source: Source,
    unsure: Iterable[Known],
    expected: Iterable[Entry],
    cache: StatCache,
    progress: Progress = nothing,
) -> Iterator[Entry]:
    """The entries of some files, read now without keeping them."""
    return keeping.read_all(
        source, unsure, expected, Hasher(), cache, links="look", progress=progress
    )


def _surely_differs(found: Found, digest: str, entry: Entry) -> bool:
    if found.mode == LINK:  # it may stand for the file itself
        return False
    return bool(digest) or found.mode != entry.mode or found.size != entry.size
