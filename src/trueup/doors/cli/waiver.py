"""`trueup waiver`: leave for one version to pass in spite of one check, for a while."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation import clock

if TYPE_CHECKING:
    from trueup.lifecycle.gates.records import Waiver


@click.group(cls=Group)
def command() -> None:
    """Leave for one version to pass in spite of one check, for a while.

    A waiver names a person, a reason and an end. Verdicts, reports and cards show it; when it ends,
    the verdict that needed it counts no longer.
    """


@command.command(
    "add", example='trueup waiver add lumps@1 right.limit --reason "pilot of ten users" --days 14'
)
@click.argument("reference", metavar="MODEL@VERSION")
@click.argument("check")
@click.option("--reason", required=True, metavar="WHY", help="Why it may pass all the same.")
@click.option(
    "--days", type=click.IntRange(1, 180), required=True, help="How long it counts, 180 at most."
)
@output.as_option
@output.json_option
def add(reference: str, check: str, reason: str, days: int, speaker: str, as_json: bool) -> None:
    """Waive a check of a version that did not pass, and answer for it."""
    wanted = of_kind(reference, "model")
    until = clock.now() + timedelta(days=days)
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        given = workspace.gates.waive(
            actor, wanted.name, wanted.selector, check, reason=reason, until=until
        )
    if as_json:
        output.emit_json(given)
        return
    output.say(
        "{} waives {} of {} until {}.",
        given.given_by,
        given.check,
        given.model_ref,
        f"{given.until:%Y-%m-%d}",
    )
    output.next_step(f"trueup check {given.model_ref}", f"trueup waiver withdraw {given.id}")


@command.command("list", example="trueup waiver list lumps@1")
@click.argument("reference", metavar="[MODEL@VERSION]", required=False, default="")
@output.json_option
def list_(reference: str, as_json: bool) -> None:
    """List waivers: of one version, or all."""
    with output.here() as workspace:
        actor = workspace.speaking_as("")
        ref = ""
        if reference:
            wanted = of_kind(reference, "model")
            ref = workspace.models.show(actor, wanted.name, wanted.selector).ref
        found = workspace.gates.waivers(actor, ref)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("Nobody waived a check{}.", f" of {ref}" if ref else "")
        return
    now = clock.now()
    output.table(
        ("waiver", "version", "check", "by", "until", "state", "reason"),
        [_row(waiver, now) for waiver in found],
    )


@command.command("withdraw", example="trueup waiver withdraw w4k2m9qd")
@click.argument("waiver")
@output.as_option
@output.json_option
def withdraw(waiver: str, speaker: str, as_json: bool) -> None:
    """Take a waiver back: verdicts that needed it count no longer."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        given = workspace.gates.withdraw_waiver(actor, waiver)
    if as_json:
        output.emit_json(given)
        return
    output.say("The waiver of {} for {} counts no longer.", given.check, given.model_ref)
    output.next_step(f"trueup check {given.model_ref}")


def _row(waiver: Waiver, now: datetime) -> tuple[object, ...]:
    state = "in force" if waiver.counts_at(now) else "ended"
    if waiver.withdrawn_at is not None:
        state = "withdrawn"
    return (
        waiver.id,
        waiver.model_ref,
        waiver.check,
        waiver.given_by,
        f"{waiver.until:%Y-%m-%d}",
        state,
        waiver.reason,
    )
