"""What the monitors found, and the alerts they raised."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import Limit, Reason, Word, reading, verb
from trueup.foundation.actor import Actor
from trueup.lifecycle.monitoring.records import Alert, Evaluation, Point


@reading("/deployments/{name:str}/evaluations")
def evaluations(
    workspace: Workspace, actor: Actor, name: str, limit: Limit = 50
) -> list[Evaluation]:
    """Evaluations of a deployment, newest first."""
    return workspace.monitors.evaluations(actor, name, most=limit)


@reading("/deployments/{name:str}/monitors/{monitor:str}")
def series(workspace: Workspace, actor: Actor, name: str, monitor: str) -> list[Point]:
    """What one monitor found about the live version, oldest first."""
    return workspace.monitors.series(actor, name, monitor)


@reading("/alerts")
def alerts(
    workspace: Workspace, actor: Actor, deployment: Word = "", unresolved: bool = False
) -> list[Alert]:
    """Alerts, newest first."""
    return workspace.monitors.alerts(actor, deployment, unresolved=unresolved)


@reading("/alerts/{id_:str}")
def alert(workspace: Workspace, actor: Actor, id_: str) -> Alert:
    """One alert."""
    return workspace.monitors.alert(actor, id_)


@verb("/alerts/{id_:str}/acknowledge", "alerts.handle")
def acknowledge(workspace: Workspace, actor: Actor, id_: str, data: Reason) -> Alert:
    """Say that somebody looks after it."""
    return workspace.monitors.acknowledge(actor, id_, data.reason)
