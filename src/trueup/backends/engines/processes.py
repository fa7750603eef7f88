"""`processes://`: a process for each attempt, forked from one that has imported the project.

This is the side of the scheduler; `_server.py` is the other one. A step that crashes, hangs or
eats memory ends its own process and nothing else. A server whose run went well is kept for the next
run of this process, for a minute, unless packages are installed meanwhile.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from trueup.backends.engines._frames import Unpacker, packed
from trueup.foundation.errors import BackendError, TrueupError, of_problem
from trueup.ports.engine import Attempt, Outcome, Program

_READ = 1 << 18
_ENDS_WITHIN = 5.0
_KEPT_FOR = 60.0
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from trueup.backends.engines import _server; _server.main()"
)


class Server:
    """The process that starts attempts, seen from here."""

    def __init__(self, log: Path) -> None:
        self.family = _family()
        import socket  # not for a run whose steps are all reused

        self.channel, other = socket.socketpair()
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(  # noqa: S603 (this interpreter, our own code)
                [
                    *(sys.executable, "-P", "-c", _START),
                    *(
                        msgspec.json.encode(sys.path).decode(),
                        str(other.fileno()),
                        str(os.getpid()),
                    ),
                ],
                stdin=subprocess.DEVNULL,
                stdout=handle,
                stderr=handle,
                pass_fds=(other.fileno(),),
                start_new_session=True,
            )
        except OSError as error:
            self.channel.close()
            raise BackendError(
                "engine-broken",
                f"The process for steps could not be started: {error.strerror or error}.",
                hint="trueup doctor",
            ) from error
        finally:
            os.close(handle)
            other.close()
        self.channel.setblocking(False)
        self.idle_since = 0.0

    def is_fit(self) -> bool:
        """Whether it would do for a run that begins now."""
        fresh = time.monotonic() - self.idle_since < _KEPT_FOR and self.family == _family()
        # Whatever can be read of one that has nothing to do is its end.
        return fresh and not select.select([self.channel], [], [], 0)[0]

    def hang_up(self) -> None:
        """Have it kill what runs, and end."""
        self.channel.close()
        try:
            self.process.wait(_ENDS_WITHIN)
        except subprocess.TimeoutExpired:  # it still imports
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class _Idle:
    """The server that has nothing to do; one is enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Server | None = None

    def take(self) -> Server | None:
        """The server, if it still is of use."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None and not server.is_fit():
            server.hang_up()
            return None
        return server

    def keep(self, server: Server) -> None:
        """Keep a server that has done its work; the one before goes."""
        server.idle_since = time.monotonic()
        with self._lock:
            before, self._server = self._server, server
        if before is not None:
            before.hang_up()

    def end(self) -> None:
        """Keep none."""
        with self._lock:
            server, self._server = self._server, None
        if server is not None:
            server.hang_up()


_idle = _Idle()
atexit.register(_idle.end)


def _family() -> tuple[object, ...]:
    """What a server must have in common with a run: where it stands, and installed packages."""
    homes = (sys.prefix, sys.base_prefix)
    folders = [entry for entry in sys.path if entry.startswith(homes)]
    found: list[object] = [os.getpid(), os.getcwd()]  # noqa: PTH109
    for folder in folders:
        with suppress(OSError):
            found += folder, os.stat(folder).st_mtime_ns  # noqa: PTH116
    return tuple(found)


class Backend:
    """Attempts in processes of their own on this machine."""

    isolates = True

    def __init__(self, url: str) -> None:
        self.notice = ""
        self._program: Program | None = None
        self._server: Server | None = None
        self._begin()

    def _begin(self) -> None:
        self._messages = Unpacker()
        self._under_way = 0
        self.is_ready = self._is_over = False
        self._ended: list[Outcome] = []

    def open(self, program: Program) -> None:
        """Have a process import the project."""
        self._begin()
        self._program = program
        program.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._server = _idle.take() or Server(program.log)
        order = {"entry": program.entry, "setup": program.setup, "log": str(program.log.absolute())}
        self._send(order | {"environment": dict(os.environ), "path": sys.path})

    def submit(self, attempt: Attempt) -> None:
        """Have an attempt started."""
        self._under_way += 1
        fields = ("id", "argument", "log", "timeout", "memory", "environment")
        order = {name: getattr(attempt, name) for name in fields}
        self._send({"start": order | {"log": str(attempt.log.absolute())}})

    def wait(self, seconds: float) -> list[Outcome]:
        """The attempts that ended."""
        until, was_ready = time.monotonic() + seconds, self.is_ready
        while True:
            self._receive(0.0 if self._ended else max(0.0, until - time.monotonic()))
            if self._ended or self.is_ready != was_ready or time.monotonic() >= until:
                ended, self._ended = self._ended, []
                return ended

    def cancel(self, attempt_id: str) -> None:
        """Have an attempt killed."""
        self._send({"cancel": attempt_id})

    def close(self) -> None:
        """Keep the server if all went well; else hang up: it kills what runs and ends."""
        server = self._server
        if server is None:
            return
        try:
            with suppress(TrueupError):
                self._part()
        finally:
            self._server = None
            if self._is_over:
                _idle.keep(server)
            else:
                server.hang_up()

    def _part(self) -> None:
        """Tell the server that the run is over, and wait until nothing of it is left."""
        if self._under_way or not self.is_ready or self.notice:
            return  # it is busy, or of no use to another run
        self._send({"over": True})
        until = time.monotonic() + _ENDS_WITHIN
        while not self._is_over and time.monotonic() < until:
            self._receive(until - time.monotonic())

    def _send(self, message: object) -> None:
        assert self._server is not None, "open() comes first"
        channel = self._server.channel
        rest = memoryview(packed(message))
        while rest:
            # Never only write: the server may itself be writing, and wait for us to read.
            readable, writable, _ = select.select([channel], [channel], [])
            if readable:
                self._receive(0.0)
            if writable:
                try:
                    rest = rest[channel.send(rest) :]
                except (ConnectionError, BrokenPipeError) as error:
                    raise self._broken() from error

    def _receive(self, seconds: float) -> None:
        assert self._server is not None, "open() comes first"
        channel = self._server.channel
        if not select.select([channel], [], [], seconds)[0]:
            return
        try:
            raw = channel.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            raw = b""
        if not raw:
            raise self._broken()
        for message in self._messages.feed(raw):
            if "ended" in message:
                self._ended.append(msgspec.convert(message["ended"], Outcome))
                self._under_way -= 1
            elif "failed" in message:
                raise of_problem(message["failed"])
            elif "over" in message:
                self._is_over = True
            else:
                self.is_ready = True
                self.notice = message["ready"]["notice"]

    def _broken(self) -> BackendError:
        """The server has died, which user code in its children cannot cause."""
        code = self._server.process.wait() if self._server else 0
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
