"""Which files a step opens that nobody told us of, and what they hold.

Python says what it opens, lists and starts (`sys.audit`); Polars and PyArrow, which read files
without it, ask where `~` is for each path. Of a program the files are seen that its command names,
not what else it reads; other libraries that open files in C are not seen. A result stands only for
the files as they were: one that changed while the step ran leaves the call without an entry.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from trueup.foundation import digests
from trueup.foundation.configuration import HOME
from trueup.lifecycle.pipeline import origin
from trueup.lifecycle.pipeline.code import scripts

MOST: Final = 1000  # files of one call: more than that are a dataset
ABSENT: Final = "absent"
_LISTINGS: Final = ("os.listdir", "os.scandir")
_PATTERN: Final = frozenset("*?[")
_ASK_FOR_HOME: Final = ("polars.", "pyarrow.")
_NOT_READ: Final = ("write_", "sink_", "to_")
_NOT_USERS: Final = ("trueup.", "linecache")
_PACKAGES: Final = ("/site-packages/", "/dist-packages/")
# What a machine is made of; what lies in hidden folders is settings and caches.
_MACHINE: Final = (
    *("/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/lib64/", "/opt/", "/proc/", "/run/"),
    *("/sbin/", "/snap/", "/sys/", "/usr/", "/var/", "/System/", "/Library/", "/private/etc/"),
)
_CLOCK: Final = getattr(time, "CLOCK_REALTIME_COARSE", time.CLOCK_REALTIME)  # that of files
_TICK: Final = 20_000_000
_WORTH_REMEMBERING: Final = 4 << 20  # bytes; a smaller file is read faster than looked up


class Openings(NamedTuple):
    """What a call opened, as far as it is nobody's but the user's and was not given to it.

    Attributes:
        read: The digest of each, by its path in the project, or by its whole path outside; a folder
            that was listed ends with /.
        unclear: Why the result must not be reused; empty when it may.
    """

    read: dict[str, str] = {}
    unclear: str = ""


class Watch:
    """What is seen of one call."""

    def __init__(self, root: Path) -> None:
        self._since = time.clock_gettime_ns(_CLOCK)
        self._project = root
        self._root = f"{root.resolve()}{os.sep}"
        self._not_ours = (
            f"{self._root}{HOME}{os.sep}",
            *(f"{Path(folder).resolve()}{os.sep}" for folder in {sys.prefix, sys.base_prefix}),
        )
        self._before: dict[str, _Stat] = {}
        self._written: set[str] = set()
        self._perhaps_written: set[str] = set()

    def noted(self, opened: Any, *, is_written: bool, is_listing: bool = False) -> None:
        """Note a file or folder when it is the user's."""
        try:
            path = os.path.abspath(os.fsdecode(opened))  # noqa: PTH100 - a thousand times a step
        except (TypeError, ValueError):
            return  # an open file, by its number
        if path.startswith(self._not_ours) or not self._is_data(path):
            return
        if is_listing:
            path += os.sep
        if path in self._before or path in self._written or not _is_the_users(sys._getframe(2)):
            return
        if is_written:
            self._written.add(path)
        elif len(self._before) <= MOST:
            self._before[path] = _stat(path)

    def started(self, words: Iterable[str], folder: Any) -> None:
        """Note the files that the command of a program names, and what a script of them imports.

        One that changes meanwhile is taken for what the program writes.
        """
        if not _is_the_users(sys._getframe(2)):
            return
        place = Path(os.fsdecode(folder)) if folder else Path.cwd()
        named = [str(place / part) for word in words for part in (word, word.rpartition("=")[2])]
        files = [path for path in map(os.path.abspath, named) if Path(path).is_file()]
        inside = [p.removeprefix(self._root) for p in files if p.startswith(self._root)]
        stand_on = scripts.of_files(inside, self._project).files
        for path in dict.fromkeys([*files, *(f"{self._root}{name}" for name in stand_on)]):
            is_new = path not in self._before and path not in self._written
            if is_new and not path.startswith(self._not_ours) and self._is_data(path):
                self._before[path] = _stat(path)
                self._perhaps_written.add(path)

    def _is_data(self, path: str) -> bool:
        """Whether a path is in the project, or what a step may read elsewhere."""
        if f"{path}{os.sep}".startswith(self._root):
            return True
        if path.startswith(_MACHINE) or "/." in path or any(part in path for part in _PACKAGES):
            return False
        found = _stat(path)  # what is not there, or was made since, is the step's own affair
        return found is not None and found[-1] <= self._since

    def openings(self) -> Openings:
        """What was opened, now that the call has ended."""
        if len(self._before) > MOST:
            return Openings(unclear=f"it opens more than {MOST:,} files; make them a dataset")
        read: dict[str, str] = {}
        for path, before in sorted(self._before.items()):
            name = path.removeprefix(self._root)
            if before is None and _PATTERN & set(name):
                return Openings(unclear=f"it opens '{name}', whose files are not known one by one")
            if _stat(path) != before and self._may_have_made(path, before):
                continue
            if _stat(path) != before:
                return Openings(unclear=f"'{name}' changed while it ran")
            if not path.endswith(os.sep) and Path(path).is_dir():
                return Openings(unclear=f"it opens the folder '{name}' as if it were one file")
            read[name] = _digest(self._project, name)
        return Openings(read)

    def _may_have_made(self, path: str, before: _Stat) -> bool:
        """Whether a file that changed is rather what the call made than what it read."""
        if path in self._perhaps_written:
            return True
        began = before[-1] >= self._since - _TICK if before else False
        return began and not path.startswith(self._root)


