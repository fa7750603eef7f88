"""Tracing: a pipeline function is called once with placeholders, and its calls become a graph.

Nothing of the user's steps runs here. The graph's order is the order of the calls, which is
already a valid order of execution, because a result can only be used after its call.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, Protocol

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import origin, rules
from trueup.lifecycle.pipeline.records import Place, StepOptions


class StepLike(Protocol):
    """What a graph needs to know of a step."""

    name: str
    options: StepOptions
    function: Callable[..., Any]

    @property
    def signature(self) -> inspect.Signature:
        """The parameters of the function."""
        ...


class Output:
    """A value that will exist when the pipeline runs: a dataset, a step's result, or a part of it.

    Only `[...]` works on it while the pipeline is drawn; all else belongs into a step.
    """

    __slots__ = ("_at", "_path", "_source", "_trace")

    def __init__(self, trace: Trace, source: str | int, path: tuple[str, ...], at: Place) -> None:
        self._trace = trace
        self._source = source
        self._path = path
        self._at = at

    def __getitem__(self, key: str) -> Output:
        if not isinstance(key, str) or isinstance(self._source, str):
            self._refuse(f"[{key!r}]")
        return Output(self._trace, self._source, (*self._path, key), self._trace.here())

    def __repr__(self) -> str:
        return f"<{self._trace.words(self)}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        self._refuse(f".{name}")

    def __bool__(self) -> NoReturn:  # noqa: PLE0304
        self._refuse("as a condition")

    def __iter__(self) -> NoReturn:
        self._refuse("in a loop or an unpacking")

    def __len__(self) -> NoReturn:  # noqa: PLE0303
        self._refuse("with len()")

    def __call__(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refused: a value is no function."""
        self._refuse("as a function")

    def _refuse(self, how: str) -> NoReturn:
        at = self._trace.here()
        raise UsageError(
            "pipeline-value",
            f"{at}: {self._trace.words(self)} is used {how}, "
            "but it has no value before the pipeline runs.",
            hint="do this inside a @step; between steps only result['name'] works",
            context={"file": at.file, "line": at.line},
        )


@dataclass(frozen=True)
class Candidate:
    """What a pipeline offers as a new model version; `label` is a column of both row sets."""

    model: Output
    trained_on: Output
    holdout: Output
    label: str
    at: Place


@dataclass(frozen=True)
class Condition:
    """What must be true before a step runs: the value of an output, or its opposite."""

    output: Output
    wanted: bool


@dataclass(frozen=True)
class Node:
    """One step call, or one choice between two values.

    Attributes:
        index: Place in the graph's order.
        name: Unique in the pipeline: the step's name, with `-2` for its second call.
        step: The step; None for a choice.
        arguments: By name, with `Output` wherever a value comes from elsewhere. A choice has
            `condition`, `then` and `otherwise`.
        at: Where it is called.
        over: Arguments that are lists to be taken item by item, together; empty for one call.
        conditions: All must hold, or the step is skipped.
    """

    index: int
    name: str
    step: StepLike | None
    arguments: dict[str, Any]
    at: Place
    over: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def called(self) -> StepLike:
        """The step, for a node that is no choice."""
        assert self.step is not None, f"{self.name} is a choice"
        return self.step


@dataclass
class Graph:
    """A traced pipeline: its step calls in order, the datasets it reads, its candidate."""

    pipeline: str
    parameters: dict[str, Any]
    nodes: list[Node] = field(default_factory=list)
    datasets: dict[str, Place] = field(default_factory=dict)
    candidate: Candidate | None = None

    def last_use(self) -> dict[str | int, int]:
        """For each dataset and node, the last node that reads it."""
        return {
            source_of(output): node.index
            for node in self.nodes
            for _, output in outputs_in(node.arguments)
        }


_current: ContextVar[Trace | None] = ContextVar("trueup_trace", default=None)


def tracing() -> Trace | None:
    """The trace under way, if a pipeline is being drawn."""
    return _current.get()


