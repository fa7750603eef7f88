"""Content digests: every address in Trueup is `b3:` and the BLAKE3 hash of the bytes.

Records are hashed as sorted JSON, so equal records have equal digests on every machine.
"""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path
from typing import Any

import blake3

from trueup.foundation.errors import BackendError, UsageError
from trueup.foundation.records import encode

PREFIX = "b3:"
_MMAP_FROM = 1 << 20
# What is mapped counts as memory of the process: a file of any size must not look like a leak.
_MAPPED = 32 << 20
# Never blake3's AUTO: its pool of threads is lost in a forked process, which would wait forever.
_THREADS = max(1, min(8, os.cpu_count() or 1))
_FORM = re.compile(r"b3:[0-9a-f]{64}\Z")


def of_bytes(raw: bytes) -> str:
    """The digest of some bytes.

    Example:
        >>> of_bytes(b"")[:11]
        'b3:af1349b9'
    """
    return PREFIX + blake3.blake3(raw).hexdigest()


def of_file(path: Path) -> str:
    """The digest of a file's bytes, read through memory maps when it is large."""
    return of_key(key_of_file(path))


def key_of_file(path: Path) -> bytes:
    """The 32 bytes of the digest of a file's bytes."""
    hasher = blake3.blake3(max_threads=_THREADS)
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size < _MMAP_FROM:
            return hasher.update(file.read()).digest()
        for start in range(0, size, _MAPPED):
            length = min(_MAPPED, size - start)
            with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=start) as window:
                hasher.update(window)
    return hasher.digest()


def of_record(value: Any) -> str:
    """The digest of a record or of plain JSON data."""
    return of_bytes(encode(value))


def key(digest: str) -> bytes:
    """The 32 bytes of a digest, as indexes and packs hold it.

    Raises:
        UsageError: The text is no digest.
    """
    if not _FORM.match(digest):
        raise UsageError(
            "digest-malformed",
            f"'{digest[:80]}' is no digest: 'b3:' and 64 hexadecimal digits.",
            hint="copy the digest from the output of a trueup command",
        )
    return bytes.fromhex(digest[len(PREFIX) :])


def key_of(raw: bytes) -> bytes:
    """The 32 bytes of the digest of some bytes."""
    return blake3.blake3(raw).digest()


def of_key(key: bytes) -> str:
    """The digest of which these are the 32 bytes."""
    return PREFIX + key.hex()


def short(digest: str, length: int = 12) -> str:
    """The digest cut for people: prefix and first characters."""
    return digest[: len(PREFIX) + length]


def mismatch(digest: str) -> BackendError:
    """The error that bytes kept under a digest no longer match it."""
    return BackendError(
        "blob-damaged",
        f"The stored bytes of {short(digest)} no longer match their digest.",
        hint="trueup doctor",
        context={"digest": digest},
    )
