"""Differences: two versions of a dataset, or of a model with all that it is made of."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.comparing.versions import compare
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


@shell.page("/models/{name:str}/diff")
def model(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    name: Name,
    before: From = "",
    to: Word = "",
) -> Response[Any]:
    """What differs between two versions of a model; the newest two without numbers."""
    new = workspace.models.show(actor, name, to)
    old = workspace.models.show(actor, name, before or str(max(new.version - 1, 1)))
    found = compare(workspace, actor, old, new)
    command = f"trueup diff {old.ref} {new.ref}"
    title = f"{old.ref} and {new.ref}"
    return shell.answer(request, "version_diff.html", title, found, command=command)
