"""`trueup release status` and `list`: what is on its way, and what was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli.release.proposing import planned
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command

if TYPE_CHECKING:
    from trueup.lifecycle.releases.records import Release


@click.command("status", cls=Command, example="trueup release status")
@output.json_option
def status(as_json: bool) -> None:
    """What waits, what is tried out and at which step, and what is stopped."""
    with output.here() as workspace:
        actor = workspace.owner
        trying = [r for r in workspace.releases.serving(actor) if r.state == "canary"]
        under_way = [*workspace.releases.waiting(actor), *trying]
        brakes = workspace.brakes.stopped(actor)
        orders = workspace.orders.standing()
    if as_json:
        output.emit_json(
            {"releases": under_way, "stopped": list(brakes.values()), "orders": orders}
        )
        return
    for brake in brakes.values():
        line = output.state("stopped")
        line.append(f"  {brake.deployment}  by {brake.stopped_by}: {brake.why}", style="not dim")
        output.show(line)
    for order in orders:
        output.say(
            "An order is not on record yet: {} of {} by {}: {}",
            order.kind,
            order.deployment,
            order.by,
            order.why,
        )
    if not under_way:
        output.say("No release is on its way.")
        stopped = next(iter(brakes), "")
        output.next_step(
            f"trueup release resume {stopped}" if stopped else "trueup deployment list"
        )
        return
    rows = [
        (r.ref, r.model_ref, output.state(r.state), _where(r), r.stepped_at or r.starts_at, r.why)
        for r in under_way
    ]
    output.table(("release", "model", "state", "step", "since or from", "why"), rows)
    output.next_step(f"trueup deployment show {under_way[0].deployment}")


@click.command("list", cls=Command, example="trueup release list clinic")
@click.argument("deployment")
@output.json_option
def list_(deployment: str, as_json: bool) -> None:
    """All releases of a deployment, newest first."""
    with output.here() as workspace:
        name, _ = planned(workspace, deployment)
        found = workspace.releases.of_deployment(workspace.owner, name)
    if as_json:
        output.emit_json(found)
        return
    if not found:
        output.say("Nothing was released to {} yet.", name)
    rows = [
        (r.ref, r.model_ref, output.state(r.state), r.strategy, r.started_at, r.ended_at, r.why)
        for r in found
    ]
    if rows:
        output.table(("release", "model", "state", "strategy", "started", "ended", "why"), rows)
    output.next_step(f"trueup deployment show {name}")


def _where(release: Release) -> str:
    """At which step of how many a release stands."""
    step = release.at_step
    if step is None:
        return release.strategy
    share = "beside" if step.is_shadow else f"{step.weight:.1%}"
    where = f"{release.step + 1} of {len(release.steps)}: {share}"
    return f"{where}, paused" if release.paused else where
