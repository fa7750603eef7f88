"""Registered models and their versions."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import reading
from trueup.foundation.actor import Actor
from trueup.lifecycle.models.records import ModelVersion


@reading("/models")
def names(workspace: Workspace, actor: Actor) -> list[str]:
    """The names of all models."""
    return workspace.models.names(actor)


@reading("/models/{name:str}/versions")
def versions(workspace: Workspace, actor: Actor, name: str) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    return workspace.models.versions(actor, name)


@reading("/models/{name:str}/versions/{selector:str}")
def show(workspace: Workspace, actor: Actor, name: str, selector: str) -> ModelVersion:
    """One version, by number or alias."""
    return workspace.models.show(actor, name, selector)
