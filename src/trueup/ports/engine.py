"""The engine port: where attempts at a step are carried out, JSON in and JSON out.

An engine knows nothing of steps. It is told once what to call (`Program`), then it is handed
attempts, and says how each of them ended. Which may start when is the scheduler's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal, Protocol

from trueup.foundation.records import Record

# The engines write this much of what an attempt prints, and the last part of what follows.
LOG_BYTES = 8 << 20
LOG_TAIL_BYTES = 64 << 10

Ending = Literal["returned", "crashed", "timed-out", "out-of-memory", "cancelled", "broken"]


class Program(Record):
    """What the attempts of one run call.

    Attributes:
        entry: Dotted name of a function, such as `package.module:prepare`. It is called once in
            each worker with `setup`, and gives the function that carries out attempts.
        setup: Its argument, JSON types only.
        log: File for what is printed outside attempts, such as by imports.
    """

    entry: str
    setup: dict[str, Any]
    log: Path


class Attempt(Record):
    """One try at a piece of work.

    Attributes:
        id: Unique among the attempts of one engine.
        argument: What the prepared function is called with, JSON types only.
        log: File that gets what the attempt prints; made when it prints something.
        timeout: Seconds after which it is killed; 0 for never.
        memory: Bytes of memory after which it is killed; 0 for no limit.
        cpus: Processor cores it occupies, for engines that place work on machines.
        gpus: Graphics processors it occupies, likewise.
        environment: Environment variables that it alone sees.
    """

    id: str
    argument: dict[str, Any]
    log: Path
    timeout: float = 0.0
    memory: int = 0
    cpus: float = 1.0
    gpus: float = 0.0
    environment: dict[str, str] = {}


class Outcome(Record):
    """How an attempt ended.

    Attributes:
        id: Which attempt.
        ending: `returned` when the function gave a result, else why there is none; `broken` for a
            fault of whoever carries it out, which `exit` names.
        result: What it gave, JSON types only.
        exit: How its process ended when that was not by returning: `exit code 3`, `SIGSEGV`.
        seconds: Wall time.
        cpu_seconds: Processor time, of processes that it started, too.
        peak_memory: Largest resident memory in bytes; 0 where it is not known.
        worker: The process that did it, such as `host/4711`.
    """

    id: str
    ending: Ending
    result: Any = None
    exit: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    worker: str = ""


class Log(Protocol):
    """What an attempt may ask about its own log."""

    def hide(self, words: Iterable[str]) -> None:
        """Write `***` wherever one of these words would stand, from now on."""
        ...


Perform = Callable[[dict[str, Any], Log], Any]
Prepare = Callable[[dict[str, Any]], Perform]


class Engine(Protocol):
    """Carries out attempts. A back end is made with its URL.

    Attributes:
        isolates: Whether an attempt that crashes, hangs or eats memory harms nothing else. One
            that does not isolate runs attempts one by one, in the process that waits.
        is_ready: Whether an attempt that is submitted begins; before, it waits for workers that
            still import. `wait` ends when this becomes true.
        notice: Something people should know about how it works here; empty at first.
    """

    isolates: bool
    is_ready: bool
    notice: str

    def __init__(self, url: str) -> None: ...

    def open(self, program: Program) -> None:
        """Get ready; this returns at once, getting ready may take longer."""
        ...

    def submit(self, attempt: Attempt) -> None:
        """Start an attempt now."""
        ...

    def wait(self, seconds: float) -> list[Outcome]:
        """The attempts that ended; waits for the first one, but no longer than `seconds`.

        Raises:
            TrueupError: The entry function failed to get ready.
            BackendError: The engine itself broke down.
        """
        ...

    def cancel(self, attempt_id: str) -> None:
        """End an attempt and all it started; its outcome says `cancelled`."""
        ...

    def close(self) -> None:
        """End everything that still runs; nothing is left behind."""
        ...
