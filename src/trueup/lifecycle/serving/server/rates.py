"""How much each caller may still ask: token buckets, shared by all processes that answer.

A bucket is one number, the moment at which it is full again (GCRA), in a slot of a shared file: one
lock and one write for each request, and only where a plan sets a limit.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
import time
from hashlib import blake2b
from typing import Final

_SLOT: Final = struct.Struct("=Qd")
_SLOTS: Final = 8192
_PROBES: Final = 8
_REMEMBERED: Final = 10_000


class Rates:
    """The buckets of all callers.

    Args:
        descriptor: An open file that `shared` made; of this process alone if left out.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = shared() if descriptor is None else descriptor
        self._slots = mmap.mmap(self._descriptor, _SLOTS * _SLOT.size)
        self._keys: dict[str, int] = {}

    def take(self, caller: str, amount: float, per_second: float, burst_s: float) -> float:
        """Take an amount out of a caller's bucket; the seconds to wait if it holds too little.

        An amount that is more than a full bucket is let through by a full one, which then takes as
        much longer to fill.
        """
        now = time.monotonic()  # the same in all processes
        costs_s = amount / per_second
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            offset, full_at = self._slot(self._key(caller), now)
            wait_s = max(full_at, now) - now - (burst_s - min(costs_s, burst_s))
            if wait_s > 0:
                return wait_s
            full_at = max(full_at, now) + costs_s
            _SLOT.pack_into(self._slots, offset, self._key(caller), full_at)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        return 0.0

    def _slot(self, key: int, now: float) -> tuple[int, float]:
        """Where a bucket is, and when it is full: its own slot, or that of the fullest there."""
        found: list[tuple[float, int]] = []
        for probe in range(_PROBES):
            offset = (key + probe) % _SLOTS * _SLOT.size
            owner, full_at = _SLOT.unpack_from(self._slots, offset)
            if owner == key:
                return offset, full_at
            found.append((full_at, offset))
        return min(found)[1], now

    def _key(self, caller: str) -> int:
        key = self._keys.get(caller)
        if key is None:
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            digest = blake2b(caller.encode(), digest_size=8).digest()
            key = self._keys[caller] = int.from_bytes(digest) | 1  # 0 is an empty slot
        return key


def shared() -> int:
    """A new file for buckets, without a name; several processes may use it."""
    with tempfile.TemporaryFile() as file:
        file.truncate(_SLOTS * _SLOT.size)
        return os.dup(file.fileno())
