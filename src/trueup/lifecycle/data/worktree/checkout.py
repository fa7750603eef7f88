"""Making the work files a version: first everything is looked at, then everything is done.

Nothing that is kept nowhere is overwritten or removed. A checkout that was killed is finished by
running it again: each file is replaced atomically, and what is right already is left alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from trueup.foundation.errors import BackendError, ConflictError
from trueup.foundation.records import Record
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, DatasetVersion, Entry
from trueup.lifecycle.data.worktree import comparing, linking
from trueup.lifecycle.data.worktree.keeping import Progress, nothing
from trueup.lifecycle.data.worktree.reading import Source
from trueup.lifecycle.data.worktree.statcache import Known, StatCache
from trueup.lifecycle.data.worktree.tree import Found, found_at
from trueup.ports.blobs import Blobs, Link, Wanted

_AT_ONCE: Final = 2_000
_PERMISSIONS: Final = 0o777


class Moves(Record, kw_only=True):
    """What a checkout does, or would do.

    Attributes:
        ref: The version.
        path: Where it lies.
        written: Files that are made or replaced.
        removed: Files that are removed, because the version lacks them and they are kept.
        left: Files that neither the version has nor any version keeps: they stay.
        same: How many files are right already.
        size: Bytes written.
    """

    ref: str
    path: str
    written: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    same: int = 0
    size: int = 0


class Prepared(NamedTuple):
    """What is to be done, with what was seen when it was decided."""

    write: list[tuple[Entry, Found | None]]
    remove: list[Found]
    left: list[str]
    same: list[str]
    lost: list[str]  # changed, and kept nowhere


class _Undecided(NamedTuple):
    known: Known
    target: Entry | None
    was: Entry | None


def prepare(
    source: Source,
    walked: Iterable[Known],
    before: Iterable[Entry],
    target: Iterable[Entry],
    kept_anywhere: Callable[[set[str]], set[str]],
    cache: StatCache,
) -> Prepared:
    """Decide what to do about every file.

    Args:
        source: The dataset's place.
        walked: The files that lie there.
        before: The entries of the version that they are said to be.
        target: The entries of the version that they shall be.
        kept_anywhere: Which of some digests any version of the dataset holds.
        cache: Remembers what was read.

    Raises:
        BackendError: The version names a path that may not be written.
    """
    plan = Prepared([], [], [], [], [])
    undecided: list[_Undecided] = []
    works = (_Work(known.found.path, known) for known in walked)
    for work, was, entry in comparing.lined_up(works, before, target):
        if entry is not None:
            rules.check_path(entry.path)
        if work is None:
            if entry is not None:
                plan.write.append((entry, None))
            continue
        known = work.known
        if entry is not None and _is_same(known, entry):
            plan.same.append(known.found.path)
        elif was is not None and known.digest == was.digest and known.found.mode != LINK:
            _replace(plan, known.found, entry)
        else:
            undecided.append(_Undecided(known, entry, was))
    _decide(plan, source, undecided, kept_anywhere, cache)
    return plan


def _decide(
    plan: Prepared,
    source: Source,
    undecided: list[_Undecided],
    kept_anywhere: Callable[[set[str]], set[str]],
    cache: StatCache,
) -> None:
    """Decide about files whose digest must be read, or is not the one of the version before."""
    expected = [item.target or item.was for item in undecided]
    now = list(
        comparing.read(
            source,
            [item.known._replace(digest="") for item in undecided],
            [entry for entry in expected if entry is not None],
            cache,
        )
    )
    open_ = {
        entry.digest
        for item, entry in zip(undecided, now, strict=True)
        if item.was is None or item.was.digest != entry.digest
    }
    kept = kept_anywhere(open_) if open_ else set()
    for item, entry in zip(undecided, now, strict=True):
        found = item.known.found
        if item.target is not None and (entry.digest, entry.mode) == (
            item.target.digest,
            item.target.mode,
        ):
            plan.same.append(found.path)
        elif (item.was is not None and item.was.digest == entry.digest) or entry.digest in kept:
            _replace(plan, found, item.target)
        elif item.target is None and item.was is None:
            plan.left.append(found.path)
        else:
            plan.lost.append(found.path)
            _replace(plan, found, item.target)


def _replace(plan: Prepared, found: Found, entry: Entry | None) -> None:
    if entry is None:
        plan.remove.append(found)
    else:
        plan.write.append((entry, found))


def _is_same(known: Known, entry: Entry) -> bool:
    return known.digest == entry.digest and known.found.mode == entry.mode


class _Work(NamedTuple):
    path: str
    known: Known


def check_kind(source: Source, version: DatasetVersion) -> None:
    """Refuse to put a folder where a file lies, or a file where a folder does.

    Raises:
        ConflictError: With the command that makes room.
    """
    place = source.place
    if place.exists() and place.is_file() != version.is_file:
        here, there = ("file", "folder") if place.is_file() else ("folder", "file")
        raise ConflictError(
            "dataset-kind",
            f"{version.ref} is a {there}, but at '{source.shown}' lies a {here}.",
            hint=f"mv '{source.shown}' '{source.shown}-before'",
        )


def told(plan: Prepared, version: DatasetVersion, path: str) -> Moves:
    """What a plan does, in words."""
    return Moves(
        ref=version.ref,
        path=path,
        written=tuple(sorted(entry.path for entry, _ in plan.write)),
        removed=tuple(sorted(found.path for found in plan.remove)),
        left=tuple(sorted(plan.left)),
        same=len(plan.same),
        size=sum(entry.size for entry, _ in plan.write),
    )


def check(plan: Prepared, ref: str, name: str, path: str, *, force: bool) -> None:
    """Refuse to lose what is kept nowhere.

    Raises:
        ConflictError: Naming the files.
    """
    lost = [] if force else plan.lost
    if lost:
        raise ConflictError(
            "dataset-unkept",
            f"{ref} would overwrite files of '{name}' that changed and are kept in no version: "
            f"{rules.first(sorted(lost))}.",
            hint=f"trueup data add {path}   (or: --force, to lose them)",
            context={"files": sorted(lost)[:1000]},
        )
    if not plan.left:
        return
    folders = {str(parent) for e, _ in plan.write for parent in PurePosixPath(e.path).parents}
    written = {entry.path for entry, _ in plan.write}
    for left in plan.left:
        above = {str(parent) for parent in PurePosixPath(left).parents}
        if left in folders or not above.isdisjoint(written):
            raise ConflictError(
                "dataset-unkept",
                f"{ref} needs the place of '{left}' in '{name}', which is kept in no version.",
                hint=f"trueup data add {path}",
                context={"files": [left]},
            )


def perform(
    blobs: Blobs,
    source: Source,
    plan: Prepared,
    cache: StatCache,
    *,
    is_file: bool,
    link: Link,
    progress: Progress = nothing,
) -> None:
    """Do what was prepared.

    Raises:
        ConflictError: A file changed since it was looked at; what was done is right.
        BackendError: A file cannot be written.
    """
    writer = _Writer(blobs, source, link, is_file=is_file)
    try:
        for found in plan.remove:
            writer.remove(found)
        writer.prune({found.path for found in plan.remove})
        files = size = 0
        for start in range(0, len(plan.write), _AT_ONCE):
            part = plan.write[start : start + _AT_ONCE]
            writer.write(part)
            cache.begin()
            for entry, _before in part:
                writer.remember(entry, cache)
            files, size = files + len(part), size + sum(entry.size for entry, _ in part)
            progress(files, size)
    except OSError as error:
        raise BackendError(
            "dataset-not-written",
            f"{source.shown} cannot be written: {error.strerror or error}.",
            hint=f"df -h '{source.shown}'   (then run this again: it goes on where it stopped)",
        ) from error
    finally:
        cache.save()


class _Writer:
    def __init__(self, blobs: Blobs, source: Source, link: Link, *, is_file: bool) -> None:
        self._blobs = blobs
        self._source = source
        self._link = link
        self._top = source.place.parent if is_file else source.place
        self._folders: dict[str, bool] = {}  # those that are there, and whether they are new

    def _where(self, path: str) -> str:
        return f"{self._top}/{path}"

    def remove(self, found: Found) -> None:
        where = self._where(found.path)
        self._unchanged(where, found)
        Path(where).unlink(missing_ok=True)

    def prune(self, removed: Iterable[str]) -> None:
        """Remove the folders that held nothing but removed files."""
        folders = {parent for path in removed for parent in PurePosixPath(path).parents}
        for folder in sorted(folders, key=lambda each: -len(each.parts)):
            with suppress(OSError):  # it holds something else
                if folder.parts:
                    Path(self._where(str(folder))).rmdir()

    def write(self, part: list[tuple[Entry, Found | None]]) -> None:
        for entry, before in part:
            where = self._where(entry.path)
            is_new = self._make_folder(entry.path.rpartition("/")[0])
            if before is not None:
                self._unchanged(where, before)
            elif not is_new and _is_folder(where):
                _remove_empty(Path(where))
        linked = [e for e, _ in part if e.mode not in (LINK, EXECUTABLE)]
        copied = [e for e, _ in part if e.mode == EXECUTABLE]
        self._blobs.materialise_many(self._wanted(linked), link=self._link)
        self._blobs.materialise_many(self._wanted(copied))  # a linked file could not be run
        for entry, _ in part:
            if entry.mode == LINK:
                self._point(entry)

    def remember(self, entry: Entry, cache: StatCache) -> None:
        """Tell the stat cache what was written, so that nobody needs to read it."""
        if entry.mode == LINK or self._link == "symbolic":
            return
        status = os.lstat(self._where(entry.path))
        if status.st_size == entry.size:
            cache.record(found_at(entry.path, entry.mode, status), entry.digest)

    def _wanted(self, entries: Iterable[Entry]) -> Iterator[Wanted]:
        for entry in entries:
            yield Wanted(entry.digest, self._where(entry.path), entry.mode & _PERMISSIONS)

    def _point(self, entry: Entry) -> None:
        target = self._blobs.get(entry.digest).decode()
        linking.check(entry.path, target)
        where = self._where(entry.path)
        import tempfile

        aside = Path(tempfile.mkdtemp(dir=self._source.home, prefix="incoming-"))
        try:
            (aside / "link").symlink_to(target)
            (aside / "link").replace(where)
        finally:
            with suppress(FileNotFoundError):
                (aside / "link").unlink()
            aside.rmdir()

    def _make_folder(self, path: str) -> bool:
        """Make a folder of the dataset, and say whether it is new; a link there would lead out."""
        known = self._folders.get(path)
        if known is not None:
            return known
        if path:
            self._make_folder(path.rpartition("/")[0])
        folder = self._top / path
        if folder != self._source.place.parent and folder.is_symlink():
            raise BackendError(
                "dataset-not-written",
                f"{folder} became a symbolic link; nothing is written through it.",
                hint=f"rm '{folder}'",
            )
        is_new = not folder.exists()
        folder.mkdir(parents=not path, exist_ok=True)
        return self._folders.setdefault(path, is_new)

    def _unchanged(self, where: str, found: Found) -> None:
        """Refuse to replace a file that was written since it was looked at."""
        try:
            now = found_at(found.path, found.mode, os.lstat(where))
        except FileNotFoundError:
            return
        if now != found:
            raise ConflictError(
                "dataset-changing",
                f"{found.path} changed while the version was being checked out.",
                hint="wait until nothing writes there, then run this again",
            )


def _is_folder(where: str) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(where).st_mode)
    except FileNotFoundError:
        return False


def _remove_empty(folder: Path) -> None:
    """Remove folders in which no file is."""
    for path, folders, _files in os.walk(folder, topdown=False):
        for name in folders:
            (Path(path) / name).rmdir()
    folder.rmdir()
