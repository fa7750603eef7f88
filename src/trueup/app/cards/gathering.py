"""What a card says is gathered here; nobody writes a figure into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from trueup.app.cards.records import Card, Figure, Finding, Place, Signed
from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import decode
from trueup.lifecycle.gates import table as gates
from trueup.lifecycle.gates.attestations.rubric import TESTS
from trueup.lifecycle.gates.attestations.standing import standing
from trueup.lifecycle.gates.service import ground_of
from trueup.lifecycle.models import answers
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.leave import runs_code
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.pipeline.code.packages import Environment
from trueup.lifecycle.plan import table as plans
from trueup.lifecycle.releases import table as releases
from trueup.lifecycle.runs import table as runs
from trueup.people import table as people
from trueup.ports.format import Scores
from trueup.statistics.metrics import METRICS, Metric, is_own

if TYPE_CHECKING:
    import polars as pl
    import sqlalchemy as sa

    from trueup.lifecycle.gates.attestations.records import Attestation
    from trueup.lifecycle.gates.records import Ground, Verdict
    from trueup.lifecycle.plan.records import Goal

_MOST_VALUES = 12
_MOST_COLUMNS = 6
_FEWEST_ROWS = 30


def gather(workspace: Workspace, actor: Actor, model: str, selector: str = "") -> Card:
    """The card of a version as the evidence stands now.

    Raises:
        NotFoundError: There is no such version.
    """
    with workspace.state.read(actor) as connection:
        version = models.find(connection, model, selector)
        manifest = version.manifest
        plan = plans.current(connection)
        verdict = next(iter(gates.of_model(connection, version.ref)), None)
        goals = plan.plan.goals if plan else ()
        lives = releases.of_version(connection, version.model, version.version)
        approvals = _approvals(connection, [version.ref, *(each.ref for each in lives)])
        attested, _ = standing(connection, workspace.state.keys, version.model, clock.now())
        steps = runs.steps(connection, manifest.run)
        ground = ground_of(connection, version)
    figures, rows = _measured(workspace, version, ground, goals)
    environment = _environment(workspace, version)
    return Card(
        ref=version.ref,
        digest=version.digest,
        registered=f"{version.registered_at:%Y-%m-%d %H:%M} by {version.registered_by}",
        format=manifest.format,
        quarantined=manifest.quarantined,
        purpose=plan.plan.project.objective if plan else "",
        claims=tuple(goal.claim for goal in goals),
        inputs=manifest.signature.inputs,
        label=ground.label if ground else "",
        task=manifest.signature.task,
        answers=answers.said(manifest.signature),
        judged_on=ground.rows if ground else "",
        data=dict(sorted(manifest.data.items())),
        training_rows=rows,
        figures=figures,
        verdict=f"verdict:{verdict.id} {verdict.statement.outcome}" if verdict else "",
        findings=_findings(verdict),
        limits=_limits(version, verdict, figures),
        risks=tuple(risk.threat for risk in plan.plan.risks) if plan else (),
        approvals=approvals,
        attested=_attested(attested),
        places=tuple(
            Place(
                release=each.ref,
                state=each.state,
                since=f"{each.started_at:%Y-%m-%d %H:%M}" if each.started_at else "",
                until=f"{each.ended_at:%Y-%m-%d %H:%M}" if each.ended_at else "",
            )
            for each in lives
        ),
        made_by=_origin(version),
        parameters={name: str(value) for name, value in sorted(manifest.parameters.items())},
        environment={}
        if environment is None
        else {
            "python": environment.python,
            "machine": environment.machine,
            "system": environment.system,
        },
        packages={} if environment is None else dict(sorted(environment.packages.items())),
        seconds=round(sum(step.seconds for step in steps), 3),
        cpu_seconds=round(sum(step.cpu_seconds for step in steps), 3),
    )


def _origin(version: ModelVersion) -> dict[str, str]:
    manifest = version.manifest
    if manifest.foreign is not None:
        return {"source": manifest.foreign_source, "run": manifest.run}
    found = {
        "run": f"run:{manifest.run}",
        "pipeline": manifest.pipeline,
        "commit": manifest.commit,
        "code": manifest.code,
    }
    return {name: value for name, value in found.items() if value}


def _approvals(connection: sa.Connection, subjects: list[str]) -> tuple[Signed, ...]:
    return tuple(
        Signed(
            subject=subject,
            state=given.state,
            by=given.decided_by,
            at=f"{given.decided_at:%Y-%m-%d %H:%M}" if given.decided_at else "",
            reason=given.reason,
        )
        for subject in subjects
        for given in people.approvals_of(connection, subject)
    )


def _attested(found: Sequence[Attestation]) -> tuple[Signed, ...]:
    titles = {test.id: test.title for test in TESTS}
    return tuple(
        Signed(
            subject=f"{each.claim.test}: {titles[each.claim.test]}",
            state=f"until {each.claim.until}",
            by=each.claim.given_by,
            at=f"{each.claim.given_at:%Y-%m-%d %H:%M}",
            reason=each.claim.reason,
        )
        for each in found
    )


def _findings(verdict: Verdict | None) -> tuple[Finding, ...]:
    results = verdict.statement.results if verdict else ()
    return tuple(
        Finding(goal=each.goal, check=each.check, outcome=each.outcome, words=each.words)
        for each in results
    )


def _limits(
    version: ModelVersion, verdict: Verdict | None, figures: tuple[Figure, ...]
) -> tuple[str, ...]:
    found = []
    manifest = version.manifest
    if manifest.quarantined:
        found.append(f"It is quarantined and never loaded: {manifest.quarantined}.")
    if not manifest.signature.inputs:
        found.append("It has no signature: what it takes is not known.")
    if manifest.foreign is not None:
        found.append("A client registered it: how it was made is not known here.")
    if not manifest.quarantined and runs_code(manifest.format):
        found.append("It is code of the project, which a card does not run: see its verdict.")
    if verdict is None:
        found.append("No gate has judged it.")
    elif not verdict.passed:
        found.append("It did not pass its gates.")
    found += [f"{waiver}." for waiver in verdict.statement.waivers] if verdict else []
    small = sorted({each.slice for each in figures if each.slice and each.value is None})
    if small:
        found.append(f"Too few rows or one class only, so not measured: {', '.join(small)}.")
    return tuple(found)


def _environment(workspace: Workspace, version: ModelVersion) -> Environment | None:
    if not version.manifest.environment:
        return None
    try:
        return decode(workspace.state.blobs.get(version.manifest.environment), Environment)
    except TrueupError:  # one that was collected is no reason to say nothing at all
        return None


def _measured(
    workspace: Workspace, version: ModelVersion, ground: Ground | None, goals: tuple[Goal, ...]
) -> tuple[tuple[Figure, ...], int | None]:
    """The metrics of the goals on the rows it is judged on, and how many rows it learned from."""
    manifest = version.manifest
    if ground is None:
        return (), None
    blobs = workspace.state.blobs
    rows = models.read_rows(blobs, ground.trained_on).height if ground.trained_on else None
    holdout = models.read_rows(blobs, ground.data)
    if runs_code(manifest.format):
        return (), rows  # a card runs nothing
    predict, signature = models.load_predictor(blobs, manifest), manifest.signature
    scores = predict(model_rules.conform(holdout, signature))
    labels = answers.labels_of(holdout, ground.label, signature)
    wanted = {g.metric for g in goals} - {""}
    fit = {n: METRICS[n] for n in sorted(wanted) if not is_own(n)}  # a card runs nothing
    fit = {n: m for n, m in fit.items() if m.needs != "latency" and signature.task in m.tasks}
    beside = answers.beside_of(holdout, signature)
    everything = np.ones(holdout.height, dtype=np.bool_)
    figures: list[Figure] = []
    for where, chosen in [("", everything), *_slices(holdout, version)]:
        part = beside[chosen] if signature.group and beside is not None else beside
        figures += [_figure(m, where, labels[chosen], scores[chosen], part) for m in fit.values()]
    return tuple(figures), rows


def _figure(
    metric: Metric, where: str, labels: Scores, scores: Scores, beside: Scores | None
) -> Figure:
    count = len(labels)
    value = None
    if count >= (_FEWEST_ROWS if where else 1):
        try:
            measured = float(metric(labels, scores, beside=beside).value)
        except ValueError:  # labels or answers that are none
            measured = float("nan")
        value = round(measured, 6) if np.isfinite(measured) else None
    return Figure(metric=metric.name, slice=where, value=value, rows=count)


def _slices(
    holdout: pl.DataFrame, version: ModelVersion
) -> list[tuple[str, npt.NDArray[np.bool_]]]:
    """The rows by each value of columns that hold few words."""
    kinds = {c.name for c in version.manifest.signature.inputs if c.kind in ("text", "boolean")}
    found: list[tuple[str, npt.NDArray[np.bool_]]] = []
    for name in [c for c in holdout.columns if c in kinds][:_MOST_COLUMNS]:
        values = holdout[name].drop_nulls().unique().sort().to_list()
        if 1 < len(values) <= _MOST_VALUES:
            for value in values:
                chosen = (holdout[name] == value).fill_null(False).to_numpy()
                found.append((f"{name} = {value}", chosen))
    return found
