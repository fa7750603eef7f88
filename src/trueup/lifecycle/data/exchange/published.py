"""What a remote says of versions: records named by their digest, and heads that point at them.

A version's number belongs to one project's database. A record's digest is the same everywhere, so
parents are named by it, and two people number the same version differently without harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final, Protocol

import msgspec

from trueup.foundation import digests
from trueup.foundation.errors import BackendError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.data.records import MAIN, DatasetVersion

KIND: Final = "refs"
# So many records are named by a head, and so are read in one go by whoever has none of them.
_RECENT: Final = 1000


class VersionRecord(Record, kw_only=True):
    """A version as all who share it know it.

    Attributes:
        dataset: Name of the dataset.
        number: Its number where it was made; others try to give it the same.
        digest: Address of the manifest.
        path: Where the dataset lies in the project.
        is_file: Whether that is one file.
        files: Number of files.
        size: Bytes in all files.
        rows: Rows in all files, where they are tables.
        columns: Column name to type.
        branch: The branch it was made on.
        parents: Digests of the records of the versions it was made from.
        message: Why it was made.
        taken_by: Who made it.
        taken_at: When.
    """

    dataset: str
    number: int
    digest: str
    path: str
    is_file: bool = False
    files: int
    size: int
    rows: int | None = None
    columns: dict[str, str] = {}
    branch: str = MAIN
    parents: tuple[str, ...] = ()
    message: str = ""
    taken_by: str
    taken_at: datetime


class Head(Record):
    """What a branch of a remote points at.

    Attributes:
        record: Digest of the newest version's record.
        number: Its number where it was pushed from.
        recent: Digests of the records before it, the newest first.
        pushed_by: Who pushed it.
        pushed_at: When.
    """

    record: str
    number: int
    recent: tuple[str, ...]
    pushed_by: str
    pushed_at: datetime


class Reads(Protocol):
    """What reading records needs of a remote."""

    def read(self, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of small blobs, in any order."""
        ...


def records_of(
    versions: Iterable[DatasetVersion], known: Mapping[int, str]
) -> dict[int, tuple[str, bytes]]:
    """Digest and bytes of the record of every version of a dataset.

    Args:
        versions: The versions.
        known: Digests of the records of those that came from a remote, or went there.

    Returns:
        By number; no bytes where the digest was known.
    """
    found: dict[int, tuple[str, bytes]] = {}
    for version in sorted(versions, key=lambda version: version.version):
        if version.version in known:
            found[version.version] = (known[version.version], b"")
            continue
        record = VersionRecord(
            dataset=version.name,
            number=version.version,
            digest=version.digest,
            path=version.path,
            is_file=version.is_file,
            files=version.files,
            size=version.size,
            rows=version.rows,
            columns=version.columns,
            branch=version.branch,
            parents=tuple(found[number][0] for number in version.parents),
            message=version.message,
            taken_by=version.taken_by,
            taken_at=version.taken_at,
        )
        raw = encode(record)
        found[version.version] = (digests.of_bytes(raw), raw)
    return found


def version_of(record: VersionRecord, number: int, parents: tuple[int, ...]) -> DatasetVersion:
    """A version of this project made of what a remote says of it."""
    return DatasetVersion(
        name=record.dataset,
        version=number,
        digest=record.digest,
        path=record.path,
        is_file=record.is_file,
        files=record.files,
        size=record.size,
        rows=record.rows,
        columns=record.columns,
        branch=record.branch,
        parents=parents,
        message=record.message,
        taken_by=record.taken_by,
        taken_at=record.taken_at,
    )


def head_of(
    records: Mapping[int, tuple[str, bytes]], lineage: Iterable[int], by: str, at: datetime
) -> Head:
    """The head of a branch; `lineage` is its newest version and all those it comes from."""
    newest, *rest = sorted(lineage, reverse=True)
    return Head(
        record=records[newest][0],
        number=newest,
        recent=tuple(records[number][0] for number in rest[:_RECENT]),
        pushed_by=by,
        pushed_at=at,
    )


def read_head(raw: bytes, dataset: str, branch: str) -> Head:
    """The head that a remote holds.

    Raises:
        BackendError: It is none.
    """
    try:
        return decode(raw, Head)
    except msgspec.MsgspecError as error:
        raise _malformed(f"refs/{dataset}/{branch}") from error


def read_records(
    remote: Reads,
    heads: Iterable[Head],
    known: Iterable[str] = (),
    keep: Callable[[bytes], object] = bool,
) -> dict[str, VersionRecord]:
    """The records of everything that heads come from, as far as they are not known here.

    Args:
        remote: Where they are.
        heads: What to begin at.
        known: Digests of records to leave out, and all that they come from.
        keep: Given the bytes of each.

    Raises:
        NotFoundError: The remote lacks one.
        BackendError: One is damaged, or is no record of a version.
    """
    have = set(known)
    found: dict[str, VersionRecord] = {}
    waiting: set[str] = set()
    for head in heads:
        waiting |= {head.record, *head.recent} - have
    while waiting:
        for digest, raw in remote.read(sorted(waiting)):
            try:
                found[digest] = decode(raw, VersionRecord)
                keep(raw)
            except msgspec.MsgspecError as error:
                raise _malformed(digests.short(digest)) from error
        waiting = {parent for digest in waiting for parent in found[digest].parents}
        waiting -= have | found.keys()
    return found


def in_order(found: Mapping[str, VersionRecord]) -> list[tuple[str, VersionRecord]]:
    """Records such that each comes after its parents, else by the numbers they have elsewhere."""
    placed: dict[str, VersionRecord] = {}
    waiting = sorted(found, key=lambda digest: (found[digest].number, digest), reverse=True)
    while waiting:
        digest = waiting.pop()
        if digest in placed:
            continue
        before = [p for p in found[digest].parents if p in found and p not in placed]
        if before:
            waiting += [digest, *before]
        else:
            placed[digest] = found[digest]
    return list(placed.items())


def number_for(record: VersionRecord, parents: tuple[int, ...], taken: set[int]) -> int:
    """The number of a version here: the one it has elsewhere if that is free, else a new one.

    It is larger than its parents' numbers: that is what merging relies on.
    """
    least = max(parents, default=0)
    if record.number not in taken and record.number > least:
        return record.number
    return max([*taken, least]) + 1


def _malformed(what: str) -> BackendError:
    return BackendError(
        "remote-damaged",
        f"{what} in the remote does not describe a version of data.",
        hint="trueup data verify --remote NAME",
    )
