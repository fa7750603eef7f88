"""`trueup release`: ask to put a model version into a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.people.rules import permitted

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.foundation.references import Reference
    from trueup.lifecycle.releases.records import Release


@click.command(cls=Command, example='trueup release lumps@1 --to clinic --why "First release"')
@click.argument("reference", metavar="MODEL@VERSION")
@click.option("--to", "deployment", default="", metavar="DEPLOYMENT", help="Where it shall serve.")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@click.option(
    "--strategy",
    type=click.Choice(["canary", "all-at-once"]),
    help="How it takes over; the plan says so otherwise.",
)
@output.as_option
@output.json_option
def command(
    reference: str, deployment: str, why: str, strategy: str | None, speaker: str, as_json: bool
) -> None:
    """Ask to put a model version into a deployment.

    It needs a passed verdict under the plan in force. Where the process demands a second person,
    the release starts once somebody else has approved it; otherwise it starts at once.
    """
    from trueup.app.automation.reacting import ACTOR

    wanted = of_kind(reference, "model")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        place = of_kind(deployment, "deployment").name if deployment else ""
        place = place or _only_place(workspace, actor, wanted)
        release = workspace.releases.request(
            actor,
            place,
            wanted.name,
            wanted.selector,
            strategy=strategy,  # type: ignore[arg-type]
            why=why,
        )
        if release.state == "requested" and not _waits(workspace, actor, release):
            release = workspace.releases.start(ACTOR, place, release.number, clock.now())
        reviewer = _somebody_else(workspace, actor, release)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    if release.state == "requested":
        output.next_step(f"trueup approve {release.approval} --as {reviewer}")
    else:
        output.next_step("trueup serve", f"trueup deployment show {place}")


def show_started(release: Release) -> None:
    """Print one release: what, where, how it stands."""
    line = output.state(release.state)
    line.append(f"  {release.ref}  {release.model_ref}", style="not dim")
    output.show(line)
    if release.state == "requested":
        output.say("\nA second person has to approve exactly this content.")
    elif release.state == "canary":
        share = f"{release.weight:.0%}"
        output.say("\n{} serves {} of the traffic as a canary.", release.model_ref, share)
    elif release.state == "live":
        output.say("\n{} serves all traffic of {}.", release.model_ref, release.deployment)


def _only_place(workspace: Workspace, actor: Actor, wanted: Reference) -> str:
    known = workspace.plans.current(actor).plan.deployments
    serving = [name for name, d in known.items() if d.model.partition("@")[0] == wanted.name]
    if len(serving) == 1:
        return serving[0]
    if not serving:
        raise NotFoundError(
            "deployment-not-found",
            f"The plan has no deployment that serves model '{wanted.name}'.",
            hint=f'add to trueup.toml: [deployments.NAME] model = "{wanted.name}"',
        )
    raise UsageError(
        "deployment-ambiguous",
        f"Model '{wanted.name}' is served by several deployments: {', '.join(serving)}.",
        hint=f"trueup release {wanted} --to {serving[0]}",
    )


def _waits(workspace: Workspace, actor: Actor, release: Release) -> bool:
    if not release.approval:
        return False
    return workspace.people.approval(actor, release.approval).state == "asked"


def _somebody_else(workspace: Workspace, actor: Actor, release: Release) -> str:
    """A person who may answer; a placeholder if the team has none."""
    if not release.approval:
        return ""
    approval = workspace.people.approval(actor, release.approval)
    involved = {approval.asked_by, *approval.authors}
    for person in workspace.people.everybody(actor):
        if person.name not in involved and "approvals.decide" in permitted(person.roles):
            return person.name
    return "NAME"
