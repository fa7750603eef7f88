"""Deployments: what serves where, every release, what the monitors found, what was retrained."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import monitor_charts, shell
from trueup.doors.web.pages.home import health
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.monitoring.records import Alert, Evaluation, Finding
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.releases.records import Release, Route
from trueup.lifecycle.serving.following.outcomes import Outcome, Outcomes
from trueup.rendering.charts import Chart
from trueup.rendering.svg import svg

_EVALUATIONS = 200


class DeploymentSummary(Record):
    """One line of the list."""

    name: str
    route: Route
    health: str
    releases: int


class DeploymentsPage(Record):
    """Everything that the list says."""

    deployments: tuple[DeploymentSummary, ...]


class DeploymentPage(Record):
    """Everything that the page of one deployment says.

    Attributes:
        name: Its name.
        settings: What the plan says of it.
        route: Where its traffic goes now.
        health: The worst that is shown about the live version.
        findings: All findings of the newest evaluation.
        evaluation: The newest evaluation's moment and identifier.
        releases: All releases, newest first.
        charts: One for each monitor, and the traffic by version.
        outcomes: What servers last said about each release.
        alerts: Alerts, newest first.
        proposals: Retrainings, newest first.
    """

    name: str
    settings: Deployment
    route: Route
    health: str
    findings: tuple[Finding, ...]
    evaluation: Evaluation | None
    releases: tuple[Release, ...]
    charts: tuple[Chart, ...]
    outcomes: tuple[Outcome, ...]
    alerts: tuple[Alert, ...]
    proposals: tuple[Proposal, ...]


@shell.page("/deployments")
def deployments(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """All deployments of the plan."""
    found = []
    for name, route in _routes(workspace, actor).items():
        newest = workspace.monitors.evaluations(actor, name, most=1)
        found.append(
            DeploymentSummary(
                name=name,
                route=route,
                health=health(
                    newest[0] if newest else None,
                    workspace.monitors.alerts(actor, name, unresolved=True),
                ),
                releases=len(workspace.releases.of_deployment(actor, name)),
            )
        )
    page = DeploymentsPage(deployments=tuple(found))
    command = "trueup deployment list"
    return shell.answer(request, "deployments.html", "Deployments", page, command=command)


@shell.page("/deployments/{name:str}")
def deployment(
    request: Asked, workspace: TheWorkspace, actor: TheActor, name: Name
) -> Response[Any]:
    """One deployment."""
    page = load(workspace, actor, name)
    command = f"trueup deployment show {name}"
    return shell.answer(request, "deployment.html", f"Deployment {name}", page, command=command)


@shell.page("/deployments/{name:str}/charts/{chart:str}")
def drawing(workspace: TheWorkspace, actor: TheActor, name: Name, chart: Name) -> Response[Any]:
    """One chart of a deployment, drawn."""
    _settings(workspace, actor, name)
    for each in _charts(workspace, actor, name):
        if each.name == chart:
            return Response(svg(each.spec), media_type="image/svg+xml")
    raise NotFoundError(
        "page-not-found",
        f"Deployment '{name}' has no chart '{chart[:100]}'.",
        hint=f"trueup deployment show {name}",
    )


def load(workspace: Workspace, actor: Actor, name: str) -> DeploymentPage:
    """Gather the page of one deployment.

    Raises:
        NotFoundError: The plan has no such deployment.
    """
    settings = _settings(workspace, actor, name)
    evaluations = workspace.monitors.evaluations(actor, name, most=_EVALUATIONS)
    releases = workspace.releases.of_deployment(actor, name)
    alerts = workspace.monitors.alerts(actor, name)
    return DeploymentPage(
        name=name,
        settings=settings,
        route=_routes(workspace, actor)[name],
        health=health(evaluations[0] if evaluations else None, alerts),
        findings=evaluations[0].findings if evaluations else (),
        evaluation=evaluations[0] if evaluations else None,
        releases=tuple(releases),
        charts=monitor_charts.all_of(_goals(workspace, actor), evaluations, releases),
        outcomes=tuple(Outcomes(workspace.state).of_deployment(actor, name)),
        alerts=tuple(alerts),
        proposals=tuple(workspace.improvements.of_deployment(actor, name)),
    )


def _charts(workspace: Workspace, actor: Actor, name: str) -> tuple[Chart, ...]:
    evaluations = workspace.monitors.evaluations(actor, name, most=_EVALUATIONS)
    releases = workspace.releases.of_deployment(actor, name)
    return monitor_charts.all_of(_goals(workspace, actor), evaluations, releases)


def _goals(workspace: Workspace, actor: Actor) -> monitor_charts.Goals:
    return {goal.id: goal for goal in workspace.plans.current(actor).plan.goals}


def _routes(workspace: Workspace, actor: Actor) -> dict[str, Route]:
    try:
        return workspace.releases.routes(actor)
    except NotFoundError:  # no plan is in force yet
        return {}


def _settings(workspace: Workspace, actor: Actor, name: str) -> Deployment:
    planned = workspace.plans.current(actor).plan.deployments
    if name not in planned:
        raise NotFoundError(
            "deployment-not-found",
            f"The plan has no deployment '{name}'.{did_you_mean(name, planned)}",
            hint="trueup deployment list",
        )
    return planned[name]
