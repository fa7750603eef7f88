"""Deployments, their releases, and the way back."""

from __future__ import annotations

from datetime import datetime

from litestar.params import JSONBody

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import Name, reading, verb
from trueup.foundation import clock
from trueup.foundation.records import Record
from trueup.lifecycle.releases.records import Release, Route


class RollBack(Record):
    """The body of a roll-back.

    Attributes:
        reason: Why.
        at: In the time of the traffic; now, when left out.
    """

    reason: str = "rolled back by hand"
    at: datetime | None = None


@reading("/deployments")
def routes(workspace: TheWorkspace, actor: TheActor) -> dict[str, Route]:
    """Where the traffic of every deployment goes now."""
    return workspace.releases.routes(actor)


@reading("/deployments/{name:str}/releases")
def of_deployment(workspace: TheWorkspace, actor: TheActor, name: Name) -> list[Release]:
    """All releases of a deployment, newest first."""
    return workspace.releases.of_deployment(actor, name)


@verb("/deployments/{name:str}/roll-back", "releases.operate")
def roll_back(
    workspace: TheWorkspace, actor: TheActor, name: Name, data: JSONBody[RollBack]
) -> Release:
    """Undo the newest change of what serves; answers with what serves now."""
    return workspace.releases.roll_back(actor, name, data.at or clock.now(), data.reason)
