"""Back-fill: one run for each part of the data, those that were done before left out."""

from __future__ import annotations

from typing import Any, NamedTuple

from trueup.app.running.series import How, Outcome, Part
from trueup.app.wiring import Workspace
from trueup.foundation.errors import UsageError
from trueup.foundation.records import builtins
from trueup.lifecycle.pipeline import discovery, partitioning
from trueup.lifecycle.pipeline.code import fingerprint
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.records import Partitions


class Planned(NamedTuple):
    """What a back-fill will do: parts to run, and outcomes of those that were done before."""

    parts: list[Part]
    done: list[tuple[Part, Outcome]]


def plan(
    workspace: Workspace,
    how: How,
    pipeline: Pipeline[..., Any],
    parameters: dict[str, Any],
    partitions: str,
    *,
    again: bool = False,
) -> Planned:
    """The runs for the partitions that a person names, such as `2013-04..2013-12`.

    A partition is left out when a run of the same code with the same parameters has finished.

    Args:
        workspace: The project.
        how: What all runs have in common.
        pipeline: The pipeline.
        parameters: Values of its parameters, without the partition.
        partitions: Which partitions.
        again: Run those that were done before, too.

    Raises:
        UsageError: The pipeline has no partitions, or one that is named is none of them.
    """
    keys = partitioning.parse(require_partitions(pipeline), partitions)
    code = code_of(workspace, pipeline)
    before = {} if again else workspace.series.of_partitions(how.actor, pipeline.name, code)
    parts: list[Part] = []
    done: list[tuple[Part, Outcome]] = []
    for number, key in enumerate(keys):
        values = builtins(parameters | {partitioning.PARAMETER: key})
        cause = how.cause_of(f"partition {key} of {partitions}", partition=key)
        part = Part(number=number, label=key, parameters=values, cause=cause)
        run = before.get(key)
        if run is not None and run.parameters == values:
            done.append((part, Outcome(number=number, state="skipped", run=run.id)))
        else:
            parts.append(part)
    return Planned(parts, done)


def require_partitions(pipeline: Pipeline[..., Any]) -> Partitions:
    """The partitions of a pipeline.

    Raises:
        UsageError: It has none.
    """
    if pipeline.partitions is None:
        raise UsageError(
            "partition-none",
            f"Pipeline '{pipeline.name}' does not run for one part of its data at a time.",
            hint='write: @pipeline(partitions="monthly", start="2013-01")',
        )
    return pipeline.partitions


def code_of(workspace: Workspace, pipeline: Pipeline[..., Any]) -> str:
    """The fingerprint of a pipeline's code, as its runs record it; empty when there is none."""
    with discovery.on_path(workspace.root):
        return fingerprint.of_code(pipeline, workspace.root.resolve()).digest
