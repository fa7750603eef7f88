"""What a step's result says about features, and how two definitions differ. Pure functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from trueup.foundation import digests
from trueup.foundation.text import listing
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.pipeline.drawing.graph import Node
from trueup.lifecycle.runs.features.records import FeatureChange, FeatureDefinition


def definition(
    node: Node, columns: Mapping[str, str], code: str, name_of: Callable[[int], str]
) -> FeatureDefinition:
    """The definition that a step's call states.

    Args:
        node: The call.
        columns: Columns and types of the frame that it returned.
        code: Digest of its code; empty when it cannot be taken.
        name_of: Gives the name of another call by its index.
    """
    step = node.called
    return FeatureDefinition(
        name=step.options.features,
        step=step.name,
        description=inspect.getdoc(step.function) or "",
        columns=dict(columns),
        code=code,
        inputs={
            name: found
            for name, value in node.arguments.items()
            if (found := _sources(name, value, name_of))
        },
    )


def address(definition: FeatureDefinition) -> str:
    """The address of a definition.

    The order of columns counts, so that they are written as a list.
    """
    return digests.of_record([definition, list(definition.columns.items())])


def changes(before: FeatureDefinition, after: FeatureDefinition) -> tuple[FeatureChange, ...]:
    """What differs between two definitions, part by part."""
    found = [
        _change(f"column {name}", before.columns.get(name, ""), after.columns.get(name, ""))
        for name in dict.fromkeys((*before.columns, *after.columns))
    ]
    found += [
        _change(f"input {name}", listing(before.inputs.get(name, ())), listing(now))
        for name in dict.fromkeys((*before.inputs, *after.inputs))
        for now in [after.inputs.get(name, ())]
    ]
    found += [
        _change("step", before.step, after.step),
        _change("code", before.code, after.code),
        _change("description", before.description, after.description),
    ]
    order = list(before.columns) != list(after.columns) and set(before.columns) == set(
        after.columns
    )
    if order:
        found.append(_change("order", listing(before.columns), listing(after.columns)))
    return tuple(change for change in found if change.before != change.after)


def _sources(argument: str, value: Any, name_of: Callable[[int], str]) -> tuple[str, ...]:
    sources = (graph.source_of(output) for _, output in graph.outputs_in(value, argument))
    named = (f"data:{source}" if isinstance(source, str) else name_of(source) for source in sources)
    return tuple(dict.fromkeys(named))


def _change(part: str, before: str, after: str) -> FeatureChange:
    return FeatureChange(part=part, before=before, after=after)
