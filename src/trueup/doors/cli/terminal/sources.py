"""Data that a command line names: a version of a dataset, or a file or folder of the project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trueup.doors.cli.terminal.addresses import of_kind
from trueup.foundation.errors import TrueupError

if TYPE_CHECKING:
    import polars as pl

    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.data.records import DatasetVersion


def rows(workspace: Workspace, actor: Actor, text: str) -> tuple[pl.DataFrame, str]:
    """The rows that are named, and how they are called from now on.

    Raises:
        NotFoundError: There is no such version or file.
        UsageError: It leads out of the project, or holds no table.
    """
    found = source(workspace, text)
    if isinstance(found, str):
        return workspace.datasets.read(actor, found, workspace.root), found
    return workspace.datasets.load(actor, found), found.ref


def source(workspace: Workspace, text: str) -> DatasetVersion | str:
    """A version where the text names one, else a path of the project."""
    if "@" in text or text.startswith("data:"):
        return version(workspace, text)
    place = Path(text) if Path(text).is_absolute() else Path.cwd() / text
    try:
        return version(workspace, text)
    except TrueupError:
        if not place.exists():
            raise
    return _inside(workspace, place)


def _inside(workspace: Workspace, place: Path) -> str:
    root = workspace.root.resolve()
    found = place.resolve()
    # What lies outside is named as it was written, and refused below.
    return found.relative_to(root).as_posix() if found.is_relative_to(root) else str(found)


def version(workspace: Workspace, text: str) -> DatasetVersion:
    """The version of a dataset that a reference names, with or without `data:` before it."""
    wanted = of_kind(text if text.startswith("data:") else f"data:{text}", "data")
    return workspace.datasets.show(workspace.owner, wanted.name, wanted.selector)
