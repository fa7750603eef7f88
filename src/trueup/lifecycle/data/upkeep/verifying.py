"""Reading everything below versions again, and naming what is damaged or missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from trueup.foundation import digests, threads
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.table import Held
from trueup.lifecycle.data.worktree.keeping import Progress, nothing
from trueup.lifecycle.data.worktree.reading import SMALL
from trueup.ports.blobs import Blobs

_AT_ONCE: Final = 1_000
_THREADS: Final = min(4, os.cpu_count() or 1)
_T = TypeVar("_T")


class Broken(Record, kw_only=True):
    """Something that a version needs and the store does not have as it was.

    Attributes:
        dataset: The dataset.
        versions: The versions that need it.
        path: The file; empty for what a version says of itself, such as its list of files.
        digest: Its address.
        problem: `missing` or `damaged`.
    """

    dataset: str
    versions: tuple[int, ...]
    path: str
    digest: str
    problem: str


class Verified(Record, kw_only=True):
    """The result of reading everything again.

    Attributes:
        versions: How many versions were looked at.
        blobs: How many different blobs they need.
        size: Bytes read.
        broken: What is damaged or missing.
    """

    versions: int
    blobs: int
    size: int
    broken: tuple[Broken, ...]


def verify(blobs: Blobs, held: list[Held], progress: Progress = nothing) -> Verified:
    """Recompute every digest below some versions, each once."""
    versions = [version for version, _ in held]
    problems: dict[str, str] = {}
    needed = {digests.key(record) for _, record in held if record}
    parts: dict[str, bool] = {}  # roots and shards, and whether they can be read
    for version in versions:
        if version.digest not in parts:
            _lists(blobs, version.digest, parts, needed, problems)
    size = 0
    done = 0
    with threads.pool(_THREADS, "verify") as pool:
        chunks = _chunks(map(digests.of_key, needed), _AT_ONCE)
        for found, read in pool.map(lambda chunk: _check(blobs, chunk), chunks):
            problems |= found
            size += read
            done = min(done + _AT_ONCE, len(needed))
            progress(done, size)
    broken = tuple(_named(blobs, held, problems, parts)) if problems else ()
    return Verified(
        versions=len(versions), blobs=len(needed) + len(parts), size=size, broken=broken
    )


def _lists(
    blobs: Blobs,
    root: str,
    parts: dict[str, bool],
    needed: set[bytes],
    problems: dict[str, str],
) -> None:
    try:
        shards = manifest.shards(blobs, root)
        parts[root] = True
    except TrueupError as error:
        parts[root] = False
        problems[root] = _problem(error)
        return
    for shard in shards:
        if shard.digest in parts:
            continue
        try:
            for entry in manifest.shard_entries(blobs, shard.digest):
                needed.add(digests.key(entry.digest))
            parts[shard.digest] = True
        except TrueupError as error:
            parts[shard.digest] = False
            problems[shard.digest] = _problem(error)


def _check(blobs: Blobs, chunk: list[str]) -> tuple[dict[str, str], int]:
    """What is wrong with some blobs, and how many bytes were read."""
    sizes = blobs.sizes(chunk)
    problems = {digest: "missing" for digest in chunk if digest not in sizes}
    small = [digest for digest, size in sizes.items() if size < SMALL]
    try:
        for _digest, _raw in blobs.get_many(small):
            pass
    except TrueupError:  # it stops at the first: look at each by itself
        problems |= _tried(blobs.get, small)
    large = [digest for digest, size in sizes.items() if size >= SMALL]
    problems |= _tried(lambda digest: _reread(blobs, digest), large)
    return problems, sum(sizes.values())


def _tried(read: Callable[[str], object], chunk: Iterable[str]) -> dict[str, str]:
    problems: dict[str, str] = {}
    for digest in chunk:
        try:
            read(digest)
        except TrueupError as error:
            problems[digest] = _problem(error)
        except OSError:
            problems[digest] = "damaged"
    return problems


def _reread(blobs: Blobs, digest: str) -> None:
    if digests.of_file(blobs.local_path(digest)) != digest:
        raise OSError


def _problem(error: TrueupError) -> str:
    return "missing" if isinstance(error, LookupError) else "damaged"


def _named(
    blobs: Blobs, held: list[Held], problems: dict[str, str], parts: dict[str, bool]
) -> Iterator[Broken]:
    """Which file of which versions each broken blob is."""
    found: dict[tuple[str, str, str], list[int]] = {}

    def note(version: DatasetVersion, path: str, digest: str) -> None:
        found.setdefault((version.name, path, digest), []).append(version.version)

    for version, record in held:
        if record in problems:
            note(version, "", record)
        if not parts[version.digest]:
            note(version, "", version.digest)
            continue
        for shard in manifest.shards(blobs, version.digest):
            if not parts[shard.digest]:
                note(version, "", shard.digest)
                continue
            for entry in manifest.shard_entries(blobs, shard.digest):
                if entry.digest in problems:
                    note(version, entry.path, entry.digest)
    for (dataset, path, digest), numbers in sorted(found.items()):
        yield Broken(
            dataset=dataset,
            versions=tuple(sorted(numbers)),
            path=path,
            digest=digest,
            problem=problems[digest],
        )


def _chunks(items: Iterable[_T], most: int) -> Iterator[list[_T]]:
    turn = iter(items)
    while chunk := list(islice(turn, most)):
        yield chunk
