"""Two model versions side by side: all that they are made of, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueup.app.comparing import code as code_of
from trueup.app.comparing.records import (
    CodeChange,
    DatasetChange,
    FeatureSetChange,
    MetricChange,
    ValueChange,
    VerdictChange,
    VersionDifference,
)
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, TrueupError
from trueup.foundation.records import decode
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.models.records import Manifest, ModelVersion
from trueup.lifecycle.pipeline.code import capturing
from trueup.lifecycle.pipeline.code.capturing import Code
from trueup.lifecycle.pipeline.code.packages import Environment
from trueup.lifecycle.runs.features import rules as feature_rules
from trueup.lifecycle.runs.features.records import FeatureChange


def compare(
    workspace: Workspace,
    actor: Actor,
    before: ModelVersion,
    after: ModelVersion,
    *,
    patch: bool = False,
) -> VersionDifference:
    """What differs between two model versions.

    What can no longer be read is said in its place; all else is compared all the same.

    Args:
        workspace: The project.
        actor: Who asks.
        before: The first version.
        after: The second version.
        patch: Whether to give the code's patch too.
    """
    return VersionDifference(
        before=before.ref,
        after=after.ref,
        data=_data(workspace, actor, before.manifest, after.manifest),
        code=_code(workspace, actor, before.manifest, after.manifest, patch=patch),
        features=_features(workspace, actor, before.manifest, after.manifest),
        parameters=values(before.manifest.parameters, after.manifest.parameters),
        environment=values(
            _environment(workspace, before.manifest), _environment(workspace, after.manifest)
        ),
        model=values(_model(before.manifest), _model(after.manifest)),
        metrics=metrics(
            _measured(workspace, actor, before.manifest),
            _measured(workspace, actor, after.manifest),
        ),
        verdicts=_verdicts(workspace, actor, before, after),
    )


def values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[ValueChange, ...]:
    """The names under which two records differ."""
    return tuple(
        ValueChange(name=name, before=before.get(name), after=after.get(name))
        for name in dict.fromkeys((*before, *after))
        if name not in before or name not in after or before[name] != after[name]
    )


def metrics(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[MetricChange, ...]:
    """All numbers of both, with their difference; equal ones too."""
    found = []
    for name in dict.fromkeys((*before, *after)):
        was, now = before.get(name), after.get(name)
        difference = None if was is None or now is None else now - was
        found.append(MetricChange(name=name, before=was, after=now, difference=difference))
    return tuple(found)


def _data(
    workspace: Workspace, actor: Actor, before: Manifest, after: Manifest
) -> tuple[DatasetChange, ...]:
    found = []
    for change in values(before.data, after.data):
        versions = [
            workspace.datasets.show(actor, change.name, digest) if digest else None
            for digest in (change.before, change.after)
        ]
        first, second = versions
        difference = None
        if first is not None and second is not None:
            difference = workspace.differences.compare(actor, first, second, workspace.root)
        found.append(
            DatasetChange(
                name=change.name,
                before=first.ref if first else "",
                after=second.ref if second else "",
                difference=difference,
            )
        )
    return tuple(found)


def _code(
    workspace: Workspace, actor: Actor, before: Manifest, after: Manifest, *, patch: bool
) -> CodeChange:
    first, second = (_captured(workspace, manifest) for manifest in (before, after))
    dirty = [_is_dirty(workspace, actor, manifest) for manifest in (before, after)]
    found = code_of.CodeFiles()
    if before.source != after.source or before.commit != after.commit:
        found = code_of.compare(
            workspace.state.blobs,
            workspace.root,
            first,
            second,
            is_dirty=any(dirty),
            patch=patch,
            data=_places(workspace, actor),
        )
    return CodeChange(
        before=before.commit,
        after=after.commit,
        dirty_before=dirty[0],
        dirty_after=dirty[1],
        same_steps=bool(before.code) and before.code == after.code,
        files=found.files,
        patch=found.patch,
        problem=found.problem,
    )


def _places(workspace: Workspace, actor: Actor) -> list[str]:
    return [version.path for version in workspace.datasets.newest(actor) if version.path != "."]


def _captured(workspace: Workspace, manifest: Manifest) -> Code:
    """The record of a version's code; its commit alone where nothing was captured."""
    if not manifest.source:
        return Code(commit=manifest.commit)
    return capturing.read(workspace.state.blobs, manifest.source)


def _is_dirty(workspace: Workspace, actor: Actor, manifest: Manifest) -> bool:
    try:
        return workspace.runs.show(actor, manifest.run).run.dirty
    except NotFoundError:
        return False


def _features(
    workspace: Workspace, actor: Actor, before: Manifest, after: Manifest
) -> tuple[FeatureSetChange, ...]:
    found = []
    for change in values(before.features, after.features):
        first, second = (
            workspace.features.show(actor, change.name, digest) if digest else None
            for digest in (change.before, change.after)
        )
        differing: tuple[FeatureChange, ...] = ()
        if first is not None and second is not None:
            differing = feature_rules.changes(first.definition, second.definition)
        found.append(
            FeatureSetChange(
                name=change.name,
                before=first.ref if first else "",
                after=second.ref if second else "",
                changes=differing,
            )
        )
    return tuple(found)


def _environment(workspace: Workspace, manifest: Manifest) -> dict[str, str]:
    try:
        found = decode(workspace.state.blobs.get(manifest.environment), Environment)
    except TrueupError:  # an environment that was collected is no reason to say nothing at all
        return {}
    machine = {"python": found.python, "machine": found.machine, "system": found.system}
    return machine | found.packages


def _model(manifest: Manifest) -> dict[str, str]:
    inputs = {f"input {column.name}": column.kind for column in manifest.signature.inputs}
    return {"format": manifest.format, "label": manifest.label, **inputs}


def _measured(workspace: Workspace, actor: Actor, manifest: Manifest) -> dict[str, float]:
    try:
        found = workspace.runs.show(actor, manifest.run).metrics
    except NotFoundError:
        return {}
    return {f"{metric.step}.{metric.name}": metric.value for metric in found}


def _verdicts(
    workspace: Workspace, actor: Actor, before: ModelVersion, after: ModelVersion
) -> VerdictChange:
    first, second = (
        next(iter(workspace.gates.of_model(actor, version.ref)), None)
        for version in (before, after)
    )
    return VerdictChange(
        before=f"verdict:{first.id}" if first else "",
        before_outcome=first.statement.outcome if first else "",
        after=f"verdict:{second.id}" if second else "",
        after_outcome=second.statement.outcome if second else "",
        checks=metrics(_checked(first), _checked(second)),
    )


def _checked(verdict: Verdict | None) -> dict[str, float]:
    return {
        f"{result.goal} {result.check}".strip(): result.value
        for result in (verdict.statement.results if verdict else ())
        if result.value is not None
    }
