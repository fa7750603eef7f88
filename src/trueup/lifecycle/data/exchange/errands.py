"""What a push has to do: which branches move in the remote, and which versions go there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import sqlalchemy as sa

from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.data import table
from trueup.lifecycle.data.branching import merging
from trueup.lifecycle.data.exchange import marks, published, walking
from trueup.lifecycle.data.exchange.published import Head
from trueup.lifecycle.data.records import DatasetVersion, Forgotten
from trueup.ports.blobs import Blobs
from trueup.state.remotes.remote import Remote


class Local(NamedTuple):
    """A dataset as it is here.

    Attributes:
        name: Its name.
        versions: Its versions, by number.
        branches: The newest version of each branch.
        known: The records of versions that remotes know.
        records: Digest and bytes of the record of every version.
        forgotten: The versions whose bytes are needed no more.
    """

    name: str
    versions: dict[int, DatasetVersion]
    branches: dict[str, int]
    known: dict[int, str]
    records: dict[int, tuple[str, bytes]]
    forgotten: dict[int, Forgotten]

    def lineage(self, version: int) -> set[int]:
        """A version and all that it comes from."""
        parents = {number: each.parents for number, each in self.versions.items()}
        return merging.ancestors(parents, version)

    def number_of(self, record: str) -> int:
        """The version of a record; 0 if it is not here."""
        return next((n for n, (digest, _) in self.records.items() if digest == record), 0)


class BranchThere(NamedTuple):
    """A branch here and in the remote.

    Attributes:
        name: Its name.
        here: Its newest version here.
        there: The newest version in the remote, by its number here; 0 if there is none.
        tag: The state of the remote's record of it.
    """

    name: str
    here: int
    there: int
    tag: str


class Errand(NamedTuple):
    """What is to be pushed of a dataset.

    Attributes:
        local: The dataset as it is here.
        branches: Its branches here and in the remote.
        is_whole: Whether all versions are looked at, also those that the remote should have.
        gone: Versions that were forgotten in the remote, and shall stay so.
        again: Versions that were forgotten in the remote, and a branch shall begin at them.
    """

    local: Local
    branches: list[BranchThere]
    is_whole: bool = False
    gone: frozenset[int] = frozenset()
    again: frozenset[int] = frozenset()

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self.ahead and not self.is_whole

    @property
    def ahead(self) -> list[BranchThere]:
        """The branches that shall move in the remote."""
        return [branch for branch in self.branches if branch.there != branch.here]

    @property
    def shared(self) -> set[int]:
        """The versions that need not be looked at: what branches of the remote come from."""
        if self.is_whole:
            return set()
        there = [self.local.lineage(branch.there) for branch in self.branches if branch.there]
        return set().union(*there)

    @property
    def new(self) -> list[int]:
        """The versions to send, oldest first."""
        moving = self.branches if self.is_whole else self.ahead
        wanted = [self.local.lineage(branch.here) for branch in moving]
        return sorted((set().union(*wanted) - self.shared - self.gone) | self.again)


def listed(there: Remote) -> dict[str, list[str]]:
    """The datasets and branches of a remote."""
    found: dict[str, list[str]] = {}
    for name in sorted(there.list_records(published.KIND)):
        dataset, _, branch = name.partition("/")
        found.setdefault(dataset, []).append(branch)
    return found


def head_there(there: Remote, dataset: str, branch: str) -> tuple[Head | None, str]:
    """What a branch of the remote points at, and the tag of that; None if there is none."""
    held = there.get_record(published.KIND, f"{dataset}/{branch}")
    if held is None:
        return None, ""
    return published.read_head(held.raw, dataset, branch), held.tag


def chosen(connection: sa.Connection, names: Iterable[str]) -> list[str]:
    """The datasets to push.

    Raises:
        NotFoundError: There is no version of one.
    """
    known = table.names(connection)
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in known:
            raise NotFoundError(
                "dataset-not-found",
                f"There is no version of a dataset '{name}'.{did_you_mean(name, known)}",
                hint="trueup data list",
            )
    return wanted or known


def local_of(connection: sa.Connection, name: str) -> Local:
    """A dataset as it is here."""
    versions = {each.version: each for each in table.versions(connection, name)}
    known = table.records(connection, name)
    return Local(
        name,
        versions,
        {each.branch: each.version for each in table.branches(connection, name)},
        known,
        published.records_of(versions.values(), known),
        table.forgotten(connection, name),
    )


def errands_of(
    there: Remote, here: Iterable[Local], *, is_whole: bool = False, asks_marks: bool = True
) -> list[Errand]:
    """What is to be pushed.

    Args:
        there: The remote.
        here: The datasets as they are here.
        is_whole: Look at all versions, also at those that the remote should have.
        asks_marks: Leave out versions that were forgotten there, even if all are looked at.

    Raises:
        ConflictError: A branch of the remote holds versions that are not in this one.
    """
    errands = []
    for local in here:
        branches = []
        for branch, newest in local.branches.items():
            head, tag = head_there(there, local.name, branch)
            number = local.number_of(head.record) if head else 0
            if head and newest not in local.lineage(number) and number not in local.lineage(newest):
                raise _apart(local, branch, number, head)
            # Where the remote is ahead there is nothing to push.
            ahead = newest if number and newest in local.lineage(number) else 0
            branches.append(BranchThere(branch, number if ahead else newest, number, tag))
        errand = Errand(local, branches, is_whole)
        old = frozenset(branch.here for branch in errand.ahead) & errand.shared
        if old or (is_whole and asks_marks):
            there_gone = marks.marked(there, local.name)
            gone = frozenset(n for n, (record, _) in local.records.items() if record in there_gone)
            again = gone & {branch.here for branch in errand.ahead}
            errand = errand._replace(gone=gone - again if asks_marks else frozenset(), again=again)
        errands.append(errand)
    return errands


def _apart(local: Local, branch: str, there: int, head: Head) -> ConflictError:
    subject = f"data:{local.name}@{branch}"
    if there:
        return ConflictError(
            "branch-apart",
            f"{subject} went apart: here it is at {local.versions[local.branches[branch]].ref}, "
            f"in the remote at {local.versions[there].ref}.",
            hint=f"trueup data merge {local.name} {there}",
        )
    return ConflictError(
        "branch-apart",
        f"{subject} of the remote has versions that are not here; the newest was pushed by "
        f"{head.pushed_by}.",
        hint=f"trueup data pull {local.name}",
    )


def wanted_of(there: Remote, blobs: Blobs, errand: Errand) -> Iterator[str]:
    """All blobs of what is to be sent, and the records of the versions."""
    local = errand.local
    shared = [
        local.versions[branch.there].digest
        for branch in errand.branches
        if branch.there and not errand.is_whole
    ]
    versions = [local.versions[number] for number in errand.new if number not in local.forgotten]
    yield from walking.to_send(blobs, there, versions, shared)
    yield from (local.records[number][0] for number in errand.new)


def moves_of(errands: Iterable[Errand]) -> dict[str, str]:
    """The branches that move in the remote, and the versions they move to."""
    return {
        f"data:{errand.local.name}@{branch.name}": errand.local.versions[branch.here].ref
        for errand in errands
        for branch in errand.ahead
    }
