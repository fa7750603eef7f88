"""`trueup runs spool`: what was logged here and waits for the server elsewhere."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.text import plural
from trueup.rendering import words


@click.command("spool", cls=Command, example="trueup runs spool --send")
@click.option("--send", "now", is_flag=True, help="Send what waits now.")
@output.json_option
def command(now: bool, as_json: bool) -> None:
    """Show what `trueup up --mlflow-spool URL` took and its server has not, or send it."""
    from datetime import UTC, datetime

    from trueup.app.running import spooling

    with output.here() as workspace:
        sent = spooling.send(workspace) if now else 0
        found = spooling.standing(workspace)
    if as_json:
        output.emit_json(found)
        return
    if not found.target:
        output.say("Nothing was ever logged here for a server elsewhere.")
        output.next_step("trueup up --mlflow-spool https://mlflow.example.org")
        return
    if now:
        output.say("Sent {}.", plural(sent, "request"))
    since = found.oldest_at and datetime.fromtimestamp(found.oldest_at / 1000, UTC)
    output.facts(
        {
            "server": found.target,
            "waiting": found.waiting,
            "oldest": words.moment(since) if since else "",
            "sent": found.sent,
            "refused": len(found.refused),
            "problem": found.problem if found.waiting else "",
        }
    )
    for each in found.refused[:10]:
        output.say("Refused: {}", each)
    output.next_step("trueup runs spool --send" if found.waiting else "trueup runs list")
