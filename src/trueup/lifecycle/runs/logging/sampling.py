"""How busy the machine is, every few seconds: processor, memory, disk, network, graphics cards.

Read from `/proc`, and through nvidia-ml-py where it is installed. What cannot be read is left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_MIB: Final = 1 << 20
_SECTOR: Final = 512


class Sampler:
    """Takes samples; rates are those since the sample before."""

    def __init__(self) -> None:
        self._before: dict[str, float] = {}
        self._at = time.monotonic()
        self._cards: list[Any] | None = None
        self.sample()

    def sample(self) -> dict[str, float]:
        """What can be said now, by the name of its metric."""
        now = time.monotonic()
        seconds = max(now - self._at, 1e-3)
        found: dict[str, float] = {}
        for read in (_processor, _memory, _disk, _network):
            with suppress(OSError, ValueError, IndexError):
                for name, value, is_total in read():
                    if is_total:
                        before = self._before.get(name)
                        self._before[name] = value
                        if before is not None:
                            found[name] = max(value - before, 0.0) / seconds
                    else:
                        found[name] = value
        self._at = now
        found.update(self._graphics())
        return {f"system/{name}": value for name, value in found.items()}

    def _graphics(self) -> dict[str, float]:
        found: dict[str, float] = {}
        try:
            import pynvml  # type: ignore[import-not-found,import-untyped,unused-ignore]
        except ImportError:
            return found
        with suppress(pynvml.NVMLError):
            if self._cards is None:
                self._cards = []
                pynvml.nvmlInit()
                count = pynvml.nvmlDeviceGetCount()
                self._cards = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(count)]
            for number, card in enumerate(self._cards):
                memory = pynvml.nvmlDeviceGetMemoryInfo(card)
                found[f"gpu{number}/memory_mib"] = memory.used / _MIB
                rates = pynvml.nvmlDeviceGetUtilizationRates(card)
                found[f"gpu{number}/percent"] = rates.gpu
                found[f"gpu{number}/watts"] = pynvml.nvmlDeviceGetPowerUsage(card) / 1000
        return found


_Reading = Iterator[tuple[str, float, bool]]  # name, value, whether it only ever grows


def _processor() -> _Reading:
    times = [int(word) for word in _first("stat").split()[1:9]]
    busy = sum(times) - times[3] - times[4]
    yield "cpu_percent", 100 * busy / _TICKS / (os.cpu_count() or 1), True
    own = (_PROC / "self" / "stat").read_text().rpartition(")")[2].split()
    yield "process_cpu_percent", 100 * (int(own[11]) + int(own[12])) / _TICKS, True
    yield "process_memory_mib", int(own[21]) * os.sysconf("SC_PAGE_SIZE") / _MIB, False


def _memory() -> _Reading:
    lines = (line.split() for line in (_PROC / "meminfo").read_text().splitlines())
    kib = {words[0].rstrip(":"): int(words[1]) for words in lines}
    yield "memory_mib", (kib["MemTotal"] - kib["MemAvailable"]) / 1024, False
    yield "memory_percent", 100 * (1 - kib["MemAvailable"] / kib["MemTotal"]), False


def _disk() -> _Reading:
    read = written = 0
    for line in (_PROC / "diskstats").read_text().splitlines():
        words = line.split()
        if Path("/sys/block", words[2]).exists() and not words[2].startswith(("loop", "ram")):
            read += int(words[5])
            written += int(words[9])
    yield "disk_read_mib_s", read * _SECTOR / _MIB, True
    yield "disk_write_mib_s", written * _SECTOR / _MIB, True


def _network() -> _Reading:
    received = sent = 0
    for line in (_PROC / "net" / "dev").read_text().splitlines()[2:]:
        name, _, rest = line.partition(":")
        if name.strip() != "lo":
            words = rest.split()
            received += int(words[0])
            sent += int(words[8])
    yield "network_received_mib_s", received / _MIB, True
    yield "network_sent_mib_s", sent / _MIB, True


def _first(name: str) -> str:
    with (_PROC / name).open() as file:
        return file.readline()


def beside(log: Callable[[dict[str, float], int], None]) -> Callable[[], None]:
    """What takes a sample and logs it each time it is called."""
    sampler = Sampler()
    taken = -1

    def take() -> None:
        nonlocal taken
        taken += 1
        found = sampler.sample()
        if found:
            log(found, taken)

    return take
