"""The plan: why the project exists, what it promised, and whether the promises hold now."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.status import Overview, overview
from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.web import shell
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan import rules
from trueup.lifecycle.plan.records import Goal, MilestoneStatus
from trueup.people.records import Person
from trueup.statistics.metrics import METRICS


class GateStanding(Record):
    """What the gate said of a goal when the live version was judged."""

    deployment: str
    model_ref: str
    verdict: str
    results: tuple[CheckResult, ...]


class GoalStanding(Record):
    """A goal with its limits in force, and the newest evidence from gate and watch."""

    goal: Goal
    better: str
    demands: tuple[str, ...]
    gate_limit: tuple[float | None, float | None]
    watch_limit: tuple[float | None, float | None]
    gates: tuple[GateStanding, ...]


class MilestoneStanding(Record):
    """A milestone: reached, overdue or still ahead."""

    status: MilestoneStatus
    state: str


class PlanPage(Record):
    """Everything that the plan page says; `overview` is None until a plan is in force."""

    overview: Overview | None
    goals: tuple[GoalStanding, ...]
    milestones: tuple[MilestoneStanding, ...]
    people: tuple[Person, ...]


def load(workspace: Workspace, actor: Actor) -> PlanPage:
    """Gather the page."""
    people = tuple(workspace.people.everybody(actor))
    try:
        now = overview(workspace, actor)
    except NotFoundError:
        return PlanPage(overview=None, goals=(), milestones=(), people=people)
    return PlanPage(
        overview=now,
        goals=tuple(_goal(workspace, actor, now, status.goal) for status in now.goals),
        milestones=tuple(
            MilestoneStanding(status=status, state=milestone_state(status))
            for status in now.milestones
        ),
        people=people,
    )


def milestone_state(status: MilestoneStatus) -> str:
    """One word for where a milestone stands today."""
    if status.reached:
        return "reached"
    return "overdue" if status.milestone.due < clock.now().date() else "ahead"


@shell.page("/plan")
def plan(request: Asked, workspace: TheWorkspace, actor: TheActor) -> Response[Any]:
    """Objective, goals, risks, milestones, team."""
    page = load(workspace, actor)
    return shell.answer(request, "plan.html", "Plan", page, command="trueup plan show")


def _goal(workspace: Workspace, actor: Actor, now: Overview, goal: Goal) -> GoalStanding:
    gates = []
    for deployment in now.deployments:
        for release in deployment.serving:
            statement = workspace.gates.show(actor, release.verdict).statement
            found = tuple(r for r in statement.results if r.goal == goal.id)
            gates.append(
                GateStanding(
                    deployment=deployment.name,
                    model_ref=release.model_ref,
                    verdict=release.verdict,
                    results=found,
                )
            )
    return GoalStanding(
        goal=goal,
        better=goal.better or (METRICS[goal.metric].better if goal.metric else "neither"),
        demands=rules.demanded(goal),
        gate_limit=rules.limit(goal, "gate"),
        watch_limit=rules.limit(goal, "watch"),
        gates=tuple(gates),
    )
