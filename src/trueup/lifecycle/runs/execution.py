"""Executing a pipeline in this process: each step is reused by content, or run and recorded.

After a kill the database says which steps had ended; running again reuses them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import InternalError, TrueupError, UserCodeError
from trueup.lifecycle.pipeline import (
    discovery,
    fingerprint,
    graph,
    keys,
    origin,
    packages,
    rules,
    values,
)
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.graph import Graph, Node, Output
from trueup.lifecycle.pipeline.records import CacheEntry, Components, StoredValue
from trueup.lifecycle.runs import addressing, process, table
from trueup.lifecycle.runs.records import (
    BY_HAND,
    Candidate,
    Cause,
    Run,
    StepProgress,
    StepRun,
    StepState,
)
from trueup.lifecycle.runs.service import Runs
from trueup.state.unit import State


def nothing(_progress: StepProgress) -> None:
    """Tell nobody."""


def no_capture(_reached: Iterable[str]) -> str:
    """Keep no code: where the project is in no repository."""
    return ""


def execute(
    state: State,
    actor: Actor,
    project_root: Path,
    pipeline: Pipeline[..., Any],
    parameters: Mapping[str, Any],
    *,
    load_data: Callable[[str], pl.DataFrame],
    data_digests: Mapping[str, str],
    commit: str = "",
    dirty: bool = False,
    capture: Callable[[Iterable[str]], str] = no_capture,
    cause: Cause = BY_HAND,
    progress: Callable[[StepProgress], None] = nothing,
) -> Run:
    """Run a pipeline to its end and record everything about it.

    Args:
        state: Where to record it.
        actor: Who runs it.
        project_root: The project's folder.
        pipeline: What to run.
        parameters: Values of its parameters, typed; defaults are filled in.
        load_data: Gives the rows of a dataset by name; called only when a step needs them.
        data_digests: The snapshot digest of every dataset of the project.
        commit: Git commit of the project.
        dirty: Whether files differ from it.
        capture: Keeps the code, given the files it reaches; returns the digest of its record.
        cause: What the run is made for.
        progress: Called as steps start and end.

    Returns:
        The finished run.

    Raises:
        UsageError: The pipeline or a parameter is wrong; nothing was run or recorded.
        UserCodeError: A step raised or returned what cannot be kept; the run is recorded as
            failed, its identifier is `error.context["run"]`.
        KeyboardInterrupt: Somebody pressed Ctrl-C; the run is recorded as interrupted.
    """
    root = project_root.resolve()
    with discovery.on_path(root):
        drawn = pipeline.draw(parameters, root)
        rules.check_datasets(drawn.datasets, data_digests)
        runs = Runs(state)
        runs.mark_lost(actor)
        code = fingerprint.of_code(pipeline, root)
        run = runs.start(
            actor,
            pipeline.name,
            model=pipeline.model,
            parameters=drawn.parameters,
            data={name: data_digests[name] for name in sorted(drawn.datasets)},
            source=capture(code.files),
            code=code.digest,
            environment=packages.capture(state.blobs, root),
            commit=commit,
            dirty=dirty,
            cause=cause,
        )
        execution = _Execution(state, actor, root, drawn, run, load_data, progress)
        try:
            with process.beating(execution.beat):
                candidate = execution.to_the_end()
            return runs.finish(actor, run.id, candidate)
        except KeyboardInterrupt:
            with suppress(TrueupError):  # it may have finished just before
                runs.interrupt(actor, run.id, f"{actor} stopped it (Ctrl-C).")
            raise
        except TrueupError as error:
            error.context["run"] = run.id
            _record_failure(runs, actor, run, error)
            raise
        except Exception as error:
            shown = InternalError("internal", f"{type(error).__name__}: {error}")
            _record_failure(runs, actor, run, shown)
            raise


class _Execution:
    """One run under way."""

    def __init__(
        self,
        state: State,
        actor: Actor,
        root: Path,
        drawn: Graph,
        run: Run,
        load_data: Callable[[str], pl.DataFrame],
        progress: Callable[[StepProgress], None],
    ) -> None:
        self._state = state
        self._blobs = state.blobs
        self._runs = Runs(state)
        self._actor = actor
        self._root = root
        self._graph = drawn
        self._run = run
        self._load_data = load_data
        self._progress = progress
        self._stored: dict[int, StoredValue] = {}
        self._in_memory: dict[str | int, Any] = {}  # datasets and fresh results, while needed
        self._last_use = drawn.last_use()

    def beat(self) -> None:
        """Say that this process lives."""
        with self._state.database.writing() as connection:
            table.beat(connection, self._run.id, clock.now())

    def to_the_end(self) -> Candidate | None:
        """Every step in order, then the candidate."""
        for node in self._graph.nodes:
            self._step(node)
            self._drop_unneeded(node.index)
        return self._candidate()

    def _step(self, node: Node) -> None:
        components, reasons = addressing.components(
            node.called, node.arguments, self._root, self._content
        )
        key = keys.key(components) if components else ""
        if components is not None:
            with self._state.read(self._actor) as connection:
                known = pipeline_table.entry(connection, key)
                before = pipeline_table.latest(connection, node.called.name)
            if known is not None and values.is_present(self._blobs, known.outputs):
                self._reuse(node, key, known)
                return
            if known is not None:
                reasons = ("its stored result is gone",)
            else:
                reasons = tuple(keys.explain(before.components if before else None, components))
        self._perform(node, key, components, reasons)

    def _reuse(self, node: Node, key: str, known: CacheEntry) -> None:
        started = clock.now()
        why = (f"nothing it depends on has changed since run {known.run}",)
        self._stored[node.index] = known.outputs
        done = StepRun(
            run=self._run.id,
            position=node.index + 1,
            step=node.name,
            state="finished",
            cached=True,
            key=key,
            why=why,
            seconds=0.0,
            started_at=started,
            place=str(node.at),
            outputs=known.outputs,
        )
        self._end(node, done)

    def _perform(
        self, node: Node, key: str, components: Components | None, why: tuple[str, ...]
    ) -> None:
        self._tell(node, "started", why)
        started, clock_start = clock.now(), time.perf_counter()
        state: StepState = "failed"
        outputs: StoredValue | None = None
        try:
            result = self._call(node)
            outputs = values.store(self._blobs, result, node.name, node.at)
            self._stored[node.index] = outputs
            self._in_memory[node.index] = result
            state = "finished"
        except KeyboardInterrupt:
            state = "interrupted"
            raise
        finally:
            seconds = time.perf_counter() - clock_start
            done = StepRun(
                run=self._run.id,
                position=node.index + 1,
                step=node.name,
                state=state,
                cached=False,
                key=key,
                why=why,
                seconds=seconds,
                started_at=started,
                place=str(node.at),
                outputs=outputs,
            )
            keep = None
            if outputs is not None and components is not None:
                keep = CacheEntry(
                    key=key,
                    step=node.called.name,
                    run=self._run.id,
                    outputs=outputs,
                    components=components,
                    seconds=seconds,
                    created_at=clock.now(),
                )
            self._end(node, done, keep)

    def _call(self, node: Node) -> Any:
        arguments = {
            name: graph.replaced(value, self._value) for name, value in node.arguments.items()
        }
        bound = node.called.signature.bind_partial()
        bound.arguments.update(arguments)
        what = f"Step '{node.name}'"
        with origin.user_code("step-failed", what, self._root, node.at):
            return node.called.function(*bound.args, **bound.kwargs)

    def _end(self, node: Node, done: StepRun, keep: CacheEntry | None = None) -> None:
        metrics = values.metrics(self._blobs, done.outputs) if done.outputs else {}
        self._runs.end_step(self._actor, done, metrics, keep)
        self._tell(node, "reused" if done.cached else done.state, done.why, done.seconds)

    def _tell(self, node: Node, state: Any, why: tuple[str, ...], seconds: float = 0.0) -> None:
        self._progress(
            StepProgress(
                run=self._run.id,
                step=node.name,
                position=node.index + 1,
                total=len(self._graph.nodes),
                state=state,
                why=why,
                seconds=seconds,
            )
        )

    def _content(self, output: Output) -> StoredValue:
        source = graph.source_of(output)
        if isinstance(source, str):
            return StoredValue(kind="frame", digest=self._run.data[source], format="parquet")
        return self._resolved(output)

    def _resolved(self, output: Output) -> StoredValue:
        source = graph.source_of(output)
        if isinstance(source, str):
            frame = self._value(output)
            return values.store(self._blobs, frame, f'data("{source}")', graph.place_of(output))
        stored, name = self._stored[source], self._graph.nodes[source].name
        for key in graph.path_of(output):
            stored = values.part(self._blobs, stored, key, name, graph.place_of(output))
        return stored

    def _value(self, output: Output) -> Any:
        """The value of an argument: never another step's own object, so that none can change it."""
        source = graph.source_of(output)
        if isinstance(source, str) and source not in self._in_memory:
            self._in_memory[source] = self._load_data(source)
        value = self._in_memory.get(source)
        for key in graph.path_of(output):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, pl.DataFrame):
            return value.clone()
        return values.load(self._blobs, self._resolved(output))

    def _drop_unneeded(self, index: int) -> None:
        for source in list(self._in_memory):
            if self._last_use.get(source, -1) <= index:
                del self._in_memory[source]

    def _candidate(self) -> Candidate | None:
        offered = self._graph.candidate
        if offered is None:
            return None
        found = {
            name: self._resolved(getattr(offered, name))
            for name in ("model", "trained_on", "holdout")
        }
        wrong = ""
        if found["model"].kind != "model":
            wrong = f"model is a {found['model'].kind}, not a fitted model"
        for name in ("trained_on", "holdout"):
            if found[name].kind != "frame":
                wrong = wrong or f"{name} is a {found[name].kind}, not a frame"
            elif offered.label not in found[name].columns:
                wrong = wrong or f"{name} has no column '{offered.label}'"
            elif not found[name].rows:
                wrong = wrong or f"{name} has no rows"
        if wrong:
            raise UserCodeError(
                "candidate-invalid",
                f"{offered.at}: the candidate cannot become a model version: {wrong}.",
                hint=f"correct the candidate(…) call at {offered.at}",
                context={"file": offered.at.file, "line": offered.at.line},
            )
        return Candidate(label=offered.label, **found)


def _record_failure(runs: Runs, actor: Actor, run: Run, error: TrueupError) -> None:
    """Record the failure; when even that fails, the first error is the one to show."""
    try:
        runs.fail(actor, run.id, error)
    except TrueupError as second:
        error.add_note(f"The failure could not be recorded either: {second}")
