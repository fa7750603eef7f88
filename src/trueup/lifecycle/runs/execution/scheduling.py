"""Which steps may start now: room and needs, waits before retries. Pure rules, no clock.

`scheduler.py` applies them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from trueup.foundation.amounts import bytes_of
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record
from trueup.lifecycle.pipeline.checking import Machine
from trueup.lifecycle.pipeline.devices import Devices
from trueup.lifecycle.pipeline.options import seconds_of
from trueup.lifecycle.pipeline.records import StepOptions

LONGEST_WAIT: Final = 3600.0
# Failures that another attempt may not have; all others would only come again.
PASSING: Final = frozenset(
    {
        *("step-failed", "step-crashed", "step-timed-out", "step-out-of-memory"),
        *("blob-not-written", "build-failed", "service-unreachable"),
    }
)
# Sums of shares such as 0.1 are not exact.
_TINY: Final = 1e-9


class Room(Record):
    """What may be occupied at once.

    Attributes:
        workers: Steps.
        cpus: Processor cores.
        memory: Bytes of memory.
        devices: Graphics processors.
    """

    workers: int
    cpus: float
    memory: int
    devices: Devices = Devices()


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
        devices=machine.devices,
    )


def need_of(step: str, options: StepOptions, room: Room) -> Need:
    """What a call of a step occupies; never more than there is, so that it can run alone."""
    return Need(
        step=step,
        cpus=min(options.cpus, room.cpus),
        memory=min(bytes_of(options.memory), room.memory),
        gpus=min(options.gpus, float(len(room.devices.names))),
        at_most=options.at_most,
    )


class Occupancy:
    """What is occupied now."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._workers = 0
        self._cpus = 0.0
        self._memory = 0
        self._free = dict.fromkeys(room.devices.names, 1.0)
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
            and self._devices_for(need.gpus) is not None
            and (not need.at_most or self._calls[need.step] < need.at_most)
        )

    def take(self, need: Need) -> dict[str, float]:
        """A call has started; the devices that it gets, and how much of each."""
        self._change(need, 1)
        given = self._devices_for(need.gpus) or {}
        for name, share in given.items():
            self._free[name] -= share
        return given

    def give(self, need: Need, devices: Mapping[str, float]) -> None:
        """A call has ended; its devices are free again."""
        self._change(need, -1)
        for name, share in devices.items():
            self._free[name] += share

    def _change(self, need: Need, by: int) -> None:
        self._workers += by
        self._cpus += by * need.cpus
        self._memory += by * need.memory
        self._calls[need.step] += by

    def _devices_for(self, gpus: float) -> dict[str, float] | None:
        """Whole devices, and a share of one more, the fullest that has room; None if there is none.

        A share never lies on two devices: half of two is not one.
        """
        if not gpus:
            return {}
        whole = int(gpus + _TINY)
        rest = gpus - whole
        chosen = [name for name, free in self._free.items() if free >= 1 - _TINY][:whole]
        if len(chosen) < whole:
            return None
        given = dict.fromkeys(chosen, 1.0)
        if rest > _TINY:
            others = [
                n for n, free in self._free.items() if n not in given and free >= rest - _TINY
            ]
            if not others:
                return None
            given[min(others, key=self._free.__getitem__)] = rest
        return given


def may_retry(options: StepOptions, attempt: int, error: TrueupError) -> bool:
    """Whether a failed attempt, counted from 1, is followed by another."""
    return attempt <= options.retries and error.code in PASSING


def wait_before_retry(options: StepOptions, attempt: int) -> float:
    """Seconds to wait after a failed attempt, counted from 1; each time twice as long."""
    return float(min(seconds_of(options.backoff) * 2.0 ** (attempt - 1), LONGEST_WAIT))
