"""What users write: `@step`, `@pipeline`, `data`, `candidate`; `drawing/` and `steps/` go on.

Outside a pipeline a step is the plain function. Inside, its call is recorded and nothing runs.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from trueup.foundation.errors import UsageError
from trueup.foundation.references import check_name
from trueup.lifecycle.pipeline import matching, options, origin, partitioning, rules, triggering
from trueup.lifecycle.pipeline.drawing import graph, mapping, tracing
from trueup.lifecycle.pipeline.records import Parameter, Partitions, StepOptions

if TYPE_CHECKING:
    import polars as pl

    from trueup.foundation.questions import Task

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
        trace = tracing.tracing()
        if trace is None:
            return self.function(*args, **kwargs)
        return cast(R, trace.call(self, args, kwargs))

    def map(self, *items: Iterable[Any], **same: Any) -> list[R]:
        """Call the step once for each item of its positional arguments, which are lists.

        Several lists are taken together and must be of one length. Keyword arguments are the same
        for all calls, unless marked with `each(…)`. The results are a list, in the order of the
        items; it can be an argument of a later step or of another `map`.

        Args:
            *items: Lists, or results that will be lists when the pipeline runs.
            **same: Arguments of all calls.

        Raises:
            UsageError: An argument is no list, or the lists differ in length.

        Example:
            >>> @step
            ... def scaled(number: int, by: int) -> int:
            ...     return number * by
            >>> scaled.map([1, 2, 3], by=10)
            [10, 20, 30]
        """
        trace = tracing.tracing()
        if trace is None:
            return mapping.run_now(self, items, same, origin.caller(sys._getframe(1)))
        return cast("list[R]", trace.map(self, items, same))

    @cached_property
    def signature(self) -> inspect.Signature:
        """The parameters of the function."""
        return inspect.signature(self.function)

    @cached_property
    def types(self) -> dict[str, Any]:
        """The annotated types of the parameters, and of the result under `return`."""
        return matching.hints(self.function)

    def __repr__(self) -> str:
        return f"<step {self.name}>"


class Pipeline(Generic[P, R]):
    """A function that wires steps.

    Attributes:
        name: Name of the pipeline.
        function: The plain function.
        model: The model that its candidate becomes a version of; empty when it makes none.
        schedule: Cron expression in the zone `timezone`; empty when it runs on demand only.
        timezone: IANA name of the zone of schedule and partitions.
        catch_up: What to do about scheduled moments that were missed.
        on: What else it runs for: `commit`, `data:NAME`, or the name of an event.
        partitions: The parts of its data it runs for, one by one; None when it has none.
    """

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str = "",
        model: str = "",
        schedule: str = "",
        timezone: str = "UTC",
        catch_up: str = "latest",
        on: str | Sequence[str] = (),
        partitions: str | Sequence[str] = "",
        start: str = "",
    ) -> None:
        _check_function("pipeline", function)
        functools.update_wrapper(self, function)
        self.function = function
        self.name = check_name(name or function.__name__, "pipeline")
        self.model = check_name(model, "model") if model else ""
        at = origin.caller(sys._getframe(1))
        self.timezone = triggering.timezone(timezone, at)
        self.schedule = schedule
        if schedule:
            rules.check_schedule(schedule, at)
        self.catch_up = triggering.catch_up(catch_up, at)
        self.on = triggering.on(on, at)
        takes = inspect.signature(function).parameters
        self.partitions: Partitions | None = partitioning.read(
            partitions, start, takes, self.timezone, at
        )

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Inside another pipeline, add this one's calls to it."""
        trace = tracing.tracing()
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
        return rules.parameters_of(self.name, self.function, origin.of_function(self.function))

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
            UsageError: A parameter, calls or the candidate are wrong, or it calls itself.
            UserCodeError: The pipeline function raised.
        """
        values = self.bind(parameters)
        return tracing.draw(self.name, self.function, values, model=self.model, root=root)

    def trace(self, parameters: Mapping[str, Any], root: Path | None = None) -> graph.Graph:
        """The graph as far as it can be drawn, with the problems found: what `checking` looks at.

        Raises:
            UsageError: A parameter is wrong, or nothing can be drawn.
            UserCodeError: The pipeline function raised.
        """
        values = self.bind(parameters)
        return tracing.trace(self.name, self.function, values, model=self.model, root=root)

    def __repr__(self) -> str:
        return f"<pipeline {self.name}>"


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *,
    name: str = ...,
    cache: bool = ...,
    version: str = ...,
    depends_on: str | Sequence[str] = ...,
    environment: str | Sequence[str] = ...,
    secrets: str | Sequence[str] = ...,
    retries: int = ...,
    backoff: str = ...,
    timeout: str = ...,
    cpus: float = ...,
    memory: str = ...,
    gpus: float = ...,
    at_most: int = ...,
    features: str = ...,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(
    function: Callable[P, R] | None = None, /, *, name: str = "", **asked: Any
) -> Step[P, R] | Callable[[Callable[P, R]], Step[P, R]]:
    """Mark a function as a step of pipelines.

    Args:
        function: The function; left out when the decorator has options.
        name: Another name than the function's.
        **asked: `cache=False` runs the step every time. `version="2"` and the content of the files
            in `depends_on=["sql/rows.sql"]` and of the variables in `environment=["REGION"]` belong
            to its cache key. `secrets=["TOKEN"]` lets it read them with `secret("TOKEN")`.
            `retries=3, backoff="2s"` tries again after a failure, `timeout="10m"` ends an attempt.
            `cpus=2, memory="4GB", gpus=1` is what one call occupies, and `at_most=2` calls run at
            once. `features="flights"` keeps the columns, code and inputs of the frame that it
            returns as a definition with versions, which the model's version names.

    Raises:
        UsageError: An option is unknown or of no use, with the place where it is written.

    Example:
        >>> @step
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> double(4)
        8
        >>> @step(retries=3, backoff="2s", timeout="10m", memory="2GB")
        ... def fetch(url: str) -> bytes: ...
        >>> fetch.options.retries
        3
    """
    if function is not None:
        return Step(function)
    wanted = options.read(asked, "@step(…)", origin.caller(sys._getframe(1)))
    return lambda marked: Step(marked, name=name, options=wanted)


@overload
def pipeline(function: Callable[P, R], /) -> Pipeline[P, R]: ...
@overload
def pipeline(
    *,
    model: str = "",
    schedule: str = "",
    timezone: str = "UTC",
    catch_up: Literal["latest", "all", "none"] = "latest",
    on: str | Sequence[str] = (),
    partitions: str | Sequence[str] = "",
    start: str = "",
    name: str = "",
) -> Callable[[Callable[P, R]], Pipeline[P, R]]: ...
def pipeline(
    function: Callable[P, R] | None = None, /, **asked: Any
) -> Pipeline[P, R] | Callable[[Callable[P, R]], Pipeline[P, R]]:
    """Mark a function as a pipeline: it calls steps, and may return a `candidate`.

    Args:
        function: The function; left out when the decorator has options.
        **asked: `model="flights"` names the model that the candidate becomes a version of.
            `schedule="0 3 * * 1", timezone="Europe/Paris"` runs it by itself, and
            `catch_up="latest"` says what happens to missed moments: the latest one runs, `all` or
            `none` do. `on=("data:flights", "commit", "alert.raised")` runs it when that happens.
            `partitions="monthly", start="2013-01"` lets it run for one month at a time, given as
            the parameter `partition`; a list of names gives partitions of your own. `name` is
            another name than the function's.

    Raises:
        UsageError: An option is unknown or of no use, with the place where it is written.

    Example:
        >>> @pipeline(partitions="monthly", start="2013-01")
        ... def monthly(partition: str) -> None: ...
        >>> monthly.partitions.kind
        'monthly'
    """
    if function is not None:
        return Pipeline(function)
    triggering.check_options(asked, origin.caller(sys._getframe(1)))
    return lambda marked: Pipeline(marked, **asked)


def data(name: str) -> pl.DataFrame:
    """The rows of one of the project's datasets, inside a pipeline.

    Raises:
        UsageError: It was called outside a pipeline function.
    """
    return cast("pl.DataFrame", _trace("data").read(check_name(name, "dataset")))


def candidate(
    model: Any,
    *,
    trained_on: Any,
    holdout: Any,
    label: str,
    task: Task | Literal[""] = "",
    classes: Sequence[int | str] = (),
    levels: Sequence[float] = (),
    group: str = "",
) -> graph.Candidate:
    """What a pipeline returns to offer a new model version.

    Label and model say which question it answers: 0 and 1 make it binary, fractions a regression,
    words or several whole numbers classes, if the model gives a probability for each.

    Args:
        model: The fitted model.
        trained_on: The rows it was fitted on, with the label.
        holdout: Rows it has not seen, with the label; the gates judge on them.
        label: The column that it predicts.
        task: The question, where label and model do not say it.
        classes: What the label says, in the order of the model's answers; rising if left out.
        levels: Of a model that gives quantiles, one for each of its answers, rising.
        group: For a ranking: the column that says which rows are ranked together.

    Raises:
        UsageError: It was called outside a pipeline, or with something that is no step's result.
    """
    asked = {"task": task, "classes": classes, "levels": levels, "group": group}
    return _trace("candidate").propose(model, trained_on, holdout, label, asked)


def _trace(word: str) -> tracing.Trace:
    trace = tracing.tracing()
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
