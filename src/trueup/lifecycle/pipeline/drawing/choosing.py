"""Conditional steps: `choose` takes one of two branches when the pipeline runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar, overload

from trueup.foundation.errors import UsageError, UserCodeError
from trueup.lifecycle.pipeline import origin, rules
from trueup.lifecycle.pipeline.drawing import tracing
from trueup.lifecycle.pipeline.drawing.graph import Node, Output
from trueup.lifecycle.pipeline.records import Place

T = TypeVar("T")
U = TypeVar("U")


@overload
def choose(condition: bool, then: Callable[[], T], otherwise: None = None) -> T | None: ...
@overload
def choose(condition: bool, then: Callable[[], T], otherwise: Callable[[], U]) -> T | U: ...
def choose(
    condition: bool, then: Callable[[], Any], otherwise: Callable[[], Any] | None = None
) -> Any:
    """Call one of two functions that wire steps, by a condition that a step gives.

    Inside a pipeline both are drawn, and one of them runs. A step outside that takes a value made
    in a branch is skipped when the branch is; what takes the result of `choose` is not.

    Args:
        condition: True or False; inside a pipeline the result of a step.
        then: Wires the steps to run if it is True, and returns a value.
        otherwise: Wires the steps to run if it is False; without it the value is None.

    Raises:
        UsageError: The condition can be neither True nor False, or a branch is no function.

    Example:
        >>> choose(3 > 2, then=lambda: "more", otherwise=lambda: "less")
        'more'
    """
    at = origin.caller(sys._getframe(1))
    for name, branch in (("then", then), ("otherwise", otherwise)):
        if not callable(branch) and (name == "then" or branch is not None):
            raise UsageError(
                "choice-malformed",
                f"{at}: {name} of choose(…) is {branch!r}, which is no function.",
                hint=f"write: {name}=lambda: step(…)",
                context={"file": at.file, "line": at.line},
            )
    trace = tracing.tracing()
    if trace is not None and isinstance(condition, Output):
        return trace.choose(condition, then, otherwise)
    if _as_bool(condition) is None:
        raise rules.condition_wrong(repr(condition), type(condition), at)
    if condition:
        return then()
    return otherwise() if otherwise is not None else None


def truth(node: Node, value: Any, place: Place) -> bool:
    """The value of a condition that a step returned when the pipeline ran.

    Args:
        node: The step that is to run or not, or the choice.
        value: What the condition's step returned.
        place: Where the condition was made.

    Raises:
        UserCodeError: It is neither True nor False.
    """
    known = _as_bool(value)
    if known is None:
        raise UserCodeError(
            "choice-condition",
            f"{node.at}: the condition of '{node.name}', made at {place}, is {value!r:.80}, "
            "and neither True nor False.",
            hint=f"return a bool from the step called at {place}",
            context={"file": place.file, "line": place.line, "step": node.name},
        )
    return known


def _as_bool(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    is_numpy = type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
    return bool(value) if is_numpy else None
