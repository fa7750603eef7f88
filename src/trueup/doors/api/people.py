"""People, and the questions they answer."""

from __future__ import annotations

from litestar.params import JSONBody

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import Name, Reason, reading, verb
from trueup.people.records import Approval, Person


@reading("/people")
def everybody(workspace: TheWorkspace, actor: TheActor) -> list[Person]:
    """All persons of the project."""
    return workspace.people.everybody(actor)


@reading("/approvals")
def open_approvals(workspace: TheWorkspace, actor: TheActor) -> list[Approval]:
    """All unanswered questions, oldest first."""
    return workspace.people.open_approvals(actor)


@reading("/approvals/{id_:str}")
def approval(workspace: TheWorkspace, actor: TheActor, id_: Name) -> Approval:
    """One approval."""
    return workspace.people.approval(actor, id_)


@verb("/approvals/{id_:str}/approve", "approvals.decide")
def approve(
    workspace: TheWorkspace, actor: TheActor, id_: Name, data: JSONBody[Reason]
) -> Approval:
    """Say yes."""
    return workspace.people.decide(actor, id_, True, data.reason)


@verb("/approvals/{id_:str}/reject", "approvals.decide")
def reject(workspace: TheWorkspace, actor: TheActor, id_: Name, data: JSONBody[Reason]) -> Approval:
    """Say no."""
    return workspace.people.decide(actor, id_, False, data.reason)
