"""Registered models and their versions."""

from __future__ import annotations

from trueup.app.comparing.records import VersionDifference
from trueup.app.comparing.versions import compare
from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import From, Name, Word, reading
from trueup.lifecycle.models.records import ModelVersion


@reading("/models")
def names(workspace: TheWorkspace, actor: TheActor) -> list[str]:
    """The names of all models."""
    return workspace.models.names(actor)


@reading("/models/{name:str}/versions")
def versions(workspace: TheWorkspace, actor: TheActor, name: Name) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    return workspace.models.versions(actor, name)


@reading("/models/{name:str}/versions/{selector:str}")
def show(workspace: TheWorkspace, actor: TheActor, name: Name, selector: Name) -> ModelVersion:
    """One version, by number or alias."""
    return workspace.models.show(actor, name, selector)


@reading("/models/{name:str}/diff")
def difference(
    workspace: TheWorkspace, actor: TheActor, name: Name, before: From = "", to: Word = ""
) -> VersionDifference:
    """What differs between two versions, by number or alias; the newest two without."""
    new = workspace.models.show(actor, name, to)
    old = workspace.models.show(actor, name, before or str(max(new.version - 1, 1)))
    return compare(workspace, actor, old, new)
