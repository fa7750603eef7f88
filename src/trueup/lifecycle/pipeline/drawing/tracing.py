"""Tracing: a pipeline function is called once with placeholders, and its calls become a graph.

Wrong calls are collected, so that all are told at once; `draw` refuses a graph that has any.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import msgspec

from trueup.foundation.errors import UsageError
from trueup.foundation.questions import TASKS, Question, why_wrong
from trueup.lifecycle.pipeline import matching, origin, rules
from trueup.lifecycle.pipeline.drawing import mapping
from trueup.lifecycle.pipeline.drawing.graph import (
    Candidate,
    Condition,
    Graph,
    Node,
    Output,
    Secret,
    StepLike,
    drawing_of,
    outputs_in,
    path_of,
    place_of,
    source_of,
    type_of,
)
from trueup.lifecycle.pipeline.records import Place

_current: ContextVar[Trace | None] = ContextVar("trueup_trace", default=None)


def tracing() -> Trace | None:
    """The trace under way, if a pipeline is being drawn."""
    return _current.get()


_MANY = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Trace:
    """A pipeline being drawn."""

    def __init__(self, pipeline: str, parameters: dict[str, Any], root: Path | None) -> None:
        self.graph = Graph(pipeline, parameters)
        self.root = root
        self._inside: list[tuple[str, Any, Place]] = []
        self._names: dict[str, int] = {}
        self._conditions: tuple[Condition, ...] = ()

    def here(self) -> Place:
        """The user's line that is being executed."""
        return origin.caller(sys._getframe(1), self.root)

    def words(self, output: Output) -> str:
        """An output as people call it."""
        source = source_of(output)
        if isinstance(source, str):
            what = f"dataset '{source}'"
        else:
            node = self.graph.nodes[source]
            what = f"the result of {'step' if node.step else 'choice'} '{node.name}'"
        return what + "".join(f"[{key!r}]" for key in path_of(output))

    def read(self, dataset: str) -> Output:
        """A placeholder for a dataset."""
        at = self.here()
        self.graph.datasets.setdefault(dataset, at)
        return Output(self, dataset, (), at, matching.DATASET)

    def call(self, step: StepLike, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Output:
        """Record a step call; one that is wrong becomes a problem of the graph."""
        at = self.here()
        returned = step.types.get("return", Any)
        try:
            rules.check_depth(step.name, (*args, *kwargs.values()), at)
            arguments = rules.bind(step.name, step.signature, args, kwargs, at)
            rules.check_unmarked(step.name, mapping.marks_in(arguments), at)
        except UsageError as error:
            self.graph.problems.append(error)
            arguments = {}
        self._check_arguments(step, arguments, at)
        return self._add(step, arguments, at, returned)

    def map(self, step: StepLike, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Output:
        """Record one call of a step for each item of lists."""
        at = self.here()
        over: tuple[str, ...] = ()
        try:
            rules.check_depth(step.name, (*args, *kwargs.values()), at)
            positional, named = mapping.marked(args, kwargs)
            arguments = rules.bind(step.name, step.signature, positional, named, at)
            arguments, over = mapping.split(step.name, arguments, at)
        except UsageError as error:
            self.graph.problems.append(error)
            arguments = {}
        self._check_arguments(step, arguments, at, over)
        returned = step.types.get("return", Any)
        return self._add(step, arguments, at, matching.list_of(returned), over)

    def choose(
        self, condition: Output, then: Callable[[], Any], otherwise: Callable[[], Any] | None
    ) -> Output:
        """Record a choice: what each branch calls runs only if the condition says so."""
        at = self.here()
        self._own(condition, at)
        wanted = type_of(condition)
        if not matching.fits(wanted, bool):
            self.graph.problems.append(rules.condition_wrong(repr(condition), wanted, at))
        values = {
            "condition": condition,
            "then": self._branch(Condition(condition, True), then),
            "otherwise": self._branch(Condition(condition, False), otherwise),
        }
        for _, output in outputs_in(values):
            self._own(output, at)
        return self._add(None, values, at, matching.either(*map(_type, list(values.values())[1:])))

    def _branch(self, condition: Condition, draw: Callable[[], Any] | None) -> Any:
        outer = self._conditions
        self._conditions = self._merged([condition])
        try:
            return None if draw is None else draw()
        finally:
            self._conditions = outer

    def _add(
        self,
        step: StepLike | None,
        arguments: dict[str, Any],
        at: Place,
        type_: Any,
        over: tuple[str, ...] = (),
    ) -> Output:
        called = "choose" if step is None else step.name
        count = self._names[called] = self._names.get(called, 0) + 1
        name = called if count == 1 else f"{called}-{count}"
        taken = {"condition": arguments["condition"]} if step is None else arguments
        inherited = [c for _, o in outputs_in(taken) for c in self._conditions_of(o)]
        node = Node(len(self.graph.nodes), name, step, arguments, at, over, self._merged(inherited))
        self.graph.nodes.append(node)
        return Output(self, node.index, (), at, type_)

    def _merged(self, more: Sequence[Condition]) -> tuple[Condition, ...]:
        """The conditions of the branch under way and more, the outer ones first."""
        every = list(self._conditions)
        for condition in more:
            for one in (*self._conditions_of(condition.output), condition):
                if not any(one.output is c.output and one.wanted == c.wanted for c in every):
                    every.append(one)
        return tuple(every)

    def _conditions_of(self, output: Output) -> tuple[Condition, ...]:
        source = source_of(output)
        return () if isinstance(source, str) else self.graph.nodes[source].conditions

    def _check_arguments(
        self,
        step: StepLike,
        arguments: Mapping[str, Any],
        at: Place,
        over: tuple[str, ...] = (),
    ) -> None:
        for _, output in outputs_in(arguments):
            self._own(output, at)
        for name, value in arguments.items():
            wanted = step.types.get(name, Any)
            if step.signature.parameters[name].kind in _MANY:
                continue
            is_default = value is step.signature.parameters[name].default
            if is_default and value is None:  # `depth: int = None` is often written, and meant
                continue
            asked = matching.list_of(wanted) if name in over else wanted
            for where, part, type_ in _misfits(value, asked, name):
                if is_default:
                    written = origin.of_function(step.function, self.root)
                    problem = rules.default_wrong(step.name, where, part, type_, written)
                elif name in over and where == name:
                    problem = rules.type_wrong(step.name, name, part, _type(part), wanted, at, True)
                else:
                    problem = rules.type_wrong(step.name, where, part, _type(part), type_, at)
                self.graph.problems.append(problem)

    def propose(
        self, model: Any, trained_on: Any, holdout: Any, label: Any, asked: dict[str, Any]
    ) -> Candidate:
        """Record what makes a model version; `asked` is what is said about its question."""
        at = self.here()
        parts = {"model": model, "trained_on": trained_on, "holdout": holdout}
        for name, value in parts.items():
            if not isinstance(value, Output):
                raise candidate_wrong(at, f"{name} is {value!r}, which is no result of a step")
            self._own(value, at)
            if self._conditions_of(value):
                raise candidate_wrong(
                    at, f"{name} is {value!r}, which is there only under a condition"
                )
        for name in ("trained_on", "holdout"):
            has = type_of(parts[name])
            if has is not matching.DATASET and not matching.fits(has, matching.FRAME):
                raise candidate_wrong(
                    at, f"{name} is {parts[name]!r}, which is {matching.shown(has)} and no frame"
                )
        if not isinstance(label, str) or not label:
            raise candidate_wrong(at, f"label is {label!r}, which is no column name")
        return Candidate(model, trained_on, holdout, label, at, _question(asked, at))

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
        if drawing_of(output) is not self:
            foreign = drawing_of(output)
            raise UsageError(
                "pipeline-foreign-value",
                f"{at}: {foreign.words(output)} was made while pipeline "
                f"'{foreign.graph.pipeline}' was drawn at {place_of(output)}; "
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
        UsageError: Calls are wrong, a pipeline calls itself, or the candidate is not one.
        UserCodeError: The pipeline function itself raised.
    """
    graph = trace(pipeline, function, parameters, model=model, root=root)
    if graph.problems:
        raise rules.together(graph.problems)
    return graph


def trace(
    pipeline: str,
    function: Callable[..., Any],
    parameters: dict[str, Any],
    *,
    model: str,
    root: Path | None,
) -> Graph:
    """The graph as far as it can be drawn, with its problems.

    Raises:
        UsageError: Something is wrong that leaves nothing to go on with.
        UserCodeError: The pipeline function itself raised.
    """
    drawing = Trace(pipeline, parameters, root)
    at = origin.of_function(function, root)
    token = _current.set(drawing)
    try:
        with (
            origin.user_code("pipeline-failed", f"Pipeline '{pipeline}'", root or Path(), at),
            drawing.inside(pipeline, function),
        ):
            result = function(**parameters)
    except UsageError as error:
        if not drawing.graph.problems:
            raise
        raise rules.together([*drawing.graph.problems, error]) from error
    finally:
        _current.reset(token)
    if not drawing.graph.nodes:
        raise UsageError(
            "pipeline-empty",
            f"{at}: pipeline '{pipeline}' calls no step.",
            hint="mark the functions it calls with @step",
        )
    if isinstance(result, Candidate):
        drawing.graph.candidate = result
    _check_candidate(drawing.graph, model, at)
    return drawing.graph


def _misfits(value: Any, wanted: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """Parts of an argument that can never fit: where they are, what they are, what is wanted."""
    if isinstance(value, Output | Secret):
        if not matching.fits(_type(value), wanted):
            yield where, value, wanted
    elif isinstance(value, list | tuple) and _is_open(value) and matching.item(wanted) is not None:
        for index, item in enumerate(value):
            yield from _misfits(item, matching.item(wanted), f"{where}[{index}]")
    elif isinstance(value, dict) and _is_open(value) and matching.fits(dict, wanted):
        for key, item in value.items():
            yield from _misfits(item, matching.part(wanted, key), f"{where}[{key!r}]")
    elif not matching.accepts(wanted, value):
        yield where, value, wanted


def _is_open(value: Any) -> bool:
    """Whether an argument holds anything that is filled in when the pipeline runs."""
    if isinstance(value, dict):
        return any(map(_is_open, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_is_open, value))
    return isinstance(value, Output | Secret)


def _type(value: Any) -> Any:
    if isinstance(value, Secret):
        return str
    return type_of(value) if isinstance(value, Output) else type(value)


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


def _question(asked: dict[str, Any], at: Place) -> Question:
    try:
        question = msgspec.convert(asked, Question)
    except msgspec.ValidationError as error:
        known = f"; task is one of {', '.join(TASKS)}" if "task" in str(error) else ""
        raise candidate_wrong(at, f"{error}{known}") from error
    if trouble := why_wrong(question):
        raise candidate_wrong(at, trouble)
    return question


def candidate_wrong(at: Place, what: str) -> UsageError:
    """The error for a candidate that could not become a model version."""
    return UsageError(
        "pipeline-candidate",
        f"{at}: {what}.",
        hint='return candidate(model, trained_on=rows, holdout=later_rows, label="late")',
        context={"file": at.file, "line": at.line},
    )
