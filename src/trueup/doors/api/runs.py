"""Runs, their steps and their metrics."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import InState, Limit, Word, reading
from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.records import RunDetail, RunPage


@reading("/runs")
def newest(
    workspace: Workspace,
    actor: Actor,
    pipeline: Word = "",
    in_state: InState = "",
    after: Word = "",
    limit: Limit = 50,
) -> RunPage:
    """Runs, newest first; `after` is the `next` of the page before."""
    return workspace.runs.list(actor, pipeline=pipeline, state=in_state, after=after, limit=limit)


@reading("/runs/{id_:str}")
def show(workspace: Workspace, actor: Actor, id_: str) -> RunDetail:
    """One run with its steps and metrics."""
    return workspace.runs.show(actor, id_)
