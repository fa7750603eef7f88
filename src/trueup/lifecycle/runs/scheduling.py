"""Which steps may start now: room and needs, waits before retries. Pure rules, no clock.

`scheduler.py` applies them.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record
from trueup.lifecycle.pipeline.checking import Machine
from trueup.lifecycle.pipeline.options import bytes_of, seconds_of
from trueup.lifecycle.pipeline.records import StepOptions

LONGEST_WAIT: Final = 3600.0
# Failures that another attempt may not have; all others would only come again.
PASSING: Final = frozenset(
    {"step-failed", "step-crashed", "step-timed-out", "step-out-of-memory", "blob-not-written"}
)
# Sums of shares such as 0.1 are not exact.
_TINY: Final = 1e-9


class Room(Record):
    """What may be occupied at once.

    Attributes:
        workers: Steps.
        cpus: Processor cores.
        memory: Bytes of memory.
        gpus: Graphics processors.
    """

    workers: int
    cpus: float
    memory: int
    gpus: float = 0.0


class Need(Record):
    """What one call of a step occupies.

    Attributes:
        step: Name of the step, whose calls share a limit.
        cpus: Processor cores.
        memory: Bytes of memory.
        gpus: Graphics processors.
        at_most: How many calls of the step may run at once; 0 for any number.
    """

    step: str
    cpus: float = 1.0
    memory: int = 0
    gpus: float = 0.0
    at_most: int = 0


def room_of(machine: Machine, workers: int = 0) -> Room:
    """What steps may occupy on a machine.

    Args:
        machine: What it has.
        workers: How many may run at once; 0 for as many as there are cores. Who asks for more than
            there are cores gets them.
    """
    return Room(
        workers=workers or max(1, int(machine.cpus)),
        cpus=max(float(workers), machine.cpus),
        memory=machine.memory,
        gpus=machine.gpus,
    )


def need_of(step: str, options: StepOptions, room: Room) -> Need:
    """What a call of a step occupies; never more than there is, so that it can run alone."""
    return Need(
        step=step,
        cpus=min(options.cpus, room.cpus),
        memory=min(bytes_of(options.memory), room.memory),
        gpus=min(options.gpus, room.gpus),
        at_most=options.at_most,
    )


class Occupancy:
    """What is occupied now."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._workers = 0
        self._cpus = 0.0
        self._memory = 0
        self._gpus = 0.0
        self._calls: Counter[str] = Counter()

    def is_full(self) -> bool:
        """Whether nothing more may start, whatever it needs."""
        return self._workers >= self._room.workers

    def fits(self, need: Need) -> bool:
        """Whether one more call may start."""
        room = self._room
        return (
            self._workers < room.workers
            and self._cpus + need.cpus <= room.cpus + _TINY
            and self._memory + need.memory <= room.memory
            and self._gpus + need.gpus <= room.gpus + _TINY
            and (not need.at_most or self._calls[need.step] < need.at_most)
        )

    def take(self, need: Need) -> None:
        """A call has started."""
        self._change(need, 1)

    def give(self, need: Need) -> None:
        """A call has ended."""
        self._change(need, -1)

    def _change(self, need: Need, by: int) -> None:
        self._workers += by
        self._cpus += by * need.cpus
        self._memory += by * need.memory
        self._gpus += by * need.gpus
        self._calls[need.step] += by


def may_retry(options: StepOptions, attempt: int, error: TrueupError) -> bool:
    """Whether a failed attempt, counted from 1, is followed by another."""
    return attempt <= options.retries and error.code in PASSING


def wait_before_retry(options: StepOptions, attempt: int) -> float:
    """Seconds to wait after a failed attempt, counted from 1; each time twice as long."""
    return float(min(seconds_of(options.backoff) * 2.0 ** (attempt - 1), LONGEST_WAIT))
