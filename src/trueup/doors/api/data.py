"""Snapshots of data."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import Word, reading
from trueup.foundation.actor import Actor
from trueup.lifecycle.data.records import DatasetVersion


@reading("/data")
def newest(workspace: Workspace, actor: Actor) -> list[DatasetVersion]:
    """The newest snapshot of every dataset."""
    return workspace.datasets.newest(actor)


@reading("/data/{name:str}")
def show(workspace: Workspace, actor: Actor, name: str, version: Word = "") -> DatasetVersion:
    """One snapshot, by number or digest; the newest without one."""
    return workspace.datasets.show(actor, name, version)
