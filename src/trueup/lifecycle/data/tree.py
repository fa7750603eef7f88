"""The files below a place of the project, in the order of their paths. Nothing is opened here.

Regular files and folders belong to a dataset; symbolic links by rule; sockets, pipes and devices
never. Read `keeping.py` next.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Literal, NamedTuple

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN

Links = Literal["refuse", "keep"]

# Folders read ahead of the one whose files are being given: a slow disk is asked several at once.
_AHEAD: Final = 8
_KINDS: Final = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class Found(NamedTuple):
    """One file as it lies there.

    Attributes:
        path: Its place below the dataset's, with `/` between the parts.
        mode: `PLAIN`, `EXECUTABLE` or `LINK`.
        dev: Number of the file system.
        ino: Number of the file in it.
        size: Length in bytes.
        mtime_ns: When its bytes were last written, as it says.
        ctime_ns: When it was last touched in any way, as the kernel says.
    """

    path: str
    mode: int
    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


class _Folder(NamedTuple):
    """One folder's own files and folders, sorted as whole paths sort."""

    files: list[tuple[str, Found | None]]  # a folder has no Found


def inside(root: Path, path: str, name: str) -> Path:
    """The absolute place of a dataset, which must lie inside the project.

    Raises:
        UsageError: The path leads out of the project, or into its state folder.
    """
    home = root.resolve()
    place = (home / path).resolve()
    if not place.is_relative_to(home):
        raise UsageError(
            "dataset-outside",
            f"Dataset '{name}' has the path '{path}', which leads out of the project.",
            hint=f"move the data below {home.name}/ and name it relative to trueup.toml",
        )
    reserved = sorted(rules.RESERVED.intersection(place.relative_to(home).parts))
    if reserved:
        raise UsageError(
            "dataset-reserved",
            f"Dataset '{name}' has the path '{path}', but {reserved[0]} is never data.",
            hint=f"move the data out of {reserved[0]}/",
        )
    return place


def walk(
    place: Path, shown: str, *, links: Links = "refuse", clashes: bool = True
) -> Iterator[Found]:
    """All files of a dataset, in the order of their paths.

    Args:
        place: The file or folder, absolute.
        shown: The same as the user wrote it, for messages.
        links: Whether symbolic links are kept as links or refused.
        clashes: Whether names that differ only in case are let pass.

    Raises:
        NotFoundError: There is nothing at the place.
        UsageError: Something there cannot be part of a dataset; the message names it.
    """
    try:
        top = place.lstat()
    except OSError as error:
        raise rules.unreadable(error, shown) from error
    if not stat.S_ISDIR(top.st_mode):
        rules.check_name(place.name, shown)
        yield _found(place.name, top, shown, links)
        return
    with ThreadPoolExecutor(2, thread_name_prefix="walk") as pool:
        yield from _Walk(pool, str(place), shown, links, clashes).below("")


class _Walk:
    """One walk: its rules, and the threads that read folders ahead."""

    def __init__(
        self, pool: ThreadPoolExecutor, place: str, shown: str, links: Links, clashes: bool
    ) -> None:
        self._pool = pool
        self._place = place
        self._shown = shown
        self._links = links
        self._clashes = clashes

    def below(self, folder: str) -> Iterator[Found]:
        """The files of the folders still to visit; a stack rather than calls in calls."""
        stack = [self._visit(self._read(folder))]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif isinstance(item, Found):
                yield item
            else:
                stack.append(self._visit(item.result()))

    def _visit(self, folder: _Folder) -> Iterator[Found | Future[_Folder]]:
        waiting = iter([path for path, found in folder.files if found is None])
        ahead: deque[Future[_Folder]] = deque()
        for path in waiting:
            ahead.append(self._pool.submit(self._read, path))
            if len(ahead) == _AHEAD:
                break
        for _path, found in folder.files:
            if found is not None:
                yield found
                continue
            yield ahead.popleft()
            more = next(waiting, None)
            if more is not None:
                ahead.append(self._pool.submit(self._read, more))

    def _read(self, folder: str) -> _Folder:
        """One folder: sorted so that `a.b` comes before `a/b`, as the whole paths do."""
        where = f"{self._place}/{folder}" if folder else self._place
        shown = f"{self._shown}/{folder}" if folder else self._shown
        prefix = f"{folder}/" if folder else ""
        listed: list[tuple[str, str, Found | None]] = []
        names: list[str] = []
        try:
            with os.scandir(where) as scan:
                for entry in scan:
                    name = entry.name
                    if name in rules.RESERVED:
                        continue
                    names.append(name)
                    path = prefix + name
                    if entry.is_dir(follow_symlinks=False):
                        listed.append((path + "/", path, None))
                    else:
                        status = entry.stat(follow_symlinks=False)
                        found = _found(path, status, f"{self._shown}/{path}", self._links)
                        listed.append((path, path, found))
        except OSError as error:
            raise rules.unreadable(error, shown) from error
        for name in names:
            rules.check_name(name, shown)
        if not self._clashes:
            rules.check_clashes(names, shown)
        listed.sort()
        return _Folder([(path, found) for _key, path, found in listed])


def _found(path: str, status: os.stat_result, shown: str, links: Links) -> Found:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        mode = EXECUTABLE if status.st_mode & stat.S_IXUSR else PLAIN
    elif kind == stat.S_IFLNK and links == "keep":
        mode = LINK
    elif kind == stat.S_IFLNK:
        raise UsageError(
            "dataset-link",
            f"{shown} is a symbolic link; a dataset holds files.",
            hint="trueup data list",
        )
    else:
        raise UsageError(
            "dataset-special-file",
            f"{shown} is {_KINDS.get(kind, 'no regular file')}; a dataset holds files.",
            hint=f"rm '{shown}'",
        )
    return Found(
        path,
        mode,
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def nothing_there(name: str, shown: str) -> NotFoundError:
    """The error for a dataset without a single file."""
    return NotFoundError(
        "dataset-empty", f"Dataset '{name}' has no file at '{shown}'.", hint=f"ls '{shown}'"
    )
