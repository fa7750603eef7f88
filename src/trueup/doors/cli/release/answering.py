"""`trueup release approve`: a second person's answer about the release that waits in a place."""

from __future__ import annotations

import click

from trueup.doors.cli.release.proposing import planned, show_started
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import NotFoundError


@click.command("approve", cls=Command, example="trueup release approve clinic --as rita")
@click.argument("deployment")
@click.option("--reject", is_flag=True, help="Say no instead of yes.")
@click.option("--reason", default="", metavar="TEXT", help="What to put on record.")
@output.as_option
@output.json_option
def approve(deployment: str, reject: bool, reason: str, speaker: str, as_json: bool) -> None:
    """Answer for the release that waits in a deployment, as a second person."""
    from trueup.app.automation.reacting import Automation

    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        actor = workspace.speaking_as(speaker)
        found = workspace.releases.of_deployment(actor, name)
        waiting = next((r for r in found if r.state == "requested" and r.approval), None)
        if waiting is None:
            raise NotFoundError(
                "release-not-found",
                f"Deployment '{name}' has no release that waits for an answer.",
                hint=f"trueup deployment show {name}",
            )
        workspace.people.decide(actor, waiting.approval, approve=not reject, reason=reason)
        followed: list[str] = []
        Automation(workspace, followed.append).pump()
        after = workspace.releases.of_deployment(actor, name)
    release = next(each for each in after if each.number == waiting.number)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    for sentence in followed:
        output.say("{}", f"{sentence}.")
    output.next_step(f"trueup deployment show {name}")
