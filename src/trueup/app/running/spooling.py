"""The spool of this project: opened for a server, and sent by one thread while `trueup up` runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from trueup.app.wiring import Workspace
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.runs.tracking.spool.replaying import Alone, Replay, send_now
from trueup.lifecycle.runs.tracking.spool.store import Spool, Standing


@contextmanager
def spooling(workspace: Workspace, target: str) -> Iterator[Spool]:
    """The spool for a server, sent in the background until the block ends.

    Args:
        workspace: The project.
        target: Address of the server.

    Raises:
        UsageError: Requests for another server wait.
        BackendError: Another process sends.
    """
    home = workspace.settings.home
    spool = Spool(home, target)
    try:
        alone = Alone(home)
    except BaseException:
        spool.close()
        raise
    replay = Replay(spool, lambda path: _read(workspace, path))
    stop = threading.Event()
    thread = threading.Thread(target=replay.run, args=(stop,), name="trueup-spool")
    thread.start()
    try:
        yield spool
    finally:
        stop.set()
        thread.join()
        replay.close()
        alone.close()
        spool.close()


def standing(workspace: Workspace) -> Standing:
    """What waits."""
    spool = Spool(workspace.settings.home)
    try:
        return spool.standing()
    finally:
        spool.close()


def send(workspace: Workspace) -> int:
    """Send what waits now; how many requests that were.

    Raises:
        BackendError: The server can't be reached, or another process is sending.
    """
    home = workspace.settings.home
    alone = Alone(home)
    spool = Spool(home)
    try:
        return send_now(spool, lambda path: _read(workspace, path)) if spool.target else 0
    finally:
        spool.close()
        alone.close()


def _read(workspace: Workspace, path: str) -> Iterator[bytes] | None:
    try:
        return workspace.files.content(workspace.owner, path).pieces()
    except NotFoundError:
        return None
