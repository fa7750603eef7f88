"""The address of a step call: what its cache key is made of, from content alone.

`lookup.py` asks before a step runs; `../preview/foreseeing.py` asks without running anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trueup.foundation import digests
from trueup.lifecycle.pipeline import declared, keys
from trueup.lifecycle.pipeline.code import fingerprint, packages
from trueup.lifecycle.pipeline.code.syntax import Unclear
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.pipeline.drawing.graph import Output, StepLike
from trueup.lifecycle.pipeline.records import CodeFingerprint, Components, StoredValue

# Kinds whose bytes may equal those of a value of another kind: `b"1"`, `"1"` and 1.
_AMBIGUOUS = frozenset({"text", "bytes", "file", "folder"})
# Formats that no distribution stands behind.
_OWN_FORMATS = frozenset({"", "json"})


def components(
    step: StepLike,
    arguments: Mapping[str, Any],
    root: Path,
    stored: Callable[[Output], StoredValue],
    code: CodeFingerprint | None = None,
) -> tuple[Components | None, tuple[str, ...]]:
    """What the key of a step call is made of; or nothing, and why the call is not cached.

    Args:
        step: The step.
        arguments: Its arguments by name, with `Output` wherever a value comes from elsewhere.
        root: The project's folder.
        stored: Gives the stored value of an output; only kind, digest and format are looked at.
        code: The fingerprint of the step, where it was taken for another call already.
    """
    if not step.options.cache:
        return None, ("it is not cached (cache=False)",)
    code = code or fingerprint.of_code(step, root)
    if code.problem:
        return None, (f"it is not cached: {code.problem}",)
    if code.reads_environment and not step.options.environment:
        return None, (
            "it is not cached: it reads environment variables; name them: @step(environment=(…))",
        )
    parameters: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    libraries: dict[str, str] = {}
    for name, value in arguments.items():
        found = list(graph.outputs_in(value, name))
        for path, output in found:
            content = stored(output)
            inputs[path] = identity(content)
            if content.format not in _OWN_FORMATS:
                libraries |= packages.of_distribution(content.format, root)
        if found and isinstance(value, Output):
            continue
        plain = graph.replaced(value, lambda _output: "<input>")
        if not _is_json(plain):
            held = fingerprint.of_code(plain, root)
            if held.problem:
                return None, (f"it is not cached: the argument '{name}': {held.problem}",)
            plain = {"content": held.digest}
            libraries |= held.packages
        parameters[name] = plain
    try:
        beside = declared.of_options(step.options, root)
    except Unclear as error:
        return None, (f"it is not cached: {error}",)
    return keys.components(step.name, code, parameters, inputs, libraries, beside), ()


def identity(stored: StoredValue) -> str:
    """The digest of a value, told apart from a value of another kind with the same bytes."""
    inner = [*stored.items, *stored.parts.values()]
    if any(identity(item) != item.digest for item in inner):
        within = {name: identity(item) for name, item in stored.parts.items()}
        return digests.of_record([stored.kind, within, [identity(i) for i in stored.items]])
    if stored.kind == "file":
        return f"{stored.digest} file {stored.format}".strip()
    return f"{stored.digest} {stored.kind}" if stored.kind in _AMBIGUOUS else stored.digest


def _is_json(value: Any) -> bool:
    if isinstance(value, float):
        return type(value) is float and math.isfinite(value)
    if type(value) is list:
        return all(_is_json(item) for item in value)
    if type(value) is dict:
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    return value is None or type(value) in (str, int, bool)
