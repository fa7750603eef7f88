"""The outbox: a folder with one folder a writer, each with segments, files and two locks.

    <outbox>/<run>-<writer>/000001.seg   what was logged
                            alive        locked as long as the writer lives, whatever kills it
                            shipped.json how far it was shipped
                            files/       files that wait
    <outbox>/shipper.lock                locked by the one process that ships

Read `handle.py` for the writer, `app/shipping` for the reader.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from trueup.foundation.configuration import FILE, HOME, make_private
from trueup.foundation.records import decode, encode
from trueup.lifecycle.runs.logging.records import Shipped

FOLDER: Final = "outbox"
_ALIVE: Final = "alive"
_SHIPPED: Final = "shipped.json"
_LOCK: Final = "shipper.lock"
_TRIES: Final = 5
_BETWEEN_S: Final = 0.02


def place(start: Path, environment: Mapping[str, str]) -> Path:
    """The outbox for code that runs in `start`: the project's, else the user's."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE).is_file():
            return folder / HOME / FOLDER
    return of_user(environment)


def of_user(environment: Mapping[str, str]) -> Path:
    """The outbox of those who log outside any project."""
    cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "trueup" / FOLDER


class Writer:
    """The folder of one process that writes; made and locked at once.

    Args:
        outbox: The folder of all writers.
        run: Identifier of the run.

    Raises:
        BackendError: The folder cannot be made.
        OSError: The disk is full.
    """

    def __init__(self, outbox: Path, run: str) -> None:
        self.outbox = make_private(outbox)
        self.folder = make_private(outbox / f"{run}-{secrets.token_hex(4)}")
        self._alive = os.open(self.folder / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._alive, fcntl.LOCK_EX)

    def segment(self, number: int) -> Path:
        """Where the segment of this number lies."""
        return segment(self.folder, number)

    def aside(self, suffix: str = "") -> Path:
        """A new name for a file that waits."""
        files = make_private(self.folder / "files")
        return files / f"{secrets.token_hex(8)}{suffix}"

    def release(self) -> None:
        """Say that nobody writes here any more; after a fork, let the parent alone say so."""
        os.close(self._alive)


def segment(folder: Path, number: int) -> Path:
    """Where the segment of this number lies."""
    return folder / f"{number:06}.seg"


def writers(outbox: Path) -> list[Path]:
    """The folders of all writers, those that wrote first first."""
    with suppress(OSError):
        found = [each for each in outbox.iterdir() if (each / _ALIVE).exists()]
        return sorted(found, key=lambda each: (each.stat().st_mtime_ns, each.name))
    return []


def is_alive(folder: Path) -> bool:
    """Whether the writer of a folder may still write."""
    return _is_locked(folder / _ALIVE)


def has_shipper(outbox: Path) -> bool:
    """Whether a process ships from here."""
    return _is_locked(outbox / _LOCK)


@contextmanager
def shipping(outbox: Path) -> Iterator[bool]:
    """Be the one process that ships; gives False when another is."""
    handle = os.open(make_private(outbox) / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _locked(handle)
    finally:
        os.close(handle)


def shipped(folder: Path) -> Shipped:
    """How far a writer's segments were shipped; from the beginning if that cannot be read."""
    try:
        return decode((folder / _SHIPPED).read_bytes(), Shipped)
    except (OSError, msgspec.MsgspecError):
        return Shipped()


def note_shipped(folder: Path, how_far: Shipped) -> None:
    """Note how far; either the old note or the new one is there at any moment.

    Raises:
        OSError: The disk is full.
    """
    handle, name = tempfile.mkstemp(dir=folder, prefix=".shipped")
    with os.fdopen(handle, "wb") as file:
        file.write(encode(how_far))
    Path(name).replace(folder / _SHIPPED)


def _locked(handle: int) -> bool:
    for _ in range(_TRIES):  # whoever asks whether it is locked holds it for a moment
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_BETWEEN_S)
        else:
            return True
    return False


def _is_locked(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
