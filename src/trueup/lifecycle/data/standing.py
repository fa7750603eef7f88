"""How the files of a dataset stand to its versions, once its versions are known.

There is no SQL here: `trueup data status` answers without the database when nothing was recorded
since it was last asked. `taking.py` finds out what is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from trueup.foundation.configuration import HOME
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.worktree import comparing, tree
from trueup.lifecycle.data.worktree.comparing import Compared, Status
from trueup.lifecycle.data.worktree.keeping import Progress, nothing
from trueup.lifecycle.data.worktree.positions import Position
from trueup.lifecycle.data.worktree.reading import Source
from trueup.lifecycle.data.worktree.statcache import StatCache, Walk
from trueup.lifecycle.data.worktree.tree import Found
from trueup.ports.blobs import Blobs


class Known(NamedTuple):
    """What is known of a dataset before its files are looked at.

    Attributes:
        name: Its name.
        path: Where it lies in the project.
        position: The branch and the version at which the files stand.
        based_on: The version that the files are, apart from changes since.
        head: The newest version of the branch; 0 if there is none.
        newest: The newest version on any branch; 0 if there is none.
        is_declared: Whether the plan declares it.
    """

    name: str
    path: str
    position: Position
    based_on: DatasetVersion | None
    head: int
    newest: int
    is_declared: bool


class AllKnown(NamedTuple):
    """What is known of all datasets, and the event of the log after which it was so.

    Attributes:
        event: Identifier of the newest event then.
        datasets: Each dataset.
    """

    event: str
    datasets: list[Known]


def status(blobs: Blobs, root: Path, found: Known, progress: Progress = nothing) -> Status:
    """What was added, changed and removed since the version that was checked out or kept.

    Raises:
        UsageError: The dataset's place leads out of the project.
    """
    source = source_of(blobs, root, found)
    base = found.based_on
    cache = cache_of(source)
    differing = _differing(blobs, source, base.digest if base else "", cache, progress)
    return Status(
        dataset=found.name,
        path=found.path,
        branch=found.position.branch,
        version=base.version if base else 0,
        newest=found.head,
        files=differing.files,
        added=tuple(differing.added),
        changed=tuple(differing.changed),
        removed=tuple(differing.removed),
        unfinished=bool(found.position.becoming),
    )


def _differing(
    blobs: Blobs, source: Source, digest: str, cache: StatCache, progress: Progress
) -> Compared:
    """What differs from a version; nothing is read if nothing was touched since it was so."""
    if digest and (files := cache.is_still(digest, _runs(source))) is not None:
        return Compared(files, [], [], [])
    walk = Walk(_runs(source))
    entries = manifest.entries(blobs, digest) if digest else ()
    differing = comparing.compare(source, cache.recall(walk), entries, cache, progress)
    cache.save()
    if digest and not (differing.added or differing.changed or differing.removed):
        cache.found_to_be(digest, walk)
    return differing


def source_of(blobs: Blobs, root: Path, found: Known) -> Source:
    """The dataset's place in the work tree.

    Raises:
        UsageError: It leads out of the project.
    """
    place = tree.inside(root, found.path, found.name)

    def locate(digest: str) -> Path:  # where nothing changed, nobody asks
        return blobs.local_path(digest)

    return Source(place, found.path, root.resolve() / HOME, locate)


def cache_of(source: Source) -> StatCache:
    """The stat cache for one walk over a dataset's place."""
    place = source.place
    relative = place.relative_to(source.home.parent)
    shown = relative.as_posix() if place.is_dir() else relative.parent.as_posix()
    return StatCache(source.home / "cache", shown)


def walked(source: Source) -> Iterator[Found]:
    """The files that lie there, whatever they are; none where there is no place."""
    return chain.from_iterable(_runs(source))


def _runs(source: Source) -> Iterator[list[Found]]:
    if source.place.exists():
        yield from tree.runs(source.place, source.shown, links="keep")