_Stat = tuple[int, int, int, int] | None
_watching: list[Watch] = []
_is_installed = False


@contextmanager
def watched(root: Path) -> Iterator[Watch]:
    """See what is opened inside the block, by any thread."""
    _install()
    watch = Watch(root)
    _watching.append(watch)
    try:
        with _askers_seen():
            yield watch
    finally:
        _watching.remove(watch)


def now(root: Path, names: Iterable[str]) -> dict[str, str]:
    """The digests of files and listings as they are now."""
    return {name: _digest(root, name) for name in names}


def changes(before: Mapping[str, str], current: Mapping[str, str]) -> tuple[str, ...]:
    """Which of the files that a call opened are others now, one reason each.

    Example:
        >>> changes({"rates.csv": "b3:1"}, {"rates.csv": "b3:2"})
        ('file rates.csv, which it opens, changed',)
    """
    return tuple(
        f"{'folder' if name.endswith(os.sep) else 'file'} {name}, which it opens, "
        f"{'is gone' if current[name] == ABSENT else 'changed'}"
        for name, digest in before.items()
        if current[name] != digest
    )


def _install() -> None:
    """Hooks of Python cannot be taken back: there is one, which does nothing between calls."""
    global _is_installed  # noqa: PLW0603
    if not _is_installed:
        _is_installed = True
        sys.addaudithook(_heard)


def _heard(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        flags = arguments[2] if isinstance(arguments[2], int) else 0
        anew = flags & os.O_TRUNC or flags & os.O_EXCL
        for watch in _watching:
            watch.noted(arguments[0], is_written=bool(flags & os.O_WRONLY or anew))
    elif event in _LISTINGS:
        for watch in _watching:
            watch.noted(arguments[0] or ".", is_written=False, is_listing=True)
    elif event in _COMMANDS:
        # Whatever is raised here, the step would get it for its own call.
        with suppress(OSError, TypeError, ValueError):
            words, folder = _COMMANDS[event](arguments)
            for watch in _watching:
                watch.started(words, folder)


def _words(command: Any) -> list[str]:
    """The words of a command, in whatever form Python was given it."""
    if isinstance(command, str | bytes | os.PathLike):
        try:
            return shlex.split(os.fsdecode(command))
        except ValueError:
            return os.fsdecode(command).split()
    return [os.fsdecode(w) for w in command if isinstance(w, str | bytes | os.PathLike)]


_COMMANDS: Final[dict[str, Callable[[tuple[Any, ...]], tuple[list[str], Any]]]] = {
    "subprocess.Popen": lambda given: (
        [part for word in _words(given[1]) for part in (word, *_inner(word))],
        given[2],
    ),
    "os.system": lambda given: (_words(given[0]), None),
    "os.posix_spawn": lambda given: (_words(given[1]), None),
    "os.exec": lambda given: (_words(given[1]), None),
    "sqlite3.connect": lambda given: ([os.fsdecode(given[0])], None),
}


def _inner(word: str) -> list[str]:
    """The words in a word: `sh -c` is given a whole command line as one."""
    return _words(word) if " " in word else []


@contextmanager
def _askers_seen() -> Iterator[None]:
    usual = os.path.expanduser

    def expanduser(path: Any) -> Any:
        frame: FrameType | None = sys._getframe(1)
        is_written = False
        if _module(frame).startswith(_ASK_FOR_HOME) and "://" not in str(path):
            while frame is not None and _module(frame).startswith(_ASK_FOR_HOME):
                is_written |= frame.f_code.co_name.startswith(_NOT_READ)
                is_written |= "Writer." in frame.f_code.co_qualname
                frame = frame.f_back
            for watch in _watching:
                watch.noted(usual(path), is_written=is_written)
        return usual(path)

    os.path.expanduser = expanduser
    try:
        yield
    finally:
        os.path.expanduser = usual


def _module(frame: FrameType | None) -> str:
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def _is_the_users(frame: FrameType | None) -> bool:
    """Whether the user's code opens it: neither Trueup's, nor an import, nor a traceback."""
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib") or _module(frame).startswith(_NOT_USERS):
            return False
        if origin.is_first_party(file):
            return True
        frame = frame.f_back
    return True  # a thread of a library's own


def _stat(path: str) -> _Stat:
    with suppress(OSError, ValueError):
        found = os.stat(path)  # noqa: PTH116
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
    return None


def _digest(root: Path, name: str) -> str:
    path = os.path.join(root, name)  # noqa: PTH118 - the whole path of what lies elsewhere stays
    try:
        if path.endswith(os.sep):
            return digests.of_record(sorted(os.listdir(path)))  # noqa: PTH208
        found = os.stat(path)  # noqa: PTH116
        if found.st_size < _WORTH_REMEMBERING:
            return digests.of_file(Path(path))
        return _remembered(root, name, found)
    except OSError:
        return ABSENT


def _remembered(root: Path, name: str, found: os.stat_result) -> str:
    """The digest of a large file, read only if nothing says that it is still as it was."""
    from trueup.lifecycle.data.worktree.statcache import StatCache
    from trueup.lifecycle.data.worktree.tree import Found

    cache = StatCache(root / HOME / "cache", "")
    times = (found.st_mtime_ns, found.st_ctime_ns)
    file = Found(name, 0, found.st_dev, found.st_ino, found.st_size, *times)
    digest = cache.of_one(file)
    if not digest:
        digest = digests.of_file(root / name)
        cache.record(file, digest)
        cache.save()
    return digest
