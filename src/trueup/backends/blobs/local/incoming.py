"""Files on their way into the store: written aside, synced, then renamed to their place.

Whoever dies in between leaves a file `incoming-…` that nobody holds a lock on; the next opening of
the store removes it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from trueup.foundation import clock
from trueup.foundation.errors import BackendError

PREFIX = "incoming-"
GRACE = timedelta(hours=1)
"""A leftover is removed when it is older than this and no living process holds it."""

_CLONE = 0x40049409  # FICLONE: share the blocks of the source
_AT_ONCE = 8 << 20
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Incoming:
    """A file being written that nobody else sees."""

    def __init__(self, folder: Path, prefix: str = PREFIX) -> None:
        import tempfile  # not for those who only read

        self.handle, name = tempfile.mkstemp(dir=folder, prefix=prefix)
        self.path = Path(name)
        with suppress(OSError):  # without locks a leftover is told by its age alone
            fcntl.flock(self.handle, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def write(self, raw: bytes | memoryview) -> None:
        """Append all the bytes."""
        rest = memoryview(raw)
        while rest:
            rest = rest[os.write(self.handle, rest) :]

    def sync(self) -> None:
        """Make it read-only and durable; what follows is renaming."""
        os.fchmod(self.handle, 0o400)
        now = round(clock.now().timestamp() * 1e9)
        os.utime(self.handle, ns=(now, now))
        os.fsync(self.handle)

    def settle(self, target: Path) -> None:
        """Give it its name; the folder must be synced afterwards."""
        self.path.rename(target)
        self._close()

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self._close()

    def reopen(self) -> None:
        """Take what lies under the name now, which another file may have been renamed to."""
        handle = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW)
        os.close(self.handle)
        self.handle = handle

    def clone(self, source: int) -> bool:
        """Share the blocks of an open file; `False` if the file system cannot."""
        try:
            fcntl.ioctl(self.handle, _CLONE, source)
        except OSError:
            return False
        return True

    def copy_in_kernel(self, source: int) -> Iterator[int]:
        """Append an open file without its bytes passing through here; gives the bytes so far.

        It may end early: what is left is read and written as usual.
        """
        copied = 0
        try:
            while done := os.copy_file_range(source, self.handle, _AT_ONCE):
                copied += done
                yield copied
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise

    def _close(self) -> None:
        # A number that is closed twice may be somebody else's by then.
        handle, self.handle = self.handle, -1
        if handle >= 0:
            os.close(handle)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what goes wrong inside the store into an error that names it."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise BackendError(
            "blob-not-written",
            f"The blob store {folder} could not be written: {why}.",
            hint=f"df -h '{folder}'",
            context={"folder": str(folder)},
        ) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that died have left."""
    now = clock.now()
    with os.scandir(folder) as found:
        left = [Path(entry) for entry in found if entry.name.startswith(PREFIX)]
    for path in left:
        with suppress(FileNotFoundError):
            changed = datetime.fromtimestamp(path.lstat().st_mtime, now.tzinfo)
            if now - changed > GRACE and not _is_held(path):
                path.unlink()


def _is_held(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
