"""Data: every dataset with its newest version, its branches and its versions."""

from __future__ import annotations

from itertools import islice
from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.data.records import Branch, DatasetVersion, Entry

_MOST_FILES = 200
_MOST_VERSIONS = 100


class DataPage(Record):
    """Everything that the data page says.

    Attributes:
        datasets: The newest version of every dataset.
        files: The first files of each, by name of the dataset.
        branches: The branches of each.
        log: The newest versions of each, newest first.
        more: How many older versions each has.
    """

    datasets: tuple[DatasetVersion, ...]
    files: dict[str, tuple[Entry, ...]]
    branches: dict[str, tuple[Branch, ...]]
    log: dict[str, tuple[DatasetVersion, ...]]
    more: dict[str, int]


def load(workspace: Workspace, actor: Actor) -> DataPage:
    """Gather the page."""
    found = tuple(workspace.datasets.newest(actor))
    files = {version.name: _files(workspace, actor, version) for version in found}
    logs = {version.name: workspace.datasets.log(actor, version.name) for version in found}
    return DataPage(
        datasets=found,
        files=files,
        branches={name: tuple(workspace.branching.branches(actor, name)) for name in logs},
        log={name: tuple(log[:_MOST_VERSIONS]) for name, log in logs.items()},
        more={name: len(log[_MOST_VERSIONS:]) for name, log in logs.items()},
    )


def _files(workspace: Workspace, actor: Actor, version: DatasetVersion) -> tuple[Entry, ...]:
    try:
        return tuple(islice(workspace.datasets.files(actor, version), _MOST_FILES))
    except NotFoundError:  # only its name was pulled
        return ()


@shell.page("/data")
def data(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """Datasets and their versions."""
    page = load(workspace, actor)
    return shell.answer(request, "data.html", "Data", page, command="trueup data list")
