"""Runs: the list, and one run with its steps, metrics and what it stood on."""

from __future__ import annotations

from collections import Counter
from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import InState, Name, Word
from trueup.doors.web import run_graph, shell
from trueup.doors.web.pages import tracked_runs
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.plan.service import surroundings
from trueup.lifecycle.runs import logs, outline, rules
from trueup.lifecycle.runs.records import ItemCounts, Run, RunDetail

_AT_ONCE = 50
_NAMED = 20


class RunsPage(Record):
    """Some runs, newest first, and the filter that chose them; `next` continues the list."""

    runs: tuple[Run, ...]
    next: str
    pipeline: str
    state: str


class RunPage(Record):
    """One run, and what belongs to it.

    Attributes:
        detail: The run.
        versions: The model versions that were registered from it.
        data: The versions of the datasets that it reads, by name.
        items: How the items of steps over lists have ended, by position of the step.
        under_way: Names of steps and items that are being carried out, the first ones.
        more_under_way: How many others are.
        costs: What each step cost, by position; empty where no rate is set.
        cost: What they cost together; None where no rate is set.
        currency: The unit of costs.
        cpu_seconds: Processor time of all steps.
        tally: How many steps stand how; `cached` for those reused.
        states: How each step stands, by position.
        takes: What each step takes, by position.
    """

    detail: RunDetail
    versions: tuple[str, ...]
    data: dict[str, str]
    items: dict[int, ItemCounts]
    under_way: tuple[str, ...]
    more_under_way: int
    costs: dict[int, float]
    cost: float | None
    currency: str
    cpu_seconds: float
    tally: dict[str, int]
    states: dict[int, str]
    takes: dict[int, tuple[str, ...]]


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
    is_live = any(run.state == "running" for run in found.runs)
    command = "trueup runs list"
    return shell.answer(request, "runs.html", "Runs", page, command=command, is_live=is_live)


@shell.page("/runs/{id_:str}")
def run(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One run."""
    try:
        page = load(workspace, actor, id_)
    except NotFoundError as missing:
        try:
            found = workspace.tracking.show(actor, id_)
        except (NotFoundError, UsageError):
            raise missing from None
        return tracked_runs.tracked(request, workspace, actor, found)
    shown = page.detail.run
    command = f"trueup runs show {shown.id}"
    drawing = ""
    if not shell.wants_json(request):
        drawing = run_graph.svg(page.detail, page.states, page.data, page.items)
    return shell.answer(
        request,
        "run.html",
        f"Run {shown.id}",
        page,
        command=command,
        drawing=drawing,
        is_live=shown.state == "running",
    )


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
    rates = surroundings(workspace.root).costs
    ran = [step for step in detail.steps if step.attempts]
    costs = {step.position: rules.cost([step], rates) for step in ran}
    under_way = _under_way(workspace, detail)
    states = outline.standing(
        detail.outline, detail.steps, {log.position for log in under_way}, detail.run.state
    )
    return RunPage(
        detail=detail,
        versions=versions,
        data=data,
        items={each.position: each for each in workspace.runs.item_counts(actor, run_id)},
        under_way=tuple(log.step for log in under_way[:_NAMED]),
        more_under_way=len(under_way[_NAMED:]),
        costs={position: cost for position, cost in costs.items() if cost is not None},
        cost=rules.cost(ran, rates),
        currency=rates.currency,
        cpu_seconds=sum(step.cpu_seconds for step in ran),
        tally=dict(Counter(states.values())),
        states=states,
        takes={step.position: outline.sources(step, detail.outline) for step in detail.outline},
    )


def _under_way(workspace: Workspace, detail: RunDetail) -> list[logs.Open]:
    if detail.run.state != "running":
        return []
    return logs.open_in(logs.folder_of(workspace.root, detail.run.id))
