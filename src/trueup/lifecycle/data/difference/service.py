"""The verb of differences: two states of data, each a version or files of the work tree."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.lifecycle.data import manifest, taking
from trueup.lifecycle.data.difference.records import (
    Cost,
    DataDifference,
    FileChange,
    FilesDifference,
    Side,
    TableDifference,
)
from trueup.lifecycle.data.records import LINK, Change, DatasetVersion, Entry
from trueup.lifecycle.data.service import find
from trueup.lifecycle.data.worktree import tree
from trueup.ports.blobs import Blobs
from trueup.state.unit import State

Source = DatasetVersion | str
"""A version, or a path relative to the project."""

_LISTED: Final = 200
# Smaller blobs may lie in packs: they are written out instead of asked for as a file.
_SMALL: Final = 64 << 10


class Differences:
    """What differs between two states of data."""

    def __init__(self, state: State) -> None:
        self._state = state

    def compare(
        self,
        actor: Actor,
        before: Source,
        after: Source,
        root: Path,
        *,
        key: Sequence[str] = (),
        rows: int = 0,
    ) -> DataDifference:
        """Compare files, and the table that they hold if they hold one.

        Args:
            actor: Who asks.
            before: The first state.
            after: The second state.
            root: The project's folder; no file outside it is read.
            key: Columns that tell rows apart; looked for without them.
            rows: How many differing rows of each kind to show.

        Raises:
            UsageError: A path leads out of the project, a file is no readable table, or a key
                column is not in both tables.
            NotFoundError: There is nothing at a path, or the bytes of a version are not here.
            DeniedError: The actor may not read.
        """
        blobs = self._state.blobs
        with self._state.read(actor) as connection:
            for each in (before, after):
                if isinstance(each, DatasetVersion):
                    taking.check_here(connection, blobs, each)
        started = time.perf_counter()
        first, second = _state_of(blobs, before, root), _state_of(blobs, after, root)
        changes = list(_changes(blobs, first, second))
        table, why_not = None, "no table file differs"
        if any(_is_table(each) for change in changes for each in (change.before, change.after)):
            table, why_not = _tables(first, second, key, rows)
        return DataDifference(
            before=first.side,
            after=second.side,
            files=_files(changes, first.side.files),
            table=table,
            why_no_table=why_not,
            cost=Cost(seconds=time.perf_counter() - started, peak_bytes=_peak()),
        )

    def between(
        self,
        actor: Actor,
        name: str,
        root: Path,
        before: str = "",
        after: str = "",
        *,
        key: Sequence[str] = (),
    ) -> DataDifference:
        """Compare two versions of one dataset.

        Args:
            actor: Who asks.
            name: The dataset.
            root: The project's folder.
            before: Number, digest or branch; the version before `after` without it.
            after: The same of the second state; the newest without it.
            key: Columns that tell rows apart.

        Raises:
            NotFoundError: There is no such version.
            UsageError: A file is no readable table, or a key column is not in both tables.
        """
        with self._state.read(actor) as connection:
            second = find(connection, name, after)
            first = find(connection, name, before or str(max(second.version - 1, 1)))
        return self.compare(actor, first, second, root, key=key)


class _State:
    """One state: what files it has, and where their bytes lie."""

    side: Side
    digest = ""

    def entries(self) -> Iterable[Entry]:
        raise NotImplementedError

    def place(self, entry: Entry, scratch: Path) -> Path:
        raise NotImplementedError


class _Version(_State):
    def __init__(self, blobs: Blobs, version: DatasetVersion) -> None:
        self._blobs = blobs
        self.digest = version.digest
        self.side = Side(
            label=version.ref, digest=version.digest, files=version.files, size=version.size
        )

    def entries(self) -> Iterable[Entry]:
        return manifest.entries(self._blobs, self.digest)

    def place(self, entry: Entry, scratch: Path) -> Path:
        if entry.size < _SMALL:
            path = scratch / entry.digest.removeprefix(digests.PREFIX)
            path.write_bytes(self._blobs.get(entry.digest))
            return path
        path = self._blobs.local_path(entry.digest)
        if digests.of_file(path) != entry.digest:
            raise BackendError(
                "blob-damaged",
                f"The stored bytes of {digests.short(entry.digest)} no longer match their digest.",
                hint="trueup doctor",
                context={"digest": entry.digest},
            )
        return path


class _Work(_State):
    """Files of the work tree; one is hashed only if the other side has one as long there."""

    def __init__(self, root: Path, path: str) -> None:
        self._place = tree.inside(root, path, path)
        if not os.path.lexists(self._place):
            raise NotFoundError(
                "path-not-found", f"There is nothing at '{path}'.", hint=f"ls '{path}'"
            )
        self._found = list(tree.walk(self._place, path, links="keep"))
        self._is_file = self._place.is_file()
        self.lengths: dict[str, int] = {}
        self.side = Side(
            label=path,
            digest="",
            files=len(self._found),
            size=sum(found.size for found in self._found),
        )

    def entries(self) -> Iterator[Entry]:
        for found in self._found:
            digest = ""
            if self.lengths.get(found.path) == found.size:
                digest = _digest(self._at(found.path), found.mode)
            yield Entry(found.path, digest, found.size, found.mode)

    def place(self, entry: Entry, scratch: Path) -> Path:
        return self._at(entry.path)

    def _at(self, path: str) -> Path:
        return self._place if self._is_file else self._place / path


def _state_of(blobs: Blobs, source: Source, root: Path) -> _State:
    return _Work(root, source) if isinstance(source, str) else _Version(blobs, source)


def _digest(path: Path, mode: int) -> str:
    if mode == LINK:
        return digests.of_bytes(os.fsencode(path.readlink()))
    return digests.of_file(path)


def _changes(blobs: Blobs, before: _State, after: _State) -> Iterator[Change]:
    if before.digest and after.digest:
        return manifest.difference(blobs, before.digest, after.digest)
    for one, other in ((before, after), (after, before)):
        if isinstance(one, _Work):
            one.lengths = {entry.path: entry.size for entry in other.entries()}
    return manifest.changes(before.entries(), after.entries())


def _files(changes: Sequence[Change], files_before: int) -> FilesDifference:
    kinds = [change.kind for change in changes]
    return FilesDifference(
        added=kinds.count("added"),
        removed=kinds.count("removed"),
        changed=kinds.count("changed"),
        same=files_before - kinds.count("removed") - kinds.count("changed"),
        listed=tuple(
            FileChange(
                path=change.path,
                state=change.kind,  # type: ignore[arg-type]
                size_before=None if change.before is None else change.before.size,
                size_after=None if change.after is None else change.after.size,
            )
            for change in changes[:_LISTED]
        ),
    )


def _is_table(entry: Entry | None) -> bool:
    from trueup.lifecycle.data.difference import sides  # loads the data frame library

    return entry is not None and entry.mode != LINK and sides.is_table(entry.path)


def _tables(
    before: _State, after: _State, key: Sequence[str], rows: int
) -> tuple[TableDifference | None, str]:
    from trueup.lifecycle.data.difference import sides, tables

    with tempfile.TemporaryDirectory(prefix="trueup-diff-") as folder:
        scratch = Path(folder)
        files = [
            [
                sides.TableFile(entry.path, state.place(entry, scratch))
                for entry in state.entries()
                if _is_table(entry)
            ]
            for state in (before, after)
        ]
        for state, found in zip((before, after), files, strict=True):
            if not found:
                return None, f"{state.side.label} has no table file"
        (scratch / "text").mkdir()
        try:
            opened = sides.open_tables(files[0], files[1], scratch / "text")
        except UsageError as error:
            if error.code != "dataset-not-one-table":
                raise
            return None, error.message
        return tables.compare(*opened, key, rows), ""


def _peak() -> int:
    try:
        import resource
    except ImportError:  # Windows does not tell
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
