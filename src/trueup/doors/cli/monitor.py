"""`trueup monitor`: hold what is live against the plan, now or as of a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.prediction import parse_moment
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.text import plural
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.lifecycle.monitoring.records import Evaluation, Finding


@click.group(cls=Group)
def command() -> None:
    """Evaluate what is live against the plan."""


@command.command("run", example="trueup monitor run clinic --at 2026-03-01")
@click.argument("deployment", required=False, default="")
@click.option("--at", default="", metavar="MOMENT", help="As of this moment; now if absent.")
@output.as_option
@output.json_option
def run(deployment: str, at: str, speaker: str, as_json: bool) -> None:
    """Count what is new in the journal, let all monitors look, and react to what they find.

    Without DEPLOYMENT it looks at all of them. An evaluation cannot be made for a moment before
    the last one.
    """
    from trueup.app.automation.reacting import Automation
    from trueup.app.automation.watching import watch

    moment = parse_moment("--at", at)
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        made = [watch(workspace, actor, name, moment) for name in _places(workspace, deployment)]
        followed: list[str] = []
        Automation(workspace, followed.append).pump(moment)
        open_alerts = workspace.monitors.alerts(actor, unresolved=True)
    if as_json:
        output.emit_json({"evaluations": made, "followed": followed, "alerts": open_alerts})
        return
    for evaluation in made:
        _print(evaluation)
    for sentence in followed:
        output.say("{}", f"{sentence}.")
    if open_alerts:
        output.say("\n{} open.", plural(len(open_alerts), "alert is", "alerts are"))
        output.next_step(f"trueup alert show {open_alerts[0].ref}")
    else:
        output.next_step("trueup status")


@command.command("status", example="trueup monitor status clinic")
@click.argument("deployment", required=False, default="")
@output.json_option
def status(deployment: str, as_json: bool) -> None:
    """Show the last evaluation of every deployment."""
    with output.here() as workspace:
        actor = workspace.owner
        names = _places(workspace, deployment)
        newest = [workspace.monitors.evaluations(actor, name, most=1) for name in names]
    made = [found[0] for found in newest if found]
    if as_json:
        output.emit_json(made)
        return
    for evaluation in made:
        _print(evaluation)
    if not made:
        output.say("No monitor has looked yet.")
    output.next_step("trueup monitor run" if not made else "trueup alert list")


def _places(workspace: Workspace, deployment: str) -> list[str]:
    if deployment:
        return [of_kind(deployment, "deployment").name]
    return list(workspace.plans.current(workspace.owner).plan.deployments)


def _print(evaluation: Evaluation) -> None:
    output.heading(evaluation.deployment, f"as of {words.moment(evaluation.as_of)}")
    if not evaluation.findings:
        output.say("Nothing serves here yet, so there is nothing to look at.\n")
        return
    output.table(
        ("monitor", "model", "value", "bound", "limit", "rows", "verdict"),
        [_row(finding) for finding in evaluation.findings],
    )
    output.blank()
    output.findings(
        (f.verdict, f"{f.monitor}: {f.detail}") for f in evaluation.findings if f.detail
    )
    output.blank()


def _row(finding: Finding) -> tuple[object, ...]:
    return (
        finding.monitor,
        finding.model_ref,
        finding.value,
        finding.bound,
        finding.limit,
        finding.n,
        output.state(finding.verdict),
    )
