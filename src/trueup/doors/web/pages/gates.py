"""Gates: one verdict, check by check, with its signature checked again."""

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
from trueup.lifecycle.gates.standing import is_genuine
from trueup.lifecycle.releases.records import Release


class VerdictPage(Record):
    """A verdict, whether its signature is ours, and the releases that stand on it."""

    verdict: Verdict
    is_genuine: bool
    releases: tuple[Release, ...]


@shell.page("/verdicts/{id_:str}")
def verdict(request: Asked, workspace: TheWorkspace, actor: TheActor, id_: Name) -> Response[Any]:
    """One verdict."""
    page = load(workspace, actor, id_)
    ref = page.verdict.statement.model_ref
    title = f"Verdict on {ref}"
    return shell.answer(request, "verdict.html", title, page, command=f"trueup check {ref}")


def load(workspace: Workspace, actor: Actor, verdict_id: str) -> VerdictPage:
    """Gather the page.

    Raises:
        NotFoundError: There is no such verdict.
    """
    found = workspace.gates.show(actor, verdict_id)
    standing = [
        release
        for name in workspace.releases.routes(actor)
        for release in workspace.releases.of_deployment(actor, name)
        if release.verdict == verdict_id
    ]
    return VerdictPage(
        verdict=found,
        is_genuine=is_genuine(workspace.state.keys, found),
        releases=tuple(standing),
    )
