"""What an engine asks of the operating system: dying together, families of processes, memory."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER
_SET_NAME = 15  # PR_SET_NAME
_IS_LINUX = sys.platform == "linux"
# Threads of libraries that take care of a fork by themselves: allocator and spill-file cleaner.
_SURVIVE_FORK = frozenset({"jemalloc_bg_thd", "polars-ooc-clea"})

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int, with_signal: signal.Signals) -> None:
    """Get a signal when the parent ends; end now if it has ended already."""
    if _IS_LINUX:
        _libc.prctl(_DIE_WITH_PARENT, int(with_signal), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Get no signal when the parent ends."""
    if _IS_LINUX:
        _libc.prctl(_DIE_WITH_PARENT, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none gets away."""
    if _IS_LINUX:
        _libc.prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)


def name_process(name: str) -> None:
    """The name that `ps` and `top` show."""
    if _IS_LINUX:
        _libc.prctl(_SET_NAME, name.encode()[:15], 0, 0, 0)


def flush_c_output() -> None:
    """Write what C code has printed but not yet written."""
    _libc.fflush(None)


def be_killed_first() -> None:
    """When memory runs out, the kernel takes this process before the scheduler."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def threads_lost_in_a_fork() -> list[str]:
    """Threads of this process that its forked children would miss, by name.

    A thread pool that can live with a fork (OpenBLAS) ends its threads when one is coming; so a
    child is forked for nothing, and what is left afterwards is what would be missed.
    """
    if not _IS_LINUX:
        return [thread.name for thread in threading.enumerate()[1:]]
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    own = threading.main_thread().native_id
    names = []
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            name = (thread / "comm").read_text().strip()
            if int(thread.name) != own and name not in _SURVIVE_FORK:
                names.append(name)
    return sorted(names)


def kill_family(leader: int) -> None:
    """Kill a process group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def kill_orphans(known: Collection[int], patience: float = 2.0) -> None:
    """Kill the children that nobody knows: descendants of attempts that have ended."""
    until = time.monotonic() + patience
    while orphans := [pid for pid in children(os.getpid()) if pid not in known]:
        for pid in orphans:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > until:
            return
        time.sleep(0.001)


def children(pid: int) -> list[int]:
    """The children of a process, where the kernel tells."""
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def memory_of(pid: int) -> int:
    """Memory of a process and its descendants that no file stands behind, in bytes."""
    return sum(_memory(each) for each in _family(pid))


def kernel_kills() -> int:
    """How often the kernel has killed a process because memory ran out."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in children(pid):
        yield from _family(child)


def _memory(pid: int) -> int:
    total = 0
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(("RssAnon:", "RssShmem:")):
                total += int(line.split()[1]) * 1024
    return total
