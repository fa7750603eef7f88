"""Runs, their steps and their metrics."""

from __future__ import annotations

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import InState, Limit, Name, Word, reading
from trueup.lifecycle.runs.records import RunDetail, RunPage


@reading("/runs")
def newest(
    workspace: TheWorkspace,
    actor: TheActor,
    pipeline: Word = "",
    in_state: InState = "",
    after: Word = "",
    limit: Limit = 50,
) -> RunPage:
    """Runs, newest first; `after` is the `next` of the page before."""
    return workspace.runs.list(actor, pipeline=pipeline, state=in_state, after=after, limit=limit)


@reading("/runs/{id_:str}")
def show(workspace: TheWorkspace, actor: TheActor, id_: Name) -> RunDetail:
    """One run with its steps and metrics."""
    return workspace.runs.show(actor, id_)
