"""`trueup audit`: everything that happened, and the proof that nobody changed it."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.errors import BackendError
from trueup.foundation.text import plural


@click.group(cls=Group)
def command() -> None:
    """The event log and its proof."""


@command.command("log", example="trueup audit log --about lumps@1")
@click.option("--about", default="", metavar="REF", help="Only events about this.")
@output.limit_option(30)
@output.json_option
def log(about: str, limit: int, as_json: bool) -> None:
    """Show the newest events: who did what, when, and why."""
    from trueup.state import eventlog

    with output.here() as workspace, workspace.state.read(workspace.owner) as connection:
        if about:
            events = eventlog.about(connection, about)[::-1][:limit]
        else:
            events = eventlog.latest(connection, limit)
    if as_json:
        output.emit_json(events)
        return
    if not events:
        output.say("Nothing happened{} yet.", f" to {about}" if about else "")
        output.next_step("trueup audit log")
        return
    rows = [(f"{e.seq}", e.at, e.type, e.subject, e.actor, e.why) for e in events]
    output.table(("no", "at", "event", "about", "by", "why"), rows, whole=3)
    output.next_step("trueup audit verify")


@command.command("verify", example="trueup audit verify")
@output.json_option
def verify(as_json: bool) -> None:
    """Recompute every event and every signature of the log.

    The exit code is 8 when the log was changed.
    """
    with output.here() as workspace, workspace.state.read(workspace.owner) as connection:
        checked = workspace.state.log.verify(connection)
    if checked.problems:
        raise BackendError(
            "ledger-broken",
            f"The event log was changed: {'; '.join(checked.problems[:3])}.",
            hint="restore the .trueup folder from a backup",
            context={"problems": checked.problems[:100], "events": checked.size},
        )
    if as_json:
        output.emit_json(checked)
        return
    output.show(f"✓ {plural(checked.size, 'event')}, signed and unchanged")
    output.show(f"  root {checked.root}")
    output.next_step("trueup audit log")
