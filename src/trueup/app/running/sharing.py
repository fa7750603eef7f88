"""Which remote shares the results of steps, if any: `[cache] remote = "NAME"`, or `--share`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.text import plural
from trueup.lifecycle.plan import service as plans
from trueup.lifecycle.runs.execution.executing import notice
from trueup.lifecycle.runs.records import Run, RunOptions, StepProgress

if TYPE_CHECKING:
    from trueup.lifecycle.runs.execution.sharing import SharedResults
    from trueup.state.remotes.remote import Remote


def results_of(
    workspace: Workspace, options: RunOptions, progress: Callable[[StepProgress], None]
) -> SharedResults | None:
    """The shared results that a run looks at and adds to; None when nothing is shared.

    Raises:
        NotFoundError: There is no remote, or none of that name.
        UsageError: Several remotes would do, and `trueup.toml` names none.
    """
    if options.share is False:
        return None
    named = plans.surroundings(workspace.root).cache.remote
    if not named and not options.share:
        return None
    from trueup.lifecycle.data.exchange import remotes
    from trueup.lifecycle.runs.execution.sharing import SharedResults

    meant = remotes.choose(workspace.root, named)

    def open_() -> Remote:
        from trueup.state.remotes.remote import Remote

        return Remote(meant.url, workspace.settings.home / "cache" / "remotes")

    blobs = workspace.state.blobs
    return SharedResults(open_, meant.name, blobs, lambda words: progress(notice(words)))


def forget_results(
    workspace: Workspace, actor: Actor, remote: str, before: datetime, *, dry_run: bool
) -> int:
    """Share the results of a remote that were made before a moment no more; how many they are.

    Raises:
        NotFoundError: There is no such remote.
        DeniedError: The actor or the credentials may not.
    """
    from trueup.lifecycle.data.exchange import remotes
    from trueup.lifecycle.runs.execution.sharing import SharedResults

    meant = remotes.choose(workspace.root, remote)
    folder = workspace.settings.home / "cache" / "remotes"

    def open_() -> Remote:
        from trueup.state.remotes.remote import Remote

        return Remote(meant.url, folder)

    with workspace.state.read(actor, "data.write"):
        pass  # the permission alone: what is old stands in the remote
    shared = SharedResults(open_, meant.name, workspace.state.blobs, lambda _words: None)
    try:
        count = shared.forget(before, dry_run=dry_run)
    finally:
        shared.close()
    if count and not dry_run:
        with workspace.state.write(actor, "data.write") as unit:
            unit.emit("results.forgotten", f"data:{meant.name}", data={"results": count})
    return count


def send(
    workspace: Workspace,
    actor: Actor,
    run: Run,
    shared: SharedResults,
    progress: Callable[[StepProgress], None],
) -> None:
    """Share what a run has made; trouble is told, and the run is none the worse."""
    try:
        sent = shared.send(workspace.runs.results(actor, run.id), str(actor))
        if sent:
            words = f"{plural(sent, 'result')} shared through remote '{shared.name}'"
            progress(notice(words, run.id))
    except TrueupError as error:
        said = error.message.rstrip(".")
        progress(notice(f"remote '{shared.name}' took no results: {said}", run.id))
