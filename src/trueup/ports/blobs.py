"""The blob port: bytes kept by their digest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

Link = Literal["copy", "hard", "symbolic"]
"""How a file of the user's work tree holds a blob; a copy shares its blocks where possible."""


class Kept(NamedTuple):
    """A blob that is here.

    Attributes:
        digest: Its digest.
        size: Length of its bytes.
        stored_at: When it was put last; putting it again makes it young again.
    """

    digest: str
    size: int
    stored_at: datetime


class Damage(NamedTuple):
    """Something in a store that is not as it was written.

    Attributes:
        digest: The blob that is damaged or missing; empty if no blob is (a footer, an index).
        place: Where it lies, for people.
        problem: What is wrong.
    """

    digest: str
    place: str
    problem: str


class Wanted(NamedTuple):
    """A file that `materialise_many` shall write; a text as target, for there may be millions."""

    digest: str
    target: str
    mode: int = 0o644


class Batch(Protocol):
    """Many blobs put at once; every method may be called from several threads.

    Nothing is promised before the block of `Blobs.batch` ends. A source file that changes while it
    is read is kept as it was read: the digest is always that of the kept bytes.
    """

    def put(self, raw: bytes) -> str:
        """Take the bytes and return their digest."""
        ...

    def put_many(self, raws: Sequence[bytes]) -> list[str]:
        """Take many at once and return their digests: faster for small ones."""
        ...

    def put_file(self, path: Path) -> str:
        """Take a regular file's bytes and return their digest; one from `aside` is taken away.

        Raises:
            UsageError: The file cannot be read.
            BackendError: The store cannot be written.
        """
        ...

    def aside(self) -> Path:
        """A new empty file inside the store, to be filled, closed and given to `put_file`.

        It then becomes the blob without being copied. If it is never given, it is removed.
        """
        ...


class Blobs(Protocol):
    """A store of immutable bytes, each named by its BLAKE3 digest (`b3:…`).

    A back end is made with its URL. `put` and `put_file` return only when the bytes are durable;
    storing the same bytes twice keeps one copy. No caller ever supplies a storage path.
    Methods that take many digests take any number, and name no digest twice. `url` is what the
    store was made with, so that another process can open it, too.
    """

    url: str

    def __init__(self, url: str) -> None: ...

    def put(self, raw: bytes) -> str:
        """Keep the bytes and return their digest."""
        ...

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes and return their digest; the file itself stays."""
        ...

    def batch(self) -> AbstractContextManager[Batch]:
        """Put many blobs: all are durable when the block ends.

        A block that is left by an exception may have kept some of them, each of them whole.
        """
        ...

    def get(self, digest: str) -> bytes:
        """The bytes of a digest.

        Raises:
            NotFoundError: They are not here.
            BackendError: What is stored does not match its digest.
        """
        ...

    def get_many(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of many small blobs, in the order in which they lie in the store.

        Raises:
            NotFoundError: One is not here.
            BackendError: What is stored does not match its digest.
        """
        ...

    def has(self, digest: str) -> bool:
        """Whether the bytes are here."""
        ...

    def missing(self, digests: Iterable[str], *, renew: bool = False) -> set[str]:
        """Which of these are not here.

        Args:
            digests: What to ask for.
            renew: The caller is about to rely on those that are here: they become young again, so
                that a collector spares them.
        """
        ...

    def size(self, digest: str) -> int:
        """The length of the bytes.

        Raises:
            NotFoundError: They are not here.
        """
        ...

    def sizes(self, digests: Iterable[str]) -> dict[str, int]:
        """The lengths of those that are here."""
        ...

    def local_path(self, digest: str) -> Path:
        """A read-only file that holds the bytes, for libraries that need one."""
        ...

    def materialise(
        self, digest: str, target: Path, *, mode: int = 0o644, link: Link = "copy"
    ) -> None:
        """Write a file of the user's work tree, atomically; missing folders are made.

        Args:
            digest: What the file shall hold.
            target: The file, checked by the caller; what stands there is replaced.
            mode: Permissions of a copy. A linked file is always read-only (0444).
            link: "hard" and "symbolic" share the store's own file, so writing to it would damage
                the store; a hard link across file systems becomes a copy.

        Raises:
            NotFoundError: The bytes are not here.
            BackendError: They are damaged, or the file cannot be written.
        """
        ...

    def materialise_many(self, files: Iterable[Wanted], *, link: Link = "copy") -> None:
        """Write many files as `materialise` does, reading small ones pack by pack."""
        ...

    def digests(self) -> Iterator[str]:
        """All digests kept here, in no order."""
        ...

    def kept(self) -> Iterator[Kept]:
        """All blobs with their sizes and ages, in no order."""
        ...

    def delete(self, digests: Iterable[str], *, stored_before: datetime | None = None) -> int:
        """Forget blobs that nobody needs any more; unknown ones are no error.

        Args:
            digests: What to forget.
            stored_before: Spare those that were put, or put again, since. A collector passes the
                moment before which it began to look for what is needed, less a grace period;
                without it, a blob that somebody is just putting again may be lost.

        Returns:
            The bytes of the blobs forgotten; the disk gets the space of small ones back when
            enough of their pack is gone.
        """
        ...

    def verify(self) -> Iterator[Damage]:
        """Read everything that is kept and name what is not as it was written."""
        ...
