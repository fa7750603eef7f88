"""Builds that harm starts: `on_breach = ["alert", "build:Team/train"]`.

They have a place in the event log of their own: while Jenkins is away nothing else waits, and what
it missed is started when it is back. A build's identifier is that of the event: it starts once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, TrueupError
from trueup.lifecycle.pipeline.steps import connecting
from trueup.lifecycle.plan.records import BUILD
from trueup.state.cursors import Reader
from trueup.state.eventlog import Event

_ON: Final = ("monitor.breached",)


class BreachBuilds:
    """Starts the builds that breached goals ask for, and does not wait for them.

    Args:
        workspace: The project.
        actor: Who starts them.
        tell: Takes what happens, a sentence at a time.
    """

    def __init__(self, workspace: Workspace, actor: Actor, tell: Callable[[str], None]) -> None:
        self._workspace = workspace
        self._actor = actor
        self._tell = tell
        self._told = ""
        self._reader = Reader(workspace.state.database, "breach-builds")

    def pump(self) -> None:
        """Start what was asked for since the last time."""
        while pending := self._reader.pending(_ON):
            for event in pending:
                try:
                    self._start(event)
                except BackendError as error:  # the next pump tries again
                    if error.message != self._told:
                        self._tell(error.message)
                    self._told = error.message
                    return
                self._reader.acknowledge(event.seq)

    def _start(self, event: Event) -> None:
        reactions = map(str, event.data["on_breach"])
        jobs = [name.removeprefix(BUILD) for name in reactions if name.startswith(BUILD)]
        for job in jobs:
            goal = event.data["goal"]
            try:
                with connecting.outbound(self._workspace.root) as http:
                    server = connecting.builds(self._workspace.root, http)
                    build = server.start(job, {}, f"breach-{event.id}")
            except BackendError:
                raise
            except TrueupError as error:  # no such job, no right: it would be refused again
                self._tell(f"goal '{goal}' is breached, but '{job}' was not built: {error.message}")
                continue
            self._workspace.monitors.built(self._actor, str(event.data["alert"]), build)
            self._tell(f"goal '{goal}' is breached: '{job}' is built on Jenkins")
