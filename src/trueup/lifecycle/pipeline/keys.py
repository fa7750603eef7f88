"""The cache key of a step: made of content, never of run names or times; and why it changed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

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


def closest(
    former: Iterable[Components], now: Components, over: Sequence[str] = ()
) -> Components | None:
    """Of former calls of a step the one that differs in the fewest parts, the first of equals.

    Args:
        former: What their keys were made of, the newest first.
        now: What the key of a call is made of now.
        over: The arguments that the call takes item by item; they do not count.

    Example:
        >>> code = CodeFingerprint(digest="b3:1")
        >>> flat, deep, now = (
        ...     components("train", code, {"depth": depth, "rate": rate}, {}, {})
        ...     for depth, rate in ((2, 3), (9, 1), (9, 2))
        ... )
        >>> closest([flat, deep], now) is deep
        True
    """
    best, fewest = None, sys.maxsize
    for each in former:
        found = _distance(but_for_its_item(each, now, over) if over else each, now, fewest)
        if found < fewest:
            best, fewest = each, found
        if fewest <= (0 if over else 1):  # an equal one would have been found by its key
            break
    return best


def explained(
    before: Components | None, now: Components, over: Sequence[str] = ()
) -> tuple[str, ...]:
    """Why a call, or one for an item, is carried out, told by the former call closest to it."""
    if before is None or not over:
        return tuple(explain(before, now))
    same = but_for_its_item(before, now, over)
    return tuple(explain(same, now)) or ("this item has not run before",)


def but_for_its_item(before: Components, now: Components, over: Sequence[str]) -> Components:
    """What a result stood on; what tells its item from the present ones is no change.

    Args:
        before: What it stood on.
        now: What the step stands on now.
        over: The arguments that are taken item by item.
    """
    varying = {
        name: {
            **{n: v for n, v in getattr(before, name).items() if not _of(n, over)},
            **{n: v for n, v in getattr(now, name).items() if _of(n, over)},
        }
        for name in ("parameters", "inputs")
    }
    return msgspec.structs.replace(before, **varying)


def _of(name: str, over: Sequence[str]) -> bool:
    return name.partition(".")[0] in over


_GROUPS = ("parts", "parameters", "inputs", "files", "environment", "packages")
_SINGLE = ("code", "version", "secrets", "python", "layout")


def _distance(before: Components, now: Components, most: int) -> int:
    """In how many parts two keys differ; no more than `most` are counted."""
    found = 0
    for group in _GROUPS:
        then, this = getattr(before, group), getattr(now, group)
        if then != this:
            found += sum(then.get(name) != this.get(name) for name in {*then, *this})
        if found >= most:
            return found
    return found + sum(bool(getattr(before, name) != getattr(now, name)) for name in _SINGLE)


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
