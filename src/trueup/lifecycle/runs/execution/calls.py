"""One call of a step, from what the engine is handed to what its outcome means."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from trueup.foundation.amounts import bytes_of
from trueup.foundation.errors import InternalError, TrueupError, UserCodeError, of_problem
from trueup.foundation.records import Record, builtins
from trueup.foundation.text import seconds as in_words
from trueup.foundation.text import size
from trueup.lifecycle.pipeline.drawing import graph
from trueup.lifecycle.pipeline.drawing.graph import Node, StepLike
from trueup.lifecycle.pipeline.options import seconds_of
from trueup.lifecycle.pipeline.records import Components
from trueup.lifecycle.runs import logs
from trueup.lifecycle.runs.execution import worker
from trueup.lifecycle.runs.execution.resolution import Items, Resolution
from trueup.lifecycle.runs.execution.scheduling import Need
from trueup.ports.engine import Attempt, Outcome


class Spent(Record):
    """What the attempts at a call have taken so far."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory: int = 0

    def and_(self, outcome: Outcome) -> Spent:
        """With one more attempt."""
        return Spent(
            seconds=self.seconds + outcome.seconds,
            cpu_seconds=self.cpu_seconds + outcome.cpu_seconds,
            peak_memory=max(self.peak_memory, outcome.peak_memory),
        )


class Call(NamedTuple):
    """A call that has to be carried out, and what is known about it.

    Attributes:
        node: The node.
        item: Number of the item; -1 for a call that is for no item.
        arguments: Its arguments, with placeholders.
        components: What its key is made of; None when it cannot be cached.
        key: Its key.
        why: Why it has to be carried out.
        need: What it occupies.
        number: Which attempt is next or under way, from 1.
        spent: What earlier attempts have taken.
        first_at: When the first attempt began.
    """

    node: Node
    item: int
    arguments: Mapping[str, Any]
    components: Components | None
    key: str
    why: tuple[str, ...]
    need: Need
    number: int = 1
    spent: Spent = Spent()
    first_at: datetime | None = None

    @property
    def step(self) -> StepLike:
        """The step."""
        return self.node.called

    @property
    def name(self) -> str:
        """How people call it."""
        return name_of(self.node, self.item)

    @property
    def id(self) -> str:
        """The identifier of the attempt."""
        return f"{self.node.index}.{self.item}.{self.number}"


def name_of(node: Node, item: int = -1) -> str:
    """The name of a step in a pipeline, or of one item of it."""
    return node.name if item < 0 else f"{node.name}[{item}]"


def attempt_at(
    call: Call,
    resolution: Resolution,
    lists: Mapping[str, Items],
    folder: Path,
) -> Attempt:
    """What the engine is handed.

    Raises:
        UserCodeError: A step returned no such part as the call takes.
    """
    node, item = call.node, call.item
    needed = {
        worker.address(output): resolution.resolved(output)
        for name, value in node.arguments.items()
        if name not in lists or not lists[name].placeholder
        for _, output in graph.outputs_in(call.arguments[name] if name in lists else value)
        if isinstance(graph.source_of(output), int)
    }
    order = worker.Call(
        node=node.index,
        step=call.step.name,
        name=call.name,
        item=item,
        values=needed,
        stored={name: items.stored[item] for name, items in lists.items() if items.stored},
        plain={name: items.plain[item] for name, items in lists.items() if items.plain},
        attempt=call.number,
    )
    return Attempt(
        id=call.id,
        argument=builtins(order),
        log=logs.path_of(folder, node.index + 1, call.name, call.number),
        timeout=seconds_of(call.step.options.timeout),
        memory=bytes_of(call.step.options.memory),
        cpus=call.need.cpus,
        gpus=call.need.gpus,
    )


def read(call: Call, outcome: Outcome, log: Path) -> worker.Given | TrueupError:
    """What an outcome means: what the call gave, or the error."""
    if outcome.ending == "returned":
        given = msgspec.convert(outcome.result, worker.Given)
        if given.error is None:
            return given
        return of_problem(given.error)
    return _ended_badly(call, outcome, log)


def _ended_badly(call: Call, outcome: Outcome, log: Path) -> TrueupError:
    if outcome.ending == "broken":
        return InternalError("internal", f"{call.name}: {outcome.exit}")
    options, at, said = call.step.options, call.node.at, logs.tail(log)
    name = f"{at}: step '{call.name}'"
    last = f" It said last: {said[-1].strip()[:200]}" if said else ""
    context = {
        **{"step": call.name, "file": at.file, "line": at.line, "exit": outcome.exit},
        "log": said,
    }
    if outcome.ending == "timed-out":
        longer = _double(options.timeout)
        return UserCodeError(
            "step-timed-out",
            f"{name} did not end within {options.timeout} and was killed.{last}",
            hint=f'give it longer at its @step: timeout="{longer}"',
            context=context,
        )
    after = in_words(outcome.seconds)
    if outcome.ending == "out-of-memory":
        limit = f"its limit of {options.memory}" if options.memory else "the machine has"
        return UserCodeError(
            "step-out-of-memory",
            f"{name} used {size(outcome.peak_memory)} of memory, more than {limit}, "
            f"and was killed after {after}.{last}",
            hint='give it less at once, or more at its @step: memory="4GB"',
            context=context,
        )
    return UserCodeError(
        "step-crashed",
        f"{name} ended its process after {after}: {outcome.exit}.{last}",
        hint=f"trueup runs logs run:{log.parent.name} {call.name}",
        context=context,
    )


def _double(duration: str) -> str:
    number = duration.rstrip("smhdw")
    unit = duration[len(number) :]
    return f"{2 * int(number)}{unit}" if number.isdecimal() else duration
