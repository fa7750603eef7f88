"""Training: snapshot what a pipeline reads, run it, register what it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from trueup.app.running import sharing
from trueup.app.running.precheck import checked
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError, UsageError
from trueup.foundation.text import listing, plural
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.code import capturing, source
from trueup.lifecycle.pipeline.records import Source
from trueup.lifecycle.runs.execution.executing import execute, nothing
from trueup.lifecycle.runs.features.collecting import collect, defines
from trueup.lifecycle.runs.records import BY_HAND, Cause, Run, RunOptions, StepProgress

if TYPE_CHECKING:  # it would bring NumPy into a run that reuses everything
    from trueup.lifecycle.models.records import ModelVersion


class Trained(NamedTuple):
    """A finished run, and the model version it made; None if it makes no model."""

    run: Run
    version: ModelVersion | None


def train(
    workspace: Workspace,
    actor: Actor,
    name: str,
    parameters: Mapping[str, Any],
    *,
    cause: Cause = BY_HAND,
    options: RunOptions = RunOptions(),  # noqa: B008 (a frozen record)
    allow_dirty: bool = False,
    register: bool = True,
    progress: Callable[[StepProgress], None] = nothing,
) -> Trained:
    """Run a pipeline on fresh snapshots of its data and register its candidate.

    Args:
        workspace: The project.
        actor: Who runs it.
        name: Pipeline or model; may be empty when the project has one pipeline.
        parameters: Values of the pipeline's parameters, typed.
        cause: What the run is made for.
        options: How it is to be run.
        allow_dirty: Run although files differ from the commit; the run says so.
        register: Make the candidate a model version.
        progress: Called as steps start and end.

    Raises:
        UsageError: The pipeline, a parameter or the repository is not as it must be.
        UserCodeError: A step raised; the run is recorded as failed.
    """
    origin = committed(workspace, actor, allow_dirty=allow_dirty)
    pipeline = discovery.find(workspace.root, name)
    drawn = checked(workspace, actor, pipeline, parameters)
    snapshots = {
        dataset: workspace.datasets.snapshot(actor, dataset, workspace.root)
        for dataset in drawn.datasets
    }
    shared = sharing.results_of(workspace, options, progress)
    noted = _Noted(progress)
    try:
        run = execute(
            workspace.state,
            actor,
            workspace.root,
            pipeline,
            parameters,
            data=snapshots,
            drawn=drawn,
            options=options,
            commit=origin.commit,
            dirty=origin.is_dirty,
            capture=lambda reached: capturing.capture(
                workspace.state.blobs,
                workspace.root,
                origin.commit,
                dirty=origin.is_dirty,
                reached=reached,
            ),
            cause=cause,
            shared=shared,
            progress=noted.tell,
        )
        if shared is not None:
            sharing.send(workspace, actor, run, shared, progress)
    except (KeyboardInterrupt, TrueupError):
        from trueup.lifecycle.pipeline.steps import builds

        # Cancelled, or failed: a build whose step ran into its timeout is still under way.
        with suppress(TrueupError):  # the run has ended as it should; Jenkins is somebody else's
            builds.stop(workspace.root, noted.run, drawn.nodes)
        raise
    finally:
        if shared is not None:
            shared.close()
    if defines(drawn):
        steps = workspace.runs.show(actor, run.id).steps
        if defined := collect(workspace.state.blobs, drawn, steps, workspace.root):
            workspace.features.define(actor, run.id, defined)
    version = workspace.models.register(actor, run.id) if run.candidate and register else None
    return Trained(run, version)


class _Noted:
    """Passes on how the steps go, and notes which run they belong to."""

    def __init__(self, tell: Callable[[StepProgress], None]) -> None:
        self._tell = tell
        self.run = ""

    def tell(self, progress: StepProgress) -> None:
        self.run = progress.run
        self._tell(progress)


def committed(workspace: Workspace, actor: Actor, *, allow_dirty: bool = False) -> Source:
    """The commit that the project's files are at. Datasets have versions of their own.

    Raises:
        UsageError: There is no repository, no commit, or files differ from it.
    """
    origin = source.read(workspace.root)
    if origin.is_dirty:
        places = workspace.datasets.paths(actor)
        origin = source.read(workspace.root, without=places.values())
    if origin.is_dirty and not allow_dirty:
        changed = listing(origin.changed[:3])
        more = f" and {plural(len(origin.changed) - 3, 'more file')}" if origin.changed[3:] else ""
        verb = "differs" if len(origin.changed) == 1 else "differ"
        raise UsageError(
            "git-dirty",
            f"{changed}{more} {verb} from commit {origin.commit[:12]}, "
            "so the run could not be traced to its code.",
            hint='git add -A && git commit -m "Describe the change"   (or: --allow-dirty)',
            context={"changed": list(origin.changed)},
        )
    return origin
