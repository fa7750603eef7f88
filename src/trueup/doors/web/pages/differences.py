"""Differences: two versions of a dataset, with small histograms of what moved."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import From, Name, Word
from trueup.doors.web import reports, shell


@shell.page("/data/{name:str}/diff")
def data(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    name: Name,
    before: From = "",
    to: Word = "",
    key: Word = "",
) -> Response[Any]:
    """What differs between two versions of a dataset; the newest two without numbers."""
    columns = [column for column in key.split(",") if column]
    found = workspace.differences.between(actor, name, workspace.root, before, to, key=columns)
    command = f"trueup data diff {found.before.label} {found.after.label}"
    if columns:
        command += f" --key {','.join(columns)}"
    title = f"{found.before.label} and {found.after.label}"
    return shell.answer(request, "data_diff.html", title, reports.page_of(found), command=command)
