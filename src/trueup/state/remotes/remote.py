"""A remote: blobs and records in an object store, for everybody who has its URL.

Blobs are named by their digests and never change, so pushing twice is harmless, and whoever is
interrupted goes on. Records are small, named, and change by comparing and swapping: branches are
such, and cached results of steps. Read `link.py` for what lies where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from trueup.foundation import digests
from trueup.foundation.errors import NotFoundError
from trueup.ports.blobs import Blobs
from trueup.state.remotes import (
    collection,
    envelopes,
    fetching,
    receiving,
    repair,
    sending,
    verification,
)
from trueup.state.remotes.link import Link
from trueup.state.remotes.records import (
    Collected,
    Fault,
    Progress,
    Repaired,
    Transferred,
    nothing,
)


class Held(NamedTuple):
    """A record of a remote.

    Attributes:
        raw: Its bytes.
        tag: This state of it, for `put_record(expected=…)`.
    """

    raw: bytes
    tag: str


class Remote:
    """One remote. Make it anew for each command: it remembers what was true when it last looked.

    Args:
        url: Where it is: `file:///folder`, `s3://bucket/prefix`, `gs://…`, `az://…`.
        cache_folder: A private folder for what is remembered of remotes.

    Example:
        with Remote("s3://bucket/team", home / "cache" / "remotes") as remote:
            remote.push(state.blobs, digests)
            remote.put_record("steps", key, raw)
    """

    def __init__(self, url: str, cache_folder: Path) -> None:
        self._link = Link(url, cache_folder)

    @property
    def shown(self) -> str:
        """The URL for people."""
        return self._link.shown

    def refresh(self) -> None:
        """Learn what others pushed since.

        Raises:
            NotFoundError: Nothing was ever pushed there.
        """
        self._link.refresh()

    def push(
        self,
        blobs: Blobs,
        wanted: Iterable[str],
        progress: Progress = nothing,
        *,
        doubting: bool = False,
    ) -> Transferred:
        """Send the blobs that the remote lacks. They count for all as soon as this returns.

        A record that names them makes them needed; without one, a collector removes them after
        its grace time. Ask `settled` before and after writing the record.

        Args:
            blobs: Where they are.
            wanted: Their digests.
            progress: Told how many more were sent.
            doubting: Look first which packs are there: somebody may have removed some.

        Raises:
            NotFoundError: A blob is neither here nor there, or there is no such bucket.
            DeniedError: The credentials do not allow it.
        """
        self._link.refresh(begin=True)
        if doubting:
            self._link.doubt()
        return sending.push(self._link, blobs, wanted, progress)

    def settled(self) -> bool:
        """Whether all that the last push counted on can be counted on still.

        False means that a collector was at work meanwhile: push the same again. `collection.py`
        says why one asks before and after writing a record.
        """
        return self._link.refresh()

    def pull(
        self, blobs: Blobs, wanted: Iterable[str], progress: Progress = nothing
    ) -> Transferred:
        """Fetch the blobs that are not here; every byte is checked.

        What others pushed since this was made is found after `refresh`.

        Raises:
            NotFoundError: The remote does not have one of them.
            BackendError: It is damaged there, or the disk here is full.
        """
        self._link.look()
        return receiving.pull(self._link, blobs, wanted, progress)

    def read(self, wanted: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of small blobs of the remote, in any order, kept nowhere.

        Raises:
            NotFoundError: It does not have one of them.
        """
        self._link.look()
        return fetching.read(self._link, wanted)

    def has(self, wanted: Iterable[str]) -> set[str]:
        """Which of these blobs can be counted on."""
        self._link.look()
        keys = (digests.key(digest) for digest in wanted)
        return {digests.of_key(key) for key in self._link.cache.active(keys)}

    def could_have(self, wanted: Iterable[str]) -> set[str]:
        """Which of these blobs can be counted on; none where nothing was ever pushed."""
        try:
            return self.has(wanted)
        except NotFoundError as error:
            if error.code != "remote-empty":
                raise
            return set()

    def put_record(
        self, kind: str, name: str, raw: bytes, *, expected: str | None = None
    ) -> str | None:
        """Write a record. Every digest that it needs must stand in its bytes, as `b3:…`.

        Args:
            kind: A folder of the remote, such as `steps`.
            name: Its name there.
            raw: The bytes.
            expected: Only if this is its tag still; "" only if there is none yet; None in any case.

        Returns:
            The new tag ("" without `expected`), or None if somebody else was faster.
        """
        path, wrapped = envelopes.path_of(kind, name), envelopes.wrap(raw)
        if expected is None:
            self._link.objects.put(path, wrapped)
            return ""
        return self._link.objects.swap(path, wrapped, expected)

    def get_record(self, kind: str, name: str) -> Held | None:
        """A record, if there is one.

        Raises:
            BackendError: Its bytes are not those that were written.
        """
        path = envelopes.path_of(kind, name)
        try:
            raw, tag = self._link.objects.get_tagged(path)
        except NotFoundError as error:
            if error.code != "object-not-found":
                raise
            return None
        return Held(envelopes.unwrap(raw, path), tag)

    def get_records(self, kind: str, names: Iterable[str]) -> dict[str, bytes]:
        """Those of many records that there are, asked for side by side."""
        paths = {envelopes.path_of(kind, name): name for name in names}
        found = self._link.objects.get_all(paths, absent=True)
        return {paths[path]: envelopes.unwrap(raw, path) for path, raw in found}

    def list_records(self, kind: str, under: str = "") -> list[str]:
        """The names of records, of a whole kind or below a folder of it."""
        folder = envelopes.path_of(kind, under) if under else envelopes.path_of(kind, "")[:-1]
        return [stored.path[len(kind) + 1 :] for stored in self._link.objects.listed(folder)]

    def delete_records(self, kind: str, names: Iterable[str]) -> None:
        """Remove records."""
        self._link.objects.delete([envelopes.path_of(kind, name) for name in names])

    def verify(self, progress: Progress = nothing) -> Iterator[Fault]:
        """Read everything in the remote and name what is not as it was written."""
        return verification.verify(self._link, progress)

    def repair(
        self, may_drop: Callable[[str], bool], progress: Progress = nothing, who: str = ""
    ) -> Repaired:
        """Take out what is damaged; a push then sends again what was lost, as far as it has it.

        Args:
            may_drop: Whether a damaged record may be removed, by `kind/name`: one that is known
                here, or that nobody misses.
            progress: Told how many objects and bytes were read.
            who: The person it is done for; whoever must wait is told.

        Raises:
            NotFoundError: Nothing was ever pushed there.
            ConflictError: Somebody collects or repairs it.
        """
        return repair.repair(self._link, may_drop, progress, who)

    def collect(
        self,
        needed: Callable[[], Iterable[str]],
        *,
        dry_run: bool = True,
        grace: timedelta = collection.GRACE,
        who: str = "",
    ) -> Collected:
        """Mark what nobody needs, and remove what was marked long enough ago.

        Args:
            needed: The digests of all blobs that must stay, beside those that records name.
            dry_run: Say what would be done.
            grace: How long a mark stands before anything is removed.
            who: The person it is done for; whoever must wait is told.

        Raises:
            ConflictError: Somebody else collects this remote.
        """
        self._link.refresh()
        return collection.collect(self._link, needed, dry_run=dry_run, grace=grace, who=who)

    def close(self) -> None:
        """Close what is remembered."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
