"""Sweeps: the list, and one with its runs side by side and what each parameter did."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final

from litestar import Response
from litestar.params import QueryParameter

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name, Word
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.records import Run
from trueup.lifecycle.runs.series.records import Compared, Comparison, Objective, Sweep
from trueup.rendering import parameters
from trueup.rendering.charts import Chart
from trueup.rendering.parameters import Trial
from trueup.rendering.svg import svg
from trueup.statistics.metrics import METRICS

Best = Annotated[str, QueryParameter(max_length=3)]

_LISTED: Final = 100
_SHOWN: Final = 300  # rows
_DRAWN: Final = 1000  # runs in a chart
_CHARTS: Final = 8
_DIRECTIONS: Final = {"higher": "max", "lower": "min"}


class SweepsPage(Record):
    """Sweeps, the newest first."""

    sweeps: tuple[Sweep, ...]


class SweepPage(Record):
    """One sweep.

    Attributes:
        sweep: Its identifier.
        pipeline: Name of the pipeline.
        is_backfill: Whether its runs cover parts of the data.
        states: How many of its runs stand how.
        metric: The metric that is looked at; empty when none was reported.
        best: Whether its largest or smallest value is the best: `max`, `min`, or empty.
        comparison: Its runs side by side, the first ones.
        more: How many others there are.
        errors: What went wrong, by run.
        charts: What each parameter did to the metric.
    """

    sweep: str
    pipeline: str
    is_backfill: bool
    states: dict[str, int]
    metric: str
    best: str
    comparison: Comparison
    more: int
    errors: dict[str, str]
    charts: tuple[Chart, ...]


@shell.page("/sweeps")
def sweeps(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """All sweeps, searches and back-fills."""
    page = SweepsPage(sweeps=tuple(workspace.series.sweeps(actor, _LISTED)))
    return shell.answer(request, "sweeps.html", "Sweeps", page, command="trueup runs list")


@shell.page("/sweeps/{id_:str}")
def sweep(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    id_: Name,
    metric: Word = "",
    best: Best = "",
) -> Response[Any]:
    """One sweep."""
    page = load(workspace, actor, id_, metric, best)
    command = f"trueup runs compare --sweep {id_}"
    if page.best:
        command += f" --by {page.metric}:{page.best}"
    is_live = "running" in page.states
    title = f"Sweep {id_}"
    return shell.answer(request, "sweep.html", title, page, command=command, is_live=is_live)


@shell.page("/sweeps/{id_:str}/charts/{chart:str}")
def drawing(
    workspace: TheWorkspace,
    actor: TheActor,
    id_: Name,
    chart: Name,
    metric: Word = "",
    best: Best = "",
) -> Response[Any]:
    """One chart of a sweep, drawn."""
    for each in load(workspace, actor, id_, metric, best).charts:
        if each.name == chart:
            return Response(svg(each.spec), media_type="image/svg+xml")
    raise NotFoundError(
        "page-not-found",
        f"Sweep '{id_}' has no chart '{chart[:100]}'.",
        hint=f"trueup runs compare --sweep {id_}",
    )


def load(
    workspace: Workspace, actor: Actor, sweep_id: str, metric: str = "", best: str = ""
) -> SweepPage:
    """Gather the page of one sweep.

    Raises:
        NotFoundError: No run belongs to it.
        UsageError: None of its runs reports the metric.
    """
    runs, found = workspace.series.of_sweep(actor, sweep_id)
    metric = metric or _looked_at(found)
    best = best if best in ("max", "min") else _direction(metric)
    if metric and best:
        wanted = Objective(metric=metric, direction="max" if best == "max" else "min")
        found = workspace.series.of_sweep(actor, sweep_id, wanted)[1]
    return SweepPage(
        sweep=sweep_id,
        pipeline=runs[0].pipeline,
        is_backfill=any(run.partition for run in runs),
        states=_states(runs),
        metric=metric,
        best=best if metric else "",
        comparison=_first(found),
        more=max(len(found.runs) - _SHOWN, 0),
        errors={run.id: run.error.message for run in runs if run.error},
        charts=_charts(found, metric),
    )


def _looked_at(found: Comparison) -> str:
    """The metric that is looked at when none was named: one that Trueup can judge, else any."""
    return next(filter(_direction, found.metrics), next(iter(found.metrics), ""))


def _direction(metric: str) -> str:
    name = metric.rpartition(".")[2]
    return _DIRECTIONS[METRICS[name].better] if name in METRICS else ""


def _states(runs: list[Run]) -> dict[str, int]:
    states: dict[str, int] = {}
    for run in runs:
        states[run.state] = states.get(run.state, 0) + 1
    return states


def _first(found: Comparison) -> Comparison:
    return Comparison(
        parameters=found.parameters,
        metrics=found.metrics,
        runs=found.runs[:_SHOWN],
        objective=found.objective,
        best=found.best,
    )


def _charts(found: Comparison, metric: str) -> tuple[Chart, ...]:
    trials = [
        Trial(run=run.run, values=run.parameters, metric=value)
        for run in found.runs
        if (value := _value(run, metric)) is not None
    ][:_DRAWN]
    names = found.parameters[:_CHARTS]
    if len(trials) < 2 or not names:
        return ()
    each = tuple(parameters.against(name, metric, trials) for name in names)
    return (parameters.together(names, metric, trials), *each) if len(names) > 1 else each


def _value(run: Compared, metric: str) -> float | None:
    value = run.metrics.get(metric)
    return value if value is not None and math.isfinite(value) else None
