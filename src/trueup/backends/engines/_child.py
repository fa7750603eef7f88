"""What happens in the process of one attempt, forked or fresh, until it ends."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from trueup.backends.engines import _system
from trueup.backends.engines._frames import packed
from trueup.ports.engine import Perform


class Told:
    """The log as the attempt sees it: what is to be hidden is told to the process that writes."""

    def __init__(self, results: int) -> None:
        self._results = results

    def hide(self, words: Iterable[str]) -> None:
        """Tell it before anything is printed: the writer reads this first."""
        send(self._results, {"hide": list(words)})


def settle(parent: int, output: int) -> None:
    """Make this process a worker: at the head of its own group, output to the log, no input."""
    with suppress(PermissionError):  # a fresh interpreter leads a session already
        os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _system.die_with_parent(parent, signal.SIGKILL)
    _system.adopt_orphans()
    _system.name_process("trueup-step")
    _system.be_killed_first()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for stream, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        mode = "r" if number == 0 else "w"
        opened = open(  # noqa: SIM115
            number, mode, buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        setattr(sys, stream, opened)
        setattr(sys, f"__{stream}__", opened)
    faulthandler.enable(file=2)
    if "numpy.random" in sys.modules:  # else all children would draw the same numbers
        sys.modules["numpy.random"].seed()


def carry_out(perform: Perform, attempt: dict[str, Any], results: int) -> int:
    """Call the function and send what it gives; the exit code of the process."""
    os.environ.update(attempt["environment"])
    if attempt["timeout"]:  # says where it hangs, a moment before it is killed
        faulthandler.dump_traceback_later(attempt["timeout"], file=2)
    gc.enable()
    code = 0
    try:
        send(results, {"result": perform(attempt["argument"], Told(results))})
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except Exception:  # what a step raises is a result: this is a fault of ours
        raise
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    _system.flush_c_output()
    return code


def report(error: Exception, results: int) -> None:
    """Tell of a fault of ours, which is no fault of the step; nothing is tried that may fail."""
    with suppress(Exception):
        os.write(results, packed({"fault": f"{type(error).__name__}: {error}"[:500]}))
    with suppress(Exception):
        traceback.print_exception(error)
        sys.stderr.flush()


def send(to: int, message: Any) -> None:
    """Write one message."""
    raw = memoryview(packed(message))
    while raw:
        raw = raw[os.write(to, raw) :]
