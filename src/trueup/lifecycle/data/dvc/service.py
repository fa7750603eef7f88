"""The verb of taking over: an output of DVC becomes a version of a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from trueup.foundation import threads
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError
from trueup.lifecycle.data import manifest, rules, table, tables
from trueup.lifecycle.data.dvc.layout import Output
from trueup.lifecycle.data.dvc.repository import Bytes, Repository
from trueup.lifecycle.data.records import EXECUTABLE, MAIN, PLAIN, DatasetVersion, Entry
from trueup.lifecycle.data.upkeep import locking
from trueup.lifecycle.data.worktree import positions
from trueup.lifecycle.data.worktree.positions import Position
from trueup.ports.blobs import Batch
from trueup.state.unit import State

_THREADS: Final = min(8, (os.cpu_count() or 1) + 2)


class Wanted(NamedTuple):
    """An output, and what it is to become.

    Attributes:
        output: What DVC says.
        name: Name of the dataset.
        path: Its place in the project.
        message: Why: the words of the commit.
        is_here: Whether the project's own files at that place are DVC's.
    """

    output: Output
    name: str
    path: str
    message: str = ""
    is_here: bool = False


class Taken(NamedTuple):
    """What became of an output: a version, or how many files are missing (-1: even their list)."""

    version: DatasetVersion | None
    is_new: bool = False
    missing: int = 0


class _File(NamedTuple):
    path: str
    md5: str
    work: Path


class DvcOutputs:
    """Outputs of DVC repositories, taken over without a second copy of what is kept."""

    def __init__(self, state: State) -> None:
        self._state = state

    def take(
        self,
        actor: Actor,
        repository: Repository,
        wanted: Wanted,
        root: Path,
        progress: Callable[[int], None] | None = None,
    ) -> Taken:
        """Make an output the next version of its dataset, unless it is the newest already.

        Every file is checked against its MD5 while it is given its own address. Nothing is kept
        of an output of which a file is missing.

        Args:
            actor: Who.
            repository: Where it lies.
            wanted: What it becomes.
            root: The project's folder.
            progress: Told of every file that was kept.

        Raises:
            UsageError: A list of files is not what DVC writes.
            ConflictError: A file changed while it was read.
            DeniedError: The actor may not write data.
        """
        with self._state.read(actor, "data.write"):
            pass  # before hours of reading
        output = wanted.output
        files = _files(repository, output)
        if files is None:
            return Taken(None, missing=-1)
        with threads.pool(_THREADS, "import") as pool:
            found = list(
                pool.map(
                    lambda file: repository.find(file.md5, is_old=output.is_old, work=file.work),
                    files,
                )
            )
            if missing := found.count(None):
                return Taken(None, missing=missing)
            with locking.keeping(root):
                with self._state.blobs.batch() as batch:
                    pairs = zip(files, found, strict=True)
                    entries = list(
                        pool.map(lambda pair: _kept(batch, pair[0], pair[1], progress), pairs)
                    )
                    digest = manifest.build(sorted(entries, key=lambda entry: entry.path), batch)
                return self._version(actor, wanted, digest, entries, root)

    def _version(
        self, actor: Actor, wanted: Wanted, digest: str, entries: list[Entry], root: Path
    ) -> Taken:
        content = tables.of_version(self._state.blobs, digest, None, wanted.path, strict=False)
        with self._state.write(actor, "data.write") as unit:
            head = table.head(unit.connection, wanted.name, MAIN)
            for same in table.with_digests(unit.connection, [digest]):
                # The same content came back: another commit is another version.
                again = same == head or (wanted.message and same.message == wanted.message)
                if same.name == wanted.name and again:
                    return Taken(same)
            newest = table.latest(unit.connection, wanted.name)
            taken = DatasetVersion(
                name=wanted.name,
                version=newest.version + 1 if newest else 1,
                digest=digest,
                path=wanted.path,
                is_file=not wanted.output.is_folder,
                files=len(entries),
                size=sum(entry.size for entry in entries),
                rows=content.rows,
                columns=content.columns,
                parents=(head.version,) if head else (),
                message=wanted.message,
                taken_by=actor.name,
                taken_at=unit.at,
            )
            table.insert(unit.connection, taken)
            table.point(unit.connection, wanted.name, MAIN, taken.version)
            changed = manifest.difference(self._state.blobs, head.digest if head else "", digest)
            unit.emit(
                "data.imported",
                taken.ref,
                before=head.digest if head else "",
                after=digest,
                why=wanted.message,
                data=rules.change(head, taken, changed) | {"md5": wanted.output.md5},
            )
        if wanted.is_here:
            stands = Position(branch=MAIN, version=taken.version, digest=digest)
            positions.stand(root, wanted.name, stands)
        return Taken(taken, is_new=True)


def _files(repository: Repository, output: Output) -> list[_File] | None:
    work = repository.top / output.path
    if not output.is_folder:
        return [_File(work.name, output.md5, work)]
    listed = repository.listed(output)
    if listed is None:
        return None
    for each in listed:
        rules.check_path(each.path)
    return [_File(each.path, each.md5, work / each.path) for each in listed]


def _kept(
    batch: Batch, file: _File, found: Bytes | None, progress: Callable[[int], None] | None
) -> Entry:
    assert found is not None  # an output of which a file is missing is not kept
    digest = batch.put_file(found.place)
    if digest != found.digest:
        raise ConflictError(
            "dvc-file-changed",
            f"{found.place.name} changed while it was read.",
            hint="dvc status",
        )
    if progress is not None:
        progress(found.size)
    # DVC keeps no modes; the work tree may.
    mode = EXECUTABLE if os.access(file.work, os.X_OK) else PLAIN
    return Entry(file.path, digest, found.size, mode)
