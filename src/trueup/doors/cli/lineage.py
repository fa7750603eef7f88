"""`trueup lineage`: the history of runs for catalogues that read OpenLineage."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.text import plural


@click.group(cls=Group)
def command() -> None:
    """Lineage for other catalogues; for people there is `trueup why`."""


@command.command("send", example="trueup lineage send --dry-run")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, send nothing.")
@output.json_option
def send(dry_run: bool, as_json: bool) -> None:
    """Send the runs that the catalogue was not told about yet, as OpenLineage events.

    The catalogue is `[connections.lineage]` in trueup.toml. `trueup up` sends by itself.
    """
    from trueup.app.provenance import openlineage
    from trueup.app.provenance import sending as lineage_sending

    with output.here() as workspace:
        actor = workspace.owner
        if dry_run:
            found = [e for _, told in lineage_sending.pending(workspace, actor) for e in told]
            if as_json:
                output.emit_json(found)
                return
            for event in found:
                output.show(openlineage.shown(event))
            output.say("{} would be sent.", plural(len(found), "event"))
            output.next_step("trueup lineage send")
            return
        sent = lineage_sending.send(workspace, actor)
    if as_json:
        output.emit_json({"sent": sent})
        return
    output.say("{} sent.", plural(sent, "event"))
    output.next_step("trueup runs list")
