"""Gates: one verdict, check by check, with its signature checked again."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

from litestar import Response
from litestar.params import PathParameter

from trueup.app.ci import reports
from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.gates.records import CheckResult, Verdict
from trueup.lifecycle.gates.standing import is_genuine
from trueup.lifecycle.releases.records import Release
from trueup.rendering import findings
from trueup.rendering.charts import Chart
from trueup.rendering.svg import svg


class VerdictPage(Record):
    """A verdict, whether its signature is ours, and the releases that stand on it."""

    verdict: Verdict
    is_genuine: bool
    releases: tuple[Release, ...]


class Detail(NamedTuple):
    """What one check looked at: its place among the results, a chart if there is one, a table."""

    place: int
    result: CheckResult
    chart: Chart | None
    rows: tuple[tuple[str, ...], ...]


@shell.page("/verdicts/{id_:str}")
def verdict(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One verdict."""
    page = load(workspace, actor, id_)
    ref = page.verdict.statement.model_ref
    title = f"Verdict on {ref}"
    found = [] if shell.wants_json(request) else details(page.verdict)
    more = {
        "details": found,
        "detailed": [detail.place for detail in found],
        "columns": findings.COLUMNS,
    }
    command = f"trueup check {ref}"
    return shell.answer(request, "verdict.html", title, page, command=command, more=more)


@shell.page("/verdicts/{id_:str}/charts/{place:int}")
def drawing(
    workspace: TheWorkspace, actor: TheActor, id_: Name, place: Annotated[int, PathParameter(ge=0)]
) -> Response[Any]:
    """What one check looked at, drawn."""
    for detail in details(workspace.gates.show(actor, id_)):
        if detail.place == place and detail.chart is not None:
            return Response(svg(detail.chart.spec), media_type="image/svg+xml")
    raise NotFoundError(
        "page-not-found",
        f"Verdict '{id_}' has no chart {place}.",
        hint=f"trueup why verdict:{id_}",
    )


def details(verdict: Verdict) -> list[Detail]:
    """The checks that looked at several things, and what these were, the worst first."""
    found = []
    for place, result in enumerate(verdict.statement.results):
        if len(result.parts) > 1:
            measured = reports.measured(result)
            chart = findings.intervals(str(place), result.name, measured)
            found.append(Detail(place, result, chart, findings.table(measured)))
    return found


def load(workspace: Workspace, actor: Actor, verdict_id: str) -> VerdictPage:
    """Gather the page.

    Raises:
        NotFoundError: There is no such verdict.
    """
    found = workspace.gates.show(actor, verdict_id)
    standing = [
        release
        for name in workspace.releases.routes(actor)
        for release in workspace.releases.of_deployment(actor, name)
        if release.verdict == verdict_id
    ]
    return VerdictPage(
        verdict=found,
        is_genuine=is_genuine(workspace.state.keys, found),
        releases=tuple(standing),
    )
