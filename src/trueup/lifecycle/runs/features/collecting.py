"""The definitions of a run: what each step with `features="NAME"` returned, and from what."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline.code import fingerprint
from trueup.lifecycle.pipeline.drawing.graph import Graph
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.runs.features import rules
from trueup.lifecycle.runs.features.records import FeatureDefinition
from trueup.lifecycle.runs.records import StepRun
from trueup.ports.blobs import Blobs


def defines(drawn: Graph) -> bool:
    """Whether any step of a pipeline defines features."""
    return any(node.step is not None and node.step.options.features for node in drawn.nodes)


def collect(
    blobs: Blobs, drawn: Graph, steps: Iterable[StepRun], root: Path
) -> list[FeatureDefinition]:
    """What the steps of a finished run define; of several calls of a step the first one counts.

    Args:
        blobs: Where the results are.
        drawn: The pipeline's graph.
        steps: The steps of the run.
        root: The project's folder.

    Raises:
        UsageError: Two steps claim one name, or one of them returned no frame.
    """
    outputs = {step.position - 1: step.outputs for step in steps}
    found: dict[str, FeatureDefinition] = {}
    for node in drawn.nodes:
        name = node.step.options.features if node.step is not None else ""
        stored = outputs.get(node.index)
        if not name or stored is None:
            continue
        if name in found:
            if found[name].step != node.called.name:
                raise UsageError(
                    "feature-twice",
                    f"{node.at}: the steps '{found[name].step}' and '{node.called.name}' both "
                    f"define the features '{name}'.",
                    hint="give one of them another name in @step(features=…)",
                )
            continue
        frame = _frame(stored)
        if frame is None:
            raise UsageError(
                "feature-no-frame",
                f"{node.at}: step '{node.called.name}' defines the features '{name}', but it "
                f"returned a {stored.kind}.",
                hint="return a data frame, or leave features= out",
            )
        code = fingerprint.of_code(node.called, root).digest
        columns = _columns(blobs, frame)
        found[name] = rules.definition(node, columns, code, lambda index: drawn.nodes[index].name)
    return list(found.values())


def _frame(stored: StoredValue) -> StoredValue | None:
    """The frame that a result is, or the first one in it."""
    if stored.kind == "frame":
        return stored
    inside = (_frame(each) for each in (*stored.parts.values(), *stored.items))
    return next((frame for frame in inside if frame is not None), None)


def _columns(blobs: Blobs, stored: StoredValue) -> dict[str, str]:
    import polars as pl

    schema = pl.read_parquet_schema(io.BytesIO(blobs.get(stored.digest)))
    return {name: str(type_) for name, type_ in schema.items()}
