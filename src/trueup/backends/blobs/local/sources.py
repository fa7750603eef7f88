"""Where blobs come from: a user's files, read or copied without trusting them to hold still.

The digest is always that of the bytes that were kept, never of the file they came from.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from trueup.backends.blobs.local.incoming import Incoming
from trueup.foundation import digests, threads
from trueup.foundation.errors import UsageError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

IN_MEMORY = 1 << 20
"""A file below this many bytes is read; a longer one is copied by the kernel, then hashed."""

_PART = 8 << 20
_SYNC_EVERY = 64 << 20
_CAREFULLY = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def open_regular(path: Path) -> tuple[int, int]:
    """A handle of a regular file and its size; the caller closes it.

    Raises:
        UsageError: It cannot be opened, or is no regular file.
    """
    try:
        handle = os.open(path, _CAREFULLY)
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise unreadable(path, "it is no regular file")
    except BaseException:
        os.close(handle)
        raise
    return handle, status.st_size


def read_all(handle: int, size: int, shown: Path) -> bytes:
    """The bytes of a small file as they are now, also if it has changed since it was opened.

    Raises:
        UsageError: It cannot be read.
    """
    raw = _read(handle, max(size, 1), shown)
    if len(raw) == size:
        return raw
    parts = [raw]
    while part := _read(handle, _PART, shown):
        parts.append(part)
    return b"".join(parts)


def from_bytes(folder: Path, raw: bytes) -> Incoming:
    """A file in the store that holds bytes."""
    file = Incoming(folder)
    try:
        file.write(raw)
    except BaseException:
        file.discard()
        raise
    return file


def copy(folder: Path, source: int, size: int, shown: Path) -> tuple[Incoming, bytes]:
    """A copy of an open file in the store, and the 32 bytes of the copy's digest.

    Raises:
        UsageError: The source cannot be read.
    """
    file = Incoming(folder)
    try:
        if size < _SYNC_EVERY:
            fill(file, source, shown, None)
            return file, digests.key_of_file(file.path)
        # The disk writes while we copy and hash: measured 1.0 s a GiB instead of 1.5 s.
        with threads.pool(1) as pool:
            fill(file, source, shown, pool)
            rest = pool.submit(os.fdatasync, file.handle)
            key = digests.key_of_file(file.path)
            rest.result()
    except BaseException:
        file.discard()
        raise
    return file, key


def unreadable(path: Path, why: str) -> UsageError:
    """The error about a user's file."""
    return UsageError(
        "file-unreadable",
        f"The file {path} cannot be read: {why}.",
        hint=f"ls -l '{path}'",
        context={"file": str(path)},
    )


def fill(file: Incoming, source: int, shown: Path, pool: ThreadPoolExecutor | None) -> bool:
    """Fill a new file with an open one; `True` if it shares the blocks instead of copying them.

    Raises:
        UsageError: The source cannot be read.
    """
    if file.clone(source):
        return True
    synced = 0
    syncing: list[Future[None]] = []
    for copied in file.copy_in_kernel(source):
        if pool and copied - synced >= _SYNC_EVERY and all(s.done() for s in syncing):
            syncing.append(pool.submit(os.fdatasync, file.handle))
            synced = copied
    # What the kernel would not copy, and what was appended meanwhile.
    while part := _read(source, _PART, shown):
        file.write(part)
    for sync in syncing:
        sync.result()  # the kernel tells of a failed write only once
    return False


def _read(handle: int, length: int, shown: Path) -> bytes:
    try:
        return os.read(handle, length)
    except OSError as error:
        raise unreadable(shown, error.strerror or str(error)) from error
