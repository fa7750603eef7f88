"""Blobs as files: `local:///folder`, each in `ab/cdef…` after the first byte of its digest."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from trueup.foundation import digests
from trueup.foundation.configuration import make_private
from trueup.foundation.errors import BackendError, NotFoundError, UsageError

_HEX_LENGTH = 64


class Backend:
    """Files under one folder; written aside, synced, then renamed into place."""

    def __init__(self, url: str) -> None:
        self.folder = make_private(Path(unquote(urlsplit(url).path)))

    def put(self, raw: bytes) -> str:
        """Keep the bytes and return their digest."""
        digest = digests.of_bytes(raw)
        target = self._path(digest)
        if not target.exists():
            self._write(target, raw)
        return digest

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes and return their digest."""
        return self.put(path.read_bytes())

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, checked against it."""
        raw = self.local_path(digest).read_bytes()
        if digests.of_bytes(raw) != digest:
            raise BackendError(
                "blob-damaged",
                f"The stored bytes of {digests.short(digest)} no longer match their digest.",
                hint="restore the .trueup/blobs folder from a backup",
                context={"digest": digest},
            )
        return raw

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        return self._path(digest).is_file()

    def local_path(self, digest: str) -> Path:
        """A read-only file that holds the bytes."""
        path = self._path(digest)
        if not path.is_file():
            raise NotFoundError(
                "blob-not-found",
                f"The bytes of {digests.short(digest)} are not in the blob store.",
                hint="trueup doctor",
                context={"digest": digest},
            )
        return path

    def digests(self) -> Iterator[str]:
        """All digests kept here."""
        for shard in self.folder.iterdir():
            if len(shard.name) == 2:
                yield from (digests.PREFIX + shard.name + f.name for f in shard.iterdir())

    def _path(self, digest: str) -> Path:
        name = digest.removeprefix(digests.PREFIX)
        if len(name) != _HEX_LENGTH or not set(name) <= set("0123456789abcdef"):
            raise UsageError(
                "digest-malformed",
                f"'{digest[:80]}' is no digest: 'b3:' and 64 hexadecimal digits.",
                hint="copy the digest from the output of a trueup command",
            )
        return self.folder / name[:2] / name[2:]

    def _write(self, target: Path, raw: bytes) -> None:
        try:
            make_private(target.parent)
            handle, aside = tempfile.mkstemp(dir=self.folder, prefix="incoming-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(raw)
                    file.flush()
                    os.fchmod(handle, 0o400)
                    os.fsync(handle)
                Path(aside).rename(target)
            except BaseException:
                Path(aside).unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)
        except OSError as error:
            raise BackendError(
                "blob-not-written",
                f"The blob store {self.folder} could not be written: {error.strerror or error}.",
                hint=f"df -h '{self.folder}'",
            ) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
