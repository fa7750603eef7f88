"""What a run would do, found out without running, storing or recording anything.

The graph is walked in order, and the cache is asked by the very code that a run asks it with. Where
a step is reused its result is known and the next ones can be looked up; where it has to run, what
follows is certain only if nothing kept could fit, whatever the result.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.amounts import bytes_of
from trueup.lifecycle.pipeline import discovery, keys
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.drawing import graph, mapping
from trueup.lifecycle.pipeline.drawing.graph import Graph, Node, Output
from trueup.lifecycle.pipeline.passing import keeping
from trueup.lifecycle.pipeline.records import CacheEntry, Components, StoredValue
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs import table
from trueup.lifecycle.runs.execution import addressing, partial, unwritten
from trueup.lifecycle.runs.execution.calls import Call, name_of
from trueup.lifecycle.runs.execution.lookup import Found, Lookup
from trueup.lifecycle.runs.execution.partial import Chosen
from trueup.lifecycle.runs.execution.resolution import Items, Resolution
from trueup.lifecycle.runs.execution.scheduling import Need
from trueup.lifecycle.runs.execution.sharing import SharedResults
from trueup.lifecycle.runs.preview import possibility
from trueup.lifecycle.runs.preview.records import Decision, KeyNow, RunPlan, StepPlan
from trueup.lifecycle.runs.records import RunOptions
from trueup.ports.blobs import Blobs
from trueup.state.unit import State

_UNKNOWN = "?"
_HISTORY = 20
_GB = 1_000_000_000


class _Look(NamedTuple):
    """What would become of a node, and why."""

    decision: Decision
    why: tuple[str, ...]
    run: str = ""


def of_run(
    state: State,
    actor: Actor,
    root: Path,
    pipeline: Pipeline[..., Any],
    parameters: Mapping[str, Any],
    data: Mapping[str, str],
    costs: Costs,
    options: RunOptions = RunOptions(),  # noqa: B008 (a frozen record)
    shared: SharedResults | None = None,
) -> RunPlan:
    """What a run of a pipeline would do.

    Args:
        state: Where earlier runs are recorded.
        actor: Who asks.
        root: The project's folder.
        pipeline: The pipeline.
        parameters: Values of its parameters, typed.
        data: Digests of the datasets as they are now, by name.
        costs: What computing costs.
        options: How it would be run.
        shared: Results of others that it would look at.

    Raises:
        UsageError: The pipeline, a parameter or an option is wrong, so that it would not run.
        UserCodeError: A result that is reused is not what the next step takes.
    """
    with discovery.on_path(root):
        drawn = pipeline.draw(parameters, root)
        choice = partial.chosen(drawn, options)
        preview = _Preview(state, actor, root, drawn, data, costs, choice, shared)
        preview.computes_all_again = options.verify_cache >= 1
        steps = tuple(preview.plan(node) for node in drawn.nodes)
    model = pipeline.model if len(choice.wanted) == len(drawn.nodes) else ""
    return _totals(drawn, data, steps, costs, model, options.verify_cache)


def of_step(
    state: State,
    actor: Actor,
    root: Path,
    drawn: Graph,
    data: Mapping[str, str],
    node: Node,
) -> KeyNow:
    """The key of one step call of a graph as it is now, and how it differs from what is kept.

    Args:
        state: Where earlier runs are recorded.
        actor: Who asks.
        root: The project's folder.
        drawn: The graph.
        data: Digests of the datasets as they are now, by name.
        node: The step call.
    """
    choice = partial.chosen(drawn, RunOptions())
    with discovery.on_path(root):
        preview = _Preview(state, actor, root, drawn, data, Costs(), choice, None)
        planned = [preview.plan(before) for before in drawn.nodes[: node.index + 1]][-1]
        components, _ = preview.components(node)
    waits_for = preview.waits_for(node)
    is_whole = components is not None and not waits_for
    key = keys.key(components) if is_whole and components else ""
    with state.read(actor) as connection:
        same = pipeline_table.entry(connection, key) if key else None
        former = [same] if same else pipeline_table.recent(connection, node.called.name)
    return KeyNow(
        step=node.name,
        place=str(node.at),
        decision=planned.decision,
        why=planned.why,
        key=key,
        components=components,
        waits_for=waits_for,
        closest=_closest(former, components, node.over),
        same_key=same,
    )


def _closest(
    former: Sequence[CacheEntry], now: Components | None, over: Sequence[str]
) -> CacheEntry | None:
    if now is None:
        return former[0] if former else None
    found = keys.closest((each.components for each in former), now, over)
    if found is None:
        return None
    entry = next(each for each in former if each.components is found)
    stood_on = keys.but_for_its_item(found, now, over) if over else found
    return msgspec.structs.replace(entry, components=stood_on)


class _Known(Resolution):
    """The values of a run as far as they are known before it; datasets by their digests."""

    def __init__(self, blobs: Blobs, drawn: Graph, data: Mapping[str, str]) -> None:
        super().__init__(blobs, drawn, {})
        self._digests = data

    def content(self, output: Output) -> StoredValue:
        """As a cache key sees it; what is still to come has the digest `?`."""
        source = graph.source_of(output)
        if isinstance(source, str):
            return StoredValue(kind="frame", digest=self._digests[source], format="parquet")
        if source not in self.stored:
            return StoredValue(kind="json", digest=_UNKNOWN)
        return self.resolved(output)

    def has(self, value: Any) -> bool:
        """Whether the steps whose results stand in a value have theirs; datasets have none."""
        return all(graph.source_of(output) in self.stored for _, output in graph.outputs_in(value))


class _Preview:
    """One walk over a graph."""

    def __init__(
        self,
        state: State,
        actor: Actor,
        root: Path,
        drawn: Graph,
        data: Mapping[str, str],
        costs: Costs,
        choice: Chosen,
        shared: SharedResults | None,
    ) -> None:
        self._state = state
        self._actor = actor
        self._root = root
        self._graph = drawn
        self._costs = costs
        self._choice = choice
        self._shared = shared
        blobs = unwritten.over(state.blobs, shared.read if shared else None)
        self._known = _Known(blobs, drawn, data)
        self._lookup = Lookup(state, actor, root, self._known, choice.again, only_looks=True)
        self._lookup.shared = shared
        self._skipped: set[int] = set()
        self._kept: dict[str, list[Components]] = {}
        self.computes_all_again = False

    def plan(self, node: Node) -> StepPlan:
        """What would become of a node; what is known of its result counts from then on."""
        if skipped := self._why_skipped(node):
            self._skipped.add(node.index)
            return self._planned(node, _Look("skip", (skipped,)))
        waits_for = self.waits_for(node)
        if node.step is None:
            return self._planned(node, self._choose(node, waits_for), waits_for)
        if any(not self._known.has(condition.output) for condition in node.conditions):
            later = f"whether it is needed is known when {_listed(waits_for)} ended"
            return self._planned(node, _Look("depends", (later,)), waits_for)
        lists = self._lists(node)
        counts = [len(items) for items in lists.values()]
        if waits_for:
            return self._planned(
                node,
                self._ahead(node, lists, waits_for),
                waits_for,
                items=counts[0] if counts else None,
            )
        if node.over:
            mapping.count(node, dict(zip(lists, counts, strict=True)))
        return self._asked(node, lists)

    def waits_for(self, node: Node) -> tuple[str, ...]:
        """The steps whose results this one takes and that are not there yet."""
        taken = [output for _, output in graph.outputs_in(node.arguments)]
        taken += [condition.output for condition in node.conditions]
        sources = {source for source in map(graph.source_of, taken) if isinstance(source, int)}
        missing = sources - self._known.stored.keys() - self._skipped
        return tuple(self._graph.nodes[index].name for index in sorted(missing))

    def components(self, node: Node) -> tuple[Components | None, tuple[str, ...]]:
        """What the key of a call is made of, as far as it is known."""
        return addressing.components(node.called, node.arguments, self._root, self._known.content)

    def _asked(self, node: Node, lists: Mapping[str, Items]) -> StepPlan:
        """A node whose arguments are all known: a run would get the same answers."""
        count = len(next(iter(lists.values()))) if lists else 0
        numbers = list(range(count)) if node.over else [-1]
        need = Need(step=node.name)
        answers = self._lookup.ask([self._lookup.address(node, lists, n, need) for n in numbers])
        found = [answer for answer in answers if isinstance(answer, Found)]
        calls = [answer for answer in answers if isinstance(answer, Call)]
        is_upstream = self._choice.only >= 0 and node.index != self._choice.only
        if calls and is_upstream:
            name = name_of(node, calls[0].item)
            raise partial.missing(self._graph, self._choice.only, name, calls[0].why)
        items = count if node.over else None
        if not answers:
            self._known.stored[node.index] = keeping.listed([])
            return self._planned(node, _Look("run", ("the list is empty",)), items=0)
        if self.computes_all_again and found and not is_upstream:
            why = calls[0].why if calls else ("it is computed again to verify the cache",)
            return self._planned(node, _Look("run", why), items=items)
        if calls:
            look = _Look("run", calls[0].why)
            return self._planned(node, look, items=items, reused=len(found))
        outputs = [answer.outputs for answer in found]
        self._known.stored[node.index] = keeping.listed(outputs) if node.over else outputs[0]
        why = found[0].why
        if node.over:
            runs = sorted({answer.run for answer in found})
            why = (f"nothing it depends on has changed since run {_listed(runs)}",)
        look = _Look("reuse", why, found[0].run)
        return self._planned(node, look, items=items, reused=len(found) if node.over else 0)

    def _ahead(self, node: Node, lists: Mapping[str, Items], waits_for: Sequence[str]) -> _Look:
        """A call that takes results still to come: certain to run if nothing kept could fit."""
        if why := self._choice.again.get(node.index):
            return _Look("run", (why,))
        found, reasons = self.components(node)
        if found is None:
            return _Look("run", reasons)
        later = f"it takes the result of {_listed(waits_for)}, which is not there yet"
        if self.computes_all_again:
            return _Look("run", ("it is computed again to verify the cache, if not anew",))
        if self._shared is not None:  # what others have kept is known by its whole key only
            return _Look("depends", (later,))
        open_ = {name for name, digest in found.inputs.items() if _UNKNOWN in digest}
        kept = self._components_of(node.called.name)
        if possibility.some_fit(kept, found, open_, node.over):
            return _Look("depends", (later,))
        return _Look("run", possibility.explained(kept, found, open_, node.over))

    def _components_of(self, step: str) -> list[Components]:
        """What the kept results of a step were made of, the newest first."""
        if step not in self._kept:
            with self._state.read(self._actor) as connection:
                self._kept[step] = list(pipeline_table.components_of(connection, step))
        return self._kept[step]

    def _lists(self, node: Node) -> dict[str, Items]:
        """The items of the arguments that a node goes over, of those that are known."""
        return {
            name: self._known.items(node, name)
            for name in node.over
            if self._known.has(node.arguments[name])
        }

    def _why_skipped(self, node: Node) -> str:
        if node.index not in self._choice.wanted:
            return "it was not asked for"
        for condition in node.conditions:
            if graph.source_of(condition.output) in self._skipped:
                return f"{_words(condition.output)} is skipped"
            if self._known.has(condition.output) and not self._known.holds(node, condition):
                return f"{_words(condition.output)} is {not condition.wanted}"
        return ""

    def _choose(self, node: Node, waits_for: Sequence[str]) -> _Look:
        condition = node.arguments["condition"]
        if not self._known.has(condition):
            return _Look("choose", (f"it follows the result of {_listed(waits_for)}",))
        holds = self._known.truth(node, condition)
        if self._known.has(node.arguments["then" if holds else "otherwise"]):
            self._known.stored[node.index], _ = self._known.choose(node)
        return _Look("choose", (f"the condition is {holds}",))

    def _planned(
        self,
        node: Node,
        look: _Look,
        waits_for: tuple[str, ...] = (),
        *,
        items: int | None = None,
        reused: int = 0,
    ) -> StepPlan:
        seconds = cost = None
        if look.decision in ("run", "depends") and node.step is not None:
            seconds = self._expected(node, None if items is None else items - reused)
            cost = None if seconds is None else self._cost(node, seconds)
        return StepPlan(
            step=node.name,
            place=str(node.at),
            decision=look.decision,
            why=look.why,
            waits_for=waits_for,
            takes=tuple(dict.fromkeys(map(_words, _taken(node)))),
            seconds=seconds,
            cost=cost,
            run=look.run,
            items=items,
            reused_items=reused,
        )

    def _expected(self, node: Node, calls: int | None) -> float | None:
        """The median of what the step took before; of a step over items, for that many."""
        per_item = bool(node.over) and calls is not None
        with self._state.read(self._actor) as connection:
            took = table.durations(
                connection, self._graph.pipeline, node.name, _HISTORY, items=per_item
            )
        if not took:
            return None
        return statistics.median(took) * (calls if per_item and calls is not None else 1)

    def _cost(self, node: Node, seconds: float) -> float | None:
        costs, options = self._costs, node.called.options
        rate = options.cpus * costs.cpu_hour + options.gpus * costs.gpu_hour
        rate += bytes_of(options.memory) / _GB * costs.gb_hour
        return rate * seconds / 3600 if rate else None


def _totals(
    drawn: Graph,
    data: Mapping[str, str],
    steps: tuple[StepPlan, ...],
    costs: Costs,
    model: str,
    verify_cache: float,
) -> RunPlan:
    certain = [step for step in steps if step.decision == "run"]
    possible = [step for step in steps if step.decision in ("run", "depends")]
    priced = any(step.cost is not None for step in possible)
    return RunPlan(
        pipeline=drawn.pipeline,
        parameters=dict(drawn.parameters),
        data={name: data[name] for name in sorted(drawn.datasets)},
        steps=steps,
        model=model,
        seconds=sum(step.seconds or 0.0 for step in certain),
        seconds_at_most=sum(step.seconds or 0.0 for step in possible),
        cost=sum(step.cost or 0.0 for step in certain) if priced else None,
        cost_at_most=sum(step.cost or 0.0 for step in possible) if priced else None,
        currency=costs.currency if priced else "",
        without_history=tuple(step.step for step in possible if step.seconds is None),
        verify_cache=verify_cache,
    )


def _taken(node: Node) -> list[Output]:
    return [output for _, output in graph.outputs_in(node.arguments)]


def _listed(names: Iterable[str]) -> str:
    return " and ".join(names)


def _words(output: Output) -> str:
    return repr(output).strip("<>").replace("the result of step ", "").replace("'", "")
