"""`inprocess://`: attempts one after the other in the process that waits, for tests and tiny steps.

Nothing protects the process from what a step does, and a timeout is only noticed afterwards.
"""

from __future__ import annotations

import importlib
import io
import os
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from trueup.backends.engines._log import BoundedLog
from trueup.foundation import collector
from trueup.ports.engine import Attempt, Ending, Outcome, Perform, Program


class Backend:
    """Calls the function here; what it prints through Python goes to its log."""

    isolates = False

    def __init__(self, url: str) -> None:
        self.is_ready = True
        self.notice = ""
        self._program: Program | None = None
        self._perform: Perform | None = None
        self._waiting: deque[Attempt] = deque()
        self._cancelled: list[Outcome] = []

    def open(self, program: Program) -> None:
        """Remember what to call."""
        self._program = program

    def submit(self, attempt: Attempt) -> None:
        """Queue an attempt."""
        self._waiting.append(attempt)

    def wait(self, seconds: float) -> list[Outcome]:
        """Carry out the next attempt."""
        if self._cancelled:
            ended, self._cancelled = self._cancelled, []
            return ended
        if not self._waiting:
            time.sleep(seconds)
            return []
        perform = self._prepared()
        return [_carried_out(self._waiting.popleft(), perform)]

    def cancel(self, attempt_id: str) -> None:
        """Take an attempt out of the queue."""
        for attempt in list(self._waiting):
            if attempt.id == attempt_id:
                self._waiting.remove(attempt)
                self._cancelled.append(Outcome(id=attempt_id, ending="cancelled"))

    def close(self) -> None:
        """Forget what was not started."""
        self._waiting.clear()

    def _prepared(self) -> Perform:
        if self._perform is None:
            assert self._program is not None, "open() comes first"
            collector.as_usual()
            module, _, name = self._program.entry.partition(":")
            prepare = getattr(importlib.import_module(module), name)
            self._perform = prepare(self._program.setup)
        assert self._perform is not None
        return self._perform


def _carried_out(attempt: Attempt, perform: Perform) -> Outcome:
    log = BoundedLog(attempt.log)
    ending: Ending = "returned"
    result, exit_ = None, ""
    start, cpu = time.perf_counter(), time.process_time()
    try:
        with _printing_to(log), _environment(attempt.environment):
            result = perform(attempt.argument, log)
    except SystemExit as error:
        ending, exit_ = "crashed", f"{type(error).__name__}: {error}"
    except Exception as error:
        ending, exit_ = "broken", f"{type(error).__name__}: {error}"
    finally:
        log.close()
    seconds = time.perf_counter() - start
    if attempt.timeout and seconds > attempt.timeout:
        ending, result = "timed-out", None
    return Outcome(
        id=attempt.id,
        ending=ending,
        result=result,
        exit=exit_,
        seconds=seconds,
        cpu_seconds=time.process_time() - cpu,
        peak_memory=_peak_memory(),
        worker=f"{os.uname().nodename}/{os.getpid()}",
    )


class _Writer(io.TextIOBase):
    def __init__(self, log: BoundedLog) -> None:
        self._log = log

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._log.write(text.encode(errors="backslashreplace"))
        return len(text)


@contextmanager
def _printing_to(log: BoundedLog) -> Iterator[None]:
    writer = _Writer(log)
    with redirect_stdout(writer), redirect_stderr(writer):
        yield


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
