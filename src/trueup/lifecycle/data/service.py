"""The verbs of data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.digests import PREFIX
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.data import manifest, places, standing, table, tables, taking
from trueup.lifecycle.data.records import MAIN, DatasetVersion, Entry
from trueup.lifecycle.data.standing import AllKnown, Known
from trueup.lifecycle.data.taking import How
from trueup.lifecycle.data.upkeep import collecting, live, locking, repairing, verifying
from trueup.lifecycle.data.upkeep.collecting import Collected
from trueup.lifecycle.data.upkeep.verifying import Verified
from trueup.lifecycle.data.worktree import checkout, positions, tree
from trueup.lifecycle.data.worktree.checkout import Moves
from trueup.lifecycle.data.worktree.comparing import Status
from trueup.lifecycle.data.worktree.keeping import Hasher, Progress, nothing
from trueup.ports.blobs import Link
from trueup.state import eventlog
from trueup.state.unit import State

if TYPE_CHECKING:
    import polars as pl
    import sqlalchemy as sa

_AS_USUAL: Final = How()


class Datasets:
    """Versions of the datasets that the plan declares or somebody added."""

    def __init__(self, state: State) -> None:
        self._state = state

    def snapshot(self, actor: Actor, name: str, root: Path, how: How = _AS_USUAL) -> DatasetVersion:
        """Keep a dataset as it is now; unchanged content gives the version there is.

        Args:
            actor: Who.
            name: A dataset that the plan declares or that was added before.
            root: The project's folder.
            how: What to do with links and clashing names, and why the version is made.

        Raises:
            NotFoundError: There is no such dataset, or no file.
            UsageError: A file cannot be part of a dataset.
            ConflictError: The files change meanwhile, or stand at an older version of the branch.
        """
        with self._state.read(actor, "data.write") as connection:
            found = taking.known(connection, name, root)
        return self._take(actor, found, root, how)

    def add(
        self, actor: Actor, path: str, root: Path, name: str = "", how: How = _AS_USUAL
    ) -> DatasetVersion:
        """Keep what lies at a path: as a new version of the dataset there, or as a new dataset.

        Args:
            actor: Who.
            path: A file or folder, relative to the project.
            root: The project's folder.
            name: The dataset; without it the one that lies there, or one named like the path.
            how: What to do with links and clashing names, and why the version is made.

        Raises:
            NotFoundError: There is no file.
            UsageError: The path or the name cannot be used, or a file cannot be kept.
            ConflictError: The dataset lies elsewhere, or as for `snapshot`.
        """
        with self._state.read(actor, "data.write") as connection:
            wanted = places.resolve(places.known(connection), path, name, root)
            found = taking.known(connection, wanted.name, root, wanted.path)
        return self._take(actor, found, root, how)

    def look(self, actor: Actor, name: str, root: Path) -> str:
        """The digest of a dataset as it is now; nothing is kept and no version is made.

        Raises:
            NotFoundError: There is no such dataset, or no file.
            UsageError: A file cannot be part of a dataset.
        """
        with self._state.read(actor) as connection:
            found = taking.known(connection, name, root)
        blobs = self._state.blobs
        source = standing.source_of(blobs, root, found)
        return taking.read(source, found, _AS_USUAL, blobs, Hasher()).digest

    def status(self, actor: Actor, name: str, root: Path, progress: Progress = nothing) -> Status:
        """What was added, changed and removed since the version that was checked out or kept.

        Raises:
            NotFoundError: There is no such dataset.
        """
        with self._state.read(actor) as connection:
            found = taking.known(connection, name, root)
        return standing.status(self._state.blobs, root, found, progress)

    def all_known(self, actor: Actor, root: Path) -> AllKnown:
        """What `standing.status` needs to know of all datasets, and when it was so."""
        with self._state.read(actor) as connection:
            return AllKnown(
                eventlog.last_id(connection),
                [
                    taking.known(connection, name, root)
                    for name in sorted(place.name for place in places.known(connection))
                ],
            )

    def checkout(
        self,
        actor: Actor,
        name: str,
        root: Path,
        selector: str = "",
        *,
        force: bool = False,
        link: Link = "copy",
        dry_run: bool = False,
        progress: Progress = nothing,
    ) -> Moves:
        """Make the work files a version; what is kept in no version is never lost.

        Args:
            actor: Who.
            name: The dataset.
            root: The project's folder.
            selector: Version, digest or branch; the newest of the present branch without.
            force: Overwrite files that changed and are kept nowhere.
            link: How a file of the work tree holds its bytes.
            dry_run: Say what would be done, and do nothing.
            progress: Told how many files and bytes were written.

        Raises:
            NotFoundError: There is no such version.
            ConflictError: Files would be lost; they are named.
        """
        with self._state.read(actor) as connection:
            found = taking.known(connection, name, root)
            version = find(connection, name, selector or found.position.branch)
            taking.check_here(connection, self._state.blobs, version)
            here = taking.here(connection, self._state.blobs, name)
            position = taking.position_at(connection, found, version, selector)
        blobs = self._state.blobs
        source = standing.source_of(blobs, root, found)
        base = found.based_on
        checkout.check_kind(source, version)
        cache = standing.cache_of(source)
        plan = checkout.prepare(
            source,
            cache.recall(standing.walked(source)),
            manifest.entries(blobs, base.digest) if base and base.digest in here else (),
            manifest.entries(blobs, version.digest),
            lambda wanted: manifest.held(blobs, here, wanted),
            cache,
        )
        checkout.check(plan, version.ref, name, found.path, force=force)
        if not dry_run:
            if plan.write or plan.remove:
                positions.stand(root, name, positions.towards(found.position, version.digest))
            checkout.perform(
                blobs, source, plan, cache, is_file=version.is_file, link=link, progress=progress
            )
            positions.stand(root, name, position)
        return checkout.told(plan, version, found.path)

    def names(self, actor: Actor) -> list[str]:
        """All datasets: those that the plan declares, and those that were added."""
        with self._state.read(actor) as connection:
            return sorted(place.name for place in places.known(connection))

    def paths(self, actor: Actor) -> dict[str, str]:
        """Where all datasets lie, relative to the project, by name."""
        with self._state.read(actor) as connection:
            return {place.name: place.path for place in places.known(connection)}

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
            return table.versions(connection, name) or [find(connection, name)]

    def files(self, actor: Actor, version: DatasetVersion) -> Iterator[Entry]:
        """The files of a version, in the order of their paths.

        Raises:
            DeniedError: The actor may not read.
            NotFoundError: Only its name was pulled.
        """
        with self._state.read(actor) as connection:
            taking.check_here(connection, self._state.blobs, version)
        return manifest.entries(self._state.blobs, version.digest)

    def load(self, actor: Actor, version: DatasetVersion) -> pl.DataFrame:
        """All rows of a version.

        Raises:
            DeniedError: The actor may not read.
            NotFoundError: Only its name was pulled.
        """
        with self._state.read(actor) as connection:
            taking.check_here(connection, self._state.blobs, version)
        return tables.load(self._state.blobs, version)

    def read(self, actor: Actor, path: str, root: Path) -> pl.DataFrame:
        """All rows of a file of the work tree, whether or not it belongs to a dataset.

        Raises:
            DeniedError: The actor may not read.
            UsageError: The path leads out of the project, or the file holds no table.
        """
        with self._state.read(actor):
            pass  # the permission alone: what is read is a file
        return tables.of_file(tree.inside(root, path, path), path)

    def verify(self, actor: Actor, name: str = "", progress: Progress = nothing) -> Verified:
        """Read everything below the versions again, and name what is damaged or missing.

        Raises:
            NotFoundError: There is no such dataset.
        """
        with self._state.read(actor) as connection:
            names = [name] if name else table.names(connection)
            if name:
                find(connection, name)
            kept = [each for known in names for each in table.held(connection, known)]
        return verifying.verify(self._state.blobs, kept, progress)

    def collect(
        self,
        actor: Actor,
        root: Path,
        *,
        older_than: timedelta,
        busy_since: datetime | None = None,
        dry_run: bool = True,
    ) -> Collected:
        """Throw away blobs that nothing refers to.

        Args:
            actor: Who.
            root: The project's folder.
            older_than: Younger blobs are spared: somebody may be about to refer to them.
            busy_since: When the oldest run began that is still going; what it made is spared.
            dry_run: Say what would go, and throw nothing away.

        Raises:
            ConflictError: Somebody is keeping data.
        """
        before = min(clock.now() - older_than, busy_since or datetime.max.replace(tzinfo=UTC))
        if dry_run:
            return collecting.looked(self._sorted(actor, before), before)
        with locking.collecting(root):
            found = self._sorted(actor, before)
            with self._state.read(actor) as connection:
                lists = table.forgotten_roots(connection)
            freed = collecting.sweep(self._state.blobs, found, before, lists)
            with self._state.write(actor, "data.write") as unit:
                return collecting.written(unit, found, before, freed)

    def _take(self, actor: Actor, found: Known, root: Path, how: How) -> DatasetVersion:
        blobs = self._state.blobs
        source = standing.source_of(blobs, root, found)
        taking.check_finished(found)
        is_file = source.place.is_file()
        if how.dry_run:
            seen = taking.read(source, found, how, blobs, Hasher())
            return taking.imagined(found, seen, actor, is_file=is_file)
        with locking.keeping(root):
            with blobs.batch() as batch:
                into = repairing.Repairing(blobs, batch) if how.read_all else batch
                digest = taking.read(source, found, how, blobs, into).digest
            if found.based_on is not None and found.based_on.digest == digest:
                taking.stand_at(root, found, found.based_on)
                return found.based_on
            taking.check_not_behind(found)
            kept = taking.described(blobs, found, digest)
            making = taking.Making(is_file=is_file, message=how.message)
            with self._state.write(actor, "data.write") as unit:
                taken = taking.write_down(unit, blobs, found, kept, making)
                taking.stand_at(root, found, taken)
                return taken

    def _sorted(self, actor: Actor, before: datetime) -> collecting.Sorted:
        with self._state.read(actor, "data.write") as connection:
            marked = live.marked(connection, self._state.blobs)
        return collecting.sort(self._state.blobs, marked, before)


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
        known = table.names(connection)
        if name in known:
            near = did_you_mean(selector, [b.branch for b in table.branches(connection, name)])
        else:
            near = did_you_mean(name, known)
        raise NotFoundError(
            "snapshot-not-found",
            f"There is no snapshot data:{name}{'@' + selector if selector else ''}.{near}",
            hint=f"trueup data log {name}" if name in known else "trueup data list",
        )
    return found
