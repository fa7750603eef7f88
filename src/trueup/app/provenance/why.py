"""`trueup why`: from anything to its causes (rows, commit, goal, people) and to its effects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from trueup.app.provenance import holders, lineage
from trueup.app.provenance.lineage import Node, node, related
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.references import Reference, parse
from trueup.lifecycle.data import service as data
from trueup.lifecycle.data import table as data_table
from trueup.lifecycle.gates import table as gates
from trueup.lifecycle.gates.standing import failing
from trueup.lifecycle.improvement import table as improvement
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.monitoring import table as monitoring
from trueup.lifecycle.plan import table as plans
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import table as releases
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.runs import table as runs
from trueup.lifecycle.runs.features import service as features
from trueup.lifecycle.runs.features import table as feature_table
from trueup.people import table as people

_Connection = sa.Connection
_MOST = 20  # runs that are named of those that read the same, or made the same


def explain(workspace: Workspace, actor: Actor, reference: str) -> Node:
    """The whole chain behind a reference, and what came of it.

    Raises:
        UsageError: The text is no reference.
        NotFoundError: There is no such thing.
    """
    ref = parse(reference)
    if ref.kind == "prediction":
        return _prediction(workspace, actor, ref)
    roots: dict[str, Callable[[_Connection, Reference], Node]] = {
        "model": _model,
        "release": _release,
        "run": _run,
        "data": _data,
        "feature": _feature,
        "alert": _alert,
        "verdict": _verdict,
        "approval": _approval,
        "goal": _goal,
        "plan": _plan,
        "deployment": _deployment,
    }
    if ref.kind in holders.KINDS:
        with workspace.state.read(actor) as connection:
            return holders.explain(connection, workspace.state.blobs, ref)
    with workspace.state.read(actor) as connection:
        return roots[ref.kind](connection, ref)


def _prediction(workspace: Workspace, actor: Actor, ref: Reference) -> Node:
    found = workspace.predictions.show(actor, ref.name)
    with workspace.state.read(actor) as connection:
        release = releases.release(connection, found.deployment, found.release)
        chain = (
            related("answered by", _release_causes(connection, release))
            if release
            else Node(label=found.model_ref, ref=found.model_ref, relation="answered by")
        )
    known = found.label.words if found.label else "not known yet"
    facts = {
        "score": found.answer,
        "label": known,
        "about": f"{found.at:%Y-%m-%d %H:%M}",
        "received": f"{found.received_at:%Y-%m-%d %H:%M:%S}",
        "entity": found.entity,
    }
    inputs = Node(
        label="what was asked",
        relation="from input",
        facts={name: str(value) for name, value in found.inputs.items()},
    )
    return node("prediction", str(ref), facts, inputs, chain)


def _model(connection: _Connection, ref: Reference) -> Node:
    version = models.find(connection, ref.name, ref.selector)
    causes = _version_causes(connection, version)
    effects = [
        related("released as", _release_effects(connection, release))
        for release in releases.of_version(connection, version.model, version.version)
    ]
    again = [
        related("made again by", node(f"run of {run.pipeline}", run.ref, lineage.of_run(run)))
        for run in models.remade_by(connection, version, _MOST)
    ]
    return node(causes.label, version.ref, causes.facts, *causes.children, *again, *effects)


def _release(connection: _Connection, ref: Reference) -> Node:
    release = None
    if ref.selector.isdecimal():
        release = releases.release(connection, ref.name, int(ref.selector))
    elif not ref.selector:
        release = next(iter(releases.in_state(connection, ref.name, ("live",))), None)
    if release is None:
        raise _absent(ref, f"trueup deployment show {ref.name}")
    causes = _release_causes(connection, release)
    effects = _release_effects(connection, release)
    return node(causes.label, release.ref, causes.facts, *causes.children, *effects.children)


def _run(connection: _Connection, ref: Reference) -> Node:
    run = runs.run(connection, ref.name)
    if run is None:
        raise _absent(ref, "trueup runs list")
    causes = _run_causes(connection, run)
    versions = model_table.of_run(connection, run.id)
    if not versions and (known := models.made_by(connection, run)):
        versions = [known]
    effects = [
        related(
            "made" if v.manifest.run == run.id else "made again",
            _model(connection, Reference(kind="model", name=v.model, selector=str(v.version))),
        )
        for v in versions
    ]
    shallow = [
        related(e.relation, node(e.label, e.ref, e.facts, *_only(e, "released as")))
        for e in effects
    ]
    return node(causes.label, causes.ref, causes.facts, *causes.children, *shallow)


def _data(connection: _Connection, ref: Reference) -> Node:
    version = data.find(connection, ref.name, ref.selector)
    effects, makers = [], set()
    for model in model_table.models(connection):
        for made in model_table.versions(connection, model):
            if made.manifest.data.get(version.name) == version.digest:
                lives = releases.of_version(connection, made.model, made.version)
                children = [related("released as", _release_effects(connection, r)) for r in lives]
                label = f"model version {made.ref}"
                facts = lineage.of_version(made)
                effects.append(related("trained", node(label, made.ref, facts, *children)))
                makers.add(made.manifest.run)
    for run in runs.having_read(connection, version.name, version.digest, _MOST):
        if run.id not in makers:
            read = node(f"run of {run.pipeline}", run.ref, lineage.of_run(run))
            effects.append(related("read by", read))
    return node(
        f"data snapshot of {version.name}", version.ref, lineage.of_dataset(version), *effects
    )


def _feature(connection: _Connection, ref: Reference) -> Node:
    version = features.find(connection, ref.name, ref.selector)
    effects = []
    for model in model_table.models(connection):
        for made in model_table.versions(connection, model):
            if made.manifest.features.get(version.name) == version.digest:
                label = f"model version {made.ref}"
                effects.append(related("used by", node(label, made.ref, lineage.of_version(made))))
    run = runs.run(connection, version.run)
    causes = [related("made by", _run_causes(connection, run))] if run else []
    label = f"feature definition of {version.name}"
    return node(label, version.ref, lineage.of_feature(version), *causes, *effects)


def _alert(connection: _Connection, ref: Reference) -> Node:
    alert = monitoring.alert(connection, ref.name)
    if alert is None:
        raise _absent(ref, "trueup alert list")
    version = models.find(connection, *_parts(alert.model_ref))
    causes = [related("about", _version_causes(connection, version))]
    if alert.goal:
        causes.insert(0, related("breaks", _goal_node(connection, alert.goal)))
    effects = [
        related("led to", _proposal_node(connection, proposal))
        for proposal in improvement.of_deployment(connection, alert.deployment)
        if proposal.alert == alert.id
    ]
    label = f"alert on {alert.monitor} of {alert.deployment}"
    return node(label, alert.ref, lineage.of_alert(alert), *causes, *effects)


def _verdict(connection: _Connection, ref: Reference) -> Node:
    verdict = gates.verdict(connection, ref.name)
    if verdict is None:
        raise _absent(ref, "trueup status")
    version = models.find(connection, *_parts(verdict.statement.model_ref))
    return _verdict_node(
        connection, verdict.id, related("about", _version_origin(connection, version))
    )


def _approval(connection: _Connection, ref: Reference) -> Node:
    approval = people.approval(connection, ref.name)
    if approval is None:
        raise _absent(ref, "trueup approve --list")
    effects = [
        related("allowed", _release_causes(connection, release))
        for release in releases.with_approval(connection, approval.id)
    ]
    return node("approval", str(ref), lineage.of_approval(approval), *effects)


def _goal(connection: _Connection, ref: Reference) -> Node:
    if ref.name not in {goal.id for goal in in_force(connection).plan.goals}:
        raise _absent(ref, "trueup plan show")
    goal = _goal_node(connection, ref.name)
    alerts = [
        related(
            "broken in", node(f"alert on {alert.deployment}", alert.ref, lineage.of_alert(alert))
        )
        for alert in monitoring.alerts_of(connection)
        if alert.goal == ref.name
    ]
    return node(goal.label, goal.ref, goal.facts, *goal.children, *alerts)


def _plan(connection: _Connection, ref: Reference) -> Node:
    plan = plans.version(connection, int(ref.name)) if ref.name.isdecimal() else None
    if plan is None:
        raise _absent(ref, "trueup plan show")
    goals = [
        related("demands", node(f"goal '{goal.id}'", f"goal:{goal.id}", lineage.of_goal(goal)))
        for goal in plan.plan.goals
    ]
    return node(f"plan {plan.version}", str(ref), lineage.of_plan(plan), *goals)


def _deployment(connection: _Connection, ref: Reference) -> Node:
    found = releases.of_deployment(connection, ref.name)
    if not found:
        raise _absent(ref, "trueup deployment list")
    children = [related("release", _release_causes(connection, release)) for release in found]
    return node(f"deployment {ref.name}", str(ref), {}, *children)


def _release_causes(connection: _Connection, release: Release) -> Node:
    version = model_table.version(connection, release.model, release.version)
    children = [related("serves", _version_origin(connection, version))] if version else []
    children.append(related("stands on", _verdict_node(connection, release.verdict)))
    approval = people.approval(connection, release.approval) if release.approval else None
    if approval is not None:
        facts = lineage.of_approval(approval)
        who = node(
            f"approval by {approval.decided_by or 'nobody yet'}", f"approval:{approval.id}", facts
        )
        children.append(related("approved by", who))
    proposal = next(
        (
            p
            for p in improvement.of_deployment(connection, release.deployment)
            if p.release == release.number
        ),
        None,
    )
    if proposal is not None:
        cause = node(
            f"breach of goal '{proposal.goal}'",
            f"alert:{proposal.alert}",
            lineage.of_proposal(proposal),
        )
        children.append(related("because of", cause))
    label = f"release {release.number} of {release.deployment}"
    return node(label, release.ref, lineage.of_release(release), *children)


def _release_effects(connection: _Connection, release: Release) -> Node:
    alerts = [
        related("led to", node(f"alert on {alert.monitor}", alert.ref, lineage.of_alert(alert)))
        for alert in monitoring.alerts_of(connection)
        if (alert.deployment, alert.model_ref) == (release.deployment, release.model_ref)
    ]
    label = f"release {release.number} of {release.deployment}"
    return node(label, release.ref, lineage.of_release(release), *alerts)


def _version_origin(connection: _Connection, version: ModelVersion) -> Node:
    run = runs.run(connection, version.manifest.run)
    children = [related("made by", _run_causes(connection, run))] if run else []
    label = f"model version {version.ref}"
    return node(label, version.ref, lineage.of_version(version), *children)


def _version_causes(connection: _Connection, version: ModelVersion) -> Node:
    origin = _version_origin(connection, version)
    verdicts = [
        related("judged by", _verdict_node(connection, verdict.id))
        for verdict in gates.of_model(connection, version.ref)
    ]
    return node(origin.label, origin.ref, origin.facts, *origin.children, *verdicts)


def _run_causes(connection: _Connection, run: Any) -> Node:
    children = []
    for name, digest in sorted(run.data.items()):
        snapshot = data_table.with_digest(connection, name, digest)
        if snapshot is not None:
            child = node(f"data snapshot of {name}", snapshot.ref, lineage.of_dataset(snapshot))
            children.append(related("from data", child))
    for name, digest in feature_table.of_run(connection, run.id).items():
        defined = feature_table.with_digest(connection, name, digest)
        if defined is not None:
            child = node(f"feature definition of {name}", defined.ref, lineage.of_feature(defined))
            children.append(related("with features", child))
    if run.commit:
        dirty = {"dirty": "files differed from the commit"} if run.dirty else {}
        children.append(
            related(
                "at commit",
                Node(label=f"commit {run.commit[:12]}", facts={"commit": run.commit} | dirty),
            )
        )
    proposal = improvement.of_run(connection, run.id)
    if proposal is not None:
        cause = node(
            f"breach of goal '{proposal.goal}'",
            f"alert:{proposal.alert}",
            lineage.of_proposal(proposal),
        )
        children.append(related("because of", cause))
    return node(f"run of {run.pipeline}", f"run:{run.id}", lineage.of_run(run), *children)


def _verdict_node(connection: _Connection, verdict_id: str, *further: Node) -> Node:
    verdict = gates.verdict(connection, verdict_id)
    if verdict is None:
        return Node(label="verdict that is gone", ref=f"verdict:{verdict_id}")
    facts = lineage.of_verdict(verdict)
    if failed := failing(verdict):
        facts["failing"] = "; ".join(result.words for result in failed)
    if verdict.statement.waivers:
        facts["waived"] = "; ".join(map(str, verdict.statement.waivers))
    plan = plans.with_digest(connection, verdict.statement.plan)
    goals = [
        related("for goal", node(f"goal '{goal.id}'", f"goal:{goal.id}", lineage.of_goal(goal)))
        for goal in (plan.plan.goals if plan else ())
    ]
    children = [*further]
    if plan is not None:
        child = node(f"plan {plan.version}", f"plan:{plan.version}", lineage.of_plan(plan), *goals)
        children.append(related("under", child))
    return node(f"verdict {verdict.statement.outcome}", f"verdict:{verdict.id}", facts, *children)


def _goal_node(connection: _Connection, goal_id: str) -> Node:
    adopted = in_force(connection)
    if goal_id not in {goal.id for goal in adopted.plan.goals}:
        return Node(label=f"goal '{goal_id}', which the plan no longer has", ref=f"goal:{goal_id}")
    goal = adopted.plan.goal(goal_id)
    facts = lineage.of_goal(goal) | {"fingerprint": adopted.metrics.get(goal.metric, "")}
    plan = node(f"plan {adopted.version}", f"plan:{adopted.version}", lineage.of_plan(adopted))
    return node(f"goal '{goal_id}'", f"goal:{goal_id}", facts, related("of", plan))


def _proposal_node(connection: _Connection, proposal: Any) -> Node:
    children = []
    if proposal.candidate:
        version = models.find(connection, *_parts(proposal.candidate))
        children.append(related("made", _version_causes(connection, version)))
    if proposal.release:
        release = releases.release(connection, proposal.deployment, proposal.release)
        if release is not None:
            label = f"release {release.number} of {release.deployment}"
            facts = lineage.of_release(release)
            children.append(related("released as", node(label, release.ref, facts)))
    return node("retraining", "", lineage.of_proposal(proposal), *children)


def _only(parent: Node, relation: str) -> list[Node]:
    return [child for child in parent.children if child.relation == relation]


def _parts(model_ref: str) -> tuple[str, str]:
    model, _, selector = model_ref.partition("@")
    return model, selector


def _absent(ref: Reference, hint: str) -> NotFoundError:
    return NotFoundError("thing-not-found", f"There is no {ref}.", hint=hint)
