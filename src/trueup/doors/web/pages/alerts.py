"""Alerts: the list, and one alert with its cause, its harm and what followed."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import InState, Name, Word
from trueup.doors.web import monitor_charts, shell
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.monitoring.records import Alert
from trueup.rendering.charts import Chart
from trueup.state import eventlog
from trueup.state.eventlog import Event

_EVALUATIONS = 200


class AlertsPage(Record):
    """Alerts, newest first, and the filter that chose them."""

    alerts: tuple[Alert, ...]
    state: str
    deployment: str


class AlertPage(Record):
    """Everything that the page of one alert says."""

    alert: Alert
    chart: Chart
    proposals: tuple[Proposal, ...]
    events: tuple[Event, ...]


@shell.page("/alerts")
def alerts(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    in_state: InState = "",
    deployment: Word = "",
) -> Response[Any]:
    """All alerts."""
    found = workspace.monitors.alerts(actor, deployment)
    chosen = tuple(alert for alert in found if in_state in ("", alert.state))
    page = AlertsPage(alerts=chosen, state=in_state, deployment=deployment)
    return shell.answer(request, "alerts.html", "Alerts", page, command="trueup alert list")


@shell.page("/alerts/{id_:str}")
def alert(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One alert."""
    page = load(workspace, actor, id_)
    title = f"Alert on {page.alert.monitor} of {page.alert.deployment}"
    return shell.answer(request, "alert.html", title, page, command=f"trueup why alert:{id_}")


def load(workspace: Workspace, actor: Actor, alert_id: str) -> AlertPage:
    """Gather the page of one alert.

    Raises:
        NotFoundError: There is no such alert.
    """
    found = workspace.monitors.alert(actor, alert_id)
    evaluations = workspace.monitors.evaluations(actor, found.deployment, most=_EVALUATIONS)
    releases = workspace.releases.of_deployment(actor, found.deployment)
    goals = {goal.id: goal for goal in workspace.plans.current(actor).plan.goals}
    chart = monitor_charts.of_monitor(
        found.monitor,
        goals,
        list(reversed(evaluations)),
        monitor_charts.release_marks(releases),
    )
    proposals = workspace.improvements.of_deployment(actor, found.deployment)
    with workspace.state.read(actor) as connection:
        events = eventlog.about(connection, found.ref)
    return AlertPage(
        alert=found,
        chart=chart,
        proposals=tuple(p for p in proposals if p.alert == alert_id),
        events=tuple(events),
    )
