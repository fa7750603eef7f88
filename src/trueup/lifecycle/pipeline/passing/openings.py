"""Which files of the project a step opens that nobody told us of, and what they hold.

Python says what it opens and lists (`sys.audit`), and Polars, which reads files without it, asks
where `~` is for each path. A program that a step starts, and a library that opens files in C, are
not seen: what they read belongs into `depends_on`. A result stands only for the files as they were,
so one that changed while the step ran leaves the call without an entry in the cache.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple

from trueup.foundation import digests
from trueup.foundation.configuration import HOME
from trueup.lifecycle.pipeline import origin

MOST: Final = 1000  # files of one call: more than that are a dataset
ABSENT: Final = "absent"
_LISTINGS: Final = ("os.listdir", "os.scandir")
_PATTERN: Final = frozenset("*?[")
_NOT_READ: Final = ("write_", "sink_")
_NOT_USERS: Final = ("trueup.", "linecache")


class Openings(NamedTuple):
    """What a call opened, as far as it is a file of the project that was not given to it.

    Attributes:
        read: The digest of each, by its path in the project; a folder that was listed ends with /.
        unclear: Why the result must not be reused; empty when it may.
    """

    read: dict[str, str] = {}
    unclear: str = ""


class Watch:
    """What is seen of one call."""

    def __init__(self, root: Path) -> None:
        self._root = f"{root.resolve()}{os.sep}"
        self._not_ours = (
            f"{self._root}{HOME}{os.sep}",
            *(f"{Path(folder).resolve()}{os.sep}" for folder in {sys.prefix, sys.base_prefix}),
        )
        self._before: dict[str, _Stat] = {}
        self._written: set[str] = set()

    def noted(self, opened: Any, *, is_written: bool, is_listing: bool = False) -> None:
        """Note a file or folder when it is one of the project."""
        try:
            path = os.path.abspath(os.fsdecode(opened))  # noqa: PTH100 - a thousand times a step
        except (TypeError, ValueError):
            return  # an open file, by its number
        if not f"{path}{os.sep}".startswith(self._root) or path.startswith(self._not_ours):
            return
        if is_listing:
            path += os.sep
        if path in self._before or path in self._written or not _is_the_users(sys._getframe(2)):
            return
        if is_written:
            self._written.add(path)
        elif len(self._before) <= MOST:
            self._before[path] = _stat(path)

    def openings(self) -> Openings:
        """What was opened, now that the call has ended."""
        if len(self._before) > MOST:
            return Openings(
                unclear=f"it opens more than {MOST:,} files of the project; make them a dataset"
            )
        read: dict[str, str] = {}
        for path, before in sorted(self._before.items()):
            name = path.removeprefix(self._root)
            if before is None and _PATTERN & set(name):
                return Openings(unclear=f"it opens '{name}', whose files are not known one by one")
            if _stat(path) != before:
                return Openings(unclear=f"'{name}' changed while it ran")
            if not path.endswith(os.sep) and Path(path).is_dir():
                return Openings(unclear=f"it opens the folder '{name}' as if it were one file")
            read[name] = _digest(path)
        return Openings(read)


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
        with _polars_seen():
            yield watch
    finally:
        _watching.remove(watch)


def now(root: Path, names: Iterable[str]) -> dict[str, str]:
    """The digests of files and listings of the project as they are now."""
    return {name: _digest(f"{root}{os.sep}{name}") for name in names}


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


@contextmanager
def _polars_seen() -> Iterator[None]:
    usual = os.path.expanduser

    def expanduser(path: Any) -> Any:
        frame: FrameType | None = sys._getframe(1)
        is_written = False
        if _module(frame).startswith("polars.") and "://" not in str(path):
            while frame is not None and _module(frame).startswith("polars."):
                is_written |= frame.f_code.co_name.startswith(_NOT_READ)
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


def _digest(path: str) -> str:
    try:
        if path.endswith(os.sep):
            return digests.of_record(sorted(os.listdir(path)))  # noqa: PTH208
        return digests.of_file(Path(path))
    except OSError:
        return ABSENT
