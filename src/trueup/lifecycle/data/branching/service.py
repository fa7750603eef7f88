"""The verbs of branches: list, make, delete, merge."""

from __future__ import annotations

from pathlib import Path

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.data import manifest, rules, table, taking
from trueup.lifecycle.data.branching import merging
from trueup.lifecycle.data.branching.merging import Prefer
from trueup.lifecycle.data.records import MAIN, Branch, DatasetVersion
from trueup.lifecycle.data.service import find
from trueup.lifecycle.data.standing import Known
from trueup.lifecycle.data.upkeep import locking
from trueup.lifecycle.data.worktree import positions
from trueup.lifecycle.data.worktree.positions import Position
from trueup.state.unit import State


class Branching:
    """Lines of versions of datasets."""

    def __init__(self, state: State) -> None:
        self._state = state

    def branches(self, actor: Actor, name: str) -> list[Branch]:
        """The branches of a dataset.

        Raises:
            NotFoundError: There is no version of it.
        """
        with self._state.read(actor) as connection:
            find(connection, name)
            return table.branches(connection, name)

    def branch(self, actor: Actor, name: str, branch: str, root: Path, at: str = "") -> Branch:
        """Make a branch; if the work files are that version, they are on it from now on.

        Args:
            actor: Who.
            name: The dataset.
            branch: Name of the branch.
            root: The project's folder.
            at: Version, digest or branch to begin at; the version of the work files without.

        Raises:
            NotFoundError: There is no such version, or it was forgotten.
            ConflictError: There is such a branch.
        """
        rules.check_branch(branch)
        with self._state.write(actor, "data.write") as unit:
            found = taking.known(unit.connection, name, root)
            base = found.based_on
            start = find(unit.connection, name, at) if at or base is None else base
            if gone := table.forgotten(unit.connection, name).get(start.version):
                has_bytes = self._state.blobs.has(start.digest)
                raise rules.is_forgotten(gone, has_bytes=has_bytes)
            if any(each.branch == branch for each in table.branches(unit.connection, name)):
                raise ConflictError(
                    "branch-exists",
                    f"Dataset '{name}' has a branch '{branch}' already.",
                    hint=f"trueup data checkout {name}@{branch}",
                )
            table.point(unit.connection, name, branch, start.version)
            unit.emit("data.branch-created", f"data:{name}@{branch}", after=start.ref)
        if base is not None and base.version == start.version and not found.position.becoming:
            here = Position(branch=branch, version=start.version, digest=start.digest)
            positions.stand(root, name, here)
        return Branch(dataset=name, branch=branch, version=start.version)

    def delete(self, actor: Actor, name: str, branch: str, root: Path) -> Branch:
        """Forget a branch; its versions stay and are found by number.

        Raises:
            NotFoundError: There is no such branch.
            ConflictError: It is `main`, or the one that the work files are on.
        """
        with self._state.write(actor, "data.write") as unit:
            known = {each.branch: each for each in table.branches(unit.connection, name)}
            if branch not in known:
                raise NotFoundError(
                    "branch-not-found",
                    f"Dataset '{name}' has no branch '{branch}'.{did_you_mean(branch, known)}",
                    hint=f"trueup data branch {name}",
                )
            if branch in (MAIN, positions.position(root, name).branch):
                raise ConflictError(
                    "branch-in-use",
                    f"Branch '{branch}' of '{name}' is the one that is worked on.",
                    hint=f"trueup data checkout {name}@{MAIN}",
                )
            table.drop_branch(unit.connection, name, branch)
            last = f"data:{name}@{known[branch].version}"
            unit.emit("data.branch-deleted", f"data:{name}@{branch}", before=last)
            return known[branch]

    def merge(
        self,
        actor: Actor,
        name: str,
        root: Path,
        theirs: str,
        *,
        prefer: Prefer = "",
        without_base: bool = False,
        message: str = "",
    ) -> DatasetVersion:
        """Bring the changes of another branch into the branch that the work files are on.

        Args:
            actor: Who.
            name: The dataset.
            root: The project's folder.
            theirs: The other branch, or a version.
            prefer: Whose file to take where both changed the same one differently.
            without_base: Do not ask what both come from: each file of either side stays, so that
                files that one side removed come back.
            message: Why.

        Returns:
            The version that has both; the work files stay as they are until it is checked out.

        Raises:
            ConflictError: Both sides changed the same files differently; nothing was written.
            NotFoundError: The bytes of a side are not here, or the list of what both come from.
        """
        with self._state.read(actor, "data.write") as connection:
            found = taking.known(connection, name, root)
            ours = find(connection, name, found.position.branch)
            other = find(connection, name, theirs)
            parents = table.parents(connection, name)
            nearest = merging.ancestor(parents, ours.version, other.version)
            base = table.version(connection, name, nearest) if nearest else None
            for each in (ours, other):
                taking.check_here(connection, self._state.blobs, each)
            is_apart = nearest not in (ours.version, other.version)
            if base is not None and is_apart and not without_base:
                try:
                    taking.check_here(connection, self._state.blobs, base)
                except NotFoundError as error:
                    raise merging.no_base(error, ours, other, theirs) from error
        if nearest == other.version:
            return ours
        if nearest == ours.version:
            return self._forward(actor, found, ours, other)
        blobs = self._state.blobs
        with locking.keeping(root):
            before = base.digest if base is not None and not without_base else ""
            merged = merging.merge(blobs, before, ours.digest, other.digest, prefer)
            merging.check(merged, ours, other, theirs)
            with blobs.batch() as batch:
                entries = merging.apply(manifest.entries(blobs, ours.digest), merged.changes)
                digest = manifest.build(entries, batch)
            seen = found._replace(based_on=ours)
            kept = taking.described(blobs, seen, digest)
            why = message or f"merge of {theirs}"
            with self._state.write(actor, "data.write") as unit:
                taking.check_head(unit.connection, found, ours.version)
                how = taking.Making(is_file=ours.is_file, message=why, merged=(other.version,))
                return taking.write_down(unit, blobs, seen, kept, how)

    def _forward(
        self, actor: Actor, found: Known, ours: DatasetVersion, other: DatasetVersion
    ) -> DatasetVersion:
        """Our branch has nothing of its own: it becomes theirs."""
        branch = found.position.branch
        with self._state.write(actor, "data.write") as unit:
            taking.check_head(unit.connection, found, ours.version)
            table.point(unit.connection, found.name, branch, other.version)
            subject = f"data:{found.name}@{branch}"
            unit.emit("data.branch-moved", subject, before=ours.ref, after=other.ref)
        return other
