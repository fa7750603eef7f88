"""The cache key of a step: made of content, never of run names or times; and why it changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueup.foundation import digests
from trueup.foundation.records import encode
from trueup.lifecycle.pipeline.code import packages
from trueup.lifecycle.pipeline.records import CodeFingerprint, Components, Declared


def components(
    step: str,
    code: CodeFingerprint,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, str],
    extra_packages: Mapping[str, str],
    declared: Declared | None = None,
) -> Components:
    """All that a step's key is made of.

    Args:
        step: Name of the step.
        code: Fingerprint of its code; it must have no problem.
        parameters: Plain arguments by name.
        inputs: Content digests of the other arguments by name.
        extra_packages: Distributions that the inputs need, such as a model's library.
        declared: What the step declares beside its arguments.
    """
    declared = declared or Declared()
    return Components(
        step=step,
        code=code.digest,
        parts=dict(code.parts),
        parameters=dict(parameters),
        inputs=dict(inputs),
        python=packages.python(),
        packages={**code.packages, **extra_packages},
        version=declared.version,
        files=dict(declared.files),
        environment=dict(declared.environment),
        secrets=declared.secrets,
    )


def key(of: Components) -> str:
    """The address of a step's result."""
    return digests.of_record(of)


def explain(previous: Components | None, current: Components) -> list[str]:
    """Why `current` has another key than `previous`, one reason a line; empty when they are equal.

    Example:
        >>> first = components("train", CodeFingerprint(digest="b3:1"), {"depth": 4}, {}, {})
        >>> explain(first, components("train", CodeFingerprint(digest="b3:1"), {"depth": 6}, {}, {}))
        ['depth was 4, is 6']
    """  # noqa: E501
    if previous is None:
        return ["it has not run before"]
    reasons = [
        *_changes("code of ", previous.parts, current.parts, show=False),
        *_changes("", previous.parameters, current.parameters, show=True),
        *_changes("input ", previous.inputs, current.inputs, show=False),
        *_changes("file ", previous.files, current.files, show=False),
        *_changes("environment variable ", previous.environment, current.environment, show=False),
        *_changes("package ", previous.packages, current.packages, show=True),
    ]
    if previous.version != current.version:
        reasons.append(f"version was {_shown(previous.version)}, is {_shown(current.version)}")
    if previous.secrets != current.secrets:
        reasons.append("it names other secrets")
    if previous.python != current.python:
        reasons.append(f"Python was {previous.python}, is {current.python}")
    if previous.layout != current.layout:
        reasons.append("Trueup keeps values in a new layout")
    if not reasons and previous != current:
        reasons.append("its code calls the same parts in another way")
    return reasons


def _changes(
    what: str, before: Mapping[str, Any], now: Mapping[str, Any], *, show: bool
) -> list[str]:
    reasons = []
    for name in sorted({*before, *now}):
        if name not in before:
            reasons.append(f"{what}{name} is new")
        elif name not in now:
            reasons.append(f"{what}{name} is gone")
        elif encode(before[name]) != encode(now[name]):
            words = f"was {_shown(before[name])}, is {_shown(now[name])}" if show else "changed"
            reasons.append(f"{what}{name} {words}")
    return reasons


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else encode(value).decode()
    return text if len(text) <= 60 else text[:57] + "…"
