"""The first page: what needs me, what is live and how it does, what happened last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Response

from trueup.app.status import DeploymentStatus, Overview, overview
from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.monitoring.records import Alert, Evaluation, Finding
from trueup.state import eventlog
from trueup.state.eventlog import Event

_EVENTS = 12
_ROUTINE = ("monitors.evaluated",)  # every few hours, and seldom news
_HARM = ("performance", "latency", "errors")
_WORST_FIRST = ("breach", "warning", "not-enough-data", "changed-but-negligible", "ok")


class Live(Record):
    """One deployment, its health by the newest evaluation, and what each goal's watch says."""

    status: DeploymentStatus
    health: str
    findings: tuple[Finding, ...]


class Home(Record):
    """Everything that the first page says; `overview` is None until a plan is in force."""

    overview: Overview | None
    live: tuple[Live, ...]
    events: tuple[Event, ...]


def load(workspace: Workspace, actor: Actor) -> Home:
    """Gather the page."""
    with workspace.state.read(actor) as connection:
        events = tuple(eventlog.latest(connection, _EVENTS, without=_ROUTINE))
    try:
        now = overview(workspace, actor)
    except NotFoundError:
        return Home(overview=None, live=(), events=events)
    live = tuple(_live(workspace, actor, now, deployment) for deployment in now.deployments)
    return Home(overview=now, live=live, events=events)


def health(newest: Evaluation | None, alerts: Sequence[Alert]) -> str:
    """The worst that is shown about a deployment's live version: an alert, a goal, an error rate.

    Drift and data quality are no harm by themselves, so they do not count. Nothing known is not
    enough data.
    """
    findings = newest.findings if newest else ()
    verdicts: list[str] = [f.verdict for f in findings if f.is_live and f.kind in _HARM]
    if any(alert.state != "resolved" for alert in alerts):
        verdicts.append("breach")
    return next((v for v in _WORST_FIRST if v in verdicts), "not-enough-data")


@shell.page("/")
def home(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """What needs me, what is live, what happened."""
    page = load(workspace, actor)
    return shell.answer(request, "home.html", "Home", page, command="trueup status")


def _live(workspace: Workspace, actor: Actor, now: Overview, status: DeploymentStatus) -> Live:
    newest = workspace.monitors.evaluations(actor, status.name, most=1)
    return Live(
        status=status,
        health=health(
            newest[0] if newest else None,
            [alert for alert in now.alerts if alert.deployment == status.name],
        ),
        findings=tuple(
            goal.findings[status.name] for goal in now.goals if status.name in goal.findings
        ),
    )
