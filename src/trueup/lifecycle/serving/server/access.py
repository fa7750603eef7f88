"""The access log: a line of JSON for each request, never a value of it.

Lines are written by a thread of their own, so a slow disk delays no reply; lines that it cannot
keep up with are left out, and the next line says how many those were. A file that was renamed is
made anew, as rotation of logs expects.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple, TextIO

import msgspec

from trueup.foundation import clock
from trueup.lifecycle.serving.server.http import Request

STDOUT: Final = "-"
_WAITING: Final = 20_000
_FAILED: Final = 400


class Access(NamedTuple):
    """A request that was answered."""

    request: Request
    caller: str
    deployment: str
    status: int
    seconds: float
    sent_bytes: int


class AccessLog:
    """Writes lines to a file, or to stdout.

    Args:
        target: The file; `-` for stdout.
        share: Share of the requests that are logged; those that failed are always logged.

    Raises:
        OSError: The file cannot be written.
    """

    def __init__(self, target: str, share: float = 1.0) -> None:
        self._path = None if target == STDOUT else Path(target)
        self._share = share
        self._file = self._opened()
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._left_out = 0
        self._thread = threading.Thread(target=self._run, name="trueup-access-log", daemon=True)
        self._thread.start()

    def __call__(self, access: Access) -> None:
        """Log a request, if it is one of those that are."""
        if access.status < _FAILED and self._share < 1 and random.random() >= self._share:  # noqa: S311
            return
        if self._lines.qsize() >= _WAITING:
            self._left_out += 1
            return
        line = {
            "at": clock.now(),
            "method": access.request.method,
            "path": access.request.path,
            "deployment": access.deployment,
            "status": access.status,
            "ms": round(access.seconds * 1000, 3),
            "bytes": access.sent_bytes,
            "caller": access.caller,
            "peer": access.request.peer,
        }
        if self._left_out:
            line["left_out"], self._left_out = self._left_out, 0
        self._lines.put(msgspec.json.encode(line))

    def close(self) -> None:
        """Write what waits, and stop."""
        self._lines.put(None)
        self._thread.join()
        if self._path is not None:
            self._file.close()

    def _run(self) -> None:
        closing = False
        while not closing:
            lines = [self._lines.get()]
            lines += [self._lines.get_nowait() for _ in range(self._lines.qsize())]
            closing = None in lines
            text = b"\n".join([*(line for line in lines if line is not None), b""]).decode()
            try:
                if self._is_moved():
                    self._file.close()
                    self._file = self._opened()
                self._file.write(text)
                self._file.flush()
            except OSError:
                self._left_out += len(lines)

    def _opened(self) -> TextIO:
        if self._path is None:
            return sys.stdout
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def _is_moved(self) -> bool:
        if self._path is None:
            return False
        try:
            return self._path.stat().st_ino != os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return True
