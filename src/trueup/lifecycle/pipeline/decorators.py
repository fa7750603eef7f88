"""What users write: `@step`, `@pipeline`, `data`, `candidate`.

Outside a pipeline a step is the plain function. Inside, its call is recorded and nothing runs.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from trueup.foundation.errors import UsageError
from trueup.foundation.references import check_name
from trueup.lifecycle.pipeline import graph, origin, rules
from trueup.lifecycle.pipeline.records import Parameter, StepOptions

if TYPE_CHECKING:
    import polars as pl

P = ParamSpec("P")
R = TypeVar("R")


class Step(Generic[P, R]):
    """A function whose calls inside a pipeline are recorded, cached and tracked.

    Attributes:
        name: Name of the step.
        function: The plain function.
        options: What it asks for beside its arguments.
    """

    def __init__(
        self, function: Callable[P, R], *, name: str = "", options: StepOptions | None = None
    ) -> None:
        _check_function("step", function)
        functools.update_wrapper(self, function)
        self.function = function
        self.name = check_name(name or function.__name__, "step")
        self.options = options or StepOptions()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function; inside a pipeline, record the call instead."""
        trace = graph.tracing()
        if trace is None:
            return self.function(*args, **kwargs)
        return cast(R, trace.call(self, args, kwargs))

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters of the function."""
        return inspect.signature(self.function)

    def __repr__(self) -> str:
        return f"<step {self.name}>"


class Pipeline(Generic[P, R]):
    """A function that wires steps.

    Attributes:
        name: Name of the pipeline.
        function: The plain function.
        model: The model that its candidate becomes a version of; empty when it makes none.
        schedule: Cron expression in UTC; empty when it runs on demand only.
    """

    def __init__(
        self, function: Callable[P, R], *, name: str = "", model: str = "", schedule: str = ""
    ) -> None:
        _check_function("pipeline", function)
        functools.update_wrapper(self, function)
        self.function = function
        self.name = check_name(name or function.__name__, "pipeline")
        self.model = check_name(model, "model") if model else ""
        self.schedule = schedule
        if schedule:
            rules.check_schedule(schedule, origin.caller(sys._getframe(1)))

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Inside another pipeline, add this one's calls to it."""
        trace = graph.tracing()
        if trace is None:
            at = origin.caller(sys._getframe(1))
            raise UsageError(
                "pipeline-called",
                f"{at}: pipeline '{self.name}' was called like a function; "
                "it only says how steps are wired.",
                hint=f"trueup run {self.name}",
            )
        with trace.inside(self.name, self.function):
            return self.function(*args, **kwargs)

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters by name: type and default of each.

        Raises:
            UsageError: A type or default is of no use on a command line.
        """
        code = inspect.unwrap(self.function).__code__
        at = origin.place(code.co_filename, code.co_firstlineno)
        return rules.parameters_of(self.name, self.function, at)

    def parse(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """All parameter values, read from the text of a command line; defaults filled in.

        Raises:
            UsageError: A name is unknown, a value has the wrong type, or one is missing.
        """
        return rules.typed(self.name, self.parameters, parameters, from_text=True)

    def bind(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """All parameter values, checked; defaults filled in.

        Raises:
            UsageError: As for `parse`.
        """
        return rules.typed(self.name, self.parameters, parameters)

    def draw(self, parameters: Mapping[str, Any], root: Path | None = None) -> graph.Graph:
        """The graph for these parameters, checked; no step runs.

        Raises:
            UsageError: A parameter, a call or the candidate is wrong, or it calls itself.
            UserCodeError: The pipeline function raised.
        """
        values = self.bind(parameters)
        return graph.draw(self.name, self.function, values, model=self.model, root=root)

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(*, name: str = "", cache: bool = True) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(
    function: Callable[P, R] | None = None, /, *, name: str = "", cache: bool = True
) -> Step[P, R] | Callable[[Callable[P, R]], Step[P, R]]:
    """Mark a function as a step of pipelines.

    Args:
        function: The function; left out when the decorator has options.
        name: Another name than the function's.
        cache: False runs the step every time.

    Example:
        >>> @step
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> double(4)
        8
    """
    if function is not None:
        return Step(function)
    options = StepOptions(cache=cache)
    return lambda marked: Step(marked, name=name, options=options)


@overload
def pipeline(function: Callable[P, R], /) -> Pipeline[P, R]: ...
@overload
def pipeline(
    *, model: str = "", schedule: str = "", name: str = ""
) -> Callable[[Callable[P, R]], Pipeline[P, R]]: ...
def pipeline(
    function: Callable[P, R] | None = None,
    /,
    *,
    model: str = "",
    schedule: str = "",
    name: str = "",
) -> Pipeline[P, R] | Callable[[Callable[P, R]], Pipeline[P, R]]:
    """Mark a function as a pipeline: it calls steps and returns a `candidate`.

    Args:
        function: The function; left out when the decorator has options.
        model: The model that the candidate becomes a version of.
        schedule: When to run by itself: a cron expression in UTC.
        name: Another name than the function's.

    Raises:
        UsageError: The schedule is no cron expression.
    """
    if function is not None:
        return Pipeline(function)
    return lambda marked: Pipeline(marked, name=name, model=model, schedule=schedule)


def data(name: str) -> pl.DataFrame:
    """The rows of one of the project's datasets, inside a pipeline.

    Raises:
        UsageError: It was called outside a pipeline function.
    """
    return cast("pl.DataFrame", _trace("data").read(check_name(name, "dataset")))


def candidate(model: Any, *, trained_on: Any, holdout: Any, label: str) -> graph.Candidate:
    """What a pipeline returns to offer a new model version.

    Args:
        model: The fitted model.
        trained_on: The rows it was fitted on, with the label.
        holdout: Rows it has not seen, with the label; the gates judge on them.
        label: The column that it predicts.

    Raises:
        UsageError: It was called outside a pipeline, or with something that is no step's result.
    """
    return _trace("candidate").propose(model, trained_on, holdout, label)


def _trace(word: str) -> graph.Trace:
    trace = graph.tracing()
    if trace is None:
        at = origin.caller(sys._getframe(1))
        raise UsageError(
            "outside-pipeline",
            f"{at}: {word}(…) has a meaning only inside a @pipeline function.",
            hint="pass rows to the step as an argument instead",
        )
    return trace


def _check_function(word: str, function: Any) -> None:
    inner = inspect.unwrap(function) if callable(function) else function
    code = getattr(inner, "__code__", None)
    wrong = ""
    if code is None:
        wrong = f"{function!r} is no function"
    elif inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner):
        wrong = f"'{inner.__name__}' is an async function"
    elif inspect.isgeneratorfunction(inner):
        wrong = f"'{inner.__name__}' is a generator"
    if wrong:
        at = origin.caller(sys._getframe(1))
        raise UsageError(
            "step-malformed",
            f"{at}: @{word} goes before a plain function, but {wrong}.",
            hint=f"write:  @{word}  and on the next line  def name(…): …",
        )
