"""One attempt under way, as the process sees it that has started it: what it prints and sends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from trueup.backends.engines import _system
from trueup.backends.engines._frames import Unpacker
from trueup.backends.engines._log import BoundedLog
from trueup.ports.engine import Ending

_READ = 1 << 18
_AFTER_TIMEOUT = 0.1  # for the attempt to say where it hangs
_LAST_OUTPUT = 1.0


class Running:
    """One attempt under way."""

    def __init__(self, attempt: dict[str, Any], pid: int, results: int, output: int) -> None:
        self.attempt = attempt
        self.id: str = attempt["id"]
        self.pid = pid
        self.results = results
        self.output = output
        self.open_ends = {results, output}
        self.unpacker = Unpacker()
        self.log = BoundedLog(Path(attempt["log"]))
        self.result: list[Any] = []
        self.fault = ""
        self.ending: Ending | None = None
        self.started = time.monotonic()
        self.kernel_kills = _system.kernel_kills()
        self.peak_memory = 0
        limit = attempt["timeout"]
        self.deadline = self.started + limit + _AFTER_TIMEOUT if limit else 0.0

    def read_results(self) -> None:
        """Take in what the attempt has sent so far."""
        while raw := self._read(self.results):
            for message in self.unpacker.feed(raw):
                if "hide" in message:
                    self.log.hide(message["hide"])
                elif "fault" in message:
                    self.fault = message["fault"]
                else:
                    self.result = [message["result"]]

    def read_output(self, *, to_the_end: bool = False) -> None:
        """Take in what it has printed; what must be hidden is read first."""
        until = time.monotonic() + _LAST_OUTPUT
        while True:
            raw = self._read(self.output)
            if raw:
                self.read_results()
                self.log.write(raw)
            if raw == b"" or (not to_the_end and (raw is None or len(raw) < _READ)):
                return
            if raw is None:
                if time.monotonic() > until:  # somebody who got away holds the other end
                    return
                time.sleep(0.001)

    def _read(self, end: int) -> bytes | None:
        raw = read(end)
        if raw == b"":
            self.open_ends.discard(end)
        return raw

    def kill(self, ending: Ending) -> None:
        """End it and all that it started."""
        if self.ending is None:
            self.ending = ending
            _system.kill_family(self.pid)


def read(end: int) -> bytes | None:
    """What can be read now: nothing yet is None, nothing ever again is empty."""
    try:
        return os.read(end, _READ)
    except (BlockingIOError, InterruptedError):
        return None
