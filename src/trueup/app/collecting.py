"""Throwing away blobs that nothing refers to, with what all stages know of work that goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.upkeep.collecting import Collected

SHORTEST: Final = timedelta(hours=1)
DELETED: Final = timedelta(days=30)  # so long the files of a deleted run can still be had again
_MOST_RUNS: Final = 1_000


def collect(
    workspace: Workspace, actor: Actor, older_than: timedelta, *, dry_run: bool
) -> Collected:
    """Throw away what nothing refers to, sparing what is young and what running runs made.

    Raises:
        UsageError: The time is too short to be safe, or other projects may use the same store.
        ConflictError: Somebody is keeping data.
    """
    if older_than < SHORTEST:
        raise UsageError(
            "gc-too-young",
            "A step or an upload may refer to its bytes long after it kept them, so nothing "
            "younger than an hour is thrown away.",
            hint="trueup data gc --older-than 1h",
        )
    _check_own_store(workspace)
    forgotten = clock.now() - DELETED
    files, size = workspace.curation.forget_files(actor, forgotten, dry_run=dry_run)
    running = workspace.runs.list(actor, state="running", limit=_MOST_RUNS).runs
    found = workspace.datasets.collect(
        actor,
        workspace.root,
        older_than=older_than,
        busy_since=min((run.started_at for run in running), default=None),
        dry_run=dry_run,
    )
    return msgspec.structs.replace(found, forgotten_files=files, forgotten_size=size)


def _check_own_store(workspace: Workspace) -> None:
    """Refuse a store that lies outside the project: other projects' references are unknown here."""
    folder = Path(unquote(urlsplit(workspace.settings.blobs).path))
    if not folder.resolve().is_relative_to(workspace.settings.home.resolve()):
        raise UsageError(
            "gc-shared-store",
            f"The blob store {folder} lies outside this project; others may use it, and nobody "
            "here knows what they refer to.",
            hint="trueup data gc --dry-run   (in a project with a store of its own)",
        )
