"""A blob store for looking ahead: what is put into it stays in memory, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError
from trueup.ports.blobs import Blobs

ReadElsewhere = Callable[[str], bytes]


def over(blobs: Blobs, elsewhere: ReadElsewhere | None = None) -> Blobs:
    """A store as it would be after values were put into it.

    Args:
        blobs: The store that stays as it is.
        elsewhere: Reads what it does not have, such as from a remote.
    """
    return cast("Blobs", _Unwritten(blobs, elsewhere))


class _Unwritten:
    """Of the port, what looking at values needs; all else is the store's own."""

    def __init__(self, blobs: Blobs, elsewhere: ReadElsewhere | None) -> None:
        self._blobs = blobs
        self._elsewhere = elsewhere
        self._put: dict[str, bytes] = {}

    def put(self, raw: bytes) -> str:
        digest = digests.of_bytes(raw)
        self._put[digest] = raw
        return digest

    def get(self, digest: str) -> bytes:
        if digest in self._put:
            return self._put[digest]
        try:
            return self._blobs.get(digest)
        except NotFoundError:
            if self._elsewhere is None:
                raise
        return self._put.setdefault(digest, self._elsewhere(digest))

    def get_many(self, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for digest in wanted:
            yield digest, self.get(digest)

    def missing(self, wanted: Iterable[str], *, renew: bool = False) -> set[str]:
        return self._blobs.missing(set(wanted) - self._put.keys())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)
