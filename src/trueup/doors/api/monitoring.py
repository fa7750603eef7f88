"""What the monitors found, and the alerts they raised."""

from __future__ import annotations

from litestar.params import FromQuery, JSONBody

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import Limit, Name, Reason, Word, reading, verb
from trueup.lifecycle.monitoring.records import Alert, Evaluation, Point


@reading("/deployments/{name:str}/evaluations")
def evaluations(
    workspace: TheWorkspace, actor: TheActor, name: Name, limit: Limit = 50
) -> list[Evaluation]:
    """Evaluations of a deployment, newest first."""
    return workspace.monitors.evaluations(actor, name, most=limit)


@reading("/deployments/{name:str}/monitors/{monitor:str}")
def series(workspace: TheWorkspace, actor: TheActor, name: Name, monitor: Name) -> list[Point]:
    """What one monitor found about the live version, oldest first."""
    return workspace.monitors.series(actor, name, monitor)


@reading("/alerts")
def alerts(
    workspace: TheWorkspace,
    actor: TheActor,
    deployment: Word = "",
    unresolved: FromQuery[bool] = False,
) -> list[Alert]:
    """Alerts, newest first."""
    return workspace.monitors.alerts(actor, deployment, unresolved=unresolved)


@reading("/alerts/{id_:str}")
def alert(workspace: TheWorkspace, actor: TheActor, id_: Name) -> Alert:
    """One alert."""
    return workspace.monitors.alert(actor, id_)


@verb("/alerts/{id_:str}/acknowledge", "alerts.handle")
def acknowledge(
    workspace: TheWorkspace, actor: TheActor, id_: Name, data: JSONBody[Reason]
) -> Alert:
    """Say that somebody looks after it."""
    return workspace.monitors.acknowledge(actor, id_, data.reason)
