"""The graph of a pipeline: its calls in order, and the values that pass between them.

`tracing.py` draws it; nothing of the user's steps runs there. The order of the calls is already a
valid order of execution, because a result can only be used after its call.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NoReturn, Protocol

import msgspec

from trueup.foundation.errors import UsageError
from trueup.foundation.questions import Question
from trueup.lifecycle.pipeline import matching, origin
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

    @property
    def types(self) -> Mapping[str, Any]:
        """The annotated types of its parameters, and of its result under `return`."""
        ...


class Drawing(Protocol):
    """The drawing that a value belongs to."""

    def here(self) -> Place:
        """The user's line that is being executed."""
        ...

    def words(self, output: Output) -> str:
        """An output as people call it."""
        ...


class Output:
    """A value that will exist when the pipeline runs: a dataset, a step's result, or a part of it.

    Only `[...]` works on it while the pipeline is drawn; all else belongs into a step.
    """

    __slots__ = ("_at", "_path", "_source", "_trace", "_type")

    def __init__(
        self, trace: Drawing, source: str | int, path: tuple[str, ...], at: Place, type_: Any = Any
    ) -> None:
        self._trace = trace
        self._source = source
        self._path = path
        self._at = at
        self._type = type_

    def __getitem__(self, key: str) -> Output:
        if not isinstance(key, str) or isinstance(self._source, str):
            self._refuse(f"[{key!r}]")
        if matching.item(self._type) not in (None, Any):
            self._refuse(f"[{key!r}], and is a list")
        part = matching.part(self._type, key)
        return Output(self._trace, self._source, (*self._path, key), self._trace.here(), part)

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

    def __str__(self) -> str:  # noqa: PLE0307 - it never returns
        self._refuse("as text")

    def __format__(self, _spec: str) -> str:
        self._refuse("as text")

    def _refuse(self, how: str) -> NoReturn:
        at = self._trace.here()
        raise UsageError(
            "pipeline-value",
            f"{at}: {self._trace.words(self)} is used {how}, "
            "but it has no value before the pipeline runs.",
            hint="do this inside a @step; between steps only result['name'] works",
            context={"file": at.file, "line": at.line},
        )


def _refusing(how: str) -> Callable[..., NoReturn]:
    def refuse(self: Output, *_others: Any) -> NoReturn:
        self._refuse(how)

    return refuse


# Without these some would be errors that name no cure, and `==` would quietly be False.
_REFUSED: Final = {
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), "in a comparison"),
    **dict.fromkeys(("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"), "in a calculation"),
    **dict.fromkeys(("radd", "rsub", "rmul", "rtruediv", "neg", "abs"), "in a calculation"),
    **dict.fromkeys(("and", "or", "xor", "invert", "matmul"), "in a calculation"),
    **dict.fromkeys(("int", "float", "index", "round"), "as a number"),
    **dict.fromkeys(("fspath",), "as a path"),
    **dict.fromkeys(("enter", "exit"), "in a with statement"),
    **dict.fromkeys(("setitem", "delitem"), "as something to change"),
}
for _name, _how in _REFUSED.items():
    setattr(Output, f"__{_name}__", _refusing(_how))


class Secret:
    """A secret's place in an argument; the step gets the value."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"secret:{self.name}"

    def __str__(self) -> str:  # noqa: PLE0307 - it never returns
        self._refuse()

    def __format__(self, _spec: str) -> str:
        self._refuse()

    def _refuse(self) -> NoReturn:
        at = origin.caller(sys._getframe(1))
        raise UsageError(
            "secret-as-text",
            f"{at}: {self!r} is used as text, but it has no value before its step runs.",
            hint=f'give it to the step as an argument of its own: secret("{self.name}")',
            context={"file": at.file, "line": at.line},
        )


class Candidate(msgspec.Struct, frozen=True):
    """What a pipeline offers as a new model version; `label` is a column of both row sets."""

    model: Output
    trained_on: Output
    holdout: Output
    label: str
    at: Place
    question: Question = Question()


class Condition(msgspec.Struct, frozen=True):
    """What must be true before a step runs: the value of an output, or its opposite."""

    output: Output
    wanted: bool


class Node(msgspec.Struct, frozen=True):
    """One step call, one call for each item of lists, or one choice between two values.

    A node runs when all its conditions hold, looked at in their order; it is skipped as soon as one
    does not. They include those of every value that it takes, except for the two values of a
    choice, of which it takes the one it needs. The value of a choice without `otherwise` is None.

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


class Graph(msgspec.Struct):
    """A traced pipeline: its step calls in order, the datasets it reads, its candidate.

    `problems` are the wrong calls found on the way; a graph that has any is never run.
    """

    pipeline: str
    parameters: dict[str, Any]
    nodes: list[Node] = msgspec.field(default_factory=list)
    datasets: dict[str, Place] = msgspec.field(default_factory=dict)
    candidate: Candidate | None = None
    problems: list[UsageError] = msgspec.field(default_factory=list)

    def last_use(self) -> dict[str | int, int]:
        """For each dataset and node, the last node that reads it."""
        read: dict[str | int, int] = {}
        for node in self.nodes:
            taken = [output for _, output in outputs_in(node.arguments)]
            taken += [condition.output for condition in node.conditions]
            read |= {source_of(output): node.index for output in taken}
        return read


def source_of(output: Output) -> str | int:
    """Where a value comes from: a dataset's name, or the index of a node."""
    return output._source


def path_of(output: Output) -> tuple[str, ...]:
    """Which part of its source a value is."""
    return output._path


def place_of(output: Output) -> Place:
    """Where a value was named."""
    return output._at


def type_of(output: Output) -> Any:
    """The annotated type of a value; Any where nothing says."""
    return output._type


def drawing_of(output: Output) -> Any:
    """The drawing that a value belongs to."""
    return output._trace


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
