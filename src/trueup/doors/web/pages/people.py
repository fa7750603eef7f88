"""Approvals: the question, what it is bound to, and what stands on the answer."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.releases.records import Release
from trueup.people.records import Approval


class ApprovalPage(Record):
    """An approval, the releases that wait for it, and the verdict they stand on."""

    approval: Approval
    releases: tuple[Release, ...]
    verdict: Verdict | None


@shell.page("/approvals/{id_:str}")
def approval(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One approval."""
    page = load(workspace, actor, id_)
    title = f"Approval of {page.approval.subject}"
    return shell.answer(request, "approval.html", title, page, command=f"trueup approve {id_}")


def load(workspace: Workspace, actor: Actor, approval_id: str) -> ApprovalPage:
    """Gather the page.

    Raises:
        NotFoundError: There is no such approval.
    """
    found = workspace.people.approval(actor, approval_id)
    releases = tuple(workspace.releases.with_approval(actor, approval_id))
    verdict = workspace.gates.show(actor, releases[0].verdict) if releases else None
    return ApprovalPage(approval=found, releases=releases, verdict=verdict)
