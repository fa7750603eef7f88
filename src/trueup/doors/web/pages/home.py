"""The first page: what needs me, what is live and how it does, what happened last."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.status import DeploymentStatus, Overview, overview
from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.monitoring.records import Finding
from trueup.state import eventlog
from trueup.state.eventlog import Event

_EVENTS = 12
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
        events = tuple(eventlog.latest(connection, _EVENTS))
    try:
        now = overview(workspace, actor)
    except NotFoundError:
        return Home(overview=None, live=(), events=events)
    live = tuple(_live(now, deployment) for deployment in now.deployments)
    return Home(overview=now, live=live, events=events)


def health(verdicts: list[str]) -> str:
    """The worst of some verdicts; nothing known is not enough data.

    Example:
        >>> health(["ok", "breach"]), health([])
        ('breach', 'not-enough-data')
    """
    return next((v for v in _WORST_FIRST if v in verdicts), "not-enough-data")


@shell.page("/")
def home(request: Asked, workspace: Workspace, actor: Actor) -> Response[Any]:
    """What needs me, what is live, what happened."""
    page = load(workspace, actor)
    return shell.answer(request, "home.html", "Home", page, command="trueup status")


def _live(now: Overview, deployment: DeploymentStatus) -> Live:
    findings = tuple(
        status.findings[deployment.name]
        for status in now.goals
        if deployment.name in status.findings
    )
    verdicts: list[str] = [finding.verdict for finding in findings]
    if any(alert.deployment == deployment.name for alert in now.alerts):
        verdicts.append("breach")
    return Live(status=deployment, health=health(verdicts), findings=findings)
