"""Before a run: all that can be known to be wrong with it, told at once. Nothing is run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.pipeline import checking, discovery
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.drawing.graph import Graph
from trueup.lifecycle.plan import service as plans


def checked(
    workspace: Workspace, actor: Actor, pipeline: Pipeline[..., Any], parameters: Mapping[str, Any]
) -> Graph:
    """The graph of a pipeline, after everything was checked that can be before a run.

    Raises:
        UsageError: Something is wrong; all that could be found is named, with file and line.
    """
    try:
        declared = workspace.plans.current(actor).plan.datasets
    except NotFoundError:  # a new project: its plan comes into force with the first run
        declared = plans.read(workspace.root).datasets
    known = {*declared, *(version.name for version in workspace.datasets.newest(actor))}
    with discovery.on_path(workspace.root):
        machine = checking.this_machine()
        return checking.checked(pipeline, parameters, workspace.root, known, machine)


def uncached(workspace: Workspace, drawn: Graph) -> list[str]:
    """The steps of a pipeline that run every time, because their code cannot be fingerprinted."""
    with discovery.on_path(workspace.root):
        return checking.uncached(drawn, workspace.root)
