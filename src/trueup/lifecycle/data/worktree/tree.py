"""The files below a place of the project, in the order of their paths. Nothing is opened here.

Regular files and folders belong to a dataset; symbolic links by rule; sockets, pipes and devices
never. Read `keeping.py` next.
"""

from __future__ import annotations

import os
import stat
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from trueup.foundation import threads
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.data import rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN
from trueup.lifecycle.data.worktree import linking

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Links = Literal["refuse", "keep"]

# Folders read ahead of the one whose files are being given: a slow disk is asked several at once.
_AHEAD: Final = 8
_SLOW_SECONDS: Final = 50e-6  # for each file of a folder: about 3 from memory
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


# What one folder holds, in the order of whole paths: runs of files, and the paths of folders.
_Folder = list[list[Found] | str]
# The usual permissions, so that most files cost one look-up.
_REGULAR: Final = {
    stat.S_IFREG | bits: EXECUTABLE if bits & stat.S_IXUSR else PLAIN
    for bits in (0o400, 0o440, 0o444, 0o600, 0o640, 0o644, 0o664, 0o666, 0o700, 0o755, 0o775)
}


def inside(root: Path, path: str, name: str) -> Path:
    """The absolute place of a dataset, which must lie inside the project.

    Raises:
        UsageError: The path leads out of the project, into its state folder, or nowhere.
    """
    home = root.resolve()
    try:
        place = (home / path).resolve()
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be made later
    except RuntimeError as error:
        raise UsageError(
            "dataset-link",
            f"Dataset '{name}' has the path '{path}', a symbolic link that leads to itself.",
            hint=f"rm '{path}'",
        ) from error
    except OSError as error:
        raise rules.unreadable(error, path) from error
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
    place: Path,
    shown: str,
    *,
    links: Links = "refuse",
    clashes: bool = True,
) -> Iterator[Found]:
    """All files of a dataset, in the order of their paths; the arguments are those of `runs`."""
    return chain.from_iterable(runs(place, shown, links=links, clashes=clashes))


def runs(
    place: Path,
    shown: str,
    *,
    links: Links = "refuse",
    clashes: bool = True,
) -> Iterator[list[Found]]:
    """All files of a dataset, in the order of their paths, some of one folder at a time.

    Args:
        place: The file or folder, absolute.
        shown: The same as the user wrote it, for messages.
        links: Whether symbolic links are told of or refused.
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
        if links == "refuse" and stat.S_ISLNK(top.st_mode):
            raise linking.refused(place, place.name, shown, "")
        yield [found_at(place.name, _mode_of(top.st_mode, shown), top)]
        return
    with _Walk(str(place), shown, links, clashes) as walking:
        yield from walking.below("")


class _Walk:
    """One walk: its rules, and the threads that read folders ahead."""

    def __init__(self, place: str, shown: str, links: Links, clashes: bool) -> None:
        self._place = place
        self._shown = shown
        self._links = links
        self._clashes = clashes
        self._ahead: dict[str, Future[_Folder]] = {}
        self._is_slow = False

    def __enter__(self) -> _Walk:
        return self

    def __exit__(self, *_raised: object) -> None:
        if "_pool" in self.__dict__:
            self._pool.shutdown()

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return threads.pool(2, "walk")

    def below(self, folder: str) -> Iterator[list[Found]]:
        """The files of the folders still to visit; a stack rather than calls in calls."""
        stack = [self._visit(self._read(folder))]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif isinstance(item, list):
                yield item
            else:
                ahead = self._ahead.pop(item, None)
                stack.append(self._visit(ahead.result() if ahead else self._read(item)))

    def _visit(self, parts: _Folder) -> Iterator[list[Found] | str]:
        """Runs of files and paths of folders, in order; on a slow disk some folders are read ahead.

        On a fast one that would only make threads wait for each other.
        """
        folders = deque(part for part in parts if isinstance(part, str))
        for part in parts:
            if isinstance(part, str):
                folders.popleft()
                for path in islice(folders, _AHEAD if self._is_slow else 0):
                    if path not in self._ahead:
                        self._ahead[path] = self._pool.submit(self._read, path)
            yield part

    def _read(self, folder: str) -> _Folder:
        """One folder: sorted so that `a.b` comes before `a/b`, as the whole paths do."""
        where = f"{self._place}/{folder}" if folder else self._place
        shown = f"{self._shown}/{folder}" if folder else self._shown
        prefix = f"{folder}/" if folder else ""
        began = time.perf_counter()
        files: dict[str, os.stat_result] = {}
        folders: list[str] = []
        try:
            with os.scandir(where) as scan:
                for entry in scan:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    else:
                        files[entry.name] = entry.stat(follow_symlinks=False)
        except OSError as error:
            raise rules.unreadable(error, shown) from error
        entries = len(files) + len(folders) + 1
        self._is_slow = time.perf_counter() - began > _SLOW_SECONDS * entries
        folders = [name for name in folders if name not in rules.RESERVED]
        for name in rules.RESERVED & files.keys():  # a Git work tree's `.git` may be a file
            del files[name]
        rules.check_names([*files, *folders], shown, clashes=self._clashes)
        parts: _Folder = []
        bounds = sorted([name + "/" for name in folders])
        names = sorted(files)
        start = 0
        for bound in bounds:
            end = bisect_left(names, bound, start)
            if end > start:
                parts.append(self._all_found(prefix, names[start:end], files))
            parts.append(prefix + bound[:-1])
            start = end
        if start < len(names):
            parts.append(self._all_found(prefix, names[start:], files))
        return parts

    def _all_found(
        self, prefix: str, names: list[str], files: dict[str, os.stat_result]
    ) -> list[Found]:
        found: list[Found] = []
        for name in names:
            status = files[name]
            path = prefix + name
            mode = _REGULAR.get(status.st_mode) or self._mode(status.st_mode, path)
            found.append(found_at(path, mode, status))
        return found

    def _mode(self, mode: int, path: str) -> int:
        shown = f"{self._shown}/{path}"
        if self._links == "refuse" and stat.S_ISLNK(mode):
            raise linking.refused(Path(self._place, path), path, shown, "")
        return _mode_of(mode, shown)


def found_at(path: str, mode: int, status: os.stat_result) -> Found:
    """A file as `stat` describes it."""
    # Not through Found's own __new__: that takes twice as long, and this runs for every file.
    return tuple.__new__(
        Found,
        (
            path,
            mode,
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        ),
    )


def _mode_of(mode: int, shown: str) -> int:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFREG:
        return EXECUTABLE if mode & stat.S_IXUSR else PLAIN
    if kind == stat.S_IFLNK:
        return LINK
    raise UsageError(
        "dataset-special-file",
        f"{shown} is {_KINDS.get(kind, 'no regular file')}; a dataset holds files.",
        hint=f"rm '{shown}'",
    )


def nothing_there(name: str, shown: str) -> NotFoundError:
    """The error for a dataset without a single file."""
    return NotFoundError(
        "dataset-empty", f"Dataset '{name}' has no file at '{shown}'.", hint=f"ls '{shown}'"
    )
