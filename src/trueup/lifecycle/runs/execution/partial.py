"""Running a part of a pipeline: from one step on, or one step alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.pipeline.drawing.graph import Graph
from trueup.lifecycle.pipeline.passing import keeping
from trueup.lifecycle.runs.execution import frontier
from trueup.lifecycle.runs.execution.calls import Call, name_of
from trueup.lifecycle.runs.execution.lookup import Lookup
from trueup.lifecycle.runs.execution.resolution import Resolution
from trueup.lifecycle.runs.execution.scheduling import Need
from trueup.lifecycle.runs.records import RunOptions


class Chosen(NamedTuple):
    """Which part of a graph is to be run.

    Attributes:
        wanted: The nodes that are needed; all others are skipped.
        again: Those to be run whatever the cache holds, and why.
        only: The one that is run alone; -1 for none.
    """

    wanted: frozenset[int]
    again: dict[int, str]
    only: int = -1


def chosen(graph: Graph, options: RunOptions) -> Chosen:
    """What the options ask for.

    Raises:
        UsageError: They contradict each other.
        NotFoundError: There is no such step.
    """
    everything = frozenset(range(len(graph.nodes)))
    if options.from_step and options.only_step:
        raise UsageError(
            "run-options",
            "--from and --only cannot be given together.",
            hint=f"trueup run {graph.pipeline} --from {options.from_step}",
        )
    if options.workers < 0:
        raise UsageError(
            "run-options",
            f"{options.workers} steps cannot run at once.",
            hint=f"trueup run {graph.pipeline} --workers 2",
        )
    if options.from_step:
        first = _index(graph, options.from_step)
        why = f"asked for with --from {options.from_step}"
        return Chosen(everything, dict.fromkeys(frontier.behind(graph, first), why))
    if options.only_step:
        only = _index(graph, options.only_step)
        why = f"asked for with --only {options.only_step}"
        return Chosen(frontier.before(graph, only) | {only}, {only: why}, only)
    return Chosen(everything, {})


def check_cached(graph: Graph, choice: Chosen, resolution: Resolution, lookup: Lookup) -> None:
    """Refuse to run a step alone when something that it takes is not in the cache.

    Raises:
        UsageError: Naming the step whose result is missing.
    """
    skipped: set[int] = set()
    for index in sorted(choice.wanted - {choice.only}):
        node = graph.nodes[index]
        sources = {condition.output._source for condition in node.conditions}
        if sources & skipped or not all(resolution.holds(node, c) for c in node.conditions):
            skipped.add(index)
            continue
        if node.step is None:
            resolution.stored[index], _ = resolution.choose(node)
            continue
        lists = resolution.lists(node) if node.over else {}
        count = len(next(iter(lists.values()))) if lists else 0
        numbers = list(range(count)) if node.over else [-1]
        outputs = []
        need = Need(step=node.name)
        for found in lookup.ask([lookup.address(node, lists, n, need) for n in numbers]):
            if isinstance(found, Call):
                raise missing(graph, choice.only, name_of(node, found.item), found.why)
            outputs.append(found.outputs)
        resolution.stored[index] = keeping.listed(outputs) if node.over else outputs[0]


def _index(graph: Graph, name: str) -> int:
    for node in graph.nodes:
        if node.name == name and node.step is not None:
            return node.index
    names = [node.name for node in graph.nodes if node.step is not None]
    near = did_you_mean(name, names)
    raise NotFoundError(
        "step-not-found",
        f"Pipeline '{graph.pipeline}' has no step '{name}' (steps: {listing(names)}).{near}",
        hint=f"trueup run {graph.pipeline} --dry-run",
        context={"pipeline": graph.pipeline, "step": name, "steps": names},
    )


def missing(graph: Graph, only: int, name: str, why: Sequence[str]) -> UsageError:
    """The error that a step cannot run alone, for lack of the result called `name`."""
    wanted = graph.nodes[only].name
    because = f": {why[0]}" if why else ""
    return UsageError(
        "step-not-cached",
        f"Step '{wanted}' cannot run alone: the result of '{name}' is not in the cache{because}.",
        hint=f"trueup run {graph.pipeline}",
        context={"step": wanted, "missing": name},
    )
