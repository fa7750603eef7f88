"""Taking a version: what is known before the files are read, reading them, writing it down."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.data import manifest, places, rules, standing, table, tables
from trueup.lifecycle.data.records import Change, DatasetVersion, Entry
from trueup.lifecycle.data.standing import Known
from trueup.lifecycle.data.tables import Table
from trueup.lifecycle.data.worktree import keeping, positions, tree
from trueup.lifecycle.data.worktree.keeping import Progress, nothing
from trueup.lifecycle.data.worktree.positions import Position
from trueup.lifecycle.data.worktree.reading import Source, Takes
from trueup.lifecycle.data.worktree.statcache import Walk
from trueup.lifecycle.data.worktree.tree import Links
from trueup.ports.blobs import Blobs
from trueup.state.unit import Unit

if TYPE_CHECKING:
    import sqlalchemy as sa


class How(NamedTuple):
    """How files are kept.

    Attributes:
        links: Whether symbolic links are kept as links or refused.
        clashes: Whether names that differ only in case are let pass.
        message: Why the version is made.
        dry_run: Say what would be kept, and keep nothing.
        read_all: Read unchanged files, too, and put back what the store lost of them.
        progress: Told how many files and bytes were looked at.
    """

    links: Links = "refuse"
    clashes: bool = False
    message: str = ""
    dry_run: bool = False
    read_all: bool = False
    progress: Progress = nothing


class Seen(NamedTuple):
    """The files as they were read: their manifest, how many, and how many bytes."""

    digest: str
    files: int
    size: int


class Making(NamedTuple):
    """What a new version says of itself beside its content.

    Attributes:
        is_file: Whether it is one file rather than a folder.
        message: Why it is made.
        merged: Versions it is made from beside the newest of the branch.
    """

    is_file: bool
    message: str
    merged: tuple[int, ...] = ()


class Kept(NamedTuple):
    """What was found when all files were read.

    Attributes:
        digest: The manifest.
        files: Number of files.
        size: Bytes in them.
        content: Their rows and columns.
        before: The manifest that `changes` is about.
        changes: What changed since, by name, for the event log.
    """

    digest: str
    files: int
    size: int
    content: Table
    before: str
    changes: dict[str, list[str]]


def known(connection: sa.Connection, name: str, root: Path, path: str = "") -> Known:
    """What is known of a dataset.

    Args:
        connection: The transaction to look in.
        name: Its name.
        root: The project's folder.
        path: Where a dataset that nobody knows yet shall lie.

    Raises:
        NotFoundError: Nobody knows it, and no path was given.
    """
    declared = places.declared(connection)
    latest = table.latest(connection, name)
    if latest is None and not path:
        rules.declared(name, {*declared, *table.names(connection)})
    if name in declared:
        path = declared[name]
    elif not path:
        assert latest is not None
        path = latest.path
    position = positions.position(root, name)
    head = table.head(connection, name, position.branch)
    based_on = head
    if position.version and (head is None or head.version != position.version):
        noted = table.version(connection, name, position.version)
        based_on = noted if noted is not None and noted.digest == position.digest else head
    return Known(
        name,
        path,
        position,
        based_on,
        head.version if head else 0,
        latest.version if latest else 0,
        name in declared,
    )


def position_at(
    connection: sa.Connection, found: Known, version: DatasetVersion, selector: str
) -> Position:
    """Where the work files stand once a version was checked out."""
    branches = {each.branch for each in table.branches(connection, found.name)}
    branch = selector if selector in branches else found.position.branch
    return Position(branch=branch, version=version.version, digest=version.digest)


def stand_at(root: Path, found: Known, taken: DatasetVersion) -> None:
    """Note that the work files are a version.

    Done before the transaction that makes the version ends, so that no other process sees the
    version without the note. A note of a version that was never made counts for nothing.
    """
    here = Position(branch=found.position.branch, version=taken.version, digest=taken.digest)
    if positions.position(root, found.name) != here:
        positions.stand(root, found.name, here)


def check_head(connection: sa.Connection, found: Known, expected: int) -> None:
    """Refuse to go on when somebody else moved the branch meanwhile.

    Raises:
        ConflictError: They did.
    """
    head = table.head(connection, found.name, found.position.branch)
    if head is not None and head.version != expected:
        raise ConflictError(
            "branch-moved",
            f"Branch '{found.position.branch}' of '{found.name}' moved to version {head.version} "
            "while it was being worked on.",
            hint=f"trueup data log {found.name}   (then run this again)",
        )


def check_finished(found: Known) -> None:
    """Refuse to keep files of which only some are another version's.

    Raises:
        ConflictError: A checkout was interrupted.
    """
    if found.position.becoming:
        raise ConflictError(
            "checkout-unfinished",
            f"A checkout of '{found.name}' was interrupted: its files are partly those of "
            f"another version.",
            hint=f"trueup data checkout {found.name}@{found.position.becoming}",
        )


def here(connection: sa.Connection, blobs: Blobs, name: str) -> list[str]:
    """The manifests of the versions of a dataset whose bytes are here."""
    away = table.elsewhere(connection, name)
    listed = [each.digest for each in table.versions(connection, name) if each.version not in away]
    lost = blobs.missing(dict.fromkeys(listed))
    return [digest for digest in listed if digest not in lost]


def check_here(connection: sa.Connection, blobs: Blobs, version: DatasetVersion) -> None:
    """Refuse a version whose bytes are not here: forgotten, or pulled by name alone.

    Raises:
        NotFoundError: With the command that brings them.
    """
    name, number = version.name, version.version
    if gone := table.forgotten(connection, name).get(number):
        raise rules.is_forgotten(gone, has_bytes=blobs.has(version.digest))
    if number in table.elsewhere(connection, name) or not blobs.has(version.digest):
        raise NotFoundError(
            "version-elsewhere",
            f"The bytes of {version.ref} are not here; a remote has them.",
            hint=f"trueup data pull {name}@{number}",
        )


def read(source: Source, found: Known, how: How, blobs: Blobs, into: Takes) -> Seen:
    """Read the files that may have changed, keep them, and build the manifest of all.

    Raises:
        NotFoundError: There is no file.
        UsageError: A file cannot be part of a dataset.
        ConflictError: A file goes on changing.
    """
    if not source.place.exists():
        raise tree.nothing_there(found.name, found.path)
    kept: Iterable[Entry] = ()
    if found.based_on is not None and not how.read_all and blobs.has(found.based_on.digest):
        kept = manifest.entries(blobs, found.based_on.digest)
    cache = standing.cache_of(source)
    # The reader refuses links: it knows those that stand for a file of the store.
    walk = Walk(tree.runs(source.place, source.shown, links="keep", clashes=how.clashes))
    told = [(0, 0)]

    def progress(count: int, size: int) -> None:
        told[0] = (count, size)
        how.progress(count, size)

    entries = keeping.read_all(
        source, cache.recall(walk), kept, into, cache, links=how.links, progress=progress
    )
    first = next(entries, None)
    if first is None:
        raise tree.nothing_there(found.name, found.path)
    digest = manifest.build(chain([first], entries), into)
    cache.save()
    cache.found_to_be(digest, walk)
    return Seen(digest, *told[0])


def imagined(found: Known, seen: Seen, actor: Actor, *, is_file: bool) -> DatasetVersion:
    """The version that would be made; the one there is if nothing changed."""
    before = found.based_on
    if before is not None and before.digest == seen.digest:
        return before
    check_not_behind(found)
    return DatasetVersion(
        name=found.name,
        version=found.newest + 1,
        digest=seen.digest,
        path=found.path,
        is_file=is_file,
        files=seen.files,
        size=seen.size,
        branch=found.position.branch,
        parents=(before.version,) if before else (),
        taken_by=actor.name,
        taken_at=clock.now(),
    )


def described(blobs: Blobs, found: Known, digest: str) -> Kept:
    """What the files of a manifest are, once their bytes are in the store.

    Raises:
        UsageError: The plan declares the dataset, and its tables do not agree or cannot be read.
    """
    files, size = manifest.totals(blobs, digest)
    content = tables.of_version(blobs, digest, found.based_on, found.path, strict=found.is_declared)
    base = found.based_on
    before = base.digest if base and blobs.has(base.digest) else ""
    return Kept(digest, files, size, content, before, _changes(blobs, before, digest))


def _changes(blobs: Blobs, before: str, after: str) -> dict[str, list[str]]:
    if before:
        return rules.named(manifest.difference(blobs, before, after))
    first = islice(manifest.entries(blobs, after), rules.MOST_NAMED)
    return rules.named(Change(entry.path, None, entry) for entry in first)


def check_not_behind(found: Known) -> None:
    """Refuse to put changed files of an older version on top of newer ones.

    Raises:
        ConflictError: The files stand at a version that is not the newest of its branch.
    """
    if found.based_on is not None and found.head and found.head != found.based_on.version:
        number = found.based_on.version
        raise ConflictError(
            "dataset-behind",
            f"The files of '{found.name}' come from version {number} and were changed, but branch "
            f"'{found.position.branch}' is at version {found.head}.",
            hint=f"trueup data branch {found.name} NEW-BRANCH --at {number}",
        )


def write_down(
    unit: Unit,
    blobs: Blobs,
    found: Known,
    kept: Kept,
    making: Making,
) -> DatasetVersion:
    """Make the newest version of the branch; the one there is if it has the same content."""
    name, branch = found.name, found.position.branch
    head = table.head(unit.connection, name, branch)
    if head is not None and head.digest == kept.digest and not making.merged:
        return head
    newest = table.latest(unit.connection, name)
    taken = DatasetVersion(
        name=name,
        version=newest.version + 1 if newest else 1,
        digest=kept.digest,
        path=found.path,
        is_file=making.is_file,
        files=kept.files,
        size=kept.size,
        rows=kept.content.rows,
        columns=kept.content.columns,
        branch=branch,
        parents=(*((head.version,) if head else ()), *making.merged),
        message=making.message,
        taken_by=unit.actor.name,
        taken_at=unit.at,
    )
    table.insert(unit.connection, taken)
    table.point(unit.connection, name, branch, taken.version)
    before = head.digest if head else ""
    # Somebody else may have made a version meanwhile: then say what changed since theirs.
    changes = kept.changes if before == kept.before else _changes(blobs, before, kept.digest)
    rows = {"rows": taken.rows, "rows_before": head.rows if head else 0}
    unit.emit(
        "data.snapshot-taken",
        taken.ref,
        before=before,
        after=kept.digest,
        why=making.message,
        data={**rows, **changes},
    )
    return taken
