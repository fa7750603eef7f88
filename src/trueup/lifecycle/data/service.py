"""The verbs of data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.configuration import HOME
from trueup.foundation.digests import PREFIX
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.data import keeping, manifest, rules, table, tables, tree, worktree
from trueup.lifecycle.data.keeping import Progress, nothing
from trueup.lifecycle.data.looking import Unkept
from trueup.lifecycle.data.records import MAIN, DatasetVersion, Entry
from trueup.lifecycle.data.statcache import StatCache
from trueup.lifecycle.data.tree import Links
from trueup.lifecycle.data.worktree import Position
from trueup.lifecycle.plan.service import in_force
from trueup.state.unit import State

if TYPE_CHECKING:
    import polars as pl


class _Known(NamedTuple):
    """What is known of a dataset before its files are looked at."""

    path: str
    position: Position
    based_on: DatasetVersion | None  # the version that the files are, apart from changes since
    head: int  # the newest version of the branch; 0 if there is none


class Datasets:
    """Versions of the datasets that the plan declares or somebody added."""

    def __init__(self, state: State) -> None:
        self._state = state

    def snapshot(
        self,
        actor: Actor,
        name: str,
        root: Path,
        *,
        message: str = "",
        links: Links = "refuse",
        clashes: bool = True,
        progress: Progress = nothing,
    ) -> DatasetVersion:
        """Keep a dataset as it is now; unchanged content gives the version there is.

        Args:
            actor: Who.
            name: A dataset that the plan declares or that was added before.
            root: The project's folder.
            message: Why.
            links: Whether symbolic links are kept as links or refused.
            clashes: Whether names that differ only in case are let pass.
            progress: Told how many files and bytes were looked at.

        Raises:
            NotFoundError: There is no such dataset, or no file.
            UsageError: A file cannot be part of a dataset.
            ConflictError: The files change meanwhile, or stand at an older version of the branch.
        """
        with self._state.read(actor, "data.write") as connection:
            known = _known(connection, name, root)
            strict = name in in_force(connection).plan.datasets
        place = tree.inside(root, known.path, name)
        based_on = known.based_on
        digest = self._keep(name, root, known, links, progress, clashes=clashes)
        if based_on is not None and based_on.digest == digest:
            return based_on
        if known.head and based_on is not None and known.head != based_on.version:
            raise _behind(name, known, based_on.version)
        files, size = manifest.totals(self._state.blobs, digest)
        if not files:
            raise tree.nothing_there(name, known.path)
        content = tables.of_version(self._state.blobs, digest, based_on, known.path, strict=strict)
        with self._state.write(actor, "data.write") as unit:
            branch = known.position.branch
            head = table.head(unit.connection, name, branch)
            if head is not None and head.digest == digest:
                taken = head
            else:
                newest = table.latest(unit.connection, name)
                taken = DatasetVersion(
                    name=name,
                    version=newest.version + 1 if newest else 1,
                    digest=digest,
                    path=known.path,
                    is_file=place.is_file(),
                    files=files,
                    size=size,
                    rows=content.rows,
                    columns=content.columns,
                    branch=branch,
                    parents=(head.version,) if head else (),
                    message=message,
                    taken_by=actor.name,
                    taken_at=unit.at,
                )
                table.insert(unit.connection, taken)
                table.point(unit.connection, name, branch, taken.version)
                changed = manifest.difference(
                    self._state.blobs, head.digest if head else "", digest
                )
                unit.emit(
                    "data.snapshot-taken",
                    taken.ref,
                    before=head.digest if head else "",
                    after=digest,
                    why=message,
                    data=rules.change(head, taken, changed),
                )
        worktree.stand(root, name, Position(branch=branch, version=taken.version, digest=digest))
        return taken

    def look(self, actor: Actor, name: str, root: Path) -> str:
        """The digest of a dataset as it is now; nothing is kept and no version is made.

        Raises:
            NotFoundError: There is no such dataset, or no file.
            UsageError: A file cannot be part of a dataset.
        """
        with self._state.read(actor) as connection:
            known = _known(connection, name, root)
        blobs = Unkept(self._state.blobs)
        return self._keep(name, root, known, "refuse", nothing, clashes=True, into=blobs)

    def newest(self, actor: Actor) -> list[DatasetVersion]:
        """The newest version of every dataset."""
        with self._state.read(actor) as connection:
            return table.newest_of_each(connection)

    def show(self, actor: Actor, name: str, selector: str = "") -> DatasetVersion:
        """One version, by number, digest or branch; the newest of `main` without a selector.

        Raises:
            NotFoundError: There is no such version.
        """
        with self._state.read(actor) as connection:
            return find(connection, name, selector)

    def log(self, actor: Actor, name: str) -> list[DatasetVersion]:
        """All versions of a dataset, newest first.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            found = table.versions(connection, name)
            return found or [find(connection, name)]

    def files(self, actor: Actor, version: DatasetVersion) -> Iterator[Entry]:
        """The files of a version, in the order of their paths.

        Raises:
            DeniedError: The actor may not read.
        """
        with self._state.read(actor):
            pass  # the permission alone: the list is in blobs
        return manifest.entries(self._state.blobs, version.digest)

    def load(self, actor: Actor, version: DatasetVersion) -> pl.DataFrame:
        """All rows of a version.

        Raises:
            DeniedError: The actor may not read.
        """
        with self._state.read(actor):
            pass  # the permission alone: the rows are blobs
        return tables.load(self._state.blobs, version)

    def _keep(
        self,
        name: str,
        root: Path,
        known: _Known,
        links: Links,
        progress: Progress,
        *,
        clashes: bool,
        into: Unkept | None = None,
    ) -> str:
        place = tree.inside(root, known.path, name)
        if not place.exists():
            raise tree.nothing_there(name, known.path)
        blobs = into or self._state.blobs
        kept: Iterable[Entry] = ()
        if known.based_on is not None:
            kept = manifest.entries(blobs, known.based_on.digest)
        cache = StatCache(root.resolve() / HOME / "cache", _cached_as(place, root))
        walked = tree.walk(place, known.path, links=links, clashes=clashes)
        entries = keeping.read_all(
            place, known.path, cache.recall(walked), kept, blobs, cache, progress=progress
        )
        digest = manifest.build(entries, blobs)
        cache.save()
        return digest


