"""Experiments: the list, and one with its runs: filtered, sorted, by chosen columns, page by page.

Read `tracked_runs.py` next: one run, and several side by side.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from litestar import Response
from litestar.params import PathParameter, QueryParameter

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import metric_curves, shell
from trueup.doors.web.metric_curves import Drawn
from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.overview.service import Group
from trueup.lifecycle.runs.tracking.reading import Columns
from trueup.lifecycle.runs.tracking.records import Experiment, TrackedRun
from trueup.lifecycle.runs.tracking.traces.records import Trace

Number = Annotated[int, PathParameter(ge=0)]
Where = Annotated[str, QueryParameter(max_length=2000)]
Shown = Annotated[list[str] | None, QueryParameter(name="column")]

_AT_ONCE: Final = 50
_TRACES: Final = 20
_METRICS: Final = 6  # columns that are shown unasked
_PARAMS: Final = 8
_MOST: Final = 60  # columns that can be asked for
_OFFERED: Final = 200
_NONE: Final[frozenset[str]] = frozenset()
_BARE: Final = Columns(metrics=_NONE, params=_NONE, tags=_NONE, has_inputs=False)


class ExperimentsPage(Record):
    """Every experiment, those with the newest runs first."""

    experiments: tuple[Group, ...]


class ExperimentPage(Record):
    """Some runs of one experiment.

    Attributes:
        experiment: The experiment.
        runs: The runs.
        params: Names of the parameters that are shown.
        metrics: Names of the metrics that are shown.
        offered: Columns that could be shown, as `metrics.NAME` and `params.NAME`.
        curve: Points of the first metric, by run; None when none is shown.
        where: The filter.
        order: What they are sorted by.
        problem: Why filter or order cannot be read; empty when they can.
        hint: What to do about it.
        next: Continues the list.
        traces: Calls that were traced, the newest ones.
    """

    experiment: Experiment
    runs: tuple[TrackedRun, ...]
    params: tuple[str, ...]
    metrics: tuple[str, ...]
    offered: tuple[str, ...]
    curve: Drawn | None
    where: str
    order: str
    problem: str
    hint: str
    next: str
    traces: tuple[Trace, ...] = ()


@shell.page("/experiments")
def experiments(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """All experiments."""
    page = ExperimentsPage(experiments=tuple(workspace.overview.groups(actor)))
    command = "trueup runs experiments"
    return shell.answer(request, "experiments.html", "Experiments", page, command=command)


@shell.page("/experiments/{number:int}")
def experiment(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    number: Number,
    where: Where = "",
    order: Where = "",
    after: Where = "",
    column: Shown = None,
) -> Response[Any]:
    """The runs of one experiment."""
    shown = workspace.tracking.experiment(actor, number)
    wanted = tuple(dict.fromkeys(column or ()))[:_MOST]
    try:
        page = _page(workspace, actor, shown, where, order, after, wanted)
    except UsageError as error:
        page = _unreadable(shown, where, order, error)
    said = {"where": where, "order": order, "column": list(wanted)}
    more = {
        "sparks": metric_curves.sparks(page.curve) if page.curve else {},
        "address": lambda **changed: _address(number, said | changed),
        "sorting": _sorting(order),
    }
    return shell.answer(
        request,
        "experiment.html",
        shown.name,
        page,
        command=f"trueup runs list --experiment '{shown.name}'",
        more=more,
        is_live=any(run.state == "running" for run in page.runs),
        status=400 if page.problem else 200,
    )


def _page(
    workspace: Workspace,
    actor: Actor,
    shown: Experiment,
    where: str,
    order: str,
    after: str,
    wanted: tuple[str, ...],
) -> ExperimentPage:
    asked = {
        kind: tuple(name for each in wanted for k, _, name in [each.partition(".")] if k == kind)
        for kind in ("metrics", "params")
    }
    listed = partial(
        workspace.search.runs,
        actor,
        [shown.number],
        where=where,
        order_by=[order] if order else [],
        limit=_AT_ONCE,
        token=after,
    )
    # First which runs they are, then what most of them measured: the newest may have nothing yet.
    bare = listed(columns=_BARE).runs
    counts = workspace.overview.metrics(actor, [run.id for run in bare])
    known = metric_curves.names(counts)
    usual = [name for name in known if not name.startswith(metric_curves.SYSTEM)]
    often = sorted(usual, key=lambda name: -counts[name])[:_METRICS]
    metrics = asked["metrics"] if wanted else tuple(name for name in usual if name in often)
    found = listed(columns=Columns(metrics=frozenset(metrics), tags=_NONE, has_inputs=False))
    params = list(dict.fromkeys(key for run in found.runs for key in run.params))
    offered = [f"metrics.{name}" for name in dict.fromkeys((*metrics, *known))]
    offered += [f"params.{name}" for name in params]
    curve = None
    if metrics and found.runs:
        having = [run.id for run in found.runs if any(p.key == metrics[0] for p in run.metrics)]
        curve = metric_curves.in_cells(workspace, actor, having, metrics[0])
    return ExperimentPage(
        experiment=shown,
        runs=tuple(found.runs),
        params=asked["params"] if wanted else _differing(found.runs, params)[:_PARAMS],
        metrics=metrics,
        offered=tuple(offered[:_OFFERED]),
        curve=curve,
        where=where,
        order=order,
        problem="",
        hint="",
        next=found.token,
        traces=tuple(workspace.traces.search(actor, [shown.number], limit=_TRACES)[0]),
    )


def _unreadable(shown: Experiment, where: str, order: str, error: UsageError) -> ExperimentPage:
    return ExperimentPage(
        experiment=shown,
        runs=(),
        params=(),
        metrics=(),
        offered=(),
        curve=None,
        where=where,
        order=order,
        problem=error.message,
        hint=error.hint,
        next="",
    )


def _differing(runs: list[TrackedRun], names: list[str]) -> tuple[str, ...]:
    if len(runs) == 1:
        return tuple(names)
    return tuple(name for name in names if len({run.params.get(name) for run in runs}) > 1)


def _sorting(order: str) -> tuple[str, bool]:
    """The column that the list is sorted by, and whether its largest values come first."""
    words = order.replace("`", "").rsplit(" ", 1)
    if words[-1].upper() in ("ASC", "DESC"):
        return words[0].strip(), words[-1].upper() == "DESC"
    return order.replace("`", "").strip(), False


def _address(number: int, said: dict[str, Any]) -> str:
    query = urlencode({name: value for name, value in said.items() if value}, doseq=True)
    return f"/experiments/{number}?{query}" if query else f"/experiments/{number}"
