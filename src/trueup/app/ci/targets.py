"""Saying a verdict where the repository is hosted: about a commit, and under its review."""

from __future__ import annotations

from typing import NamedTuple

from trueup.app.ci import hooks, reports
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError
from trueup.lifecycle.gates.records import Verdict
from trueup.ports.hosting import Hosting, Status


class Said(NamedTuple):
    """What was said, and where; no comment without a review."""

    commit: str
    status: Status
    comment: str


def say(
    workspace: Workspace,
    actor: Actor,
    service: Hosting,
    verdict: Verdict,
    *,
    commit: str = "",
    review: int = 0,
    branch: str = "",
    against: str = "",
    url: str = "",
) -> Said:
    """Say a verdict about a commit and under its review; a second time changes what was said.

    Args:
        workspace: The project.
        actor: Who says it.
        service: Where the repository is.
        verdict: What is said.
        commit: The commit; the version's own when left out.
        review: Number of the review; found by the branch when left out.
        branch: The branch; the one checked out when left out.
        against: Commit to compare with; the review's target branch when left out.
        url: Where more stands, such as the build.
    """
    model, _, number = verdict.statement.model_ref.partition("@")
    version = workspace.models.show(actor, model, number)
    commit = commit or version.manifest.commit
    status = reports.status(verdict, model, url)
    service.set_status(commit, status)
    review = review or service.review_of(branch or _branch(workspace))
    if not review:
        return Said(commit, status, "")
    against = against or _fork(workspace, service.target_of(review), commit)
    compared = reports.compare(workspace, actor, model, number, against)
    if compared.before is None:  # the target branch made no version
        compared = reports.compare(workspace, actor, model, number, "")
    comment = service.comment(review, f"trueup:{model}", reports.markdown(verdict, compared))
    return Said(commit, status, comment)


def _branch(workspace: Workspace) -> str:
    return hooks.git(workspace.root, "rev-parse", "--abbrev-ref", "HEAD").strip()


def _fork(workspace: Workspace, target: str, commit: str) -> str:
    """The commit of the target branch that the review started from; empty when not known here."""
    for name in (f"origin/{target}", target):
        try:
            return hooks.git(workspace.root, "merge-base", name, commit).strip()
        except BackendError:
            continue
    return ""
