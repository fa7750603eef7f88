"""The object port: named bytes in a shared place, which is all that a remote needs of a store.

Back ends raise the errors below and no others; none ever shows a credential.
Read next: `state/remotes/remote.py`, which keeps blobs and records in one of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from trueup.foundation.errors import UsageError

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._=+-]*"
_PATH = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_LONGEST = 800  # S3 and Azure hold 1,024 bytes, a part of which the URL's own prefix takes


class Stored(NamedTuple):
    """An object that is there.

    Attributes:
        path: Its path below the URL.
        size: Its length in bytes.
        changed_at: When the store last took bytes for it, by the store's own clock.
    """

    path: str
    size: int
    changed_at: datetime


class Objects(Protocol):
    """Objects below one URL. Each write is whole or absent for every reader.

    Errors of all methods: `DeniedError` (bad credentials, a place that may only be read),
    `NotFoundError` (no such bucket or object), `BackendError` (no network, disk full, a server
    that keeps failing). Failures that may pass are repeated by the back end, with growing pauses.
    Methods may be called from several threads.
    """

    def __init__(self, url: str) -> None: ...

    @property
    def shown(self) -> str:
        """The URL for people."""
        ...

    def get(self, path: str) -> bytes:
        """The bytes of an object."""
        ...

    def get_tagged(self, path: str) -> tuple[bytes, str]:
        """The bytes of an object, and the tag of this state of it for `swap`."""
        ...

    def get_range(self, path: str, start: int, length: int) -> bytes:
        """Part of an object: as many bytes as it has there, at most `length`."""
        ...

    def put(self, path: str, raw: bytes) -> None:
        """Write an object, over what was there."""
        ...

    def swap(self, path: str, raw: bytes, tag: str) -> str | None:
        """Write an object only if its state is still that of `tag`; "" means that there is none.

        Returns:
            The new tag, or None if somebody else was faster; then nothing was written.
        """
        ...

    def list(self, folder: str) -> Iterator[Stored]:
        """All objects below a folder, however deep; "" means all."""
        ...

    def delete(self, paths: Iterable[str]) -> None:
        """Remove objects; those that are gone already are no error."""
        ...


def checked_path(path: str) -> str:
    """Return `path` if every store can hold an object of that name.

    Raises:
        UsageError: It is too long, or holds more than letters, digits, `._=+-` and `/`.
    """
    if len(path) > _LONGEST or not _PATH.fullmatch(path):
        raise UsageError(
            "object-path",
            f"'{path[:100]}' can be no object of a remote.",
            hint="use letters, digits, '.', '_', '=', '+', '-' in segments divided by '/'",
        )
    return path
