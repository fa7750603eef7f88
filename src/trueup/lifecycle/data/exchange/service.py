"""Push and pull: versions and branches of data go to a remote and come from one.

What lies below a branch of the remote is there whole, for a collector keeps it; so only shards
that no such branch holds are walked. Read `published.py` for what a remote says of versions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError, TrueupError
from trueup.foundation.records import Record, encode
from trueup.foundation.references import Reference
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.data import table
from trueup.lifecycle.data.exchange import marks, published, refetching, remotes, walking
from trueup.lifecycle.data.exchange.errands import (
    Errand,
    Local,
    chosen,
    errands_of,
    head_there,
    listed,
    local_of,
    moves_of,
    wanted_of,
)
from trueup.lifecycle.data.exchange.receiving import Received, receive
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.service import find
from trueup.lifecycle.data.upkeep import locking
from trueup.ports.blobs import Blobs
from trueup.state.remotes.records import Progress, Repaired, Transferred, nothing
from trueup.state.remotes.remote import Remote
from trueup.state.unit import State

# A collector or another push may come between: then the same is done again.
_ROUNDS: Final = 5
_PART: Final = 2000


class Pushed(Record):
    """What a push did, or would do.

    Attributes:
        remote: Name of the remote.
        branches: The branches that moved there, such as `data:flights@main`, and their versions.
        moved: What was sent; in a dry run, at most what would be.
        done: Whether anything was written, rather than only looked at.
        repaired: What was damaged there and is so no more, if that was asked for.
    """

    remote: str
    branches: dict[str, str]
    moved: Transferred
    done: bool = True
    repaired: Repaired | None = None


class Pulled(Record):
    """What a pull brought.

    Attributes:
        remote: Name of the remote.
        received: Versions that are new here, branches that moved, and branches that went apart.
        fetched: The versions whose bytes are here now.
        moved: What was fetched.
        repaired: What was damaged or missing here and was fetched again, if that was asked for.
    """

    remote: str
    received: tuple[Received, ...]
    fetched: tuple[str, ...]
    moved: Transferred
    repaired: tuple[str, ...] = ()


class Place(Record):
    """A remote of the project.

    Attributes:
        name: What it is called here.
        url: Where it is.
        datasets: The datasets that it holds.
        problem: Why it cannot be used, if it cannot.
    """

    name: str
    url: str
    datasets: tuple[str, ...] = ()
    problem: str = ""


class Exchange:
    """Verbs between this project and its remotes."""

    def __init__(self, state: State, root: Path, home: Path) -> None:
        self._state = state
        self._root = root
        self._cache = home / "cache" / "remotes"

    def push(
        self,
        actor: Actor,
        names: Iterable[str] = (),
        remote: str = "",
        *,
        whole: bool = False,
        repair: bool = False,
        dry_run: bool = False,
        progress: Progress = nothing,
    ) -> Pushed:
        """Send the branches of datasets, with all versions that they come from.

        Args:
            actor: Who.
            names: Datasets; all of them without.
            remote: Name of a remote; the default one without.
            whole: Look for everything that the remote should have, and send what it lacks.
            repair: Read everything there first, and take out what is damaged.
            dry_run: Say what would be sent, at most.
            progress: Told how many more blobs and bytes were sent.

        Raises:
            NotFoundError: There is no such dataset or remote, or bytes are not here.
            ConflictError: A branch of the remote has versions that this one does not come from.
            DeniedError: The actor or the credentials may not.
        """
        with self._state.read(actor, "data.write") as connection:
            here = [local_of(connection, name) for name in chosen(connection, names)]
        with remotes.opened(self._root, self._cache, remote) as (name, there):
            if dry_run:
                return _foreseen(
                    name, there, self._state.blobs, errands_of(there, here, is_whole=whole)
                )
            moves: dict[str, str] = {}
            repaired: Repaired | None = None
            if repair:
                repaired = there.repair(_known_here(here), progress, actor.name)
            for _ in range(_ROUNDS):
                errands = errands_of(there, here, is_whole=whole or repair, asks_marks=not whole)
                moves |= moves_of(errands)
                moved = self._send(actor, there, errands, progress)
                if moved is not None:
                    self._note(actor, name, errands, moves)
                    return Pushed(remote=name, branches=moves, moved=moved, repaired=repaired)
            raise ConflictError(
                "remote-busy",
                f"The remote {there.shown} kept changing while this was pushed.",
                hint="run the same command again",
            )

    def pull(
        self,
        actor: Actor,
        wanted: Iterable[Reference] = (),
        remote: str = "",
        *,
        repair: bool = False,
        progress: Progress = nothing,
    ) -> Pulled:
        """Learn all versions and branches of datasets, and fetch the bytes of some.

        Args:
            actor: Who.
            wanted: Datasets, of which the newest versions are fetched, or versions; all datasets
                without.
            remote: Name of a remote; the default one without.
            repair: Read everything here first, and fetch what is damaged or missing.
            progress: Told how many more blobs and bytes were fetched.

        Raises:
            NotFoundError: There is no such dataset, version or remote.
            BackendError: What arrived is damaged, or the disk is full.
        """
        with self._state.read(actor, "data.write"):
            pass  # the permission alone: what is here is looked at later
        with remotes.opened(self._root, self._cache, remote) as (name, there):
            there.refresh()
            refs = listed(there)
            asked = list(wanted) or [Reference(kind="data", name=dataset) for dataset in refs]
            repaired: tuple[str, ...] = ()
            mended = Transferred()
            if repair:
                repaired, mended = self._mend(actor, there, asked, progress)
            received = {
                dataset: self._receive(actor, there, dataset, refs)
                for dataset in dict.fromkeys(reference.name for reference in asked)
            }
            with self._state.read(actor) as connection:
                versions = [
                    version
                    for reference in asked
                    for version in _meant(connection, reference, received[reference.name])
                ]
                have = table.held_roots(connection)
            with locking.keeping(self._root):
                try:
                    moved = walking.fetch(there, self._state.blobs, versions, have, progress)
                except NotFoundError as error:
                    raise self._never_there(actor, there, versions) or error from error
        with self._state.write(actor, "data.write") as unit:
            for version in versions:
                if table.note_held(unit.connection, version.name, version.version):
                    unit.emit(
                        "data.pulled", version.ref, after=version.digest, data={"remote": name}
                    )
        return Pulled(
            remote=name,
            received=tuple(each for each in received.values() if each.is_news),
            fetched=tuple(dict.fromkeys(version.ref for version in versions)),
            moved=moved.plus(mended),
            repaired=repaired,
        )

    def remotes(self, actor: Actor) -> list[Place]:
        """The remotes of the project, each asked once."""
        with self._state.read(actor):
            pass  # the permission alone: they stand in trueup.toml
        found = []
        for named in remotes.known(self._root):
            try:
                with Remote(named.url, self._cache) as there:
                    datasets = tuple(listed(there))
                    found.append(Place(name=named.name, url=there.shown, datasets=datasets))
            except TrueupError as error:
                url = named.url if error.code != "remote-url" else ""
                found.append(Place(name=named.name, url=url, problem=error.message))
        return found

    def _mend(
        self, actor: Actor, there: Remote, asked: Iterable[Reference], progress: Progress
    ) -> tuple[tuple[str, ...], Transferred]:
        """Fetch again what is damaged or missing below the versions whose bytes are here."""
        with self._state.read(actor) as connection:
            names = {reference.name for reference in asked}
            kept = [each for name in names for each in table.held(connection, name)]
        with locking.keeping(self._root):
            return refetching.refetch(self._state.blobs, there, kept, progress)

    def _never_there(
        self, actor: Actor, there: Remote, versions: Iterable[DatasetVersion]
    ) -> NotFoundError | None:
        """The error about the first version that the remote never had; None if it had all."""
        with self._state.read(actor) as connection:
            known = [(each, table.records(connection, each.name)) for each in versions]
        for each, records in known:
            record = records.get(each.version, "")
            if record and (error := marks.lacking(there, each.ref, record, each.name)):
                return error
        return None

    def _send(
        self, actor: Actor, there: Remote, errands: list[Errand], progress: Progress
    ) -> Transferred | None:
        """Send what is new, then move the branches; None if the remote changed meanwhile."""
        if all(errand.is_idle for errand in errands):
            return Transferred()
        blobs = self._state.blobs
        for errand in errands:
            for raw in (errand.local.records[number][1] for number in errand.new):
                if raw:
                    blobs.put(raw)
        doubting = any(errand.is_whole for errand in errands)
        wanted = _all_wanted(there, blobs, errands)
        moved = there.push(blobs, wanted, progress, doubting=doubting)
        if not there.settled():
            return None
        for errand in errands:
            _mark(there, errand)
            for branch in errand.ahead:
                lineage = errand.local.lineage(branch.here)
                head = published.head_of(errand.local.records, lineage, actor.name, clock.now())
                path = f"{errand.local.name}/{branch.name}"
                if (
                    there.put_record(published.KIND, path, encode(head), expected=branch.tag)
                    is None
                ):
                    return None
        while not there.settled():  # a collector began in this very moment
            moved = moved.plus(there.push(blobs, _all_wanted(there, blobs, errands), progress))
        return moved

    def _note(
        self, actor: Actor, remote: str, errands: list[Errand], moves: dict[str, str]
    ) -> None:
        """Remember what the remote calls the versions now."""
        if not moves:
            return
        with self._state.write(actor, "data.write") as unit:
            for errand in errands:
                local = errand.local
                known = table.records(unit.connection, local.name)
                for number in {n for b in errand.branches for n in local.lineage(b.here)}:
                    if number not in known:
                        record = local.records[number][0]
                        table.note_record(unit.connection, local.name, number, record, is_held=True)
            for subject, ref in moves.items():
                unit.emit("data.pushed", subject, after=ref, data={"remote": remote})

    def _receive(
        self, actor: Actor, there: Remote, dataset: str, refs: dict[str, list[str]]
    ) -> Received:
        if dataset not in refs:
            raise NotFoundError(
                "remote-dataset",
                f"The remote {there.shown} has no dataset '{dataset}'."
                f"{did_you_mean(dataset, refs)}",
                hint=f"trueup data push {dataset}   (in the project that has it)",
            )
        heads = {
            branch: head
            for branch in refs[dataset]
            if (head := head_there(there, dataset, branch)[0]) is not None
        }
        with self._state.read(actor) as connection:
            local = local_of(connection, dataset)
        known = [digest for digest, _ in local.records.values()]
        with locking.keeping(self._root):
            with self._state.blobs.batch() as batch:  # so that another remote can have them
                records = published.read_records(there, heads.values(), known, batch.put)
            return receive(self._state, actor, self._root, dataset, heads, records)


def _mark(there: Remote, errand: Errand) -> None:
    """Say of versions that were forgotten here, and of which the remote has nothing, that it is so.

    Whoever has one after all takes the mark away by a push of everything.
    """
    local = errand.local
    new = {*errand.new}
    for number in local.forgotten.keys() & new:
        if not there.has([local.versions[number].digest]):
            marks.put(there, local.records[number][0], local.forgotten[number])
    if errand.is_whole or errand.again:
        sent = {local.records[number][0] for number in new - local.forgotten.keys()}
        marks.take_away(there, local.name, sent & marks.marked(there, local.name))


def _known_here(here: list[Local]) -> Callable[[str], bool]:
    """Whether a damaged record may go: a branch that is here, or the result of a step."""
    branches = {
        f"{published.KIND}/{local.name}/{each}" for local in here for each in local.branches
    }
    return lambda path: path in branches or not path.startswith(f"{published.KIND}/")


def _meant(
    connection: sa.Connection, reference: Reference, received: Received
) -> list[DatasetVersion]:
    """The versions whose bytes are wanted: the one that is named, else the newest of branches."""
    if reference.selector:
        return [find(connection, reference.name, reference.selector)]
    there = {apart.there for apart in received.apart}
    newest = {each.version for each in table.branches(connection, reference.name)}
    newest |= {int(ref.rpartition("@")[2]) for ref in there}
    return [each for each in table.versions(connection, reference.name) if each.version in newest]


def _all_wanted(there: Remote, blobs: Blobs, errands: Iterable[Errand]) -> Iterator[str]:
    return itertools.chain.from_iterable(
        wanted_of(there, blobs, errand) for errand in errands if not errand.is_idle
    )


def _foreseen(name: str, there: Remote, blobs: Blobs, errands: list[Errand]) -> Pushed:
    """What a push would send, at most: of large files only the changed chunks travel."""
    count = size = known = 0
    each = _all_wanted(there, blobs, errands)
    while part := list(dict.fromkeys(itertools.islice(each, _PART))):
        lacking = set(part) - there.could_have(part)
        known += len(part) - len(lacking)
        count += len(lacking)
        size += sum(blobs.sizes(lacking).values())
    moved = Transferred(blobs=count, size=size, known=known)
    return Pushed(remote=name, branches=moves_of(errands), moved=moved, done=False)
