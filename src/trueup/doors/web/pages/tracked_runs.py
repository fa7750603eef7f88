"""One run that its own code reports, and several side by side.

Read `metric_curves.py` for their curves and `tracked_files.py` for their files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Response
from litestar.params import PathParameter, QueryParameter

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import metric_curves, shell
from trueup.doors.web.metric_curves import SYSTEM, Drawn
from trueup.doors.web.pages import tracked_files
from trueup.doors.web.pages.tracked_files import File
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.logged_models.records import LoggedModel
from trueup.lifecycle.runs.tracking.records import Experiment, TrackedRun
from trueup.lifecycle.runs.tracking.traces.records import Trace
from trueup.lifecycle.runs.tracking.traces.rules import RUN_WORD
from trueup.rendering import curves

Number = Annotated[int, PathParameter(ge=0)]
Chosen = Annotated[list[str] | None, QueryParameter(name="run")]

_CURVES: Final = 24
_TRACES: Final = 20
_UNSAID: Final = "mlflow."


class TrackedRunPage(Record):
    """One run that its own code reports.

    Attributes:
        run: The run.
        experiment: Its experiment.
        curves: Some points of its metrics, evenly spread.
        system: Likewise of what was sampled of its machine.
        more: How many metrics are listed and not drawn.
        files: Its files, the first ones.
        more_files: How many others there are.
        printed: The end of what it printed.
        models: Models that its code saved.
        traces: Calls that were traced, the newest ones.
    """

    run: TrackedRun
    experiment: Experiment
    curves: tuple[Drawn, ...]
    system: tuple[Drawn, ...]
    more: int
    files: tuple[File, ...]
    more_files: int
    printed: str
    models: tuple[LoggedModel, ...]
    traces: tuple[Trace, ...]


class ComparisonPage(Record):
    """Runs side by side.

    Attributes:
        experiment: Their experiment.
        runs: The runs.
        params: Values of the parameters in which they differ, by run.
        tags: Likewise for tags.
        metrics: Last values of metrics, by run.
        same: How many parameters and tags are the same.
        curves: Their curves.
    """

    experiment: Experiment
    runs: tuple[TrackedRun, ...]
    params: dict[str, tuple[str | None, ...]]
    tags: dict[str, tuple[str | None, ...]]
    metrics: dict[str, tuple[float | None, ...]]
    same: int
    curves: tuple[Drawn, ...]


def tracked(request: Asked, workspace: Workspace, actor: Actor, found: TrackedRun) -> Response[Any]:
    """One run that its own code reports; called by the page of runs."""
    names = metric_curves.names(point.key for point in found.metrics)
    own = [name for name in names if not name.startswith(SYSTEM)]
    files, more_files = tracked_files.listed(workspace, actor, found)
    page = TrackedRunPage(
        run=found,
        experiment=workspace.tracking.experiment(actor, found.experiment),
        curves=metric_curves.of(workspace, actor, [found], own[:_CURVES]),
        system=metric_curves.of(workspace, actor, [found], names[len(own) :][:_CURVES]),
        more=max(len(own) - _CURVES, 0),
        files=files,
        more_files=more_files,
        printed=tracked_files.printed(workspace, actor, found),
        models=_models(workspace, actor, found),
        traces=_traces(workspace, actor, found),
    )
    command = f"trueup runs show {found.ref}"
    title = f"Run {found.name}"
    more = _drawn(request, (*page.curves, *page.system), [found])
    return shell.answer(
        request,
        "tracked_run.html",
        title,
        page,
        command=command,
        more=more,
        is_live=found.state == "running",
    )


@shell.page("/experiments/{number:int}/compare")
def comparison(
    request: Asked, workspace: TheWorkspace, actor: TheActor, number: Number, run: Chosen = None
) -> Response[Any]:
    """Several runs side by side: only what differs, and their curves over each other."""
    wanted = list(dict.fromkeys(run or ()))
    if not 2 <= len(wanted) <= curves.MOST:
        raise UsageError(
            "comparison-unusable",
            f"{len(wanted)} runs are chosen; 2 to {curves.MOST} can be compared.",
            hint="trueup runs list --experiment NAME",
        )
    runs = tuple(workspace.tracking.show(actor, each) for each in wanted)
    params = _differing([each.params for each in runs])
    tags = _differing([each.tags for each in runs])
    last = [{point.key: point.value for point in each.metrics} for each in runs]
    names = sorted({key for each in last for key in each if not key.startswith(SYSTEM)})
    words = {key for each in runs for key in (*each.params, *each.tags)}
    page = ComparisonPage(
        experiment=workspace.tracking.experiment(actor, number),
        runs=runs,
        params=params,
        tags={key: value for key, value in tags.items() if not key.startswith(_UNSAID)},
        metrics={key: tuple(metric_curves.finite(each.get(key)) for each in last) for key in names},
        same=len(words) - len(params) - len(tags),
        curves=metric_curves.of(workspace, actor, runs, names[:_CURVES]),
    )
    more = _drawn(request, page.curves, runs)
    return shell.answer(request, "comparison.html", "Comparison", page, more=more)


def _drawn(request: Asked, drawn: Sequence[Drawn], runs: Sequence[TrackedRun]) -> dict[str, Any]:
    if shell.wants_json(request):
        return {}
    return {
        "drawings": metric_curves.drawings(drawn, runs),
        "keys": metric_curves.keys(len(runs)),
    }


def _models(workspace: Workspace, actor: Actor, run: TrackedRun) -> tuple[LoggedModel, ...]:
    found = []
    for used in run.models:
        try:
            found.append(workspace.logged_models.show(actor, used.model))
        except NotFoundError:  # deleted since
            continue
    return tuple(found)


def _traces(workspace: Workspace, actor: Actor, run: TrackedRun) -> tuple[Trace, ...]:
    where = f"metadata.`{RUN_WORD}` = '{run.id}'"
    found, _ = workspace.traces.search(actor, [run.experiment], where=where, limit=_TRACES)
    return tuple(found)


def _differing(words: Sequence[dict[str, str]]) -> dict[str, tuple[str | None, ...]]:
    """What is not the same everywhere, by name."""
    names = dict.fromkeys(key for each in words for key in each)
    rows = {key: tuple(each.get(key) for each in words) for key in names}
    return {key: row for key, row in sorted(rows.items()) if len(set(row)) > 1}
