"""Snapshots of data."""

from __future__ import annotations

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import From, Name, Word, reading
from trueup.lifecycle.data.difference.records import DataDifference
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


@reading("/data/{name:str}/diff")
def difference(
    workspace: TheWorkspace,
    actor: TheActor,
    name: Name,
    before: From = "",
    to: Word = "",
    key: Word = "",
) -> DataDifference:
    """What differs between two versions, by number, digest or branch; the newest two without."""
    columns = [column for column in key.split(",") if column]
    return workspace.differences.between(actor, name, workspace.root, before, to, key=columns)
