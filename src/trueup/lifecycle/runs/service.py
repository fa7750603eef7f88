"""The verbs of runs. `execution/executing.py` uses them to record what it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, TrueupError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.records import CacheEntry, Difference
from trueup.lifecycle.runs import ending, process, rules, table
from trueup.lifecycle.runs.records import (
    BY_HAND,
    Candidate,
    Cause,
    Ended,
    ItemCounts,
    ItemPage,
    Metric,
    PlannedStep,
    Run,
    RunDetail,
    RunError,
    RunPage,
    RunState,
    StepAttempt,
)
from trueup.lifecycle.runs.reproductions import table as reproduction_table
from trueup.lifecycle.runs.reproductions.records import Reproduction, StepDifference
from trueup.lifecycle.runs.requests import service as requests
from trueup.state import eventlog
from trueup.state.unit import State, Unit

if TYPE_CHECKING:
    import sqlalchemy as sa

NOT_REPRODUCIBLE: Final = "step.not-reproducible"


class Runs:
    """What ran, on what, with what result."""

    def __init__(self, state: State) -> None:
        self._state = state

    def start(
        self,
        actor: Actor,
        pipeline: str,
        *,
        model: str = "",
        parameters: Mapping[str, Any],
        data: Mapping[str, str],
        code: str,
        environment: str,
        commit: str = "",
        dirty: bool = False,
        source: str = "",
        cause: Cause = BY_HAND,
        outline: Sequence[PlannedStep] = (),
    ) -> Run:
        """Record that this process starts a run of the steps in `outline`.

        The other arguments are those of `Run`.

        Raises:
            ConflictError: What asked for it was given to another process meanwhile.
        """
        with self._state.write(actor, "runs.write") as unit:
            requests.require_current(unit.connection, cause.run)
            run = Run(
                id=cause.run or short_id(),
                pipeline=pipeline,
                model=model,
                state="running",
                parameters=builtins(dict(parameters)),
                commit=commit,
                dirty=dirty,
                source=source,
                code=code,
                data=dict(data),
                environment=environment,
                caused_by=cause.by,
                reason=cause.reason,
                sweep=cause.sweep,
                partition=cause.partition,
                started_by=actor.name,
                started_at=unit.at,
            )
            table.add(unit.connection, run, process.this_process())
            if outline:
                table.add_outline(unit.connection, run.id, outline)
            facts = ("pipeline", "parameters", "data", "code", "commit", "dirty", "caused_by")
            data = {name: getattr(run, name) for name in (*facts, "source")}
            unit.emit("run.started", run.ref, why=run.reason, data=data)
            return run

    def end_steps(
        self,
        actor: Actor,
        run_id: str,
        ended: Sequence[Ended] = (),
        attempts: Sequence[StepAttempt] = (),
    ) -> None:
        """Record all that ended meanwhile: steps with metrics and results, and attempts.

        Raises:
            ConflictError: The run has ended, for example because it was found lost.
        """
        # Where every step was reused, nothing would be lost that the next run does not find again.
        reused = not attempts and all(each.keep is None for each in ended)
        with self._state.write(actor, "runs.write", relaxed=reused) as unit:
            rules.check_transition(run_id, _state(unit.connection, run_id), "finished")
            found = [
                Metric(run=run_id, step=each.step.step, name=name, value=value, at=unit.at)
                for each in ended
                for name, value in each.metrics.items()
            ]
            steps = [each.step for each in ended]
            table.add_steps(unit.connection, steps, attempts, found)
            kept = [each.keep for each in ended if each.keep is not None]
            pipeline_table.keep_many(unit.connection, kept)

    def cancel(self, actor: Actor, run_id: str, reason: str = "") -> Run:
        """Ask for a run to be stopped; the process that executes it stops it within a second.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It has ended.
        """
        with self._state.write(actor, "runs.write") as unit:
            run = _running(unit, run_id, "interrupted")
            table.cancel(unit.connection, run_id, str(actor))
            unit.emit("run.cancelled", run.ref, why=reason, data={"pipeline": run.pipeline})
            return run

    def cancelled_by(self, actor: Actor, run_id: str) -> str:
        """Who wants the run to stop; empty when nobody does."""
        with self._state.read(actor) as connection:
            return table.cancelled_by(connection, run_id)

    def finish(self, actor: Actor, run_id: str, candidate: Candidate | None = None) -> Run:
        """Record that a run has finished.

        Raises:
            ConflictError: It has ended before.
        """
        return self._end(actor, run_id, "finished", candidate=candidate)

    def fail(self, actor: Actor, run_id: str, error: TrueupError) -> Run:
        """Record that a run has failed, and why.

        Raises:
            ConflictError: It has ended before.
        """
        return self._end(actor, run_id, "failed", error=_as_record(error))

    def interrupt(self, actor: Actor, run_id: str, why: str, *, cancelled: bool = False) -> Run:
        """Record that somebody stopped a run, at its keyboard or by cancelling it.

        Raises:
            ConflictError: It has ended before.
        """
        error = RunError(code="run-interrupted", message=why, hint="trueup run")
        if cancelled:
            error = RunError(code="run-cancelled", message=why, hint="trueup run")
        return self._end(actor, run_id, "interrupted", error=error)

    def mark_lost(self, actor: Actor) -> tuple[Run, ...]:
        """Mark the runs whose process died without a word, and return them."""
        with self._state.read(actor) as connection:
            if not ending.lost(connection):
                return ()
        with self._state.write(actor, "runs.write") as unit:
            lost = ending.lost(unit.connection).values()
            return tuple(ending.record(unit, _found(unit.connection, run.id), run) for run in lost)

    def list(
        self, actor: Actor, *, pipeline: str = "", state: str = "", limit: int = 50, after: str = ""
    ) -> RunPage:
        """Runs, newest first.

        Args:
            actor: Who asks.
            pipeline: Only runs of this pipeline.
            state: Only runs in this state.
            limit: How many at most.
            after: Where to go on: the `next` of the page before.

        Raises:
            NotFoundError: `after` is no run.
        """
        with self._state.read(actor) as connection:
            last = _found(connection, after) if after else None
            lost = ending.lost(connection)
            found = table.newest(connection, limit + 1, pipeline, state, last, lost=lost)
        page = tuple(lost.get(run.id, run) for run in found[:limit])
        return RunPage(runs=page, next=page[-1].id if len(found) > limit else "")

    def show(self, actor: Actor, run_id: str) -> RunDetail:
        """One run with its steps and metrics.

        Raises:
            NotFoundError: There is no such run, or it has not begun.
        """
        with self._state.read(actor) as connection:
            requests.require_begun(connection, run_id)
            run = _found(connection, run_id)
            if run.state == "running":
                run = ending.lost(connection).get(run_id, run)
            return RunDetail(
                run=run,
                steps=tuple(table.steps(connection, run_id)),
                metrics=tuple(table.metrics(connection, run_id)),
                reproductions=tuple(reproduction_table.of_run(connection, run_id)),
                findings=tuple(_findings(connection, run_id)),
                failures=tuple(table.failures(connection, run_id)),
                outline=table.outline(connection, run_id),
            )

    def items(
        self, actor: Actor, run_id: str, position: int, *, limit: int = 100, start: int = 0
    ) -> ItemPage:
        """The items of a step that goes over a list, those that have ended.

        Args:
            actor: Who asks.
            run_id: The run.
            position: Place of the step in the pipeline, from 1.
            limit: How many at most.
            start: Number of the first item.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.read(actor) as connection:
            _found(connection, run_id)
            found = table.items(connection, run_id, position, limit + 1, max(start, 0))
        more = found[limit].item if len(found) > limit else -1
        return ItemPage(items=tuple(found[:limit]), next=more)

    def item_counts(self, actor: Actor, run_id: str, *, named: int = 20) -> tuple[ItemCounts, ...]:
        """How the items of each step that goes over a list have ended so far.

        Args:
            actor: Who asks.
            run_id: The run.
            named: How many failed items of the run are named.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.read(actor) as connection:
            _found(connection, run_id)
            counted = table.item_states(connection, run_id)
            failed = table.failed_items(connection, run_id, named)
        return rules.item_counts(counted, failed)

    def attempts(self, actor: Actor, run_id: str, step: str = "") -> tuple[StepAttempt, ...]:
        """The attempts of a run that have ended, or those of one step or item.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.read(actor) as connection:
            _found(connection, run_id)
            return tuple(table.attempts(connection, run_id, step))

    def results(self, actor: Actor, run_id: str) -> tuple[CacheEntry, ...]:
        """The results that a run made and that are kept for reuse."""
        with self._state.read(actor) as connection:
            return tuple(pipeline_table.of_run(connection, run_id))

    def fetched(self, actor: Actor, remote: str, results: Sequence[CacheEntry]) -> None:
        """Keep results that others made, and that came from a remote."""
        with self._state.write(actor, "runs.write") as unit:
            pipeline_table.keep_many(unit.connection, results)
            for each in results:
                data = {"step": each.step, "key": each.key, "remote": remote}
                unit.emit("step.result-fetched", f"run:{each.run}", data=data)

    def not_reproducible(
        self,
        actor: Actor,
        run_id: str,
        step: str,
        before: CacheEntry,
        differences: Sequence[Difference],
    ) -> None:
        """Record that a step came out otherwise although nothing it depends on has changed.

        Args:
            actor: Who runs it.
            run_id: The run that computed it again.
            step: Name of the step.
            before: The result that was kept.
            differences: What differs.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.write(actor, "runs.write") as unit:
            run = _found(unit.connection, run_id)
            first = [builtins(each) for each in differences[:20]]
            data = {"step": step, "key": before.key, "run": before.run, "differences": first}
            unit.emit(NOT_REPRODUCIBLE, run.ref, data=data)

    def reproduced(self, actor: Actor, made: Reproduction) -> None:
        """Record that a run was made again, and the verdict.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.write(actor, "runs.write") as unit:
            run = _found(unit.connection, made.run)
            reproduction_table.add(unit.connection, made)
            facts = ("outcome", "tolerance", "environment", "steps", "missing", "seconds")
            data = {name: getattr(made, name) for name in facts}
            first = [str(each) for each in made.differences[:10]]
            unit.emit("run.reproduced", run.ref, data=builtins(data | {"differences": first}))

    def metrics(self, actor: Actor, run_id: str) -> tuple[Metric, ...]:
        """The metrics of one run, by step and name.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.read(actor) as connection:
            _found(connection, run_id)
            return tuple(table.metrics(connection, run_id))

    def caused_by(self, actor: Actor, event_id: str) -> tuple[Run, ...]:
        """The runs that an event caused, oldest first."""
        with self._state.read(actor) as connection:
            return tuple(table.caused_by(connection, event_id))

    def _end(self, actor: Actor, run_id: str, state: RunState, **changes: Any) -> Run:
        with self._state.write(actor, "runs.write") as unit:
            run = _running(unit, run_id, state)
            ended = msgspec.structs.replace(run, state=state, ended_at=unit.at, **changes)
            return ending.record(unit, run, ended)


def _running(unit: Unit, run_id: str, wanted: RunState) -> Run:
    run = _found(unit.connection, run_id)
    rules.check_transition(run_id, run.state, wanted)
    return run


def _found(connection: sa.Connection, run_id: str) -> Run:
    run = table.run(connection, run_id)
    if run is None:
        raise _unknown(connection, run_id)
    return run


def _state(connection: sa.Connection, run_id: str) -> RunState:
    state = table.state(connection, run_id)
    if state is None:
        raise _unknown(connection, run_id)
    return state


def _unknown(connection: sa.Connection, run_id: str) -> NotFoundError:
    return NotFoundError(
        "run-not-found",
        f"There is no run '{run_id}'.{did_you_mean(run_id, table.identifiers(connection))}",
        hint="trueup runs list",
    )


def _findings(connection: sa.Connection, run_id: str) -> Iterator[StepDifference]:
    for event in eventlog.about(connection, f"run:{run_id}"):
        if event.type == NOT_REPRODUCIBLE:
            for each in event.data["differences"]:
                difference = msgspec.convert(each, Difference)
                yield StepDifference(step=event.data["step"], difference=difference)


def _as_record(error: TrueupError) -> RunError:
    return RunError(code=error.code, message=error.message, hint=error.hint)
