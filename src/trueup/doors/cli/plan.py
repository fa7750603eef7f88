"""`trueup plan`: what is in force, what trueup.toml says, and making them one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Group
from trueup.foundation import configuration
from trueup.foundation.digests import short
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import builtins
from trueup.foundation.text import listing, plural
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.plan.rules import demanded, limit
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.plan.records import AdoptedPlan, Plan


@click.group(cls=Group)
def command() -> None:
    """The goals, risks and milestones in force."""


@command.command("show", example="trueup plan show")
@output.json_option
def show(as_json: bool) -> None:
    """Show the plan in force."""
    with output.here() as workspace:
        actor = workspace.owner
        adopted = workspace.plans.current(actor)
        different = difference(workspace, adopted)
    if as_json:
        output.emit_json(adopted)
        return
    _print(adopted)
    if different:
        output.say("\n[yellow]note:[/] {}.", different)
        output.next_step("trueup plan check", "trueup plan adopt")
    else:
        output.next_step("trueup status")


@command.command("check", example="trueup plan check")
@output.json_option
def check(as_json: bool) -> None:
    """Say whether trueup.toml is sound; changes nothing."""
    from trueup.lifecycle.plan import service

    root = configuration.find_root(Path.cwd())
    plan = service.read(root)
    digest, _ = service.address(plan, root)
    if as_json:
        output.emit_json({"sound": True, "digest": digest, "plan": plan})
        return
    counts = (("goal", plan.goals), ("risk", plan.risks), ("milestone", plan.milestones))
    listed = ", ".join(plural(len(found), noun) for noun, found in counts)
    output.show(f"trueup.toml is sound: {listed}, {plural(len(plan.deployments), 'deployment')}")
    output.next_step("trueup plan adopt")


@command.command("adopt", example="trueup plan adopt")
@output.as_option
@output.json_option
def adopt(speaker: str, as_json: bool) -> None:
    """Put trueup.toml in force; what is live is judged by it from then on."""
    with output.here() as workspace:
        actor = workspace.speaking_as(speaker)
        before = in_force(workspace, actor)
        adopted = adopt_file(workspace, actor)
    if as_json:
        output.emit_json(adopted)
        return
    if before is not None and before.digest == adopted.digest:
        output.show(f"Plan {adopted.version} is in force already; trueup.toml has not changed")
    else:
        output.show(f"Plan {adopted.version} is in force ({short(adopted.digest)})")
    output.next_step("trueup plan show", "trueup run")


def adopt_file(workspace: Workspace, actor: Actor) -> AdoptedPlan:
    """Put the project's trueup.toml in force, with its commit if it is committed."""
    from trueup.lifecycle.plan import service

    plan = service.read(workspace.root)
    return workspace.plans.adopt(actor, plan, _commit(workspace.root))


def in_force(workspace: Workspace, actor: Actor) -> AdoptedPlan | None:
    """The plan in force, if there is one."""
    try:
        return workspace.plans.current(actor)
    except NotFoundError:
        return None


def difference(workspace: Workspace, adopted: AdoptedPlan) -> str:
    """What keeps trueup.toml, as it stands, from being the plan in force; empty when it is."""
    from trueup.lifecycle.plan import service

    try:
        plan = service.read(workspace.root)
    except UsageError:
        return f"trueup.toml has an error, plan {adopted.version} stays in force"
    digest, prints = service.address(plan, workspace.root)
    if digest == adopted.digest:
        return ""
    if builtins(plan) != builtins(adopted.plan):
        return f"trueup.toml differs from plan {adopted.version}, which is in force"
    changed = [
        name for name, fingerprint in prints.items() if adopted.metrics.get(name) != fingerprint
    ]
    return f"the code of {listing(changed)} has changed since plan {adopted.version} was adopted"


def _commit(root: Path) -> str:
    try:
        origin = source.read(root)
    except UsageError:  # no repository, no commit: the plan stands without one
        return ""
    return "" if configuration.FILE in origin.changed else origin.commit


def _print(adopted: AdoptedPlan) -> None:
    plan = adopted.plan
    output.heading(plan.project.name, plan.project.objective)
    output.facts(
        {
            "plan": adopted.version,
            "digest": short(adopted.digest),
            "adopted": f"{words.moment(adopted.adopted_at)} by {adopted.adopted_by}",
            "commit": adopted.commit[:7],
            "process": plan.process.template,
            "runs code of": ", ".join(plan.process.runs_code),
            "team": ", ".join(f"{name} ({', '.join(roles)})" for name, roles in plan.team.items()),
        }
    )
    _print_goals(plan)
    if plan.risks:
        output.blank()
        rows = [(r.id, r.likelihood * r.impact, r.threat, r.detect, r.treat) for r in plan.risks]
        rows.sort(key=lambda row: -int(row[1]))
        output.table(("risk", "weight", "threat", "seen by", "answered by"), rows)
    if plan.milestones:
        output.blank()
        done = [(m.id, words.day(m.due), ", ".join(m.done_when)) for m in plan.milestones]
        output.table(("milestone", "due", "done when"), done)
    if plan.deployments:
        output.blank()
        places = [
            (name, d.model, d.strategy, d.entity, d.monitor_every)
            for name, d in plan.deployments.items()
        ]
        output.table(("deployment", "model", "strategy", "entity", "monitored every"), places)


def _print_goals(plan: Plan) -> None:
    if not plan.goals:
        return
    output.blank()
    rows = []
    for goal in plan.goals:
        gate = ", ".join(demanded(goal))
        watch = reaction = ""
        if goal.watch is not None:
            watch = f"{words.limit(*limit(goal, 'watch'))} over {goal.watch.window}"
            reaction = ", ".join(goal.on_breach)
        rows.append((goal.id, goal.metric or None, gate, watch or None, reaction or None))
    output.table(("goal", "metric", "gate", "watch", "on breach"), rows)
