"""Snapshots of data."""

from __future__ import annotations

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import Name, Word, reading
from trueup.lifecycle.data.records import DatasetVersion


@reading("/data")
def newest(workspace: TheWorkspace, actor: TheActor) -> list[DatasetVersion]:
    """The newest snapshot of every dataset."""
    return workspace.datasets.newest(actor)


@reading("/data/{name:str}")
def show(
    workspace: TheWorkspace, actor: TheActor, name: Name, version: Word = ""
) -> DatasetVersion:
    """One snapshot, by number or digest; the newest without one."""
    return workspace.datasets.show(actor, name, version)
