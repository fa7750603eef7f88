"""Results of steps that a team shares through a remote: looked up on a miss, sent after a run.

A result that comes from elsewhere is taken only if its key is that of its own components, its
nested digests are right, and every byte matches its digest. Whoever may write to the remote is
trusted as far as what a step returned goes; `--verify-cache` computes a sample again. Models that
are code are neither sent nor taken: nobody trusted them that far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from trueup.foundation import digests
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.pipeline import keys
from trueup.lifecycle.pipeline.passing import filing, forms, keeping, values
from trueup.lifecycle.pipeline.records import CacheEntry, StoredValue
from trueup.lifecycle.runs.execution import unwritten
from trueup.ports.blobs import Blobs

if TYPE_CHECKING:
    from trueup.state.remotes.remote import Remote

KIND: Final = "steps"
_TRIES: Final = 3
_AT_ONCE: Final = 500


class SharedEntry(Record):
    """A result as it lies in a remote.

    Attributes:
        entry: The result.
        made_by: Who made it.
        layout: Rises when this record changes.
    """

    entry: CacheEntry
    made_by: str
    layout: Literal[1] = 1


class SharedResults:
    """The results of one remote, as one run sees them; trouble with it never stops the run.

    Args:
        open_: Opens the remote, when it is first needed.
        name: Name of the remote.
        blobs: Where fetched bytes are kept.
        tell: Told what is refused, and that the remote is left out.
    """

    def __init__(
        self, open_: Callable[[], Remote], name: str, blobs: Blobs, tell: Callable[[str], None]
    ) -> None:
        self._open = open_
        self.name = name
        self._blobs = blobs
        self._tell = tell
        self._remote: Remote | None = None
        self._is_closed = False

    def fetch(self, wanted: Sequence[str]) -> dict[str, SharedEntry]:
        """Those of the results that the remote has; their bytes are here afterwards.

        Args:
            wanted: Keys; all are asked for together.
        """
        return self._found(wanted, self._pull)

    def look(self, wanted: Sequence[str]) -> dict[str, SharedEntry]:
        """What `fetch` would give; nothing is kept here."""
        return self._found(wanted, self._check)

    def read(self, digest: str) -> bytes:
        """The bytes of a small blob of the remote, kept nowhere.

        Raises:
            TrueupError: The remote cannot be reached, or does not have it.
        """
        self._remote = self._remote or self._open()
        return dict(self._remote.read([digest]))[digest]

    def send(self, entries: Iterable[CacheEntry], made_by: str) -> int:
        """Share results, those first whose bytes the remote lacks; how many were sent.

        Raises:
            TrueupError: The remote cannot be reached or written.
        """
        kept = [
            entry
            for entry in entries
            if not _is_code(entry.outputs) and values.is_present(self._blobs, entry.outputs)
        ]
        if not kept:
            return 0
        remote = self._remote = self._remote or self._open()
        wanted = {d for each in kept for d in filing.blobs_of(self._blobs, each.outputs)}
        for _ in range(_TRIES):  # a collector may be at work: push the same again
            remote.push(self._blobs, sorted(wanted))
            for entry in kept:
                raw = encode(SharedEntry(entry=entry, made_by=made_by))
                remote.put_record(KIND, _name_of(entry.key), raw)
            if remote.settled():
                break
        return len(kept)

    def forget(self, before: datetime, *, dry_run: bool) -> int:
        """Share results made before a moment no more; how many that were. Runs compute them again.

        Raises:
            TrueupError: The remote cannot be reached or written.
        """
        remote = self._remote = self._remote or self._open()
        remote.refresh()
        names = remote.list_records(KIND)
        old: list[str] = []
        for start in range(0, len(names), _AT_ONCE):
            for name, raw in remote.get_records(KIND, names[start : start + _AT_ONCE]).items():
                try:
                    made_at = decode(raw, SharedEntry).entry.created_at
                except msgspec.MsgspecError:
                    continue  # of another Trueup
                if made_at < before:
                    old.append(name)
        if old and not dry_run:
            remote.delete_records(KIND, old)
        return len(old)

    def close(self) -> None:
        """Close what is remembered of the remote."""
        if self._remote is not None:
            self._remote.close()
            self._remote = None

    def _found(
        self, wanted: Sequence[str], take: Callable[[Remote, StoredValue], None]
    ) -> dict[str, SharedEntry]:
        if self._is_closed or not wanted:
            return {}
        try:
            remote = self._remote = self._remote or self._open()
            raw = remote.get_records(KIND, [_name_of(key) for key in wanted])
        except TrueupError as error:
            self._is_closed = True
            if error.code != "remote-empty":
                why = error.message.rstrip(".")
                self._tell(f"remote '{self.name}' is left out of this run: {why}")
            return {}
        found = {}
        for key in wanted:
            if _name_of(key) not in raw:
                continue
            try:
                shared = _sound(key, raw[_name_of(key)])
                take(remote, shared.entry.outputs)
                found[key] = shared
            except (TrueupError, _Refused) as error:
                why = str(error).rstrip(".")
                short = digests.short(key)
                self._tell(f"the result {short} in remote '{self.name}' is refused: {why}")
        return found

    def _pull(self, remote: Remote, outputs: StoredValue) -> None:
        leaves = {leaf.digest for leaf in _leaves(outputs)}
        remote.pull(self._blobs, sorted(leaves))
        remote.pull(self._blobs, sorted(set(filing.blobs_of(self._blobs, outputs))))

    def _check(self, remote: Remote, outputs: StoredValue) -> None:
        needed = set(filing.blobs_of(unwritten.over(self._blobs, self.read), outputs))
        elsewhere = self._blobs.missing(needed)
        if lacking := elsewhere - remote.has(elsewhere):
            raise _Refused(f"the remote lacks {digests.short(min(lacking))}")


class _Refused(Exception):
    """Why a result of others is not taken."""


def _sound(key: str, raw: bytes) -> SharedEntry:
    """A result whose key and digests are those of what it says.

    Raises:
        _Refused: They are not.
    """
    try:
        shared = decode(raw, SharedEntry)
    except msgspec.MsgspecError as error:
        raise _Refused(f"it is no result ({error})") from error
    entry = shared.entry
    if entry.key != key or keys.key(entry.components) != key:
        raise _Refused("its key is not that of what it says it was made from")
    if not _is_sound(entry.outputs):
        raise _Refused("the digests in it contradict each other")
    if _is_code(entry.outputs):
        raise _Refused("it is code, which is made here or not at all")
    return shared


def _is_code(stored: StoredValue) -> bool:
    """Whether a model that is code is among the values: whoever loads it runs it."""
    models = (leaf for leaf in _leaves(stored) if leaf.kind == "model")
    return any(forms.model_format(leaf.format).runs_code for leaf in models)


def _name_of(key: str) -> str:
    hexadecimal = key.removeprefix(digests.PREFIX)
    return f"{hexadecimal[:2]}/{hexadecimal[2:]}"


def _leaves(stored: StoredValue) -> Iterator[StoredValue]:
    inner = (*stored.parts.values(), *stored.items)
    if not inner and stored.kind not in ("parts", "list"):
        yield stored
    for each in inner:
        yield from _leaves(each)


def _is_sound(stored: StoredValue) -> bool:
    """Whether the digests of dicts and lists are those of what they hold."""
    if stored.kind == "parts":
        pairs = [[key, item.digest] for key, item in sorted(stored.parts.items())]
        right = digests.of_record(pairs) == stored.digest
        return right and all(map(_is_sound, stored.parts.values()))
    if stored.kind == "list":
        same = keeping.listed(list(stored.items)).digest == stored.digest
        return same and all(map(_is_sound, stored.items))
    return True
