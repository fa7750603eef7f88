"""The record of a run as it goes: what has ended is written in one transaction for all of it.

Order matters: logs are sealed and values written that were held back, then the rows are written,
then people are told, and only then the open log files go. A kill between any two of these loses
nothing.

What ends quickly is recorded together, for a commit takes as long as several small steps: a result
waits at most 50 ms, one that took long not at all, and none waits while a step goes on that may
take long. So a kill -9 costs the work of the last moment, which the next run does again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from trueup.foundation.actor import Actor
from trueup.lifecycle.runs import logs
from trueup.lifecycle.runs.execution.holding import Holding
from trueup.lifecycle.runs.records import Ended, Run, StepAttempt, StepProgress
from trueup.lifecycle.runs.service import Runs
from trueup.state.unit import State

_TOGETHER = 500
WAIT = 0.05  # seconds
_LONG = 1.0


class _Sealed(NamedTuple):
    attempt: StepAttempt
    log: Path


class Recorder:
    """Takes what ended, and writes it when it is time."""

    def __init__(
        self,
        state: State,
        actor: Actor,
        run: Run,
        folder: Path,
        progress: Callable[[StepProgress], None],
        held: Holding | None = None,
    ) -> None:
        self._blobs = state.blobs
        self._held = held
        self._runs = Runs(state)
        self._actor = actor
        self._run = run
        self._folder = folder
        self._progress = progress
        self._ended: list[Ended] = []
        self._attempts: list[_Sealed] = []
        self._told: list[StepProgress] = []
        self._is_urgent = False
        self._since = time.monotonic()

    def attempt(self, attempt: StepAttempt, log: Path) -> None:
        """An attempt ended."""
        self._attempts.append(_Sealed(attempt, log))

    def step(self, ended: Ended, told: StepProgress) -> None:
        """A step or an item ended; it is recorded soon, and at once if it took long."""
        self._ended.append(ended)
        self._told.append(told)
        self._is_urgent |= ended.step.seconds >= _LONG

    def tell(self, told: StepProgress) -> None:
        """Tell what needs no record."""
        self._told.append(told)

    def tell_now(self, told: StepProgress) -> None:
        """Tell that something begins."""
        self._progress(told)

    def due(self) -> float:
        """Seconds until something must be written; a long time when there is nothing."""
        if not (self._ended or self._attempts or self._told):
            return 3600.0
        if self._is_urgent or len(self._ended) >= _TOGETHER:
            return 0.0
        return max(0.0, self._since + WAIT - time.monotonic())

    def flush(self) -> None:
        """Write what there is, and tell it."""
        sealed = self._sealed([log for _, log in self._attempts])
        attempts = [
            msgspec.structs.replace(attempt, log=sealed[log]) for attempt, log in self._attempts
        ]
        of_step = {(a.position, a.item): a.log for a in attempts if a.log}
        ended = [
            _with_log(each, of_step.get((each.step.position, each.step.item), ""))
            for each in self._ended
        ]
        if self._held is not None:
            self._held.write()  # what a record names is there before the record
        if ended or attempts:
            self._runs.end_steps(self._actor, self._run.id, ended, attempts)
        told, self._told = self._told, []
        self._ended, self._attempts, self._is_urgent = [], [], False
        self._since = time.monotonic()
        for each in told:
            self._progress(each)
        for log, digest in sealed.items():
            if digest:
                log.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove the folder of logs, when the engine left nothing in it to read."""
        engine = self._folder / logs.ENGINE
        with suppress(OSError):
            if engine.stat().st_size == 0:
                engine.unlink()
        with suppress(OSError):
            self._folder.rmdir()

    def _sealed(self, open_: list[Path]) -> dict[Path, str]:
        """The digests of logs that are complete now; empty for those that have nothing in them."""
        sealed = dict.fromkeys(open_, "")
        written = [log for log in open_ if log.is_file()]
        if written:
            with self._blobs.batch() as batch:
                for log in written:
                    sealed[log] = batch.put_file(log)
        return sealed


def _with_log(ended: Ended, log: str) -> Ended:
    if not log:
        return ended
    return msgspec.structs.replace(ended, step=msgspec.structs.replace(ended.step, log=log))
