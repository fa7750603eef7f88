"""`processes://`: a process for each attempt, forked from one that has imported the project.

This is the side of the scheduler; `_server.py` is the other one. A step that crashes, hangs or
eats memory ends its own process and nothing else.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from trueup.backends.engines._frames import Unpacker, packed
from trueup.foundation.errors import BackendError, of_problem
from trueup.ports.engine import Attempt, Outcome, Program

_READ = 1 << 18
_ENDS_WITHIN = 5.0
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from trueup.backends.engines import _server; _server.main()"
)


class Backend:
    """Attempts in processes of their own on this machine."""

    isolates = True

    def __init__(self, url: str) -> None:
        self.notice = ""
        self._program: Program | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._messages = Unpacker()
        self._ended: list[Outcome] = []

    def open(self, program: Program) -> None:
        """Start the process that imports the project."""
        self._program = program
        self._channel, other = socket.socketpair()
        program.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self._server = subprocess.Popen(  # noqa: S603 (this interpreter, our own code)
                [
                    *(sys.executable, "-P", "-c", _START),
                    *(json.dumps(sys.path), str(other.fileno()), str(os.getpid())),
                ],
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                pass_fds=(other.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            raise BackendError(
                "engine-broken",
                f"The process for steps could not be started: {error.strerror or error}.",
                hint="trueup doctor",
            ) from error
        finally:
            os.close(handle)
            other.close()
        self._channel.setblocking(False)
        self._send({"entry": program.entry, "setup": program.setup})

    def submit(self, attempt: Attempt) -> None:
        """Have an attempt started."""
        fields = ("id", "argument", "log", "timeout", "memory", "environment")
        order = {name: getattr(attempt, name) for name in fields}
        self._send({"start": order | {"log": str(attempt.log.absolute())}})

    def wait(self, seconds: float) -> list[Outcome]:
        """The attempts that ended."""
        until = time.monotonic() + seconds
        while True:
            self._receive(0.0 if self._ended else max(0.0, until - time.monotonic()))
            if self._ended or time.monotonic() >= until:
                ended, self._ended = self._ended, []
                return ended

    def cancel(self, attempt_id: str) -> None:
        """Have an attempt killed."""
        self._send({"cancel": attempt_id})

    def close(self) -> None:
        """Hang up: the server kills what runs and ends."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._server is not None:
            try:
                self._server.wait(_ENDS_WITHIN)
            except subprocess.TimeoutExpired:  # it still imports
                with suppress(ProcessLookupError):
                    os.killpg(self._server.pid, signal.SIGKILL)
                self._server.wait()
            self._server = None

    def _send(self, message: object) -> None:
        assert self._channel is not None, "open() comes first"
        rest = memoryview(packed(message))
        while rest:
            # Never only write: the server may itself be writing, and wait for us to read.
            readable, writable, _ = select.select([self._channel], [self._channel], [])
            if readable:
                self._receive(0.0)
            if writable:
                try:
                    rest = rest[self._channel.send(rest) :]
                except (ConnectionError, BrokenPipeError) as error:
                    raise self._broken() from error

    def _receive(self, seconds: float) -> None:
        assert self._channel is not None, "open() comes first"
        if not select.select([self._channel], [], [], seconds)[0]:
            return
        try:
            raw = self._channel.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            raw = b""
        if not raw:
            raise self._broken()
        for message in self._messages.feed(raw):
            if "ended" in message:
                self._ended.append(msgspec.convert(message["ended"], Outcome))
            elif "failed" in message:
                raise of_problem(message["failed"])
            else:
                self.notice = message["ready"]["notice"]

    def _broken(self) -> BackendError:
        """The server has died, which user code in its children cannot cause."""
        code = self._server.wait() if self._server else 0
        said = _last_line(self._program.log) if self._program else ""
        return BackendError(
            "engine-broken",
            f"The process that starts steps has died (exit {code}){': ' + said if said else ''}.",
            hint="run the pipeline again: steps that had finished are reused",
        )


def _last_line(path: Path) -> str:
    with suppress(OSError):
        lines = path.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else ""
    return ""
