"""Which process executes a run, whether it still lives, and the beat by which it says so."""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from trueup.foundation.errors import TrueupError
from trueup.lifecycle.runs import rules
from trueup.lifecycle.runs.records import Process

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")
_BORN_FIELD = 19  # of /proc/<pid>/stat, counted after the name, which may hold spaces


def this_process() -> Process:
    """The process that is asking."""
    return Process(machine=machine(), pid=os.getpid(), born=_born(os.getpid()))


@cache
def machine() -> str:
    """This machine since it booted, and this container in it."""
    try:
        boot, namespace = _BOOT.read_text().strip(), str(_NAMESPACE.readlink())
    except OSError:  # not Linux
        boot, namespace = "", ""
    return f"{platform.node()}/{boot}/{namespace}"


def is_alive(process: Process) -> bool:
    """Whether a process of this machine still runs."""
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives and belongs to somebody else
    return _born(process.pid) == process.born


@contextmanager
def beating(beat: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Call `beat` every few seconds from a thread, for as long as the block takes.

    Yields:
        A check to be called now and then: it raises what broke the beat, if anything did.
    """
    stop = threading.Event()
    broken: list[Exception] = []

    def keep_beating() -> None:
        while not stop.wait(rules.BEAT.total_seconds()):
            try:
                beat()
            except TrueupError:
                continue  # a busy database: the next beat will do
            except Exception as error:
                broken.append(error)
                return

    def check() -> None:
        if broken:
            raise broken[0]

    thread = threading.Thread(target=keep_beating, name="trueup-run-beat", daemon=True)
    thread.start()
    try:
        yield check
    finally:
        stop.set()
        thread.join()


def _born(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    # A zombie has died; only its number is left.
    return "" if fields[0] == "Z" else fields[_BORN_FIELD]
