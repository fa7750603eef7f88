"""The event log, which is the audit ledger."""

from __future__ import annotations

from typing import Annotated

from litestar.params import Parameter

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import Limit, Word, reading
from trueup.foundation.actor import Actor
from trueup.state import eventlog
from trueup.state.eventlog import Event, Verification


@reading("/events")
def latest(
    workspace: Workspace,
    actor: Actor,
    by: Word = "",
    type_: Annotated[str, Parameter(query="type", max_length=80)] = "",
    subject: Word = "",
    before: Annotated[int, Parameter(ge=0)] = 0,
    limit: Limit = 100,
) -> list[Event]:
    """Events, newest first; `before` is the `seq` that the next page starts below."""
    with workspace.state.read(actor) as connection:
        return eventlog.latest(
            connection, limit, before or None, actor=by, type_=type_, subject=subject
        )


@reading("/events/verification")
def verify(workspace: Workspace, actor: Actor) -> Verification:
    """Recompute every event and every signature of the log."""
    with workspace.state.read(actor) as connection:
        return workspace.state.log.verify(connection)
