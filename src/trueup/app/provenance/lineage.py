"""One node of a lineage tree, and how the facts of each noun are put into words."""

from __future__ import annotations

from typing import Final

from trueup.foundation import digests
from trueup.foundation.digests import short
from trueup.foundation.records import Record
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.monitoring.records import Alert
from trueup.lifecycle.plan.demands import kind_of
from trueup.lifecycle.plan.records import AdoptedPlan, Goal
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.runs.features.records import FeatureVersion
from trueup.lifecycle.runs.records import Run
from trueup.people.records import Approval

# Relations in which a child came of its parent. In all others it is what its parent came from.
EFFECTS: Final = frozenset(
    {
        *("released as", "led to", "made", "trained", "used by", "allowed", "broken in", "of"),
        *("judged by", "ran in", "held by", "the files of", "code or environment of"),
        *("read by", "made again", "made again by"),
    }
)


class Node(Record):
    """One thing in the chain.

    Attributes:
        label: What it is, in words.
        ref: Its reference; empty for things without one, such as a commit.
        relation: How it stands to its parent: `answered by`, `made by`, `led to`, …
        facts: Further facts by name; digests stand here.
        children: What it comes from, then what came of it.
    """

    label: str
    ref: str = ""
    relation: str = ""
    facts: dict[str, str] = {}
    children: tuple[Node, ...] = ()


def node(label: str, ref: str, facts: dict[str, str], *children: Node) -> Node:
    """A node; empty facts are left out."""
    return Node(
        label=label, ref=ref, facts={k: v for k, v in facts.items() if v}, children=children
    )


def related(relation: str, child: Node) -> Node:
    """The same node, standing in this relation to its parent."""
    return Node(
        label=child.label,
        ref=child.ref,
        relation=relation,
        facts=child.facts,
        children=child.children,
    )


def of_release(release: Release) -> dict[str, str]:
    """The facts of a release."""
    return {
        "state": release.state,
        "strategy": release.strategy,
        "from": f"{release.started_at:%Y-%m-%d %H:%M}" if release.started_at else "",
        "until": f"{release.ended_at:%Y-%m-%d %H:%M}" if release.ended_at else "",
        "why": release.why,
    }


def of_version(version: ModelVersion) -> dict[str, str]:
    """The facts of a model version."""
    return {
        "digest": version.digest,
        "file": version.manifest.file,
        "format": version.manifest.format,
        "features": ", ".join(
            f"{name} {short(digest)}" for name, digest in version.manifest.features.items()
        ),
        "registered": f"{version.registered_at:%Y-%m-%d %H:%M} by {version.registered_by}",
    }


def of_verdict(verdict: Verdict) -> dict[str, str]:
    """The facts of a verdict."""
    return {
        "outcome": verdict.statement.outcome,
        "digest": verdict.digest,
        "rows": verdict.statement.rows,
        "data": verdict.statement.data,
        "plan": verdict.statement.plan,
        "signed by key": short(verdict.key),
        "given": f"{verdict.given_at:%Y-%m-%d %H:%M} by {verdict.given_by}",
    }


def of_approval(approval: Approval) -> dict[str, str]:
    """The facts of an approval."""
    return {
        "state": approval.state,
        "asked by": approval.asked_by,
        "decided by": approval.decided_by,
        "content": approval.content,
        "reason": approval.reason,
    }


def of_run(run: Run) -> dict[str, str]:
    """The facts of a run."""
    return {
        "pipeline": run.pipeline,
        "state": run.state,
        "parameters": ", ".join(f"{k}={v}" for k, v in run.parameters.items()),
        "parameters' digest": digests.of_record(run.parameters) if run.parameters else "",
        "started": f"{run.started_at:%Y-%m-%d %H:%M} by {run.started_by}",
        "because of": run.reason or run.caused_by,
        "code": run.code,
        "environment": run.environment,
    }


def of_dataset(version: DatasetVersion) -> dict[str, str]:
    """The facts of a data snapshot."""
    return {
        "digest": version.digest,
        "rows": "" if version.rows is None else f"{version.rows:,}",
        "files": f"{version.files:,}",
        "taken": f"{version.taken_at:%Y-%m-%d %H:%M} by {version.taken_by}",
    }


def of_feature(version: FeatureVersion) -> dict[str, str]:
    """The facts of a feature definition."""
    definition = version.definition
    return {
        "digest": version.digest,
        "step": definition.step,
        "columns": ", ".join(f"{name}: {type_}" for name, type_ in definition.columns.items()),
        "code": definition.code,
        "defined": f"{version.defined_at:%Y-%m-%d %H:%M} by {version.defined_by}",
    }


def of_goal(goal: Goal) -> dict[str, str]:
    """The facts of a goal."""
    kinds = ", ".join(map(kind_of, goal.checks))
    facts = {"claim": goal.claim, "metric": goal.metric, "checks": kinds}
    return {name: value for name, value in facts.items() if value}


def of_plan(plan: AdoptedPlan) -> dict[str, str]:
    """The facts of a plan."""
    return {
        "objective": plan.plan.project.objective,
        "digest": plan.digest,
        "adopted": f"{plan.adopted_at:%Y-%m-%d %H:%M} by {plan.adopted_by}",
        "commit": plan.commit,
    }


def of_alert(alert: Alert) -> dict[str, str]:
    """The facts of an alert."""
    return {
        "state": alert.state,
        "raised": f"{alert.raised_at:%Y-%m-%d %H:%M}",
        "value": f"{alert.value:.4g}",
        "limit": f"{alert.limit:g}",
        "cause": alert.cause,
        "harm": {"true": "confirmed", "false": "not confirmed"}.get(alert.judged, "not yet judged"),
    }


def of_proposal(proposal: Proposal) -> dict[str, str]:
    """The facts of a retraining."""
    return {
        "state": proposal.state,
        "proposed": f"{proposal.proposed_at:%Y-%m-%d %H:%M}",
        "why": proposal.why,
    }
