"""Data: the newest snapshot of every dataset."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import shell
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.data.records import DatasetVersion


class DataPage(Record):
    """Everything that the data page says."""

    datasets: tuple[DatasetVersion, ...]


def load(workspace: Workspace, actor: Actor) -> DataPage:
    """Gather the page."""
    return DataPage(datasets=tuple(workspace.datasets.newest(actor)))


@shell.page("/data")
def data(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """Snapshots of data."""
    page = load(workspace, actor)
    return shell.answer(request, "data.html", "Data", page, command="trueup data list")
