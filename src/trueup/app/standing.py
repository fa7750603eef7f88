"""How the work files of datasets stand to their versions: `trueup data status`.

What the database knows of them is remembered until something is recorded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from trueup import __version__
from trueup.app.wiring import Workspace, account
from trueup.lifecycle.data import standing
from trueup.lifecycle.data.standing import Known
from trueup.lifecycle.data.worktree import positions
from trueup.lifecycle.data.worktree.comparing import Status
from trueup.lifecycle.data.worktree.keeping import Progress, nothing
from trueup.state.recall import Recall

if TYPE_CHECKING:
    from trueup.ports.blobs import Blobs

_FILE: Final = "datasets.json"


def statuses(workspace: Workspace, name: str = "", progress: Progress = nothing) -> list[Status]:
    """What was added, changed and removed since the versions that were checked out or kept.

    Args:
        workspace: The project.
        name: One dataset; all of them without.
        progress: Told how many files were looked at.

    Raises:
        NotFoundError: There is no such dataset.
        DeniedError: The local account may not read.
    """
    found = [each for each in _known(workspace) if name in ("", each.name)]
    if name and not found:
        return [workspace.datasets.status(workspace.owner, name, workspace.root, progress)]
    blobs = cast("Blobs", _Blobs(workspace))
    return [standing.status(blobs, workspace.root, each, progress) for each in found]


class _Blobs:
    """The blob store, loaded and opened when something has to be looked up in it: hardly ever."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def __getattr__(self, name: str) -> Any:
        return getattr(self._workspace.blobs, name)


def _known(workspace: Workspace) -> list[Known]:
    recall = Recall(
        workspace.settings.database, workspace.settings.home / "cache" / _FILE, __version__
    )
    remembered = recall.answer(account(), list[Known])
    if remembered is not None and all(_stands(workspace, each) for each in remembered):
        return remembered
    actor = workspace.owner
    event, found = workspace.datasets.all_known(actor, workspace.root)
    recall.keep(actor.name, event, found)
    return found


def _stands(workspace: Workspace, known: Known) -> bool:
    """Whether the files stand where they stood: that is noted beside them, not in the database."""
    return positions.position(workspace.root, known.name) == known.position
