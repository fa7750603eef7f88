"""Which blobs lie below versions, here and in a remote, walking only what is not known to be there.

The presence of a manifest's root here means that everything below it is here: it is kept last.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from trueup.foundation import digests
from trueup.foundation.errors import ConflictError, TrueupError
from trueup.foundation.records import Record
from trueup.lifecycle.data import manifest, rules
from trueup.lifecycle.data.exchange import marks, published
from trueup.lifecycle.data.exchange.published import Head, VersionRecord
from trueup.lifecycle.data.records import DatasetVersion
from trueup.ports.blobs import Blobs
from trueup.state.remotes.records import Fault, Progress, Transferred
from trueup.state.remotes.remote import Remote

_SHARDS: Final = 32


class Wrong(Record):
    """Something in a remote that is damaged or missing, and the file that it is.

    Attributes:
        object: The object of the store.
        problem: What is wrong.
        files: What cannot be had: `data:flights@b3:…` and the path in it.
    """

    object: str
    problem: str
    files: tuple[str, ...] = ()


class There:
    """A remote, to read manifests from."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def get(self, digest: str) -> bytes:
        """The bytes of a small blob."""
        ((_, raw),) = self._remote.read([digest])
        return raw


class _Given:
    """Blobs that were read already."""

    def __init__(self, raws: Mapping[str, bytes]) -> None:
        self._raws = raws

    def get(self, digest: str) -> bytes:
        """The bytes of one of them."""
        return self._raws[digest]


def to_send(
    blobs: Blobs, there: Remote, versions: Iterable[DatasetVersion], shared: Iterable[str]
) -> Iterator[str]:
    """All blobs below versions, without shards that are in the remote for sure.

    Args:
        blobs: Where they are.
        there: The remote.
        versions: The versions to send.
        shared: Roots of manifests below branches of the remote.

    Raises:
        ConflictError: A version was pulled without its bytes.
    """
    known = {shard.digest for root in shared for shard in _shards(blobs, there, root)}
    for version in versions:
        if not blobs.has(version.digest):
            raise ConflictError(
                "version-elsewhere",
                f"The bytes of {version.ref} were never pulled, so they cannot be pushed.",
                hint=f"trueup data pull {version.name}@{version.version}",
            )
        for shard in manifest.shards(blobs, version.digest):
            if shard.digest not in known:
                known.add(shard.digest)
                yield from (e.digest for e in manifest.shard_entries(blobs, shard.digest))
                yield shard.digest
        yield version.digest


def fetch(
    there: Remote,
    blobs: Blobs,
    versions: Iterable[DatasetVersion],
    have: Iterable[str],
    progress: Progress,
) -> Transferred:
    """Fetch everything below versions; files first, lists last.

    Args:
        there: The remote.
        blobs: Where to keep them.
        versions: The versions.
        have: Roots of manifests of which everything may be here.
        progress: Told what arrived.
    """
    moved = Transferred()
    here = [root for root in have if blobs.has(root)]
    known = {shard.digest for root in here for shard in manifest.shards(blobs, root)}
    for version in versions:
        if blobs.has(version.digest):
            continue
        found = [shard.digest for shard in manifest.shards(There(there), version.digest)]
        new = [digest for digest in dict.fromkeys(found) if digest not in known]
        for part in (_below(there, new), new, [version.digest]):
            moved = moved.plus(there.pull(blobs, part, progress))
        known.update(new)
    return moved


def needed(there: Remote, heads: Iterable[Head], without: Iterable[str] = ()) -> Iterator[str]:
    """Every blob that branches of a remote need; `without` are records that count as forgotten."""
    walked: set[str] = set()
    forgotten = marks.marked(there).union(without)
    for digest, record in published.read_records(there, heads).items():
        yield digest
        if record.digest in walked or digest in forgotten:
            continue
        walked.add(record.digest)
        yield record.digest
        found = [shard.digest for shard in manifest.shards(There(there), record.digest)]
        new = [digest for digest in dict.fromkeys(found) if digest not in walked]
        walked.update(new)
        yield from new
        yield from _below(there, new)


def wrong(there: Remote, faults: Iterable[Fault], heads: Iterable[Head]) -> Iterator[Wrong]:
    """The faults of a remote with the files that they cost, and files that are not there at all."""
    faults = list(faults)
    lost = {digest: fault for fault in faults for digest in fault.digests}
    costs: dict[int, list[str]] = {id(fault): [] for fault in faults}
    missing: dict[str, list[str]] = {}
    records: dict[str, VersionRecord] = {}
    for head in heads:
        try:
            records |= published.read_records(there, [head], records)
        except TrueupError as error:
            yield Wrong(object=str(error.context.get("object", "refs")), problem=error.message)
    forgotten = marks.marked(there)
    for record in (each for digest, each in records.items() if digest not in forgotten):
        shown = f"data:{record.dataset}@{digests.short(record.digest)}"
        try:
            for shard in manifest.shards(There(there), record.digest):
                entries = list(manifest.shard_entries(There(there), shard.digest))
                present = there.has(entry.digest for entry in entries)
                for entry in entries:
                    if entry.digest in lost:
                        costs[id(lost[entry.digest])].append(f"{shown} {entry.path}")
                    elif entry.digest not in present:
                        missing.setdefault(entry.digest, []).append(f"{shown} {entry.path}")
        except TrueupError as error:
            yield Wrong(
                object=str(error.context.get("object", "packs")),
                problem=error.message,
                files=(f"{shown} (its list of files)",),
            )
    for fault in faults:
        files = tuple(sorted(set(costs[id(fault)])))
        yield Wrong(object=fault.object, problem=fault.problem, files=files)
    for digest, places in missing.items():
        problem = f"no pack holds {digests.short(digest)}"
        yield Wrong(object="packs", problem=problem, files=tuple(places))


def _shards(blobs: Blobs, there: Remote, root: str) -> list[manifest.Shard]:
    return manifest.shards(blobs if blobs.has(root) else There(there), root)


def _below(there: Remote, shards: Iterable[str]) -> Iterator[str]:
    """The files of shards of the remote, a few shards at a time."""
    each = iter(shards)
    while group := list(itertools.islice(each, _SHARDS)):
        given = _Given(dict(there.read(group)))
        for shard in group:
            for entry in manifest.shard_entries(given, shard):
                rules.check_path(entry.path)
                yield entry.digest
