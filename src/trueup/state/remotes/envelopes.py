"""Records: small named bytes in a remote that may change, each in an envelope with its digest."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trueup.foundation import digests
from trueup.foundation.errors import BackendError, UsageError

_HEAD = re.compile(rb"trueup-record 1 (b3:[0-9a-f]{64})\n")
_KIND = re.compile(r"[a-z][a-z-]*")
_TAKEN = ("packs", "indexes", "tombstones")
_NAMED = re.compile(rb"b3:[0-9a-f]{64}")


def wrap(raw: bytes) -> bytes:
    """The bytes of a record's object."""
    return b"trueup-record 1 " + digests.of_bytes(raw).encode() + b"\n" + raw


def unwrap(raw: bytes, path: str) -> bytes:
    """The record in an object.

    Raises:
        BackendError: The object is no record, or its bytes do not match its digest.
    """
    head = _HEAD.match(raw)
    body = raw[head.end() :] if head else b""
    if head is None or digests.of_bytes(body) != head[1].decode():
        raise BackendError(
            "remote-damaged",
            f"The record {path} of the remote is damaged: its bytes do not match its digest.",
            hint="trueup data verify --remote NAME",
            context={"object": path},
        )
    return body


def path_of(kind: str, name: str) -> str:
    """Where a record lies.

    Raises:
        UsageError: The kind is none, or one of the folders that a remote has for itself.
    """
    if not _KIND.fullmatch(kind) or kind in _TAKEN:
        raise UsageError(
            "object-path",
            f"'{kind[:100]}' can be no kind of records.",
            hint="use lower-case letters, for example 'steps'",
        )
    return f"{kind}/{name}"


def is_record(path: str) -> bool:
    """Whether an object of a remote is a record."""
    return "/" in path and path.partition("/")[0] not in _TAKEN


def named_in(raw: bytes) -> Iterator[str]:
    """The digests that a record names: what a collector must keep."""
    return (match[0].decode() for match in _NAMED.finditer(raw))
