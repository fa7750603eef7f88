"""`trueup release promote | pause | resume | withdraw`: what people do with a release."""

from __future__ import annotations

import click

from trueup.doors.cli.release.proposing import planned, show_started
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock


@click.command("promote", cls=Command, example="trueup release promote clinic")
@click.argument("deployment")
@click.option("--why", default="promoted by hand", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def promote(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Give what is tried out all the traffic now."""
    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        actor = workspace.speaking_as(speaker)
        release = workspace.releases.promote(actor, name, clock.now(), why)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    output.next_step(f"trueup deployment show {name}", f"trueup rollback {name}")


@click.command("pause", cls=Command, example="trueup release pause clinic")
@click.argument("deployment")
@click.option("--why", default="paused by hand", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def pause(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Keep what is tried out at its step; harm that is proven still ends it."""
    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        release = workspace.releases.pause(workspace.speaking_as(speaker), name, why)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    output.say("It stays there until it is resumed.")
    output.next_step(f"trueup release resume {name}", f"trueup release promote {name}")


@click.command("resume", cls=Command, example="trueup release resume clinic")
@click.argument("deployment")
@click.option("--why", default="resumed by hand", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def resume(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Let a stopped deployment answer again, and a paused release go on."""
    from trueup.app import emergency

    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        done = emergency.resume(workspace, workspace.speaking_as(speaker), name, why)
    if as_json:
        output.emit_json({"deployment": name, "resumed": done})
        return
    output.say("{}.", done or f"Nothing of {name} was stopped or paused")
    output.next_step(f"trueup deployment show {name}")


@click.command("withdraw", cls=Command, example="trueup release withdraw clinic")
@click.argument("deployment")
@click.option("--why", default="withdrawn by hand", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def withdraw(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    """Take back a release that has not started."""
    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        release = workspace.releases.withdraw(workspace.speaking_as(speaker), name, why)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    output.next_step(f"trueup deployment show {name}")
