"""Looking for new commits: at the check-out at once, at the remote repository in the background.

The network may hang or fail; the scheduler never waits for it, and is told of a failure once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.runs.commits.service import HERE

EVERY_S: Final = 60.0


class Polls:
    """What is known of branches of the remote repository, asked for by one thread."""

    def __init__(
        self,
        workspace: Workspace,
        actor: Actor,
        tell: Callable[[str], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._workspace = workspace
        self._actor = actor
        self._tell = tell
        self._every_s = every_s
        self._told: dict[str, str] = {}
        self._asked_at = -every_s
        self._asking: threading.Thread | None = None

    def look(self, branches: Iterable[str]) -> None:
        """Note the commit that is checked out, and ask for those of remote branches when due."""
        wanted = sorted(set(branches))
        if HERE in wanted:
            self._note(HERE, lambda: source.commit(self._workspace.root), "it is checked out")
        remote = [branch for branch in wanted if branch != HERE]
        is_busy = self._asking is not None and self._asking.is_alive()
        if remote and not is_busy and time.monotonic() - self._asked_at >= self._every_s:
            self._asked_at = time.monotonic()
            self._asking = threading.Thread(
                target=self._ask, args=(remote,), name="trueup-git", daemon=True
            )
            self._asking.start()

    def wait(self) -> None:
        """Wait until the remote repository has answered, which it must within a time limit."""
        if self._asking is not None:
            self._asking.join()

    def _ask(self, branches: list[str]) -> None:
        root: Path = self._workspace.root
        for branch in branches:
            self._note(
                branch,
                lambda branch=branch: source.remote_commit(root, branch),  # type: ignore[misc]
                "it is at the remote repository",
            )

    def _note(self, branch: str, find: Callable[[], str], why: str) -> None:
        try:
            commit = find()
            if commit:
                self._workspace.commits.saw(self._actor, branch, commit, why=why)
            self._told.pop(branch, None)
        except TrueupError as error:
            if self._told.get(branch) != error.message:
                self._tell(error.message)
            self._told[branch] = error.message
