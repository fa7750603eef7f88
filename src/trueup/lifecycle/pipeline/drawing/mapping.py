"""Fan-out: one step, called once for each item of a list, and its results as a list.

`step.map(…)` becomes one node of the graph whose `over` names the lists; their length may be known
only when the pipeline runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar, cast

from trueup.foundation.errors import UsageError, UserCodeError
from trueup.foundation.text import listing
from trueup.lifecycle.pipeline import matching, rules
from trueup.lifecycle.pipeline.drawing.graph import Node, Output, StepLike, type_of
from trueup.lifecycle.pipeline.records import Place

T = TypeVar("T")

_NO_LISTS: Final = (str, bytes, bytearray, Mapping)


class Each:
    """A list to be taken item by item, and where it was written."""

    __slots__ = ("values",)

    def __init__(self, values: Any) -> None:
        self.values = values

    def __repr__(self) -> str:
        return f"each({self.values!r})"


def each(values: Iterable[T]) -> T:
    """Mark a keyword argument of `step.map(…)` that is to be taken item by item.

    Args:
        values: A list, or a result that will be one.

    Example:
        >>> from trueup import step
        >>> @step
        ... def power(base: int, exponent: int) -> int:
        ...     return base**exponent
        >>> power.map([2, 3], exponent=3), power.map([2, 3], exponent=each([1, 2]))
        ([8, 27], [2, 9])
    """
    return cast(T, Each(values))


def split(
    step: str, arguments: Mapping[str, Any], at: Place
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments of a mapped call with plain lists, and the names of those to iterate.

    Raises:
        UsageError: None is to be iterated, one is no list, or their lengths differ.
    """
    over = tuple(name for name, value in arguments.items() if isinstance(value, Each))
    if hidden := set(marks_in(arguments)) - set(over):
        _refuse(step, at, f"it cannot take '*{min(hidden)}' item by item", "list the parameters")
    if not over:
        _refuse(step, at, "nothing is to be taken item by item", f"{step}.map(items, …)")
    plain = dict(arguments)
    for name in over:
        plain[name] = _listed(step, name, plain[name].values, at)
    check_lengths(step, {n: len(plain[n]) for n in over if isinstance(plain[n], list)}, at)
    return plain, over


def marked(
    args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of `step.map(…)`, the positional ones marked as lists to iterate."""
    return tuple(a if isinstance(a, Each) else Each(a) for a in args), dict(kwargs)


def marks_in(arguments: Mapping[str, Any]) -> list[str]:
    """The arguments that are marked with `each`, also inside `*args` and `**kwargs`."""
    return [
        name
        for name, value in arguments.items()
        for item in (
            value
            if isinstance(value, tuple)
            else value.values()
            if isinstance(value, dict)
            else (value,)
        )
        if isinstance(item, Each)
    ]


def check_lengths(step: str, lengths: Mapping[str, int], at: Place) -> None:
    """Refuse lists of different lengths, while the pipeline is drawn.

    Raises:
        UsageError: Naming the lengths.
    """
    if len(set(lengths.values())) > 1:
        raise UsageError(
            "map-lengths",
            _unequal(step, lengths, at),
            hint="give lists of one length, or pass what is the same for all calls by keyword",
            context={"file": at.file, "line": at.line, "step": step, "lengths": dict(lengths)},
        )


def count(node: Node, lengths: Mapping[str, int]) -> int:
    """How many calls a node makes, from the lengths of its lists when the pipeline runs.

    Raises:
        UserCodeError: The lists differ in length.
    """
    if len(set(lengths.values())) > 1:
        raise UserCodeError(
            "map-lengths",
            _unequal(node.name, lengths, node.at),
            hint=f"make lists of one length for {node.at}",
            context={"file": node.at.file, "line": node.at.line, "step": node.name},
        )
    return next(iter(lengths.values()))


def call(node: Node, index: int, lists: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The arguments of one call of a mapped step.

    Args:
        node: The node.
        index: Which item, from 0.
        lists: The items of each argument in `node.over`.
    """
    return {**node.arguments, **{name: lists[name][index] for name in node.over}}


def run_now(step: StepLike, args: Sequence[Any], kwargs: Mapping[str, Any], at: Place) -> list[Any]:
    """The results of a mapped step outside a pipeline, one plain call after another.

    Raises:
        UsageError: As for `split`, or the arguments are not the step's.
    """
    arguments = rules.bind(step.name, step.signature, *marked(args, kwargs), at)
    plain, over = split(step.name, arguments, at)
    results = []
    for index in range(len(plain[over[0]])):
        bound = step.signature.bind_partial()
        bound.arguments.update({n: v[index] if n in over else v for n, v in plain.items()})
        results.append(step.function(*bound.args, **bound.kwargs))
    return results


def _listed(step: str, name: str, values: Any, at: Place) -> Any:
    if isinstance(values, Output):
        if matching.item(type_of(values)) is None:
            _refuse(
                step,
                at,
                f"'{name}' is {values!r}, which is {matching.shown(type_of(values))} and no list",
                f"{step}.map(items, {name}=value)",
            )
        return values
    if isinstance(values, _NO_LISTS) or not isinstance(values, Sequence):
        what = type(values).__name__
        _refuse(step, at, f"'{name}' is a {what} and no list", f"{step}.map(list({name}), …)")
    return list(values)


def _unequal(step: str, lengths: Mapping[str, int], at: Place) -> str:
    said = listing(f"'{name}' has {length}" for name, length in lengths.items())
    return f"{at}: {step}.map(…) takes its lists together, but their lengths differ: {said}."


def _refuse(step: str, at: Place, problem: str, hint: str) -> NoReturn:
    raise UsageError(
        "map-malformed",
        f"{at}: {step}.map(…): {problem}.",
        hint=f"write: {hint}",
        context={"file": at.file, "line": at.line, "step": step},
    )
