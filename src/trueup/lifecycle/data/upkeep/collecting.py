"""Throwing away blobs that nothing refers to. `live.py` says what refers to them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from trueup.foundation import digests
from trueup.foundation.records import Record
from trueup.ports.blobs import Blobs
from trueup.state.unit import Unit

UNUSED = "nothing refers to them"
YOUNG = "too young to tell"


class Share(Record, kw_only=True):
    """The blobs that have one reason to stay, or to go.

    Attributes:
        reason: Why.
        blobs: How many.
        size: Their bytes.
        goes: Whether they are thrown away.
    """

    reason: str
    blobs: int
    size: int
    goes: bool = False


class Collected(Record, kw_only=True):
    """What a collection found, and did.

    Attributes:
        shares: All blobs, by reason.
        stored_before: Younger ones were spared.
        freed: Bytes of the blobs thrown away; 0 when it was only a look.
        done: Whether anything was thrown away, rather than only looked at.
        forgotten_files: Files of runs deleted long ago, which go before the blobs are looked at.
        forgotten_size: Their bytes; those that nothing else needs go with the blobs.
    """

    shares: tuple[Share, ...]
    stored_before: datetime
    freed: int
    done: bool
    forgotten_files: int = 0
    forgotten_size: int = 0

    @property
    def unused(self) -> Share:
        """What goes, or would go."""
        empty = Share(reason=UNUSED, blobs=0, size=0, goes=True)
        return next((share for share in self.shares if share.goes), empty)


class Sorted(NamedTuple):
    """All blobs by reason, and the addresses of those that nothing refers to."""

    shares: tuple[Share, ...]
    unused: list[bytes]


def sort(blobs: Blobs, live: dict[bytes, str], stored_before: datetime) -> Sorted:
    """Put every blob of the store to its reason."""
    counted: dict[str, list[int]] = {}
    unused: list[bytes] = []
    for kept in blobs.kept():
        key = digests.key(kept.digest)
        reason = live.get(key, "")
        if not reason:
            reason = UNUSED if kept.stored_at < stored_before else YOUNG
            if reason == UNUSED:
                unused.append(key)
        share = counted.setdefault(reason, [0, 0])
        share[0] += 1
        share[1] += kept.size
    shares = (
        Share(reason=reason, blobs=count, size=size, goes=reason == UNUSED)
        for reason, (count, size) in counted.items()
    )
    return Sorted(tuple(sorted(shares, key=lambda share: (share.goes, -share.size))), unused)


def looked(found: Sorted, before: datetime) -> Collected:
    """The result of only looking."""
    return Collected(shares=found.shares, stored_before=before, freed=0, done=False)


def sweep(blobs: Blobs, found: Sorted, before: datetime, lists: Collection[str]) -> int:
    """Throw away what nothing refers to; what was put again since stays.

    Args:
        blobs: The blobs.
        found: What to throw away.
        before: When everything that goes was stored at the latest.
        lists: Manifests of forgotten versions. They go first: where one is, all below it is.

    Returns:
        The bytes freed.
    """
    unused = [digests.of_key(key) for key in found.unused]
    freed = blobs.delete([each for each in unused if each in lists], stored_before=before)
    return freed + blobs.delete(
        [each for each in unused if each not in lists], stored_before=before
    )


def written(unit: Unit, found: Sorted, before: datetime, freed: int) -> Collected:
    """Say what was thrown away."""
    done = Collected(shares=found.shares, stored_before=before, freed=freed, done=True)
    unit.emit(
        "data.collected",
        "data:blobs",
        data={"blobs": done.unused.blobs, "freed": freed, "stored_before": str(before)},
    )
    return done
