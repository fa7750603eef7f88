"""Before a run: what it would do, and what the key of one step is made of. Nothing is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trueup.app.running import sharing
from trueup.app.running.precheck import checked
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, TrueupError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.drawing.graph import Graph, Node
from trueup.lifecycle.plan import service as plans
from trueup.lifecycle.runs.execution.executing import nothing
from trueup.lifecycle.runs.preview import foreseeing
from trueup.lifecycle.runs.preview.records import KeyNow, RunPlan
from trueup.lifecycle.runs.records import RunOptions, StepProgress


def of_run(
    workspace: Workspace,
    actor: Actor,
    pipeline: Pipeline[..., Any],
    parameters: Mapping[str, Any],
    options: RunOptions = RunOptions(),  # noqa: B008 (a frozen record)
    progress: Callable[[StepProgress], None] = nothing,
) -> RunPlan:
    """What a run of a pipeline would do, with the files as they are now.

    Args:
        workspace: The project.
        actor: Who asks.
        pipeline: The pipeline.
        parameters: Values of its parameters, typed.
        options: How it would be run.
        progress: Told what is the matter with the shared results, if anything.

    Raises:
        UsageError: The pipeline, a parameter or a dataset is not as it must be.
    """
    drawn = checked(workspace, actor, pipeline, parameters)
    data = _looked_at(workspace, actor, drawn)
    costs = plans.surroundings(workspace.root).costs
    shared = sharing.results_of(workspace, options, progress)
    try:
        return foreseeing.of_run(
            workspace.state,
            actor,
            workspace.root,
            pipeline,
            parameters,
            data,
            costs,
            options,
            shared,
        )
    finally:
        if shared is not None:
            shared.close()


def calling(root: Path, step: str, pipeline: str, given: Mapping[str, str]) -> Pipeline[..., Any]:
    """The pipeline of that name; without a name the one that calls the step.

    Raises:
        NotFoundError: There is none.
        UsageError: Several would do, or a file is wrong.
    """
    known = discovery.load(root)
    if pipeline or len(known) < 2:
        return discovery.find(root, pipeline)
    found = [each for each in known.values() if step in _calls_of(each, given, root)]
    if not found:
        raise NotFoundError(
            "step-not-found",
            f"No pipeline calls a step '{step}' (pipelines: {listing(sorted(known))}).",
            hint=f"trueup run {min(known)} --dry-run",
        )
    if len(found) > 1:
        names = sorted(each.name for each in found)
        raise UsageError(
            "pipeline-ambiguous",
            f"Several pipelines call the step '{step}': {listing(names)}.",
            hint=f"trueup explain-cache {step} --pipeline {names[0]}",
        )
    return found[0]


def _calls_of(pipeline: Pipeline[..., Any], given: Mapping[str, str], root: Path) -> set[str]:
    try:
        drawn = pipeline.trace(pipeline.parse(given), root)
    except TrueupError:  # it takes other parameters, or is wrong: whoever names it learns why
        return set()
    return {node.name for node in drawn.nodes if node.step is not None}


def of_step(
    workspace: Workspace,
    actor: Actor,
    step: str,
    pipeline: Pipeline[..., Any],
    parameters: Mapping[str, Any],
) -> KeyNow:
    """What the key of a step is made of now, and how it differs from the newest kept result.

    Raises:
        NotFoundError: The pipeline has no such step.
    """
    drawn = checked(workspace, actor, pipeline, parameters)
    node = _node(drawn, step)
    data = _looked_at(workspace, actor, drawn)
    return foreseeing.of_step(workspace.state, actor, workspace.root, drawn, data, node)


def _looked_at(workspace: Workspace, actor: Actor, drawn: Graph) -> dict[str, str]:
    """The digest of every dataset of the graph as its files are now."""
    try:
        workspace.plans.current(actor)
    except NotFoundError:  # a new project: nothing is known that could be reused
        return dict.fromkeys(drawn.datasets, "")
    return {name: workspace.datasets.look(actor, name, workspace.root) for name in drawn.datasets}


def _node(drawn: Graph, step: str) -> Node:
    calls = {node.name: node for node in drawn.nodes if node.step is not None}
    if step not in calls:
        raise NotFoundError(
            "step-not-found",
            f"Pipeline '{drawn.pipeline}' has no step '{step}' (its steps: {listing(calls)})."
            f"{did_you_mean(step, calls)}",
            hint=f"trueup run {drawn.pipeline} --dry-run",
        )
    return calls[step]
