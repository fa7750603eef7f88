"""Executing a pipeline: checked before anything is recorded, then handed to the scheduler.

After a kill the database says which steps had ended; running again reuses them. Read
`scheduler.py` next.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, InternalError, TrueupError
from trueup.foundation.records import builtins
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.pipeline import checking, discovery
from trueup.lifecycle.pipeline.code import fingerprint, packages
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.drawing.graph import Graph
from trueup.lifecycle.runs import logs, outline, process, table
from trueup.lifecycle.runs.execution import partial, scheduling, worker
from trueup.lifecycle.runs.execution.holding import Holding
from trueup.lifecycle.runs.execution.lookup import Lookup
from trueup.lifecycle.runs.execution.recording import Recorder
from trueup.lifecycle.runs.execution.resolution import Resolution
from trueup.lifecycle.runs.execution.scheduler import Cancelled, Scheduler
from trueup.lifecycle.runs.execution.sharing import SharedResults
from trueup.lifecycle.runs.execution.verification import Verification
from trueup.lifecycle.runs.records import BY_HAND, Cause, Run, RunOptions, StepProgress
from trueup.lifecycle.runs.service import Runs
from trueup.ports.engine import Engine, Program
from trueup.ports.loading import load
from trueup.state.unit import State


def nothing(_progress: StepProgress) -> None:
    """Tell nobody."""


def notice(words: str, run_id: str = "") -> StepProgress:
    """Something to be told about a run as a whole."""
    return StepProgress(run=run_id, step="", position=0, total=0, state="notice", notice=words)


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
    data: Mapping[str, DatasetVersion],
    drawn: Graph | None = None,
    options: RunOptions = RunOptions(),  # noqa: B008 (a frozen record)
    commit: str = "",
    dirty: bool = False,
    capture: Callable[[Iterable[str]], str] = no_capture,
    cause: Cause = BY_HAND,
    shared: SharedResults | None = None,
    progress: Callable[[StepProgress], None] = nothing,
) -> Run:
    """Run a pipeline to its end and record everything about it.

    Args:
        state: Where to record it.
        actor: Who runs it.
        project_root: The project's folder.
        pipeline: What to run; the files in `pipelines/` define it.
        parameters: Values of its parameters, typed; defaults are filled in.
        data: The version of every dataset that it may read.
        drawn: Its graph with these parameters, where that was drawn and checked already.
        options: How it is to be run.
        commit: Git commit of the project.
        dirty: Whether files differ from it.
        capture: Keeps the code, given the files it reaches; returns the digest of its record.
        cause: What the run is made for.
        shared: Results of others, looked up where this project has none.
        progress: Called as steps start and end.

    Returns:
        The finished run.

    Raises:
        UsageError: The pipeline, a parameter or an option is wrong; nothing was run or recorded.
        UserCodeError: A step raised, crashed, or returned what cannot be kept; the run is recorded
            as failed, its identifier is `error.context["run"]`.
        ConflictError: Somebody cancelled the run; it is recorded as interrupted.
        KeyboardInterrupt: Somebody pressed Ctrl-C; the run is recorded as interrupted.
    """
    root = project_root.resolve()
    engine: Engine = load("engines", urlsplit(options.engine).scheme)(options.engine)
    held = None
    if not engine.isolates:  # its steps work here, one by one: their small values share a write
        held = Holding(state.blobs)
        state = state.with_blobs(held)
    with discovery.on_path(root):
        here = checking.this_machine()
        drawn = drawn or checking.checked(pipeline, parameters, root, data, here)
        resolution = Resolution(state.blobs, drawn, data)
        choice = partial.chosen(drawn, options)
        lookup = Lookup(state, actor, root, resolution, choice.again)
        lookup.shared = shared
        if options.only_step:
            partial.check_cached(drawn, choice, resolution, lookup)
            resolution.stored.clear()
        runs = Runs(state)
        runs.mark_lost(actor)
        code = fingerprint.of_code(pipeline, root)
        run = runs.start(
            actor,
            pipeline.name,
            model=pipeline.model,
            parameters=drawn.parameters,
            data={name: data[name].digest for name in sorted(drawn.datasets)},
            source=capture(code.files),
            code=code.digest,
            environment=packages.capture(state.blobs, root),
            commit=commit,
            dirty=dirty,
            cause=cause,
            outline=outline.of(drawn),
        )

        def beat() -> None:
            with state.database.writing() as connection:
                table.beat(connection, run.id, clock.now())

        def is_cancelled() -> str:
            check_beat()
            return runs.cancelled_by(actor, run.id)

        with (
            _on_record(runs, actor, run),
            process.beating(beat) as check_beat,
            worker.at_hand(run.id, drawn, held),
        ):
            lookup.run = run.id
            if options.verify_cache:

                def tell(words: str) -> None:
                    progress(notice(words, run.id))

                share = options.verify_cache
                lookup.verification = Verification(state, actor, run.id, share, tell)
            folder = logs.folder_of(root, run.id)
            recorder = Recorder(state, actor, run, folder, progress, held)

            def open_engine() -> Engine:
                engine.open(_program(state, root, run, drawn, data, folder))
                return engine

            scheduler = Scheduler(
                drawn,
                run,
                open_engine=open_engine,
                # One that does not isolate works one by one: what is only queued has not begun.
                room=scheduling.room_of(here, options.workers if engine.isolates else 1),
                resolution=resolution,
                lookup=lookup,
                recorder=recorder,
                folder=folder,
                is_cancelled=is_cancelled,
                wanted=choice.wanted,
            )
            try:
                candidate = scheduler.to_the_end()
                check_beat()
                run = runs.finish(actor, run.id, candidate)
            finally:
                engine.close()
                recorder.tidy()
        return run


@contextmanager
def _on_record(runs: Runs, actor: Actor, run: Run) -> Iterator[None]:
    """Whatever ends a run before its end is recorded, faults of ours as well."""
    try:
        yield
    except KeyboardInterrupt:
        with suppress(TrueupError):  # it may have finished just before
            runs.interrupt(actor, run.id, f"{actor} stopped it (Ctrl-C).")
        raise
    except Cancelled as cancelled:
        error = _cancelled(run, cancelled.by)
        runs.interrupt(actor, run.id, error.message, cancelled=True)
        raise error from cancelled
    except TrueupError as error:
        error.context["run"] = run.id
        _record_failure(runs, actor, run, error)
        raise
    except BaseException as error:
        shown = InternalError("internal", f"{type(error).__name__}: {error}")
        _record_failure(runs, actor, run, shown)
        raise


def _program(
    state: State,
    root: Path,
    run: Run,
    drawn: Graph,
    data: Mapping[str, DatasetVersion],
    folder: Path,
) -> Program:
    setup = worker.Setup(
        run=run.id,
        root=os.fspath(root),
        pipeline=run.pipeline,
        parameters=run.parameters,
        code=run.code,
        blobs=state.blobs.url,
        data={name: data[name] for name in sorted(drawn.datasets)},
    )
    return Program(entry=worker.ENTRY, setup=builtins(setup), log=folder / logs.ENGINE)


def _cancelled(run: Run, by: str) -> ConflictError:
    return ConflictError(
        "run-cancelled",
        f"{by} cancelled run {run.id}.",
        hint=f"trueup run {run.pipeline}",
        context={"run": run.id, "by": by},
    )


def _record_failure(runs: Runs, actor: Actor, run: Run, error: TrueupError) -> None:
    """Record the failure; when even that fails, the first error is the one to show."""
    try:
        runs.fail(actor, run.id, error)
    except Exception as second:
        error.add_note(f"The failure could not be recorded either: {second}")
