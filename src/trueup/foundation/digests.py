"""Content digests: every address in Trueup is `b3:` and the BLAKE3 hash of the bytes.

Records are hashed as sorted JSON, so equal records have equal digests on every machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import blake3

from trueup.foundation.records import encode

PREFIX = "b3:"
_MMAP_FROM = 1 << 20


def of_bytes(raw: bytes) -> str:
    """The digest of some bytes.

    Example:
        >>> of_bytes(b"")[:11]
        'b3:af1349b9'
    """
    return PREFIX + blake3.blake3(raw).hexdigest()


def of_file(path: Path) -> str:
    """The digest of a file's bytes, read through a memory map when it is large."""
    hasher = blake3.blake3()
    if path.stat().st_size >= _MMAP_FROM:
        hasher.update_mmap(path)
    else:
        hasher.update(path.read_bytes())
    return PREFIX + hasher.hexdigest()


def of_record(value: Any) -> str:
    """The digest of a record or of plain JSON data."""
    return of_bytes(encode(value))


def short(digest: str, length: int = 12) -> str:
    """The digest cut for people: prefix and first characters."""
    return digest[: len(PREFIX) + length]
