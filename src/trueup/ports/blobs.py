"""The blob port: bytes kept by their digest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class Blobs(Protocol):
    """A store of immutable bytes, each named by its BLAKE3 digest (`b3:…`).

    A back end is made with its URL. `put` and `put_file` return only when the bytes are durable;
    storing the same bytes twice keeps one copy. No caller ever supplies a storage path.
    """

    def __init__(self, url: str) -> None: ...

    def put(self, raw: bytes) -> str:
        """Keep the bytes and return their digest."""
        ...

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes and return their digest; the file itself stays."""
        ...

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            NotFoundError: They are not here.
            BackendError: What is stored does not match its digest.
        """
        ...

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        ...

    def local_path(self, digest: str) -> Path:
        """A read-only file that holds the bytes, for libraries that need one."""
        ...

    def digests(self) -> Iterator[str]:
        """All digests kept here, in no order."""
        ...
