"""What becomes of runs that are old."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from trueup.foundation.records import Record


class Keep(NamedTuple):
    """What a rule spares.

    Attributes:
        last: So many of the newest runs of each pipeline.
        since: Everything that began at or after this moment.
    """

    last: int = 0
    since: datetime | None = None


class Fate(Record, kw_only=True):
    """What becomes of one run.

    Attributes:
        ref: The run.
        pipeline: Its pipeline.
        started_at: When it began.
        goes: Whether its files are forgotten.
        why: Why it stays; of one that goes, what was made of it.
    """

    ref: str
    pipeline: str
    started_at: datetime
    goes: bool
    why: str = ""


class Forgetting(Record, kw_only=True):
    """What was forgotten, or would be.

    Attributes:
        fates: The runs that were looked at, the newest first.
        results: Step results kept for reuse that only these runs made and used.
        frees: Bytes that nothing refers to then: `trueup data gc` throws them away.
        done: Whether anything was forgotten, rather than only looked at.
    """

    fates: tuple[Fate, ...]
    results: int = 0
    frees: int = 0
    done: bool = False

    @property
    def gone(self) -> list[Fate]:
        """Those that are forgotten, or would be."""
        return [fate for fate in self.fates if fate.goes]


class Purged(Record, kw_only=True):
    """What was purged of runs that were deleted, or would be.

    Attributes:
        runs: How many runs.
        files: Their files.
        size: The bytes of these files.
        done: Whether they were purged, rather than only looked at.
    """

    runs: int
    files: int = 0
    size: int = 0
    done: bool = False
