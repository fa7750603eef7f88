"""A run under way: looks up what the cache holds, starts what has to run, takes in what ended.

One thread, one loop. `frontier.py` says what can be looked at, `scheduling.py` what may start,
`resolution.py` what values are, `reports.py` what is said; the engine does the work.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from trueup.foundation import clock
from trueup.foundation.errors import TrueupError
from trueup.foundation.text import plural
from trueup.lifecycle.pipeline.drawing import graph as graphs
from trueup.lifecycle.pipeline.drawing.graph import Graph, Node
from trueup.lifecycle.pipeline.passing import keeping
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.runs.execution import scheduling
from trueup.lifecycle.runs.execution.calls import Call, attempt_at, read
from trueup.lifecycle.runs.execution.frontier import Frontier
from trueup.lifecycle.runs.execution.lookup import Found, Lookup
from trueup.lifecycle.runs.execution.recording import Recorder
from trueup.lifecycle.runs.execution.reports import Reports, Running, UnderWay
from trueup.lifecycle.runs.execution.resolution import Resolution
from trueup.lifecycle.runs.execution.scheduling import Occupancy, Room
from trueup.lifecycle.runs.execution.worker import Given
from trueup.lifecycle.runs.records import Candidate, Run, StepState
from trueup.ports.engine import Engine, Outcome

_ASK_EVERY = 0.5  # seconds between looks whether somebody cancelled the run
_TOGETHER = 200  # calls that are looked up together


class Cancelled(Exception):
    """Somebody wants this run to stop."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Scheduler:
    """One run under way."""

    def __init__(
        self,
        graph: Graph,
        run: Run,
        *,
        open_engine: Callable[[], Engine],
        room: Room,
        resolution: Resolution,
        lookup: Lookup,
        recorder: Recorder,
        folder: Path,
        is_cancelled: Callable[[], str],
        wanted: frozenset[int],
    ) -> None:
        self._graph = graph
        self._run = run
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._noticed = ""
        self._room = room
        self._occupied = Occupancy(room)
        self._resolution = resolution
        self._lookup = lookup
        self._recorder = recorder
        self._reports = Reports(run, len(graph.nodes), recorder, lookup.metrics)
        self._folder = folder
        self._is_cancelled = is_cancelled
        self._asked = time.monotonic()
        self._wanted = wanted
        self._frontier = Frontier(graph.nodes)
        self._nodes: dict[int, UnderWay] = {}
        self._lists: dict[int, UnderWay] = {}  # of those the ones with items to look at
        self._startable: list[int] = []  # a heap of those with calls that wait for room
        self._addressed: list[Call] = []  # calls of which the cache has not been asked
        self._running: dict[str, Running] = {}
        self._starting: list[str] = []  # of those the ones that wait for the engine's workers
        self._delayed: list[tuple[float, Call, UnderWay]] = []
        self._skipped: set[int] = set()
        self._failure: TrueupError | None = None

    def to_the_end(self) -> Candidate | None:
        """Everything in its turn, then the candidate.

        Raises:
            TrueupError: A step failed; what was running has ended and is recorded.
            Cancelled: Somebody cancelled the run; what was running is killed.
            Exception: A fault of ours; what was running is killed.
        """
        try:
            while self._turn():
                pass
        except BaseException as reason:  # Ctrl-C, a cancellation, or a fault of ours
            self._stop(reason)
            raise
        if self._failure is not None:
            self._end_lists("failed")
            raise self._failure
        if len(self._wanted) < len(self._graph.nodes):
            return None
        return self._resolution.candidate()

    def _turn(self) -> bool:
        """One turn of the loop; false when nothing is left."""
        looked = self._look()
        self._start()
        if self._running or self._delayed:
            self._take_in(0.0 if looked else self._patience())
        elif not looked:
            self._recorder.flush()
            return False
        if self._recorder.due() <= 0:
            self._recorder.flush()
        return True

    def _patience(self) -> float:
        waits = [_ASK_EVERY, self._recorder.due()]
        waits += [max(0.0, at - time.monotonic()) for at, _, _ in self._delayed]
        return min(waits)

    # What can be looked at

    def _look(self) -> bool:
        """Look at what became ready, and at more items of lists; false when there was nothing."""
        looked = False
        while self._failure is None and (index := self._frontier.take()) is not None:
            looked = True
            node = self._graph.nodes[index]
            self._guarded(node, self._begin, node)
            if len(self._addressed) >= _TOGETHER or self._frontier.is_empty():
                self._ask()
        for under in list(self._lists.values()):
            if self._failure is None and len(under.waiting) < 2 * self._room.workers:
                looked = True
                self._guarded(under.node, self._address_items, under)
                self._ask()
        return looked

    def _guarded(self, node: Node, act: Callable[..., None], *about: Any) -> None:
        """What is wrong with the values of a node fails it like an error in its step."""
        try:
            act(*about)
        except TrueupError as error:
            under = self._nodes.pop(node.index, None) or UnderWay(node)
            self._fail(error)
            self._reports.node_ended(under, "failed", ())

    def _begin(self, node: Node) -> None:
        under = UnderWay(node)
        reason = self._reason_to_skip(node)
        if reason:
            self._skipped.add(node.index)
            self._reports.node_ended(under, "skipped", (reason,))
            self._frontier.end(node.index)
        elif node.step is None:
            outputs, wanted = self._resolution.choose(node)
            self._finish(under, outputs, (f"the condition is {'true' if wanted else 'false'}",))
        elif node.over:
            self._nodes[node.index] = under
            under.lists = self._resolution.lists(node)
            under.items = len(next(iter(under.lists.values())))
            under.outputs = [None] * under.items
            if under.items == 0:
                self._finish(under, keeping.listed([]), ("the list is empty",))
            else:
                self._lists[node.index] = under
        else:
            self._nodes[node.index] = under
            self._addressed.append(self._lookup.address(node, {}, -1, self._need(node)))

    def _reason_to_skip(self, node: Node) -> str:
        if node.index not in self._wanted:
            return "it was not asked for"
        for condition in node.conditions:
            source = graphs.source_of(condition.output)
            if source in self._skipped:
                return f"'{self._graph.nodes[int(source)].name}' was skipped"
            if not self._resolution.holds(node, condition):
                at, is_ = graphs.place_of(condition.output), str(not condition.wanted).lower()
                return f"the condition made at {at} is {is_}"
        return ""

    def _address_items(self, under: UnderWay) -> None:
        node, need = under.node, self._need(under.node)
        numbers = range(under.looked_up, min(under.looked_up + _TOGETHER, under.items))
        under.looked_up = numbers.stop
        if under.looked_up == under.items:
            del self._lists[node.index]
        for number in numbers:
            self._addressed.append(self._lookup.address(node, under.lists, number, need))

    def _ask(self) -> None:
        """Ask the cache for all calls that were addressed, in one."""
        calls, self._addressed = self._addressed, []
        if calls and self._failure is None:
            self._guarded(calls[0].node, self._take_answers, calls)

    def _take_answers(self, calls: Sequence[Call]) -> None:
        for call, found in zip(calls, self._lookup.ask(calls), strict=True):
            if self._failure is None:
                under = self._nodes[call.node.index]
                self._guarded(call.node, self._take_found, under, found)

    def _take_found(self, under: UnderWay, found: Call | Found) -> None:
        if isinstance(found, Call):
            self._wait_for_room(under, found)
            return
        under.reused += 1
        if found.item < 0:
            self._finish(under, found.outputs, found.why, found.key)
        else:
            self._reports.item_reused(under, found.item, found.outputs, found.key, found.why)
            self._item_ended(under, found.item, found.outputs)

    def _need(self, node: Node) -> scheduling.Need:
        return scheduling.need_of(node.called.name, node.called.options, self._room)

    # What may start

    def _start(self) -> None:
        now = time.monotonic()
        for entry in [each for each in self._delayed if each[0] <= now]:
            self._delayed.remove(entry)
            self._wait_for_room(entry[2], entry[1])
        left = []
        while self._startable and self._failure is None and not self._occupied.is_full():
            index = heapq.heappop(self._startable)
            waiting = self._nodes[index].waiting
            while self._failure is None and waiting and self._occupied.fits(waiting[0].need):
                self._begin_attempt(self._nodes[index], waiting.popleft())
            if waiting:
                left.append(index)
        for index in left:
            heapq.heappush(self._startable, index)

    def _wait_for_room(self, under: UnderWay, call: Call) -> None:
        if not under.waiting:
            heapq.heappush(self._startable, under.node.index)
        if call.number > 1:  # an attempt that follows another goes first
            under.waiting.appendleft(call)
        else:
            under.waiting.append(call)

    def _begin_attempt(self, under: UnderWay, call: Call) -> None:
        try:
            attempt = attempt_at(call, self._resolution, under.lists, self._folder)
        except TrueupError as error:
            self._fail(error)
            self._call_ended(under, call, "failed")
            return
        if self._engine is None:
            self._engine = self._open_engine()
        at = clock.now()
        under.begin(call)
        call = call._replace(first_at=call.first_at or at)
        devices = self._occupied.take(call.need)
        self._running[call.id] = Running(call, under, attempt.log, at, devices)
        self._reports.started(under, call, attempt.log, self._engine)
        if not self._engine.is_ready:
            self._starting.append(call.id)
        if devices:
            seen = self._room.devices.showing(devices)
            attempt = msgspec.structs.replace(attempt, environment=seen)
        self._engine.submit(attempt)

    # What ended

    def _take_in(self, patience: float) -> None:
        if self._engine is None or not self._running:
            time.sleep(patience)
        else:
            outcomes = self._engine.wait(patience)
            if self._starting and self._engine.is_ready:
                begun, self._starting = self._starting, []
                self._reports.begun(self._running[each] for each in begun)
            for outcome in outcomes:
                self._attempt_ended(self._running.pop(outcome.id), outcome)
            if self._engine.notice != self._noticed:
                self._noticed = self._engine.notice
                self._reports.notice(self._noticed)
        if time.monotonic() - self._asked >= _ASK_EVERY:
            self._asked = time.monotonic()
            if by := self._is_cancelled():
                raise Cancelled(by)

    def _attempt_ended(self, ended: Running, outcome: Outcome) -> None:
        under = ended.under
        under.spend(outcome)
        call = ended.call._replace(spent=ended.call.spent.and_(outcome))
        self._occupied.give(call.need, ended.devices)
        meaning = read(call, outcome, ended.log)
        if isinstance(meaning, Given):
            self._reports.attempt_ended(ended, outcome, None)
            self._call_ended(under, call, "finished", meaning, outcome.worker)
            return
        self._reports.attempt_ended(ended, outcome, meaning)
        options = call.step.options
        if self._failure is None and scheduling.may_retry(options, call.number, meaning):
            wait = scheduling.wait_before_retry(options, call.number)
            self._reports.retried(ended, outcome, meaning, wait)
            again = call._replace(number=call.number + 1)
            self._delayed.append((time.monotonic() + wait, again, under))
        else:
            self._fail(meaning)
            self._call_ended(under, call, "failed", worker=outcome.worker)

    def _fail(self, error: TrueupError) -> None:
        """The first failure is the run's; nothing new is started after it."""
        if self._failure is None:
            self._failure = error
        delayed, self._delayed = self._delayed, []
        for _, call, under in delayed:
            self._call_ended(under, call._replace(number=call.number - 1), "failed")

    def _call_ended(
        self,
        under: UnderWay,
        call: Call,
        state: StepState,
        given: Given | None = None,
        worker: str = "",
    ) -> None:
        """A call that will not be tried again."""
        outputs = given.outputs if given else None
        keep = self._lookup.entry(self._run.id, call, given) if given else None
        if given and given.unclear and call.key:
            call = call._replace(why=(*call.why, f"it is not cached: {given.unclear}"))
        self._reports.call_ended(under, call, state, given, keep, worker)
        if call.item >= 0:
            self._item_ended(under, call.item, outputs)
        else:
            self._nodes.pop(under.node.index, None)
            if outputs is not None:
                self._settle(under.node, outputs)

    def _item_ended(self, under: UnderWay, item: int, outputs: StoredValue | None) -> None:
        under.outputs[item] = outputs
        under.ended += 1
        under.has_failed |= outputs is None
        if under.has_failed:
            if not any(each.under is under for each in self._running.values()):
                self._nodes.pop(under.node.index, None)
                self._reports.node_ended(under, "failed", under.why)
        elif under.ended == under.items:
            found = [each for each in under.outputs if each is not None]
            why = under.why
            if under.reused:
                why = (f"{under.reused:,} of {plural(under.items, 'item')} reused", *why)
            self._finish(under, keeping.listed(found), why)

    def _finish(
        self, under: UnderWay, outputs: StoredValue, why: tuple[str, ...], key: str = ""
    ) -> None:
        """A node has its value, without an attempt of its own that ended just now."""
        self._nodes.pop(under.node.index, None)
        self._reports.node_ended(under, "finished", why, outputs, key)
        self._settle(under.node, outputs)

    def _settle(self, node: Node, outputs: StoredValue) -> None:
        self._resolution.stored[node.index] = outputs
        self._frontier.end(node.index)

    # The end before the end

    def _stop(self, reason: BaseException) -> None:
        """Kill what runs and record it as interrupted; `reason` is what people are to see."""
        if self._engine is not None:
            self._engine.close()
        try:
            self._interrupt()
        except Exception as second:  # what was broken before may be so still
            reason.add_note(f"What ran could not be recorded: {type(second).__name__}: {second}")

    def _interrupt(self) -> None:
        running, self._running = self._running, {}
        for ended in running.values():
            seconds = (clock.now() - ended.started_at).total_seconds()
            outcome = Outcome(id=ended.call.id, ending="cancelled", seconds=seconds)
            self._reports.attempt_ended(ended, outcome, None)
            call = ended.call._replace(spent=ended.call.spent.and_(outcome))
            self._reports.call_ended(ended.under, call, "interrupted")
        self._end_lists("interrupted")

    def _end_lists(self, state: StepState) -> None:
        """Record the steps over lists of which not all items have ended."""
        for under in self._nodes.values():
            if under.items > 0:
                self._reports.node_ended(under, state, under.why)
        self._recorder.flush()
