"""Computing a sample of the reused results again: is the cache right, are the steps reproducible?

The sample is chosen by the hash of key and run, so that it can be told again. What comes out is
used from then on and replaces the kept result: if a key missed something, the new value is right.
"""

from __future__ import annotations

from collections.abc import Callable

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.text import plural
from trueup.lifecycle.pipeline.records import CacheEntry, Difference, StoredValue
from trueup.lifecycle.runs.service import Runs
from trueup.state.unit import State

_ALL = 1 << 64
_SHOWN = 3


def is_chosen(key: str, run_id: str, share: float) -> bool:
    """Whether the result under a key belongs to the sample of a run.

    Example:
        >>> is_chosen("b3:1", "7k3f9qd2", 1.0), is_chosen("b3:1", "7k3f9qd2", 0.0)
        (True, False)
    """
    drawn = int(digests.of_record([key, run_id]).removeprefix(digests.PREFIX)[:16], 16)
    return drawn < share * _ALL


class Verification:
    """The sample of one run."""

    def __init__(
        self, state: State, actor: Actor, run_id: str, share: float, tell: Callable[[str], None]
    ) -> None:
        self._state = state
        self._actor = actor
        self._run_id = run_id
        self._share = share
        self._tell = tell
        self._expected: dict[str, CacheEntry] = {}

    def takes(self, entry: CacheEntry) -> bool:
        """Whether a result that could be reused is to be computed again."""
        if not is_chosen(entry.key, self._run_id, self._share):
            return False
        self._expected[entry.key] = entry
        return True

    def compare(self, name: str, key: str, outputs: StoredValue) -> None:
        """A step has ended: if it was of the sample, say whether it came out the same."""
        entry = self._expected.pop(key, None)
        if entry is None:
            return
        from trueup.lifecycle.pipeline.passing import comparing  # NumPy, for a sample alone

        blobs = self._state.blobs
        found = comparing.differences(entry.outputs, blobs, outputs, blobs)
        if not found:
            self._tell(f"step '{name}' came out as in run {entry.run}")
            return
        Runs(self._state).not_reproducible(self._actor, self._run_id, name, entry, found)
        self._tell(f"step '{name}' came out otherwise than in run {entry.run}: {in_words(found)}")


def in_words(found: tuple[Difference, ...]) -> str:
    """The first differences, and how many more there are."""
    text = "; ".join(map(str, found[:_SHOWN]))
    more = len(found) - _SHOWN
    return text + (f" and {plural(more, 'more difference')}" if more > 0 else "")
