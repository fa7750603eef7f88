"""The process that starts attempts: it imports the project once, then forks a child for each.

It runs on its own, told what to do through a socket by `processes.py`. It has no threads. When
the project started threads that a fork would lose, each attempt gets a fresh interpreter instead.
When the socket closes, because the run ended or was killed, everything below it is killed.

When a run is over it waits for another for a while: importing large libraries takes seconds, and
these stay. What it knows of the project goes: `prepare` is called anew for each run.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

from trueup.backends.engines import _child, _running, _system
from trueup.backends.engines._frames import Unpacker, packed
from trueup.backends.engines._running import Running
from trueup.foundation.errors import InternalError, TrueupError
from trueup.ports.engine import Ending, Perform

_READ = 1 << 18
_LOOK_AT_MEMORY = 0.05
_WAITS_FOR_A_PROGRAM = 90.0  # longer than `processes.py` counts on it
_FRESH = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from trueup.backends.engines import _server; _server.fresh()"
)


class Server:
    """Starts attempts and tells how they end."""

    def __init__(self, channel: socket.socket, program: dict[str, Any], perform: Perform) -> None:
        self._channel = channel
        self._program = program
        self._perform = perform
        self._lost = _system.threads_lost_in_a_fork()
        self._messages = Unpacker()
        self._running: dict[str, Running] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ, None)
        self._is_over = False
        self._died, self._wake = os.pipe()
        os.set_blocking(self._died, False)
        os.set_blocking(self._wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._selector.register(self._died, selectors.EVENT_READ, None)
        gc.unfreeze()
        gc.collect()
        gc.freeze()  # what was imported is shared with the children; counting it would copy it

    def serve(self) -> bool:
        """Until the run is over: true; or until the socket closes: false."""
        notice = ""
        if self._lost:
            names = ", ".join(dict.fromkeys(self._lost))
            notice = (
                f"importing the project started threads that a fork would lose ({names}), "
                "so each step starts a fresh interpreter"
            )
        self._tell({"ready": {"notice": notice}})
        while True:
            ready = self._selector.select(self._patience())
            for key, _ in ready:
                if isinstance(key.data, Running):
                    self._take_in(key.data)
                elif key.fileobj == self._died:
                    _running.read(self._died)
                elif not self._obey():
                    return False
            self._watch()
            self._reap()
            if self._is_over:
                return True

    def _take_in(self, running: Running) -> None:
        running.read_results()
        running.read_output()
        for end in {running.results, running.output} - running.open_ends:
            with suppress(KeyError):  # it was the other end that closed
                self._selector.unregister(end)

    def end_all(self) -> None:
        """Kill every attempt and whatever is left of it."""
        for running in self._running.values():
            _system.kill_family(running.pid)
        _system.kill_orphans(())
        for running in self._running.values():
            running.read_results()
            running.read_output()
            running.log.close()
        self._selector.close()
        signal.set_wakeup_fd(-1)
        os.close(self._died)
        os.close(self._wake)

    def _patience(self) -> float | None:
        limited = any(running.attempt["memory"] for running in self._running.values())
        deadlines = [r.deadline for r in self._running.values() if r.deadline and not r.ending]
        waits = [max(0.0, deadline - time.monotonic()) for deadline in deadlines]
        if limited:
            waits.append(_LOOK_AT_MEMORY)
        return min(waits, default=None)

    def _obey(self) -> bool:
        try:
            raw = self._channel.recv(_READ)
        except (ConnectionError, InterruptedError):
            raw = b""
        for message in self._messages.feed(raw):
            if "start" in message:
                self._start(message["start"])
            elif "over" in message:
                self._is_over = True
            elif message["cancel"] in self._running:
                self._running[message["cancel"]].kill("cancelled")
        return bool(raw)

    def _start(self, attempt: dict[str, Any]) -> None:
        results, results_end = os.pipe()
        output, output_end = os.pipe()
        try:
            if self._lost:
                pid = self._spawned(attempt, results_end, output_end)
            else:
                pid = os.fork()
                if pid == 0:
                    os.close(results)
                    os.close(output)
                    self._in_child(attempt, results_end, output_end)
                with suppress(OSError):  # the child does it, too: whoever comes first
                    os.setpgid(pid, pid)
        finally:
            os.close(results_end)
            os.close(output_end)
        os.set_blocking(results, False)
        os.set_blocking(output, False)
        running = self._running[attempt["id"]] = Running(attempt, pid, results, output)
        self._selector.register(output, selectors.EVENT_READ, running)
        self._selector.register(results, selectors.EVENT_READ, running)

    def _in_child(self, attempt: dict[str, Any], results: int, output: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            _child.settle(_SERVER, output)
            self._close_inherited()
            code = _child.carry_out(self._perform, attempt, results)
        except Exception as error:
            _child.report(error, results)
        finally:
            os._exit(code)

    def _close_inherited(self) -> None:
        self._channel.close()
        self._selector.close()
        for running in self._running.values():
            os.close(running.results)
            os.close(running.output)

    def _spawned(self, attempt: dict[str, Any], results: int, output: int) -> int:
        order = {"program": self._program, "attempt": attempt, "results": results}
        path = json.dumps(sys.path)
        child = subprocess.Popen(  # noqa: S603 (this interpreter, our own code)
            [sys.executable, "-P", "-c", _FRESH, path, str(_SERVER)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            pass_fds=(results,),
            start_new_session=True,
        )
        assert child.stdin is not None
        with suppress(BrokenPipeError):
            child.stdin.write(packed(order))
            child.stdin.close()
        child.returncode = 0  # it is reaped below, with all others
        return child.pid

    def _watch(self) -> None:
        now = time.monotonic()
        for running in self._running.values():
            if running.deadline and now >= running.deadline:
                running.kill("timed-out")
            limit = running.attempt["memory"]
            if limit and running.ending is None:
                memory = _system.memory_of(running.pid)
                running.peak_memory = max(running.peak_memory, memory)
                if memory > limit:
                    running.kill("out-of-memory")

    def _reap(self) -> None:
        for running in list(self._running.values()):
            if os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                # It is not reaped yet, so that its number is still its own.
                _system.kill_family(running.pid)
                _, status, usage = os.wait4(running.pid, 0)
                del self._running[running.id]
                self._ended(running, os.waitstatus_to_exitcode(status), usage)

    def _ended(self, running: Running, code: int, usage: Any) -> None:
        seconds = time.monotonic() - running.started
        _system.kill_orphans({other.pid for other in self._running.values()})
        for end in (running.results, running.output):
            with suppress(KeyError):
                self._selector.unregister(end)
        running.read_results()
        running.read_output(to_the_end=True)
        running.log.close()
        os.close(running.results)
        os.close(running.output)
        gave = bool(running.result) and code == 0
        ending: Ending = running.ending or ("returned" if gave else "crashed")
        if running.fault and ending == "crashed":
            ending = "broken"
        if ending == "crashed" and code == -signal.SIGKILL:
            out_of_memory = _system.kernel_kills() > running.kernel_kills
            ending = "out-of-memory" if out_of_memory else ending
        unit = 1 if sys.platform == "darwin" else 1024
        outcome = {
            "id": running.id,
            "ending": ending,
            "result": running.result[0] if ending == "returned" else None,
            "exit": "" if ending == "returned" else running.fault or _words(code),
            "seconds": seconds,
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
            "peak_memory": max(usage.ru_maxrss * unit, running.peak_memory),
            "worker": f"{os.uname().nodename}/{running.pid}",
        }
        self._tell({"ended": outcome})

    def _tell(self, message: Any) -> None:
        self._channel.sendall(packed(message))


_SERVER = os.getpid()


def main() -> None:
    """The server: arguments are the number of its socket and of the process that wants it."""
    channel = socket.socket(fileno=int(sys.argv[2]))
    channel.set_inheritable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _system.die_with_parent(int(sys.argv[3]), signal.SIGKILL)
    _system.name_process("trueup-steps")
    _system.adopt_orphans()
    while (program := _next_program(channel)) and _serve(channel, program):
        channel.sendall(packed({"over": True}))
        channel.settimeout(_WAITS_FOR_A_PROGRAM)


def _next_program(channel: socket.socket) -> dict[str, Any] | None:
    """The next thing to do; None when nothing comes any more."""
    with suppress(ConnectionError, TimeoutError):
        raw = channel.recv(4)  # no more than this message: what follows is the server's
        size = int.from_bytes(raw, "big")
        channel.settimeout(None)
        found: list[dict[str, Any]] = Unpacker().feed(raw + channel.recv(size, socket.MSG_WAITALL))
        return found[0] if found else None
    return None


def _serve(channel: socket.socket, program: dict[str, Any]) -> bool:
    """Do what a program asks for; whether another one may follow."""
    try:
        _take_surroundings(program)
        perform = _prepared(program)
    except Exception as error:
        _refuse(channel, error)
        return False
    try:
        # From here on there may be children: when its parent is killed the socket closes, and it
        # ends them first.
        _system.outlive_parent()
        server = Server(channel, program, perform)
        try:
            return server.serve()
        finally:
            if os.getpid() == _SERVER:
                server.end_all()
    except ConnectionError:
        return False
    except Exception as error:  # a fault of ours: it ends the run, and this process
        _refuse(channel, error)
        return False


def _take_surroundings(program: dict[str, Any]) -> None:
    """Print to the log of this run, and see the variables and the path of who asks now."""
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(program["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(program["environment"])
    sys.path[:] = program["path"]


def fresh() -> NoReturn:
    """A worker in an interpreter of its own: it reads its order, prepares, and carries it out."""
    code = 1
    order = Unpacker().feed(sys.stdin.buffer.read())[0]
    try:
        os.set_inheritable(order["results"], False)
        _child.settle(int(sys.argv[2]), 1)
        perform = _prepared(order["program"])
        code = _child.carry_out(perform, order["attempt"], order["results"])
    except Exception as error:
        _child.report(error, order["results"])
    finally:
        os._exit(code)


def _prepared(program: dict[str, Any]) -> Perform:
    module, _, name = program["entry"].partition(":")
    perform: Perform = getattr(importlib.import_module(module), name)(program["setup"])
    return perform


def _refuse(channel: socket.socket, error: Exception) -> None:
    if not isinstance(error, TrueupError):
        import traceback

        traceback.print_exception(error)
        error = InternalError("internal", f"{type(error).__name__}: {error}")
    with suppress(ConnectionError):
        channel.sendall(packed({"failed": error.as_problem()}))


def _words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
