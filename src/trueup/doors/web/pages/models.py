"""Models: the list, and one model with every version, its verdicts and where it served."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.models import answers
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.releases import table as release_table
from trueup.lifecycle.releases.records import Release
from trueup.people.records import Approval


class VersionView(Record):
    """A version with its aliases, its newest verdict, who approved it, and where it served."""

    version: ModelVersion
    answers: str
    aliases: tuple[str, ...]
    verdict: Verdict | None
    verdicts: int
    releases: tuple[Release, ...]
    approvals: tuple[Approval, ...]


class ModelSummary(Record):
    """One line of the list of models."""

    name: str
    versions: int
    newest: ModelVersion
    aliases: dict[str, int]


class ModelsPage(Record):
    """Everything that the list says."""

    models: tuple[ModelSummary, ...]


class ModelPage(Record):
    """Everything that the page of one model says, newest version first."""

    name: str
    aliases: dict[str, int]
    versions: tuple[VersionView, ...]


@shell.page("/models")
def models(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """All registered models."""
    found = []
    for name in workspace.models.names(actor):
        versions = workspace.models.versions(actor, name)
        found.append(
            ModelSummary(
                name=name,
                versions=len(versions),
                newest=versions[0],
                aliases=workspace.models.aliases(actor, name),
            )
        )
    page = ModelsPage(models=tuple(found))
    return shell.answer(request, "models.html", "Models", page, command="trueup model list")


@shell.page("/models/{name:str}")
def model(request: Asked, workspace: TheWorkspace, actor: TheActor, name: Name) -> Response[Any]:
    """One model."""
    page = load(workspace, actor, name)
    command = f"trueup model show {name}"
    return shell.answer(request, "model.html", f"Model {name}", page, command=command)


def load(workspace: Workspace, actor: Actor, name: str) -> ModelPage:
    """Gather the page of one model.

    Raises:
        NotFoundError: There is no such model.
    """
    versions = workspace.models.versions(actor, name)
    if not versions:
        known = workspace.models.names(actor)
        raise NotFoundError(
            "model-not-found",
            f"There is no model '{name}'.{did_you_mean(name, known)}",
            hint="trueup model list",
        )
    aliases = workspace.models.aliases(actor, name)
    return ModelPage(
        name=name,
        aliases=aliases,
        versions=tuple(_version(workspace, actor, version, aliases) for version in versions),
    )


def _version(
    workspace: Workspace, actor: Actor, version: ModelVersion, aliases: dict[str, int]
) -> VersionView:
    verdicts = workspace.gates.of_model(actor, version.ref)
    with workspace.state.read(actor) as connection:
        releases = release_table.of_version(connection, version.model, version.version)
    approvals = dict.fromkeys(release.approval for release in releases if release.approval)
    return VersionView(
        version=version,
        answers=answers.said(version.manifest.signature),
        aliases=tuple(sorted(a for a, number in aliases.items() if number == version.version)),
        verdict=verdicts[0] if verdicts else None,
        verdicts=len(verdicts),
        releases=tuple(releases),
        approvals=tuple(workspace.people.approval(actor, approval) for approval in approvals),
    )
