"""`trueup deployment`: the places where models serve, and what is released there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trueup.doors.cli import figures
from trueup.doors.cli.release.proposing import planned
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation.text import seconds, size

if TYPE_CHECKING:
    from trueup.lifecycle.plan.deployments import Deployment
    from trueup.lifecycle.releases.records import Release
    from trueup.lifecycle.serving.following.outcomes import Outcome


@click.group(cls=Group)
def command() -> None:
    """Where models serve, and their releases."""


@command.command("list", example="trueup deployment list")
@output.json_option
def list_(as_json: bool) -> None:
    """List all deployments and what serves there."""
    with output.here() as workspace:
        actor = workspace.owner
        planned = workspace.plans.current(actor).plan.deployments
        routes = workspace.releases.routes(actor)
    if as_json:
        output.emit_json([routes[name] for name in planned])
        return
    rows = []
    for name, settings in planned.items():
        arms = [f"{arm.model_ref} {arm.weight:.0%}" for arm in routes[name].arms]
        rows.append((name, settings.model, ", ".join(arms), settings.strategy))
    if not rows:
        output.say("The plan has no deployment.")
        output.next_step("trueup plan show")
        return
    output.table(("deployment", "model", "serves", "strategy"), rows)
    output.next_step(f"trueup deployment show {rows[0][0]}")


@command.command("show", example="trueup deployment show clinic")
@click.argument("name")
@output.json_option
def show(name: str, as_json: bool) -> None:
    """Show one deployment: what serves, every release it had, and what servers say of them."""
    from trueup.lifecycle.serving.following.outcomes import Outcomes

    with output.here() as workspace:
        name, settings = planned(workspace, name)
        actor = workspace.owner
        route = workspace.releases.routes(actor)[name]
        found = workspace.releases.of_deployment(actor, name)
        outcomes = Outcomes(workspace.state).of_deployment(actor, name)
        looks = figures.newest(workspace, actor, found)
    if as_json:
        output.emit_json(
            {
                "deployment": name,
                "settings": settings,
                "route": route,
                "releases": found,
                "servers": outcomes,
                "decision": looks[-1].decision if looks else None,
            }
        )
        return
    output.heading(name)
    output.facts(
        {
            "model": settings.model,
            "serves": ", ".join(f"{a.model_ref} {a.weight:.0%}" for a in route.arms) or "nothing",
            "strategy": settings.strategy,
            "entity": settings.entity,
            "monitored": f"every {settings.monitor_every}",
        }
    )
    if found:
        output.blank()
        rows = [_row(release) for release in found]
        output.table(("release", "model", "state", "started", "ended", "by", "why"), rows)
    figures.show(looks)
    _show_outcomes(outcomes)
    output.next_step(*_after(name, settings, found))


def _row(release: Release) -> tuple[object, ...]:
    state = output.state(release.state)
    if release.state == "canary":
        state.append(f" {release.weight:.0%}")
    return (
        release.ref,
        release.model_ref,
        state,
        release.started_at,
        release.ended_at,
        release.requested_by,
        release.why,
    )


def _show_outcomes(outcomes: list[Outcome]) -> None:
    """What servers said of it: which versions they answer with, and why not with others."""
    if not outcomes:
        return
    output.blank()
    rows = [
        (
            outcome.model_ref,
            output.state("served" if outcome.is_served else "refused"),
            outcome.at,
            seconds(outcome.seconds) if outcome.is_served else "",
            size(outcome.bytes) if outcome.bytes else "",
            outcome.why,
        )
        for outcome in outcomes
    ]
    output.table(("loaded by servers", "state", "at", "took", "memory", "why"), rows)


def _after(name: str, settings: Deployment, found: list[Release]) -> list[str]:
    waiting = next((r for r in found if r.state == "requested"), None)
    if waiting is not None:
        return [f"trueup approve {waiting.approval} --as NAME"]
    if any(release.state == "canary" for release in found):
        return [f"trueup release promote {name}", f"trueup rollback {name}"]
    if any(release.state == "live" for release in found):
        return ["trueup serve", f"trueup monitor status {name}"]
    return [f"trueup check {settings.model.partition('@')[0]}"]
