"""Where the project stands: computed from evidence each time it is asked, never stored."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.gates.records import Waiver
from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.monitoring.records import Alert, Finding
from trueup.lifecycle.plan import rules as plan_rules
from trueup.lifecycle.plan.records import AdoptedPlan, Goal, MilestoneStatus
from trueup.lifecycle.releases.records import Release
from trueup.people.records import Approval


class GoalStatus(Record):
    """A goal, and the newest finding about it in every deployment that has one."""

    goal: Goal
    findings: dict[str, Finding]


class DeploymentStatus(Record):
    """What serves in a place, and the retraining that is under way there, if any."""

    name: str
    serving: tuple[Release, ...]
    waiting: tuple[Release, ...]
    proposal: Proposal | None = None


class Overview(Record):
    """Everything that matters now.

    Attributes:
        plan: The plan in force.
        goals: The goals and how they do.
        milestones: Reached or not, and what is missing.
        deployments: What serves where.
        alerts: Alerts that are not resolved.
        waivers: Those in force for what serves.
        approvals: Questions that wait for an answer.
    """

    plan: AdoptedPlan
    goals: tuple[GoalStatus, ...]
    milestones: tuple[MilestoneStatus, ...]
    deployments: tuple[DeploymentStatus, ...]
    alerts: tuple[Alert, ...]
    approvals: tuple[Approval, ...]
    waivers: tuple[Waiver, ...] = ()


def overview(workspace: Workspace, actor: Actor) -> Overview:
    """Where the project stands now.

    Raises:
        NotFoundError: No plan is in force.
    """
    adopted = workspace.plans.current(actor)
    deployments = tuple(_deployment(workspace, actor, name) for name in adopted.plan.deployments)
    findings = {name: _newest_findings(workspace, actor, name) for name in adopted.plan.deployments}
    goals = tuple(
        GoalStatus(
            goal=goal,
            findings={name: found[goal.id] for name, found in findings.items() if goal.id in found},
        )
        for goal in adopted.plan.goals
    )
    holding = _holding(workspace, actor, adopted, goals, deployments)
    return Overview(
        plan=adopted,
        goals=goals,
        milestones=tuple(
            plan_rules.milestone_status(milestone, holding) for milestone in adopted.plan.milestones
        ),
        deployments=deployments,
        alerts=tuple(workspace.monitors.alerts(actor, unresolved=True)),
        approvals=tuple(workspace.people.open_approvals(actor)),
        waivers=_waivers(workspace, actor, deployments),
    )


def _waivers(
    workspace: Workspace, actor: Actor, deployments: tuple[DeploymentStatus, ...]
) -> tuple[Waiver, ...]:
    now = clock.now()
    live = {release.model_ref for place in deployments for release in place.serving}
    return tuple(
        waiver
        for ref in sorted(live)
        for waiver in workspace.gates.waivers(actor, ref)
        if waiver.counts_at(now)
    )


def _deployment(workspace: Workspace, actor: Actor, name: str) -> DeploymentStatus:
    found = workspace.releases.of_deployment(actor, name)
    proposals = workspace.improvements.of_deployment(actor, name)
    open_ = [p for p in proposals if p.state in ("proposed", "training", "requested")]
    return DeploymentStatus(
        name=name,
        serving=tuple(r for r in reversed(found) if r.state in ("live", "canary")),
        waiting=tuple(r for r in found if r.state == "requested"),
        proposal=open_[0] if open_ else None,
    )


def _newest_findings(workspace: Workspace, actor: Actor, deployment: str) -> dict[str, Finding]:
    newest = workspace.monitors.evaluations(actor, deployment, most=1)
    return {
        finding.goal: finding
        for evaluation in newest
        for finding in evaluation.findings
        if finding.goal and finding.is_live and finding.monitor.endswith(".watch")
    }


def _holding(
    workspace: Workspace,
    actor: Actor,
    plan: AdoptedPlan,
    goals: tuple[GoalStatus, ...],
    deployments: tuple[DeploymentStatus, ...],
) -> set[str]:
    """The milestone conditions that evidence supports now."""
    holding: set[str] = set()
    for deployment in deployments:
        live = [release for release in deployment.serving if release.state == "live"]
        if not live:
            continue
        holding.add(f"released:{deployment.name}")
        # Only a verdict under the plan in force counts; after a change of plan it is judged anew.
        verdicts = workspace.gates.of_model(actor, live[0].model_ref)
        verdict = next((v for v in verdicts if v.statement.plan == plan.digest), None)
        for goal in plan.plan.goals:
            found = verdict.statement.results if verdict else ()
            results = [r for r in found if r.goal == goal.id]
            if results and all(r.outcome in ("passed", "not-applicable") for r in results):
                holding.add(f"{goal.id}.gate")
        for status in goals:
            finding = status.findings.get(deployment.name)
            if finding is not None and finding.verdict == "ok":
                holding.add(f"{status.goal.id}.watch")
    return holding