class Trace:
    """A pipeline being drawn."""

    def __init__(self, pipeline: str, parameters: dict[str, Any], root: Path | None) -> None:
        self.graph = Graph(pipeline, parameters)
        self.root = root
        self._inside: list[tuple[str, Any, Place]] = []
        self._names: dict[str, int] = {}

    def here(self) -> Place:
        """The user's line that is being executed."""
        return origin.caller(sys._getframe(1), self.root)

    def words(self, output: Output) -> str:
        """An output as people call it."""
        source = source_of(output)
        what = (
            f"dataset '{source}'"
            if isinstance(source, str)
            else f"the result of step '{self.graph.nodes[source].name}'"
        )
        return what + "".join(f"[{key!r}]" for key in path_of(output))

    def read(self, dataset: str) -> Output:
        """A placeholder for a dataset."""
        at = self.here()
        self.graph.datasets.setdefault(dataset, at)
        return Output(self, dataset, (), at)

    def call(self, step: StepLike, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Output:
        """Record a step call."""
        at = self.here()
        arguments = rules.bind(step.name, step.signature, args, kwargs, at)
        for _, output in outputs_in(arguments):
            self._own(output, at)
        count = self._names[step.name] = self._names.get(step.name, 0) + 1
        name = step.name if count == 1 else f"{step.name}-{count}"
        node = Node(len(self.graph.nodes), name, step, arguments, at)
        self.graph.nodes.append(node)
        return Output(self, node.index, (), at)

    def propose(self, model: Any, trained_on: Any, holdout: Any, label: Any) -> Candidate:
        """Record what makes a model version."""
        at = self.here()
        parts = {"model": model, "trained_on": trained_on, "holdout": holdout}
        for name, value in parts.items():
            if not isinstance(value, Output):
                raise candidate_wrong(at, f"{name} is {value!r}, which is no result of a step")
            self._own(value, at)
        if not isinstance(label, str) or not label:
            raise candidate_wrong(at, f"label is {label!r}, which is no column name")
        return Candidate(model, trained_on, holdout, label, at)

    @contextmanager
    def inside(self, name: str, function: Any) -> Iterator[None]:
        """Enter a pipeline function; one that is already entered would never end."""
        at = self.here()
        entered = [known for _, known, _ in self._inside]
        if function in entered:
            first = entered.index(function) + 1
            calls = [(called, place) for called, _, place in self._inside[first:]]
            raise rules.cycle([*calls, (name, at)])
        self._inside.append((name, function, at))
        try:
            yield
        finally:
            self._inside.pop()

    def _own(self, output: Output, at: Place) -> None:
        if output._trace is not self:
            foreign = output._trace
            raise UsageError(
                "pipeline-foreign-value",
                f"{at}: {foreign.words(output)} was made while pipeline "
                f"'{foreign.graph.pipeline}' was drawn at {output._at}; "
                "it means nothing in this one.",
                hint="call the step again inside this pipeline function",
                context={"file": at.file, "line": at.line},
            )


def draw(
    pipeline: str,
    function: Callable[..., Any],
    parameters: dict[str, Any],
    *,
    model: str,
    root: Path | None,
) -> Graph:
    """The graph of a pipeline for these parameter values.

    Raises:
        UsageError: A call is wrong, a pipeline calls itself, or the candidate is not one.
        UserCodeError: The pipeline function itself raised.
    """
    trace = Trace(pipeline, parameters, root)
    code = inspect.unwrap(function).__code__
    at = origin.place(code.co_filename, code.co_firstlineno, root)
    token = _current.set(trace)
    try:
        with (
            origin.user_code("pipeline-failed", f"Pipeline '{pipeline}'", root or Path(), at),
            trace.inside(pipeline, function),
        ):
            result = function(**parameters)
    finally:
        _current.reset(token)
    if not trace.graph.nodes:
        raise UsageError(
            "pipeline-empty",
            f"{at}: pipeline '{pipeline}' calls no step.",
            hint="mark the functions it calls with @step",
        )
    if isinstance(result, Candidate):
        trace.graph.candidate = result
    _check_candidate(trace.graph, model, at)
    return trace.graph


def _check_candidate(graph: Graph, model: str, at: Place) -> None:
    if model and graph.candidate is None:
        raise candidate_wrong(
            at, f"pipeline '{graph.pipeline}' makes model '{model}', but returns no candidate"
        )
    if graph.candidate is not None and not model:
        raise UsageError(
            "pipeline-candidate",
            f"{at}: pipeline '{graph.pipeline}' returns a candidate, but names no model.",
            hint='write @pipeline(model="NAME")',
        )


def candidate_wrong(at: Place, what: str) -> UsageError:
    """The error for a candidate that could not become a model version."""
    return UsageError(
        "pipeline-candidate",
        f"{at}: {what}.",
        hint='return candidate(model, trained_on=rows, holdout=later_rows, label="late")',
        context={"file": at.file, "line": at.line},
    )


def source_of(output: Output) -> str | int:
    """Where a value comes from: a dataset's name, or the index of a node."""
    return output._source


def path_of(output: Output) -> tuple[str, ...]:
    """Which part of its source a value is."""
    return output._path


def place_of(output: Output) -> Place:
    """Where a value was named."""
    return output._at


def outputs_in(value: Any, path: str = "") -> Iterator[tuple[str, Output]]:
    """Every placeholder in an argument, also inside lists, tuples and dicts, with its path."""
    if isinstance(value, Output):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from outputs_in(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from outputs_in(item, f"{path}.{index}" if path else str(index))


def replaced(value: Any, replace: Callable[[Output], Any]) -> Any:
    """An argument with every placeholder replaced."""
    if isinstance(value, Output):
        return replace(value)
    if isinstance(value, dict):
        return {key: replaced(item, replace) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(replaced(item, replace) for item in value)
    return value
