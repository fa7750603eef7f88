"""Whole files: each blob read-only in `ab/cdef…` after the first byte of its digest."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from trueup.backends.blobs.local.incoming import Incoming, sync_folder
from trueup.backends.blobs.local.index import YOUNG
from trueup.foundation import clock, digests, threads
from trueup.foundation.configuration import make_private

_SHARD = re.compile(r"[0-9a-f]{2}\Z")
_NAME = re.compile(r"[0-9a-f]{62}\Z")


class Wholes:
    """The whole files below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: bytes) -> Path:
        """Where a blob lies, or would."""
        name = key.hex()
        return self.folder / name[:2] / name[2:]

    def stat(self, key: bytes) -> os.stat_result | None:
        """Size and age of a blob, if it is here."""
        name = key.hex()
        try:
            # Not through Path, which doubles the time of asking for 100,000.
            return os.stat(f"{self.folder}/{name[:2]}/{name[2:]}")  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return None

    def renew(self, key: bytes) -> bool:
        """Whether a blob is here; if so it is young again, so that no collector takes it."""
        found = self.stat(key)
        if found is None:
            return False
        now = clock.now()
        if now - _moment(found) <= YOUNG:
            return True
        with _locked(self.path(key), fcntl.LOCK_SH) as handle:
            if handle is None:
                return False
            stamp = round(now.timestamp() * 1e9)
            os.utime(handle, ns=(stamp, stamp))
        return True

    def renew_many(self, keys: Sequence[bytes]) -> set[bytes]:
        """Those of the blobs that are here, made young again."""
        if len(keys) < 256:
            return {key for key in keys if self.renew(key)}
        names = os.listdir(self.folder)  # noqa: PTH208
        first = {int(name, 16) for name in names if _SHARD.match(name)}
        return {key for key in keys if key[0] in first and self.renew(key)}

    def settle(self, files: Iterable[tuple[bytes, Incoming]]) -> set[Path]:
        """Sync files and give them their names.

        Returns:
            The folders that must be synced for the names to be durable.
        """
        files = list(files)
        if len(files) > 1:
            # The file system writes its journal once for many that sync at the same time.
            with threads.pool(min(8, len(files))) as pool:
                list(pool.map(Incoming.sync, [file for _, file in files]))
        else:
            for _, file in files:
                file.sync()
        folders: set[Path] = set()
        for key, file in files:
            target = self.path(key)
            if not target.parent.is_dir():
                make_private(target.parent)
                folders.add(self.folder)
            file.settle(target)
            folders.add(target.parent)
        return folders

    def keep(self, key: bytes, file: Incoming) -> None:
        """Keep one file durably."""
        try:
            folders = self.settle([(key, file)])
        except BaseException:
            file.discard()
            raise
        for folder in folders:
            sync_folder(folder)

    def shards(self) -> Iterator[tuple[int, list[str]]]:
        """For each first byte the names of its files."""
        for first in range(256):
            shard = self.folder / f"{first:02x}"
            try:
                yield first, [name for name in os.listdir(shard) if _NAME.match(name)]  # noqa: PTH208
            except FileNotFoundError:
                yield first, []

    def remove(self, key: bytes, stored_before: datetime | None) -> int:
        """Forget a blob unless it is young; the bytes freed."""
        found = self.stat(key)
        if found is None or (stored_before and _moment(found) >= stored_before):
            return 0
        path = self.path(key)
        with _locked(path, fcntl.LOCK_EX) as handle:
            if handle is None:
                return 0
            found = os.fstat(handle)
            if stored_before and _moment(found) >= stored_before:
                return 0
            path.unlink()
        return found.st_size

    def stored_at(self, found: os.stat_result) -> datetime:
        """The moment that the age of a file says."""
        return _moment(found)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[int | None]:
    """An open blob that nobody removes, or nobody renews, meanwhile; nothing if it is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        with suppress(OSError):  # without locks the moment between looking and acting is short
            fcntl.flock(handle, how)
        try:
            same = path.stat().st_ino == os.fstat(handle).st_ino
        except FileNotFoundError:
            same = False
        yield handle if same else None
    finally:
        os.close(handle)


def digest_of(first: int, name: str) -> str:
    """The digest of a file in the folder of a first byte."""
    return f"{digests.PREFIX}{first:02x}{name}"


def _moment(found: os.stat_result) -> datetime:
    return datetime.fromtimestamp(found.st_mtime, UTC)
