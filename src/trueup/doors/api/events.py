"""The event log, which is the audit ledger."""

from __future__ import annotations

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import Before, Limit, OfType, Word, reading
from trueup.state import eventlog
from trueup.state.eventlog import Event, Verification


@reading("/events")
def latest(
    workspace: TheWorkspace,
    actor: TheActor,
    by: Word = "",
    type_: OfType = "",
    subject: Word = "",
    before: Before = 0,
    limit: Limit = 100,
) -> list[Event]:
    """Events, newest first; `before` is the `seq` that the next page starts below."""
    with workspace.state.read(actor) as connection:
        return eventlog.latest(
            connection, limit, before or None, actor=by, type_=type_, subject=subject
        )


@reading("/events/verification")
def verify(workspace: TheWorkspace, actor: TheActor) -> Verification:
    """Recompute every event and every signature of the log."""
    with workspace.state.read(actor) as connection:
        return workspace.state.log.verify(connection)