def find(connection: sa.Connection, name: str, selector: str = "") -> DatasetVersion:
    """One version, inside a transaction of the caller's.

    Raises:
        NotFoundError: There is no such version.
    """
    if selector.startswith(PREFIX):
        found = table.with_digest(connection, name, selector)
    elif selector.isdecimal():
        found = table.version(connection, name, int(selector))
    else:
        found = table.head(connection, name, selector or MAIN)
        if found is None and not selector:
            found = table.latest(connection, name)
    if found is None:
        raise NotFoundError(
            "snapshot-not-found",
            f"There is no snapshot data:{name}{'@' + selector if selector else ''}.",
            hint="trueup data list",
        )
    return found


def _known(connection: sa.Connection, name: str, root: Path) -> _Known:
    declared = in_force(connection).plan.datasets
    latest = table.latest(connection, name)
    if latest is None:
        rules.declared(name, {*declared, *table.names(connection)})
    path = declared[name].path if name in declared else latest.path if latest else ""
    position = worktree.position(root, name)
    head = table.head(connection, name, position.branch)
    if position.version and head is not None and head.version != position.version:
        based_on = table.version(connection, name, position.version)
    else:
        based_on = head
    return _Known(path, position, based_on, head.version if head else 0)


def _behind(name: str, known: _Known, version: int) -> ConflictError:
    return ConflictError(
        "dataset-behind",
        f"The files of '{name}' come from version {version} and were changed, but branch "
        f"'{known.position.branch}' is at version {known.head}.",
        hint="trueup data list",
    )


def _cached_as(place: Path, root: Path) -> str:
    relative = place.relative_to(root.resolve())
    return (relative.parent if place.is_file() else relative).as_posix()
