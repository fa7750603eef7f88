"""`trueup release propose` and `schedule`: ask to put a model version into a deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock
from trueup.foundation.errors import ConflictError, NotFoundError, UsageError
from trueup.foundation.text import did_you_mean, nearest
from trueup.people.rules import permitted

if TYPE_CHECKING:
    from datetime import datetime

    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.foundation.references import Reference
    from trueup.lifecycle.plan.deployments import Deployment
    from trueup.lifecycle.releases.records import Outlook, Release


@click.command(
    "propose",
    cls=Command,
    example='trueup release propose lumps@1 --to clinic --why "First release"',
)
@click.argument("reference", metavar="MODEL@VERSION")
@click.option("--to", "deployment", default="", metavar="DEPLOYMENT", help="Where it shall serve.")
@click.option("--why", default="", metavar="TEXT", help="The reason, for the record.")
@click.option(
    "--strategy",
    type=click.Choice(["canary", "all-at-once", "shadow", "split"]),
    help="How it takes over; the plan says so otherwise.",
)
@click.option("--at", "moment", default="", metavar="WHEN", help="Start no earlier, in UTC.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@output.as_option
@output.json_option
def propose(
    reference: str,
    deployment: str,
    why: str,
    strategy: str | None,
    moment: str,
    dry_run: bool,
    speaker: str,
    as_json: bool,
) -> None:
    """Ask to put a model version into a deployment.

    It needs a passed verdict under the plan in force. Where the process demands a second person,
    the release starts once somebody else has approved it; otherwise it starts at once.
    """
    from trueup.app.automation.reacting import ACTOR

    wanted = of_kind(reference, "model")
    starts_at = _moment(moment) if moment else None
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        place = of_kind(deployment, "deployment").name if deployment else ""
        place = place or _only_place(workspace, actor, wanted)
        if dry_run:
            _show_outlook(
                workspace.releases.outlook(
                    actor,
                    place,
                    wanted.name,
                    wanted.selector,
                    strategy=strategy,  # type: ignore[arg-type]
                    starts_at=starts_at,
                ),
                as_json,
            )
            return
        release = workspace.releases.request(
            actor,
            place,
            wanted.name,
            wanted.selector,
            strategy=strategy,  # type: ignore[arg-type]
            why=why,
            starts_at=starts_at,
        )
        is_due = release.starts_at is None or release.starts_at <= clock.now()
        if release.state == "requested" and is_due and not _waits(workspace, actor, release):
            try:
                release = workspace.releases.start(ACTOR, place, release.number, clock.now())
            except ConflictError as error:
                if error.code != "calendar-closed":
                    raise
                output.say("{}", error.message)
        is_asked = _waits(workspace, actor, release)
        reviewer = _somebody_else(workspace, actor, release)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    if release.state == "requested" and release.approval and is_asked:
        output.next_step(f"trueup approve {release.approval} --as {reviewer}")
    elif release.state == "requested":
        output.next_step("trueup release status", "trueup up")
    else:
        output.next_step("trueup serve", f"trueup deployment show {place}")


@click.command(
    "schedule", cls=Command, example="trueup release schedule clinic --at 2026-12-01T06:00"
)
@click.argument("deployment")
@click.option("--at", "moment", default="", metavar="WHEN", help="Start no earlier, in UTC.")
@click.option("--now", "at_once", is_flag=True, help="Start as soon as it may.")
@click.option("--override-calendar", "overrides", is_flag=True, help="Start or go on regardless.")
@click.option("--why", default="", metavar="TEXT", help="For the record.")
@output.as_option
@output.json_option
def schedule(
    deployment: str,
    moment: str,
    at_once: bool,
    overrides: bool,
    why: str,
    speaker: str,
    as_json: bool,
) -> None:
    """Set when a release that waits shall start."""
    if overrides:
        _override(deployment, why, speaker, as_json)
        return
    if bool(moment) == at_once:
        raise UsageError(
            "release-moment",
            "Say when it shall start, with --at, or --now.",
            hint=f"trueup release schedule {deployment} --at 2026-12-01T06:00",
        )
    starts_at = clock.now() if at_once else _moment(moment)
    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        actor = workspace.speaking_as(speaker)
        release = workspace.releases.schedule(actor, name, starts_at, why)
        if at_once and not _waits(workspace, actor, release):
            from trueup.app.automation.reacting import ACTOR

            release = workspace.releases.start(ACTOR, name, release.number, clock.now())
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    output.next_step("trueup release status", "trueup up")


def _override(deployment: str, why: str, speaker: str, as_json: bool) -> None:
    from trueup.app.automation.reacting import Automation

    if not why:
        raise UsageError(
            "reason-missing",
            "The calendar is overridden for a reason only.",
            hint=f"trueup release schedule {deployment} --override-calendar --why REASON",
        )
    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        actor = workspace.speaking_as(speaker)
        release = workspace.releases.override_calendar(actor, name, why)
        Automation(workspace).pump()
        after = workspace.releases.of_deployment(actor, name)
    release = next(each for each in after if each.number == release.number)
    if as_json:
        output.emit_json(release)
        return
    show_started(release)
    output.next_step(f"trueup deployment show {name}", f"trueup rollback {name}")


def planned(workspace: Workspace, text: str) -> tuple[str, Deployment]:
    """The name and settings of a deployment of the plan."""
    name = of_kind(text, "deployment").name
    known = workspace.plans.current(workspace.owner).plan.deployments
    if name not in known:
        near = nearest(name, known)
        raise NotFoundError(
            "deployment-not-found",
            f"The plan has no deployment '{name}'.{did_you_mean(name, known)}",
            hint=f"trueup deployment show {near}" if near else "trueup deployment list",
        )
    return name, known[name]


def show_started(release: Release) -> None:
    """Print one release: what, where, how it stands."""
    line = output.state(release.state)
    line.append(f"  {release.ref}  {release.model_ref}", style="not dim")
    output.show(line)
    if release.state == "requested":
        if release.approval:
            output.say("\nA second person has to approve exactly this content.")
        if release.starts_at:
            output.say("\nIt starts at {} UTC.", f"{release.starts_at:%Y-%m-%d %H:%M}")
    elif release.is_shadow:
        output.say("\n{} runs beside, and answers nobody yet.", release.model_ref)
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
        hint=f"trueup release propose {wanted} --to {serving[0]}",
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


def _moment(text: str) -> datetime:
    try:
        return clock.parse_moment(text)
    except ValueError as error:
        raise UsageError(
            "release-moment",
            f"'{text}' is no moment such as 2026-12-01T06:00.",
            hint="trueup release schedule --help",
        ) from error


def _show_outlook(outlook: Outlook, as_json: bool) -> None:
    """Print what a release would do."""
    if as_json:
        output.emit_json(outlook)
        return
    release = outlook.release
    output.heading(f"{release.ref}  {release.model_ref}")
    output.facts(
        {
            "stands on": f"verdict {release.verdict}",
            "approval": outlook.approval,
            "starts": release.starts_at or outlook.opens_at or "at once",
            "replaces": outlook.replaces or "nothing",
        }
    )
    output.blank()
    rows = [
        (
            str(number),
            "beside, answering nobody" if step.is_shadow else f"{step.weight:.1%}",
            step.lasts,
            f"{step.rows:,}" if step.rows else "",
        )
        for number, step in enumerate(release.steps, start=1)
    ]
    output.table(("step", "share", "at least", "rows"), [*rows, ("", "all traffic", "", "")])
    output.say("\nNothing was changed.")
    output.next_step(f"trueup release propose {release.model_ref} --to {release.deployment}")
