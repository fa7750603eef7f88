"""Deployments, their releases, and the way back."""

from __future__ import annotations

from datetime import datetime

from litestar.params import JSONBody

from trueup.app import emergency
from trueup.app.emergency import Obeyed
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


class Because(Record):
    """The body of a change.

    Attributes:
        reason: Why.
    """

    reason: str = "by hand"


class Resumed(Record):
    """What was resumed.

    Attributes:
        resumed: In words; empty where nothing was stopped or paused.
    """

    resumed: str


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


@verb("/deployments/{name:str}/stop", "releases.operate")
def stop(workspace: TheWorkspace, actor: TheActor, name: Name, data: JSONBody[Because]) -> Obeyed:
    """Emergency brake: the deployment answers 503 with the reason until it is resumed."""
    order = workspace.brakes.order_stop(actor, name, clock.now(), data.reason)
    emergency.give(workspace, order)
    return emergency.record(workspace, order)


@verb("/deployments/{name:str}/resume", "releases.operate")
def resume(
    workspace: TheWorkspace, actor: TheActor, name: Name, data: JSONBody[Because]
) -> Resumed:
    """Let a stopped deployment answer again, and a paused release go on."""
    return Resumed(resumed=emergency.resume(workspace, actor, name, data.reason))


@verb("/deployments/{name:str}/pause", "releases.operate")
def pause(workspace: TheWorkspace, actor: TheActor, name: Name, data: JSONBody[Because]) -> Release:
    """Keep what is tried out at its step until somebody resumes it."""
    return workspace.releases.pause(actor, name, data.reason)


@verb("/deployments/{name:str}/promote", "releases.operate")
def promote(
    workspace: TheWorkspace, actor: TheActor, name: Name, data: JSONBody[Because]
) -> Release:
    """Give what is tried out all the traffic now."""
    return workspace.releases.promote(actor, name, clock.now(), data.reason)
