"""Manifests: the files of a version as content-addressed shards below one root.

Files are sorted by path and cut where the hash of a path says so, so one changed file rewrites
one shard and the root, and two versions are compared by their differing shards alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple, Protocol

import blake3
import msgspec

from trueup.foundation.digests import PREFIX, short
from trueup.foundation.errors import BackendError
from trueup.lifecycle.data.records import EXECUTABLE, LINK, PLAIN, Change, Entry

LAYOUT: Final = 1
# A shard ends after each path whose hash has these bits clear: about 4,000 files a shard.
_CUT: Final = 4096 - 1
_DIGEST: Final = 32
_KIND: Final = "trueup.files"
MAGIC: Final = b"\x93\xac" + _KIND.encode()
"""How the bytes of every root begin: a list of three, the first a text of twelve letters."""
_MODES: Final = (PLAIN, EXECUTABLE, LINK)


class Reads(Protocol):
    """What reading a manifest needs of the blob store."""

    def get(self, digest: str) -> bytes:
        """The bytes of a digest, checked against it."""
        ...


class Keeps(Protocol):
    """What writing a manifest needs: the blob store, or a batch of it."""

    def put(self, raw: bytes) -> str:
        """Keep the bytes and return their digest."""
        ...


class Shard(NamedTuple):
    """A run of files in the order of their paths.

    Attributes:
        first: Path of its first file.
        digest: Address of the shard.
        files: Number of its files.
        size: Bytes in these files.
    """

    first: str
    digest: str
    files: int
    size: int


class _Root(msgspec.Struct, array_like=True, frozen=True):
    kind: Literal["trueup.files"]
    layout: int
    shards: list[tuple[str, bytes, int, int]]


class _Files(msgspec.Struct, array_like=True, frozen=True):
    """The files of a shard, column by column: decoding 4,000 of them takes one call."""

    layout: int
    paths: str
    digests: bytes
    sizes: list[int]
    modes: bytes


_root = msgspec.msgpack.Decoder(_Root)
_files = msgspec.msgpack.Decoder(_Files)


def build(entries: Iterable[Entry], batch: Keeps) -> str:
    """Keep a manifest of files that come in the order of their paths.

    Returns:
        The address of its root: equal files give equal addresses, however they were built.

    Raises:
        ValueError: A path is not greater than the one before it.
    """
    shards: list[tuple[str, bytes, int, int]] = []
    waiting: list[Entry] = []
    last = ""
    for entry in entries:
        path = entry.path
        if path <= last:
            raise ValueError(f"{path!r} comes after {last!r}")
        last = path
        waiting.append(entry)
        if _ends_shard(path):
            shards.append(_keep(waiting, batch))
            waiting = []
    if waiting:
        shards.append(_keep(waiting, batch))
    return batch.put(msgspec.msgpack.encode(_Root(_KIND, LAYOUT, shards)))


def shards(blobs: Reads, root: str) -> list[Shard]:
    """The shards of a manifest, in the order of their paths.

    Raises:
        NotFoundError: The root is not in the store.
        BackendError: It is damaged, or of a newer layout.
    """
    try:
        decoded = _root.decode(blobs.get(root))
    except msgspec.MsgspecError as error:
        raise _malformed(root) from error
    _check_layout(decoded.layout)
    if any(len(raw) != _DIGEST for _, raw, _, _ in decoded.shards):
        raise _malformed(root)
    return [
        Shard(first, PREFIX + raw.hex(), files, size) for first, raw, files, size in decoded.shards
    ]


def totals(blobs: Reads, root: str) -> tuple[int, int]:
    """How many files there are, and how many bytes they hold."""
    found = shards(blobs, root)
    return sum(shard.files for shard in found), sum(shard.size for shard in found)


def entries(blobs: Reads, root: str) -> Iterator[Entry]:
    """All files in the order of their paths; one shard is in memory at a time."""
    for shard in shards(blobs, root):
        yield from shard_entries(blobs, shard.digest)


def find(blobs: Reads, root: str, path: str) -> Entry | None:
    """The file of that path, if there is one: reads one shard."""
    found = shards(blobs, root)
    at = bisect_right(found, path, key=lambda shard: shard.first) - 1
    if at < 0:
        return None
    return next((e for e in shard_entries(blobs, found[at].digest) if e.path == path), None)


def difference(blobs: Reads, before: str, after: str) -> Iterator[Change]:
    """The files in which two manifests differ, by path; only differing shards are read.

    An empty root stands for no files at all.
    """
    if before == after:
        return
    old = shards(blobs, before) if before else []
    new = shards(blobs, after) if after else []
    shared = {shard.digest for shard in old} & {shard.digest for shard in new}
    yield from changes(_unshared(blobs, old, shared), _unshared(blobs, new, shared))


def changes(before: Iterable[Entry], after: Iterable[Entry]) -> Iterator[Change]:
    """The files in which two lists in the order of their paths differ."""
    old, new = iter(before), iter(after)
    left, right = next(old, None), next(new, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.path < right.path):
            assert left is not None
            yield Change(left.path, left, None)
            left = next(old, None)
        elif left is None or right.path < left.path:
            yield Change(right.path, None, right)
            right = next(new, None)
        else:
            if left.digest != right.digest or left.mode != right.mode:
                yield Change(left.path, left, right)
            left, right = next(old, None), next(new, None)


def blobs_of(blobs: Reads, root: str) -> Iterator[str]:
    """All addresses that a manifest needs: root, shards, files; the same one may come twice."""
    yield root
    for shard in shards(blobs, root):
        yield shard.digest
        for entry in shard_entries(blobs, shard.digest):
            yield entry.digest


def held(blobs: Reads, roots: Iterable[str], wanted: set[str]) -> set[str]:
    """Those of some digests that any of some manifests holds; each shard is read once."""
    found: set[str] = set()
    seen: set[str] = set()
    for root in roots:
        for shard in shards(blobs, root):
            if shard.digest in seen:
                continue
            seen.add(shard.digest)
            entries_ = shard_entries(blobs, shard.digest)
            found.update(entry.digest for entry in entries_ if entry.digest in wanted)
            if len(found) == len(wanted):
                return found
    return found


def _unshared(blobs: Reads, found: list[Shard], shared: set[str]) -> Iterator[Entry]:
    for shard in found:
        if shard.digest not in shared:
            yield from shard_entries(blobs, shard.digest)


def _ends_shard(path: str) -> bool:
    head = blake3.blake3(path.encode()).digest(2)
    return not int.from_bytes(head, "little") & _CUT


def _keep(files: list[Entry], batch: Keeps) -> tuple[str, bytes, int, int]:
    raw = msgspec.msgpack.encode(
        _Files(
            LAYOUT,
            "\0".join([entry.path for entry in files]),
            bytes.fromhex("".join([entry.digest[len(PREFIX) :] for entry in files])),
            sizes := [entry.size for entry in files],
            bytes([_MODES.index(entry.mode) for entry in files]),
        )
    )
    digest = batch.put(raw)
    return files[0].path, bytes.fromhex(digest[len(PREFIX) :]), len(files), sum(sizes)


def shard_entries(blobs: Reads, digest: str) -> Iterator[Entry]:
    """The files of one shard.

    Raises:
        NotFoundError: It is not in the store.
        BackendError: It is damaged, or of a newer layout.
    """
    try:
        decoded = _files.decode(blobs.get(digest))
    except msgspec.MsgspecError as error:
        raise _malformed(digest) from error
    _check_layout(decoded.layout)
    paths, sizes, modes = decoded.paths.split("\0"), decoded.sizes, decoded.modes
    whole = decoded.digests.hex()
    count = len(paths)
    if not count == len(sizes) == len(modes) == len(whole) / (2 * _DIGEST) or max(modes) >= len(
        _MODES
    ):
        raise _malformed(digest)
    step = 2 * _DIGEST
    for i in range(count):
        at = i * step
        yield Entry(paths[i], PREFIX + whole[at : at + step], sizes[i], _MODES[modes[i]])


def _check_layout(layout: int) -> None:
    if layout != LAYOUT:
        raise BackendError(
            "manifest-newer",
            f"The file list of the data has layout {layout}; this Trueup knows {LAYOUT}.",
            hint="pip install --upgrade trueup",
        )


def _malformed(digest: str) -> BackendError:
    return BackendError(
        "manifest-malformed",
        f"The bytes of {short(digest)} are no list of files.",
        hint="trueup doctor",
        context={"digest": digest},
    )
