"""Runs: the list, and one run with its steps, metrics and what it stood on."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import InState, Name, Word
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.runs.records import Run, RunDetail

_AT_ONCE = 50


class RunsPage(Record):
    """Some runs, newest first, and the filter that chose them; `next` continues the list."""

    runs: tuple[Run, ...]
    next: str
    pipeline: str
    state: str


class RunPage(Record):
    """One run, and the model versions that were registered from it."""

    detail: RunDetail
    versions: tuple[str, ...]
    data: dict[str, str]


@shell.page("/runs")
def runs(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    pipeline: Word = "",
    in_state: InState = "",
    after: Word = "",
) -> Response[Any]:
    """Runs, newest first."""
    found = workspace.runs.list(
        actor, limit=_AT_ONCE, pipeline=pipeline, state=in_state, after=after
    )
    page = RunsPage(runs=found.runs, next=found.next, pipeline=pipeline, state=in_state)
    return shell.answer(request, "runs.html", "Runs", page, command="trueup runs list")


@shell.page("/runs/{id_:str}")
def run(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One run."""
    page = load(workspace, actor, id_)
    shown = page.detail.run
    command = f"trueup runs show {shown.id}"
    return shell.answer(request, "run.html", f"Run {shown.id}", page, command=command)


def load(workspace: Workspace, actor: Actor, run_id: str) -> RunPage:
    """Gather the page of one run.

    Raises:
        NotFoundError: There is no such run.
    """
    detail = workspace.runs.show(actor, run_id)
    with workspace.state.read(actor) as connection:
        versions = tuple(version.ref for version in model_table.of_run(connection, run_id))
    data = {
        name: workspace.datasets.show(actor, name, digest).ref
        for name, digest in detail.run.data.items()
    }
    return RunPage(detail=detail, versions=versions, data=data)
