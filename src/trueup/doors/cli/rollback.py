"""`trueup rollback`: one command, no network, no approval."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock


@click.command(cls=Command, example='trueup rollback clinic --why "Complaints since noon"')
@click.argument("deployment")
@click.option("--why", default="rolled back by hand", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def command(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Undo the newest change of what serves: end the canary, or return to the release before."""
    name = of_kind(deployment, "deployment").name
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        release = workspace.releases.roll_back(actor, name, clock.now(), why)
    if as_json:
        output.emit_json(release)
        return
    line = output.state(release.state)
    line.append(f"  {release.ref}  {release.model_ref}", style="not dim")
    output.show(line)
    output.say("\n{} serves all traffic of {} again.", release.model_ref, name)
    output.next_step(f"trueup deployment show {name}")
