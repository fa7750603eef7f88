"""The address of a step call: what its cache key is made of, from content alone.

`execution.py` asks before it runs a step; `preview.py` asks without running anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trueup.lifecycle.pipeline import fingerprint, graph, keys, packages
from trueup.lifecycle.pipeline.graph import Output, StepLike
from trueup.lifecycle.pipeline.records import Components, StoredValue


def components(
    step: StepLike,
    arguments: Mapping[str, Any],
    root: Path,
    stored: Callable[[Output], StoredValue],
) -> tuple[Components | None, tuple[str, ...]]:
    """What the key of a step call is made of; or nothing, and why the call is not cached.

    Args:
        step: The step.
        arguments: Its arguments by name, with `Output` wherever a value comes from elsewhere.
        root: The project's folder.
        stored: Gives the stored value of an output; only kind, digest and format are looked at.
    """
    if not step.options.cache:
        return None, ("it is not cached (cache=False)",)
    code = fingerprint.of_code(step, root)
    if code.problem:
        return None, (f"it is not cached: {code.problem}",)
    parameters: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    libraries: dict[str, str] = {}
    for name, value in arguments.items():
        found = list(graph.outputs_in(value, name))
        for path, output in found:
            content = stored(output)
            inputs[path] = content.digest
            libraries |= packages.of_distribution(content.format)
        if found and isinstance(value, Output):
            continue
        plain, problem = _plain(graph.replaced(value, lambda _output: "<input>"), root)
        if problem:
            return None, (f"it is not cached: the argument '{name}' {problem}",)
        parameters[name] = plain
    return keys.components(step.name, code, parameters, inputs, libraries), ()


def _plain(value: Any, root: Path) -> tuple[Any, str]:
    """A plain argument as JSON data that tells different values apart."""
    if _is_json(value):
        return value, ""
    described = fingerprint.of_code(value, root)
    return {"content": described.digest}, described.problem


def _is_json(value: Any) -> bool:
    if isinstance(value, float):
        return type(value) is float and math.isfinite(value)
    if type(value) is list:
        return all(_is_json(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    return value is None or type(value) in (str, int, bool)
