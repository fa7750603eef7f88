"""Objects as files: `file:///folder`, such as a shared disk. Durable when a call returns.

Not over obstore: that neither syncs files nor offers a conditional write for folders.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, DeniedError, NotFoundError, UsageError
from trueup.ports.objects import Stored, checked_path

_LOCK = ".lock"  # no object can be called so: their names begin with a letter or a digit
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Backend:
    """Files under one folder, which must exist; written aside, synced, then renamed into place."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise UsageError(
                "remote-url",
                f"'{url}' names no folder of this machine.",
                hint='url = "file:///path/to/folder"',
            )
        self.folder = Path(unquote(parts.path))

    @property
    def shown(self) -> str:
        """The URL for people."""
        return f"file://{self.folder}"

    def get(self, path: str) -> bytes:
        """The bytes of an object."""
        with self._translated("read", path):
            return self._place(path).read_bytes()

    def get_tagged(self, path: str) -> tuple[bytes, str]:
        """The bytes of an object, tagged by their digest."""
        raw = self.get(path)
        return raw, digests.of_bytes(raw)

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Part of an object."""
        with self._translated("read", path), self._place(path).open("rb") as file:
            file.seek(start)
            return file.read(length)

    def put(self, path: str, raw: bytes) -> None:
        """Write an object, over what was there."""
        with self._translated("written", path):
            self._write(self._place(path), raw)

    def swap(self, path: str, raw: bytes, tag: str) -> str | None:
        """Write an object if it is as it was, under a lock that every swap in this folder takes."""
        place = self._place(path)
        with self._translated("written", path), self._locked():
            present = digests.of_bytes(place.read_bytes()) if place.is_file() else ""
            if present != tag:
                return None
            self._write(place, raw)
            return digests.of_bytes(raw)

    def list(self, folder: str) -> Iterator[Stored]:
        """All objects below a folder."""
        top = self._place(folder) if folder else self.folder
        with self._translated("listed", folder):
            self._must_exist()
            for found, folders, names in os.walk(top, onerror=_unless_absent):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    if name.startswith("."):
                        continue
                    file = Path(found, name)
                    stat = file.stat()
                    changed = datetime.fromtimestamp(stat.st_mtime, UTC)
                    path = file.relative_to(self.folder).as_posix()
                    yield Stored(path, stat.st_size, changed)

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects."""
        for path in paths:
            with self._translated("removed", path):
                self._place(path).unlink(missing_ok=True)

    def _place(self, path: str) -> Path:
        return self.folder / checked_path(path)

    def _must_exist(self) -> None:
        # Never made by us: a folder that is missing is most often a disk that is not mounted.
        if not self.folder.is_dir():
            raise NotFoundError(
                "remote-missing",
                f"The remote {self.shown} does not exist.",
                hint=f"mkdir -p '{self.folder}'",
            )

    def _write(self, place: Path, raw: bytes) -> None:
        self._must_exist()
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=place.parent, prefix=".incoming-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                os.fchmod(handle, 0o666 & ~_umask)  # as the team's umask says: the place is shared
                os.fsync(handle)
            Path(aside).rename(place)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        _sync_folder(place.parent)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._must_exist()
        handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextmanager
    def _translated(self, done: str, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            self._must_exist()
            raise NotFoundError(
                "object-not-found",
                f"The remote {self.shown} has no object '{path}'.",
                hint="trueup data verify --remote NAME",
            ) from error
        except OSError as error:
            raise explained(error, f"{_named(path)} remote {self.shown} could not be {done}") from (
                error
            )


def explained(error: OSError, what: str) -> BackendError | DeniedError:
    """What the operating system said, as an error for people."""
    reason = error.strerror or str(error)
    if error.errno in _DENIED:
        return DeniedError(
            "remote-refused",
            f"{what}: {reason}.",
            hint="ask the owner of that folder for the right to write, or to read, there",
        )
    if error.errno in _FULL:
        return BackendError("disk-full", f"{what}: {reason}.", hint="df -h")
    return BackendError("remote-failed", f"{what}: {reason}.", hint="trueup data remotes")


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def _current_umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_umask = _current_umask()  # once, while the module is loaded: reading it changes it for a moment


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _named(path: str) -> str:
    return f"'{path}' of the" if path else "The"
