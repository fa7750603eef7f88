"""Many runs of one pipeline: one after the other here, or several at once in child processes.

A failure of one is noted and the others go on. What has finished stays finished: the same series
again does the rest. Read `backfill.py` and `sweeping.py` next.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.runs.records import BY_HAND, Cause, RunOptions

_PATIENCE_S: Final = 10.0


class How(Record):
    """What all runs of a series have in common.

    Attributes:
        pipeline: Name of the pipeline.
        actor: Who runs it.
        options: How each is to be run.
        allow_dirty: Run although files differ from the commit.
        register: Whether each run's candidate becomes a model version.
        cause: What all of them are made for, such as the build that started them.
    """

    pipeline: str
    actor: Actor
    options: RunOptions = RunOptions()
    allow_dirty: bool = False
    register: bool = True
    cause: Cause = BY_HAND

    def cause_of(self, reason: str, *, sweep: str = "", partition: str = "") -> Cause:
        """What one run is made for: what all are made for, and which of them it is."""
        words = f"{reason}; {self.cause.reason}" if self.cause.reason else reason
        return msgspec.structs.replace(self.cause, reason=words, sweep=sweep, partition=partition)


class Part(Record):
    """One run of a series.

    Attributes:
        number: Its place, from 0.
        label: What sets it apart, in words.
        parameters: Values of the pipeline's parameters, as JSON.
        cause: What it is made for.
    """

    number: int
    label: str
    parameters: dict[str, Any]
    cause: Cause


class Outcome(Record):
    """What became of one run of a series.

    Attributes:
        number: The part's number.
        state: How it ended; `skipped` when it had been run before.
        run: Identifier of the run; empty when none began.
        version: The model version it made, if it made one.
        code: Code of the error, when it failed.
        message: What went wrong.
    """

    number: int
    state: Literal["finished", "failed", "skipped"]
    run: str = ""
    version: str = ""
    code: str = ""
    message: str = ""


Told = Callable[[Part, Outcome], None]


def perform(
    workspace: Workspace, how: How, parts: Sequence[Part], parallel: int, told: Told
) -> list[Outcome]:
    """Run all parts, and say of each how it ended.

    Several at once begin after the first has ended alone: what all share is computed once.

    Raises:
        KeyboardInterrupt: Somebody pressed Ctrl-C; runs under way are recorded as interrupted.
    """
    outcomes = []
    alone = len(parts) if parallel < 2 else 1
    for part in parts[:alone]:
        outcomes.append(perform_part(workspace, how, part))
        told(part, outcomes[-1])
    rest = parts[alone:]
    if rest:
        with _Crew(workspace.root, how, min(parallel, len(rest))) as crew:
            for part, outcome in crew.perform(rest):
                outcomes.append(outcome)
                told(part, outcome)
    return sorted(outcomes, key=lambda outcome: outcome.number)


def perform_part(workspace: Workspace, how: How, part: Part) -> Outcome:
    """Run one part in this process."""
    try:
        trained = train(
            workspace,
            how.actor,
            how.pipeline,
            part.parameters,
            cause=part.cause,
            options=how.options,
            allow_dirty=how.allow_dirty,
            register=how.register,
        )
    except TrueupError as error:
        run = str(error.context.get("run", ""))
        return Outcome(
            number=part.number, state="failed", run=run, code=error.code, message=error.message
        )
    version = trained.version.ref if trained.version else ""
    return Outcome(number=part.number, state="finished", run=trained.run.id, version=version)


class _Crew:
    """Child processes that take one part after the other, each as soon as it is free."""

    def __init__(self, root: Path, how: How, count: int) -> None:
        self._root = root
        self._how = how
        self._waiting: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[tuple[Part, Outcome]] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._children: set[subprocess.Popen[bytes]] = set()
        self._threads = [
            threading.Thread(target=self._serve, name=f"trueup-series-{number}")
            for number in range(count)
        ]

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_raised: object) -> None:
        """End the children: those that still work are interrupted first."""
        self._stopping.set()
        for child in list(self._children):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGINT)
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def perform(self, parts: Sequence[Part]) -> Iterator[tuple[Part, Outcome]]:
        """Every part with its outcome, in the order in which they end."""
        for part in parts:
            self._waiting.put(part)
        for thread in self._threads:
            thread.start()
        for _ in parts:
            yield self._ended.get()

    def _serve(self) -> None:
        """Let one child after the other work: a new one only when one died."""
        while not self._stopping.is_set() and not self._waiting.empty():
            child = subprocess.Popen(
                [sys.executable, "-m", "trueup.app.running.series"],
                cwd=self._root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C is for the parent, which tells its children.
                start_new_session=True,
            )
            self._children.add(child)
            try:
                self._feed(child)
            finally:
                self._children.discard(child)
                _end(child)

    def _feed(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdin is not None and child.stdout is not None, "both are pipes"
        with suppress(BrokenPipeError):  # it died: the missing answer below says so
            child.stdin.write(encode(self._how) + b"\n")
            child.stdin.flush()
        while not self._stopping.is_set():
            try:
                part = self._waiting.get_nowait()
            except queue.Empty:
                return
            with suppress(BrokenPipeError):
                child.stdin.write(encode(part) + b"\n")
                child.stdin.flush()
            try:
                outcome = decode(child.stdout.readline(), Outcome)
            except msgspec.DecodeError:
                child.wait()
                why = f"its process ended with exit code {child.returncode}"
                lost = Outcome(
                    number=part.number, state="failed", code="run-lost", message=f"{why}."
                )
                self._ended.put((part, lost))
                return
            self._ended.put((part, outcome))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Let a child end by itself; kill it when it does not."""
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
    try:
        child.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def main() -> int:
    """Run the parts that come on standard input, one a line, and answer each with a line."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what the user's steps print is no answer
    how = decode(sys.stdin.buffer.readline(), How)
    with answers, open_workspace(Path.cwd()) as workspace:
        try:
            for line in sys.stdin.buffer:
                answers.write(encode(perform_part(workspace, how, decode(line, Part))) + b"\n")
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
