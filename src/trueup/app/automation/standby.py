"""What a server does by itself: little before there is a plan, all of the scheduler's duties after.

The scheduler brings the monitors and their statistics along, half a second and 50 MB that a server
which only tracks runs never needs. Read `scheduler.py` next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from trueup.app.wiring import Workspace
from trueup.foundation.actor import service
from trueup.foundation.errors import NotFoundError, TrueupError

_EVERY_S: Final = 5.0
_ACTOR: Final = service("automation")


def attend(workspace: Workspace, tell: Callable[[str], None], stop: threading.Event) -> None:
    """Work until `stop` is set.

    Args:
        workspace: The project.
        tell: Takes what happens, a sentence at a time.
        stop: Set when the server stops.
    """
    while not stop.is_set():
        try:
            if _has_plan(workspace):
                from trueup.app.automation.scheduler import Scheduler

                Scheduler(workspace, tell).run(stop)
                return
            workspace.tracking.mark_lost(_ACTOR)
        except TrueupError as error:
            tell(error.message)
        stop.wait(_EVERY_S)


def _has_plan(workspace: Workspace) -> bool:
    with suppress(NotFoundError):
        return bool(workspace.plans.current(_ACTOR))
    return False
