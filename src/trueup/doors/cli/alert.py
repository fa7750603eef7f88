"""`trueup alert`: proven harm, its cause, and who looks after it."""

from __future__ import annotations

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.lifecycle.monitoring.records import Alert
from trueup.rendering import words


@click.group(cls=Group)
def command() -> None:
    """Alerts, with cause and harm."""


@command.command("list", example="trueup alert list --open")
@click.option("--deployment", default="", metavar="NAME", help="Only of this deployment.")
@click.option("--open", "unresolved", is_flag=True, help="Only those that are not resolved.")
@output.json_option
def list_(deployment: str, unresolved: bool, as_json: bool) -> None:
    """List alerts, newest first."""
    place = of_kind(deployment, "deployment").name if deployment else ""
    with output.here() as workspace:
        found = workspace.monitors.alerts(workspace.owner, place, unresolved=unresolved)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("There is no alert.")
        output.next_step("trueup monitor status")
        return
    rows = [
        (
            a.ref,
            output.state(a.state),
            a.deployment,
            a.monitor,
            a.model_ref,
            a.value,
            a.limit,
            a.raised_at,
        )
        for a in found
    ]
    columns = ("alert", "state", "deployment", "monitor", "model", "value", "limit", "raised at")
    output.table(columns, rows)
    output.next_step(f"trueup alert show {found[0].ref}")


@command.command("show", example="trueup alert show alert:7k3f9qd2")
@click.argument("reference", metavar="ALERT")
@output.json_option
def show(reference: str, as_json: bool) -> None:
    """Show one alert: the harm, its probable cause, and what became of it."""
    wanted = of_kind(reference, "alert")
    with output.here() as workspace:
        found = workspace.monitors.alert(workspace.owner, wanted.name)
    if as_json:
        output.emit_json(found)
        return
    _print(found)
    acknowledge = [f"trueup alert ack {found.ref}"] if found.state == "open" else []
    output.next_step(f"trueup why {found.ref}", *acknowledge)


@command.command("ack", example='trueup alert ack alert:7k3f9qd2 --reason "Looking into it"')
@click.argument("reference", metavar="ALERT")
@click.option("--reason", default="", metavar="TEXT", help="What to put on record.")
@output.as_option
@output.json_option
def ack(reference: str, reason: str, speaker: str, as_json: bool) -> None:
    """Say that you look after an alert."""
    wanted = of_kind(reference, "alert")
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        found = workspace.monitors.acknowledge(actor, wanted.name, reason)
    if as_json:
        output.emit_json(found)
        return
    output.show(
        output.state(found.state).append(f"  {found.ref}  by {found.handled_by}", "not dim")
    )
    output.next_step(f"trueup why {found.ref}")


def _print(alert: Alert) -> None:
    title = output.state(alert.state)
    title.append(f"  {alert.ref}  {alert.monitor} of {alert.deployment}", style="not dim")
    output.show(title)
    output.facts(
        {
            "cause": alert.cause,
            "model": alert.model_ref,
            "value": alert.value,
            "limit": alert.limit,
            "bound": alert.bound,
            "window": words.span(alert.window_start, alert.window_end),
            "first bad": alert.first_bad,
            "raised": alert.raised_at,
            "last seen": alert.seen_at,
            "resolved": alert.resolved_at,
            "severity": alert.severity,
            "looked after by": alert.handled_by,
            "judged real": "" if alert.judged == "unknown" else alert.judged,
            "why": alert.why,
        }
    )
