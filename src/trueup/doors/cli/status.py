"""`trueup status`: what is live, what is true, what needs you."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.text import Text

from trueup.doors.cli import plan
from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation import clock
from trueup.foundation.text import plural
from trueup.rendering import words

if TYPE_CHECKING:
    from trueup.app.status import GoalStatus, Overview
    from trueup.lifecycle.plan.records import MilestoneStatus


@click.command(cls=Command, example="trueup status")
@output.json_option
def command(as_json: bool) -> None:
    """Show what is live, what is true, and what needs you; computed from evidence each time."""
    from trueup.app.status import overview

    with output.here() as workspace:
        actor = workspace.owner
        adopted = plan.in_force(workspace, actor)
        if adopted is None and not as_json:
            output.say("No plan is in force yet.")
            output.next_step("trueup run", "trueup plan adopt")
            return
        seen = overview(workspace, actor)
        different = plan.difference(workspace, seen.plan)
        versions = [
            v.ref
            for name in workspace.models.names(actor)
            for v in workspace.models.versions(actor, name)[:1]
        ]
    if as_json:
        output.emit_json(seen)
        return
    project = seen.plan.plan.project
    output.heading(project.name, project.objective)
    _goals(seen)
    _deployments(seen)
    _milestones(seen)
    _needs(seen, different)
    output.next_step(*_next(seen, different, versions))


def _goals(seen: Overview) -> None:
    if not seen.goals:
        return
    output.blank()
    rows = [row for status in seen.goals for row in _goal_rows(status)]
    output.table(("goal", "metric", "live value", "bound", "limit", "where", "verdict"), rows)


def _goal_rows(status: GoalStatus) -> list[tuple[object, ...]]:
    goal = status.goal
    if not status.findings:
        unknown = Text("not live yet" if goal.watch else "before release only", style="dim")
        return [(goal.id, goal.metric or None, None, None, None, None, unknown)]
    return [
        (goal.id, goal.metric, f.value, f.bound, f.limit, place, output.state(f.verdict))
        for place, f in status.findings.items()
    ]


def _deployments(seen: Overview) -> None:
    if not seen.deployments:
        return
    output.blank()
    rows: list[tuple[object, ...]] = []
    for place in seen.deployments:
        for release in (*place.serving, *place.waiting):
            share = f"{release.weight:.0%}" if release.state != "requested" else None
            state = output.state(release.state)
            since = release.started_at or release.requested_at
            rows.append((place.name, release.model_ref, state, share, since, release.ref))
        if not (place.serving or place.waiting):
            rows.append((place.name, None, Text("nothing serves", style="dim"), None, None, None))
    output.table(("deployment", "model", "state", "traffic", "since", "release"), rows)


def _milestones(seen: Overview) -> None:
    if not seen.milestones:
        return
    output.blank()
    rows = [
        (
            status.milestone.id,
            words.day(status.milestone.due),
            _reached(status),
            ", ".join(status.missing),
        )
        for status in seen.milestones
    ]
    output.table(("milestone", "due", "state", "missing"), rows)


def _reached(status: MilestoneStatus) -> Text:
    if status.reached:
        return output.state("reached")
    late = status.milestone.due < clock.now().date()
    return output.state("overdue" if late else "ahead")


def _needs(seen: Overview, different: str) -> None:
    needs = [
        f"{a.ref}: {a.monitor} of {a.deployment} ({a.model_ref}) is {words.number(a.value)}, "
        f"limit {words.number(a.limit)}"
        for a in seen.alerts
    ]
    needs += [
        f"approval:{a.id}: release {a.subject}, asked by {a.asked_by}" for a in seen.approvals
    ]
    needs += [
        f"{p.name} is being improved: {p.proposal.why or p.proposal.state}"
        for p in seen.deployments
        if p.proposal
    ]
    needs += [f"{waiver.model_ref} serves although {waiver}" for waiver in seen.waivers]
    if different:
        needs.append(different)
    output.blank()
    if not needs:
        output.show(Text("✓ Nothing needs you.", style="green"))
        return
    output.heading(f"{plural(len(needs), 'thing needs', 'things need')} you")
    for need in needs:
        output.show(f"  {need}")


def _next(seen: Overview, different: str, versions: list[str]) -> list[str]:
    if seen.alerts:
        return [f"trueup why {seen.alerts[0].ref}"]
    if seen.approvals:
        return [f"trueup approve {seen.approvals[0].id} --as NAME"]
    if different:
        return ["trueup plan adopt"]
    if any(place.serving for place in seen.deployments):
        return ["trueup up"]
    return [f"trueup check {versions[0]}" if versions else "trueup run"]
