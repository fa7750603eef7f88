"""What is recorded and told about the nodes of a run, as they begin and end.

The scheduler decides; here a decision becomes rows for `recording.py` and words for people.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from trueup.foundation import clock
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.pipeline.drawing.graph import Node
from trueup.lifecycle.pipeline.records import CacheEntry, StoredValue
from trueup.lifecycle.runs.execution.calls import Call, name_of
from trueup.lifecycle.runs.execution.recording import WAIT, Recorder
from trueup.lifecycle.runs.execution.resolution import Items
from trueup.lifecycle.runs.execution.worker import Given
from trueup.lifecycle.runs.records import (
    Ended,
    Run,
    RunError,
    StepAttempt,
    StepProgress,
    StepRun,
    StepState,
)
from trueup.ports.engine import Engine, Outcome


class UnderWay(msgspec.Struct):
    """A node that is looked at or carried out.

    Attributes:
        node: The node.
        lists: The items of each argument that it goes over.
        items: How many items there are; -1 when it goes over none.
        looked_up: For how many of them the cache was asked.
        waiting: Calls that have not started.
        outputs: Results of the items so far.
        ended: How many items have ended.
        reused: How many of them were reused.
        has_failed: Whether one of them failed.
        is_closed: Whether the node itself is recorded.
        why: Why its first call was carried out.
    """

    node: Node
    lists: dict[str, Items] = msgspec.field(default_factory=dict)
    items: int = -1
    looked_up: int = 0
    waiting: deque[Call] = msgspec.field(default_factory=deque)
    outputs: list[StoredValue | None] = msgspec.field(default_factory=list)
    ended: int = 0
    reused: int = 0
    has_failed: bool = False
    is_closed: bool = False
    why: tuple[str, ...] = ()
    attempts: int = 0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    started_at: datetime = msgspec.field(default_factory=clock.now)
    started: float = msgspec.field(default_factory=time.perf_counter)

    def begin(self, call: Call) -> None:
        """An attempt begins."""
        if not self.attempts:
            self.started_at, self.started = clock.now(), time.perf_counter()
            self.why = call.why
        self.attempts += 1

    def spend(self, outcome: Outcome) -> None:
        """An attempt has ended."""
        self.cpu_seconds += outcome.cpu_seconds
        self.peak_memory = max(self.peak_memory, outcome.peak_memory)


class Running(msgspec.Struct):
    """An attempt that is under way."""

    call: Call
    under: UnderWay
    log: Path
    started_at: datetime
    devices: Mapping[str, float] = msgspec.field(default_factory=dict)


class Reports:
    """Says what happened, to the record and to people."""

    def __init__(
        self,
        run: Run,
        total: int,
        recorder: Recorder,
        metrics: Callable[[StoredValue], dict[str, float]],
    ) -> None:
        self._run = run
        self._total = total
        self._recorder = recorder
        self._metrics = metrics
        self._took: dict[str, float] = {}  # seconds of the last call of each step

    def started(self, under: UnderWay, call: Call, log: Path, engine: Engine) -> None:
        """An attempt begins; first what happened before, unless this will be quick as well.

        Args:
            under: The node.
            call: The call.
            log: What it prints.
            engine: What carries it out. If it is not ready, `begun` tells when it is; if it does
                not isolate, nothing can be recorded before the attempt ends.
        """
        took = self._took.get(call.step.name)
        may_take_long = took is None or (not engine.isolates and took >= WAIT)
        if may_take_long or self._recorder.due() <= 0:
            self._recorder.flush()
        state = "started" if engine.is_ready else "starting"
        told = self._told(under, state, call.why, item=call.item, log=str(log))
        self._recorder.tell_now(told)

    def begun(self, attempts: Iterable[Running]) -> None:
        """The engine is ready, so these attempts have begun."""
        for each in attempts:
            call, log = each.call, str(each.log)
            told = self._told(each.under, "started", call.why, item=call.item, log=log)
            self._recorder.tell_now(told)

    def notice(self, words: str) -> None:
        """The engine says something about itself."""
        self._recorder.tell(
            StepProgress(
                run=self._run.id,
                step="",
                position=0,
                total=self._total,
                state="notice",
                notice=words,
            )
        )

    def attempt_ended(self, ended: Running, outcome: Outcome, error: TrueupError | None) -> None:
        """An attempt ended."""
        call = ended.call
        state: StepState = "failed" if error else "finished"
        if outcome.ending == "cancelled":
            state = "interrupted"
        shown = RunError(code=error.code, message=error.message, hint=error.hint) if error else None
        record = StepAttempt(
            run=self._run.id,
            position=call.node.index + 1,
            item=call.item,
            number=call.number,
            step=call.name,
            state=state,
            started_at=ended.started_at,
            seconds=outcome.seconds,
            cpu_seconds=outcome.cpu_seconds,
            peak_memory=outcome.peak_memory,
            worker=outcome.worker,
            exit=outcome.exit[:100],
            error=shown,
        )
        self._recorder.attempt(record, ended.log)

    def retried(self, ended: Running, outcome: Outcome, error: TrueupError, wait: float) -> None:
        """An attempt failed, and another will follow."""
        call = ended.call
        when = f"in {wait:g} s" if wait else "at once"
        why = (error.message, f"attempt {call.number + 1} follows {when}")
        told = self._told(ended.under, "retried", why, item=call.item, seconds=outcome.seconds)
        self._recorder.tell(told)

    def call_ended(
        self,
        under: UnderWay,
        call: Call,
        state: StepState,
        given: Given | None = None,
        keep: CacheEntry | None = None,
        worker: str = "",
    ) -> None:
        """A call ended for good."""
        self._took[call.step.name] = call.spent.seconds
        record = msgspec.structs.replace(
            self._step_run(under.node, call.item, state, call.why, call.first_at or clock.now()),
            key=call.key,
            outputs=given.outputs if given else None,
            seconds=call.spent.seconds,
            attempts=call.number,
            cpu_seconds=call.spent.cpu_seconds,
            peak_memory=call.spent.peak_memory,
            worker=worker,
        )
        ended = under.ended + (call.item >= 0)
        told = self._told(
            under, state, call.why, item=call.item, seconds=record.seconds, ended=ended
        )
        metrics = given.metrics if given else {}
        self._recorder.step(Ended(step=record, metrics=metrics, keep=keep), told)

    def item_reused(
        self, under: UnderWay, item: int, outputs: StoredValue, key: str, why: tuple[str, ...]
    ) -> None:
        """The result of one item was known."""
        record = msgspec.structs.replace(
            self._step_run(under.node, item, "finished", why, clock.now()),
            key=key,
            cached=True,
            outputs=outputs,
        )
        told = self._told(under, "reused", why, item=item, ended=under.ended + 1)
        self._recorder.step(Ended(step=record, metrics=self._metrics(outputs)), told)

    def node_ended(
        self,
        under: UnderWay,
        state: StepState,
        why: tuple[str, ...],
        outputs: StoredValue | None = None,
        key: str = "",
    ) -> None:
        """A node ended without an attempt of its own: reused, skipped, a choice, over a list."""
        if under.is_closed:
            return
        under.is_closed = True
        is_list = under.items > 0
        reused = state == "finished" and under.reused == max(under.items, 1)
        seconds = time.perf_counter() - under.started if is_list and not reused else 0.0
        record = msgspec.structs.replace(
            self._step_run(under.node, -1, state, why, under.started_at),
            key=key,
            cached=reused,
            outputs=outputs,
            seconds=seconds,
            items=max(under.items, 0),
            reused=under.reused if is_list else 0,
            attempts=under.attempts,
            cpu_seconds=under.cpu_seconds,
            peak_memory=under.peak_memory,
        )
        metrics = {} if outputs is None or is_list else self._metrics(outputs)
        told = self._told(under, "reused" if reused else state, why, seconds=seconds)
        self._recorder.step(Ended(step=record, metrics=metrics), told)

    def _step_run(
        self, node: Node, item: int, state: StepState, why: tuple[str, ...], at: datetime
    ) -> StepRun:
        return StepRun(
            run=self._run.id,
            position=node.index + 1,
            step=name_of(node, item),
            state=state,
            cached=False,
            key="",
            why=why,
            seconds=0.0,
            started_at=at,
            place=str(node.at),
            item=item,
        )

    def _told(
        self,
        under: UnderWay,
        state: Any,
        why: tuple[str, ...],
        *,
        item: int = -1,
        seconds: float = 0.0,
        log: str = "",
        ended: int | None = None,
    ) -> StepProgress:
        return StepProgress(
            run=self._run.id,
            step=name_of(under.node, item),
            position=under.node.index + 1,
            total=self._total,
            state=state,
            why=why,
            seconds=seconds,
            log=log,
            item=item,
            items=max(under.items, 0),
            ended=under.ended if ended is None else ended,
        )
