"""Audit: who did what, filtered and paged, and the proof that nothing of it was changed."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Before, OfType, Word
from trueup.doors.web import shell
from trueup.foundation.records import Record
from trueup.state import eventlog
from trueup.state.eventlog import Event, Verification

_AT_ONCE = 100
# Checking the whole log reads all of it: beyond this it is done when asked for.
_VERIFY_UP_TO = 20_000


class AuditPage(Record):
    """Some events, newest first; `next` is the `before` that continues the list, 0 at its end."""

    events: tuple[Event, ...]
    next: int
    actor: str
    type: str
    subject: str
    size: int
    verification: Verification | None


@shell.page("/audit")
def audit(
    request: Asked,
    workspace: TheWorkspace,
    actor: TheActor,
    by: Word = "",
    type_: OfType = "",
    subject: Word = "",
    before: Before = 0,
    verify: Word = "",
) -> Response[Any]:
    """The event log."""
    with workspace.state.read(actor) as connection:
        size = eventlog.last_seq(connection)
        events = eventlog.latest(
            connection, _AT_ONCE + 1, before or None, actor=by, type_=type_, subject=subject
        )
        is_due = bool(verify) or size <= _VERIFY_UP_TO
        verification = workspace.state.log.verify(connection) if is_due else None
    shown = tuple(events[:_AT_ONCE])
    page = AuditPage(
        events=shown,
        next=shown[-1].seq if len(events) > _AT_ONCE else 0,
        actor=by,
        type=type_,
        subject=subject,
        size=size,
        verification=verification,
    )
    return shell.answer(request, "audit.html", "Audit", page, command="trueup audit")
