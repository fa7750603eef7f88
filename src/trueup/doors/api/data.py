"""Snapshots of data."""

from __future__ import annotations

from itertools import islice

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import From, Limit, Name, Word, reading
from trueup.lifecycle.data.difference.records import DataDifference
from trueup.lifecycle.data.records import Branch, DatasetVersion, Entry


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


@reading("/data/{name:str}/versions")
def versions(workspace: TheWorkspace, actor: TheActor, name: Name) -> list[DatasetVersion]:
    """All versions of a dataset, newest first."""
    return workspace.datasets.log(actor, name)


@reading("/data/{name:str}/branches")
def branches(workspace: TheWorkspace, actor: TheActor, name: Name) -> list[Branch]:
    """The branches of a dataset, and the newest version of each."""
    return workspace.branching.branches(actor, name)


@reading("/data/{name:str}/files")
def files(
    workspace: TheWorkspace,
    actor: TheActor,
    name: Name,
    version: Word = "",
    after: Word = "",
    limit: Limit = 100,
) -> list[Entry]:
    """The files of a version in the order of their paths, from the one after `after`."""
    found = workspace.datasets.show(actor, name, version)
    later = (each for each in workspace.datasets.files(actor, found) if each.path > after)
    return list(islice(later, limit))


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
