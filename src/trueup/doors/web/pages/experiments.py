"""Experiments: the list, one with its runs, one run that its own code reports, and a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final

from litestar import Response
from litestar.params import PathParameter, QueryParameter
from markupsafe import Markup

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.overview.service import Group
from trueup.lifecycle.runs.tracking.reading import Columns
from trueup.lifecycle.runs.tracking.records import Experiment, Point, TrackedRun
from trueup.rendering import curves
from trueup.rendering.curves import Curve

Number = Annotated[int, PathParameter(ge=0)]
Where = Annotated[str, QueryParameter(max_length=2000)]
Chosen = Annotated[list[str] | None, QueryParameter(name="run")]

_AT_ONCE: Final = 50
_METRICS: Final = 6  # columns
_CURVES: Final = 24
_POINTS: Final = 300
_FILES: Final = 200
_SYSTEM: Final = "system/"
_NEWEST: Final = Columns(params=frozenset(), tags=frozenset(), has_inputs=False)


class ExperimentsPage(Record):
    """Every experiment, those with the newest runs first."""

    experiments: tuple[Group, ...]


class ExperimentPage(Record):
    """Some runs of one experiment.

    Attributes:
        experiment: The experiment.
        runs: The runs.
        params: Names of the parameters in which they differ.
        metrics: Names of the metrics that are shown.
        where: The filter.
        order: What they are sorted by.
        next: Continues the list.
    """

    experiment: Experiment
    runs: tuple[TrackedRun, ...]
    params: tuple[str, ...]
    metrics: tuple[str, ...]
    where: str
    order: str
    next: str


class File(Record):
    """One file of a run."""

    path: str
    size: int


class Drawn(Record):
    """Curves of one metric: runs by identifier, with step and value of some of their points."""

    metric: str
    points: dict[str, tuple[tuple[int, float | None], ...]]


class TrackedRunPage(Record):
    """One run that its own code reports.

    Attributes:
        run: The run.
        experiment: Its experiment.
        curves: Some points of its metrics, evenly spread.
        more: How many metrics are listed and not drawn.
        files: Its files, the first ones.
    """

    run: TrackedRun
    experiment: Experiment
    curves: tuple[Drawn, ...]
    more: int
    files: tuple[File, ...]


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
) -> Response[Any]:
    """The runs of one experiment."""
    shown = workspace.tracking.experiment(actor, number)
    newest = workspace.search.runs(actor, [number], where=where, limit=1, columns=_NEWEST).runs
    metrics = _shown_metrics(newest[0].metrics if newest else ())
    found = workspace.search.runs(
        actor,
        [number],
        where=where,
        order_by=[order] if order else [],
        limit=_AT_ONCE,
        token=after,
        columns=Columns(metrics=frozenset(metrics), tags=frozenset(), has_inputs=False),
    )
    page = ExperimentPage(
        experiment=shown,
        runs=tuple(found.runs),
        params=tuple(_differing([run.params for run in found.runs])),
        metrics=metrics,
        where=where,
        order=order,
        next=found.token,
    )
    command = f"trueup runs list --experiment '{shown.name}'"
    return shell.answer(request, "experiment.html", shown.name, page, command=command)


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
    names = dict.fromkeys(key for each in last for key in each if not key.startswith(_SYSTEM))
    words = {key for each in runs for key in (*each.params, *each.tags)}
    page = ComparisonPage(
        experiment=workspace.tracking.experiment(actor, number),
        runs=runs,
        params=params,
        tags={key: value for key, value in tags.items() if not key.startswith("mlflow.")},
        metrics={key: tuple(_finite(each.get(key)) for each in last) for key in names},
        same=len(words) - len(params) - len(tags),
        curves=_curves(workspace, actor, runs, list(names)[:_CURVES]),
    )
    return _answer(request, "comparison.html", "Comparison", page, runs, "")


def tracked(request: Asked, workspace: Workspace, actor: Actor, found: TrackedRun) -> Response[Any]:
    """One run that its own code reports; called by the page of runs."""
    names = _names(found.metrics)
    page = TrackedRunPage(
        run=found,
        experiment=workspace.tracking.experiment(actor, found.experiment),
        curves=_curves(workspace, actor, [found], names[:_CURVES]),
        more=max(len(names) - _CURVES, 0),
        files=_files(workspace, actor, found),
    )
    command = f"trueup runs show {found.ref}"
    return _answer(request, "tracked_run.html", f"Run {found.name}", page, [found], command)


def _answer(
    request: Asked,
    template: str,
    title: str,
    page: TrackedRunPage | ComparisonPage,
    runs: Sequence[TrackedRun],
    command: str,
) -> Response[Any]:
    drawings: dict[str, Markup] = {}
    if not shell.wants_json(request):
        for drawn in page.curves:
            lines = [
                Curve(run.name, [(s, math.nan if v is None else v) for s, v in points])
                for run in runs
                if (points := drawn.points.get(run.id, ())) is not None
            ]
            title_ = f"{drawn.metric} by step"
            drawings[drawn.metric] = Markup(curves.svg(lines, title_))  # noqa: S704 - escaped there
    keys = [Markup(curves.key(place)) for place in range(len(runs))]  # noqa: S704 - constants
    return shell.answer(
        request, template, title, page, command=command, more={"drawings": drawings, "keys": keys}
    )


def _curves(
    workspace: Workspace, actor: Actor, runs: Sequence[TrackedRun], names: Sequence[str]
) -> tuple[Drawn, ...]:
    drawn = []
    for name in names:
        having = [run.id for run in runs if any(point.key == name for point in run.metrics)]
        points: dict[str, list[tuple[int, float | None]]] = {run_id: [] for run_id in having}
        for run_id, point in workspace.search.samples(actor, having, name, _POINTS):
            points[run_id].append((point.step, _finite(point.value)))
        if any(len(each) > 1 for each in points.values()):
            drawn.append(Drawn(metric=name, points={k: tuple(v) for k, v in points.items()}))
    return tuple(drawn)


def _files(workspace: Workspace, actor: Actor, run: TrackedRun) -> tuple[File, ...]:
    root = run.artifacts
    if not root.startswith("mlflow-artifacts:"):
        return ()
    place = root.removeprefix("mlflow-artifacts:").strip("/")
    below = workspace.files.below(actor, place)[:_FILES]
    return tuple(File(path=path, size=found.size) for path, found in below)


def _names(points: Iterable[Point]) -> list[str]:
    """Names of metrics, those of the training before those of the machine."""
    return sorted((point.key for point in points), key=lambda key: (key.startswith(_SYSTEM), key))


def _shown_metrics(points: Iterable[Point]) -> tuple[str, ...]:
    return tuple(name for name in _names(points) if not name.startswith(_SYSTEM))[:_METRICS]


def _differing(words: Sequence[dict[str, str]]) -> dict[str, tuple[str | None, ...]]:
    """What is not the same everywhere, by name."""
    names = dict.fromkeys(key for each in words for key in each)
    rows = {key: tuple(each.get(key) for each in words) for key in names}
    return {key: row for key, row in sorted(rows.items()) if len(set(row)) > 1}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
