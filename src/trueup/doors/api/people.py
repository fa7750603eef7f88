"""People, and the questions they answer."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import Reason, reading, verb
from trueup.foundation.actor import Actor
from trueup.people.records import Approval, Person


@reading("/people")
def everybody(workspace: Workspace, actor: Actor) -> list[Person]:
    """All persons of the project."""
    return workspace.people.everybody(actor)


@reading("/approvals")
def open_approvals(workspace: Workspace, actor: Actor) -> list[Approval]:
    """All unanswered questions, oldest first."""
    return workspace.people.open_approvals(actor)


@reading("/approvals/{id_:str}")
def approval(workspace: Workspace, actor: Actor, id_: str) -> Approval:
    """One approval."""
    return workspace.people.approval(actor, id_)


@verb("/approvals/{id_:str}/approve", "approvals.decide")
def approve(workspace: Workspace, actor: Actor, id_: str, data: Reason) -> Approval:
    """Say yes."""
    return workspace.people.decide(actor, id_, True, data.reason)


@verb("/approvals/{id_:str}/reject", "approvals.decide")
def reject(workspace: Workspace, actor: Actor, id_: str, data: Reason) -> Approval:
    """Say no."""
    return workspace.people.decide(actor, id_, False, data.reason)
