"""What a run would do, found out without running, storing or recording anything.

The graph is walked in order. Where a step is reused its result is known and the next ones can be
looked up; where it has to run, what follows is certain only if something else changed as well.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.records import encode
from trueup.lifecycle.pipeline import choosing, discovery, graph, keys, mapping, values
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.graph import Graph, Node, Output
from trueup.lifecycle.pipeline.options import bytes_of
from trueup.lifecycle.pipeline.records import CacheEntry, Components, StoredValue
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs import addressing, table
from trueup.lifecycle.runs.foresight import Decision, KeyNow, RunPlan, StepPlan
from trueup.state.unit import State

_UNKNOWN = "?"
_HISTORY = 20
_GB = 1_000_000_000


class _Look(NamedTuple):
    """One call, looked up."""

    decision: Decision
    why: tuple[str, ...]
    components: Components | None = None
    newest: CacheEntry | None = None
    entry: CacheEntry | None = None


def of_run(
    state: State,
    actor: Actor,
    root: Path,
    pipeline: Pipeline[..., Any],
    parameters: Mapping[str, Any],
    data: Mapping[str, str],
    costs: Costs,
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

    Raises:
        UsageError: The pipeline or a parameter is wrong.
    """
    with discovery.on_path(root), state.read(actor) as connection:
        drawn = pipeline.draw(parameters, root)
        preview = _Preview(state, connection, root, drawn, data, costs)
        steps = tuple(preview.plan(node) for node in drawn.nodes)
    return _totals(pipeline, drawn, data, steps, costs)


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
    with discovery.on_path(root), state.read(actor) as connection:
        preview = _Preview(state, connection, root, drawn, data, Costs())
        for before in drawn.nodes[: node.index]:
            preview.plan(before)
        waits_for = preview.waits_for(node)
        look = preview.look(node, node.arguments, waits_for)
    is_whole = look.components is not None and not waits_for
    return KeyNow(
        step=node.name,
        place=str(node.at),
        decision=look.decision,
        why=look.why,
        key=keys.key(look.components) if is_whole and look.components else "",
        components=look.components,
        waits_for=waits_for,
        newest=look.newest,
        same_key=look.entry,
    )


class _Preview:
    """One walk over a graph."""

    def __init__(
        self,
        state: State,
        connection: sa.Connection,
        root: Path,
        drawn: Graph,
        data: Mapping[str, str],
        costs: Costs,
    ) -> None:
        self._blobs = state.blobs
        self._connection = connection
        self._root = root
        self._graph = drawn
        self._data = data
        self._costs = costs
        self._known: dict[int, StoredValue] = {}
        self._skipped: set[int] = set()

    def plan(self, node: Node) -> StepPlan:
        """What would become of a node; what is known of its result counts from then on."""
        skipped = self._why_skipped(node)
        waits_for = self.waits_for(node)
        if skipped:
            self._skipped.add(node.index)
            return self._planned(node, _Look("skip", (skipped,)))
        if node.step is None:
            return self._planned(node, self._choose(node, waits_for), waits_for)
        if node.over:
            return self._over_items(node, waits_for)
        look = self.look(node, node.arguments, waits_for)
        if look.decision == "reuse" and look.entry is not None:
            self._known[node.index] = look.entry.outputs
        return self._planned(node, look, waits_for)

    def waits_for(self, node: Node) -> tuple[str, ...]:
        """The steps whose results this one takes and that are not there yet."""
        taken = [output for _, output in graph.outputs_in(node.arguments)]
        taken += [condition.output for condition in node.conditions]
        sources = [graph.source_of(output) for output in taken]
        missing = {s for s in sources if isinstance(s, int) and self._is_open(s)}
        return tuple(self._graph.nodes[index].name for index in sorted(missing))

    def look(self, node: Node, arguments: Mapping[str, Any], waits_for: Sequence[str]) -> _Look:
        """Look up one call; digests of results still to come are `?`."""
        found, reasons = addressing.components(node.called, arguments, self._root, self._content)
        if found is None:
            return _Look("run", reasons)
        newest = pipeline_table.latest(self._connection, node.called.name)
        if waits_for:
            return self._look_ahead(found, newest, waits_for, node.over)
        entry = pipeline_table.entry(self._connection, keys.key(found))
        if entry is None:
            why = keys.explain(newest.components if newest else None, found)
            return _Look("run", tuple(why), found, newest)
        if not values.is_present(self._blobs, entry.outputs):
            return _Look("run", ("its stored result is gone",), found, newest)
        why = [f"nothing it depends on has changed since run {entry.run}"]
        return _Look("reuse", tuple(why), found, newest, entry)

    def _look_ahead(
        self,
        found: Components,
        newest: CacheEntry | None,
        waits_for: Sequence[str],
        over: Sequence[str],
    ) -> _Look:
        """A call that takes results still to come: certain to run if anything else changed."""
        later = f"it takes the result of {' and '.join(waits_for)}, which is not there yet"
        if newest is None:
            return _Look("run", ("it has not run before",), found)
        before = newest.components
        open_inputs = [n for n, digest in found.inputs.items() if _UNKNOWN in digest]
        as_before = msgspec.structs.replace(
            found,
            parameters=_with(found.parameters, before.parameters, over),
            inputs=_with(found.inputs, before.inputs, (*over, *open_inputs)),
            # A value still to come may bring its library with it, as it did before.
            packages={**before.packages, **found.packages},
        )
        why = tuple(keys.explain(before, as_before))
        decision: Decision = "run" if why else "depends"
        return _Look(decision, why or (later,), found, newest)

    def _over_items(self, node: Node, waits_for: tuple[str, ...]) -> StepPlan:
        lists = {name: self._items(node.arguments[name]) for name in node.over}
        if waits_for or any(items is None for items in lists.values()):
            lengths = [len(items) for items in lists.values() if items is not None]
            look = self.look(node, node.arguments, waits_for)
            return self._planned(node, look, waits_for, items=lengths[0] if lengths else None)
        known = {name: items for name, items in lists.items() if items is not None}
        count = mapping.count(node, {name: len(items) for name, items in known.items()})
        looks = [self.look(node, mapping.call(node, i, known), ()) for i in range(count)]
        reused = [look for look in looks if look.decision == "reuse"]
        if len(reused) == count:
            outputs = [look.entry.outputs for look in looks if look.entry is not None]
            self._known[node.index] = values.listed(outputs)
            runs = sorted({look.entry.run for look in looks if look.entry is not None})
            why = (f"nothing it depends on has changed since run {' and '.join(runs)}",)
            return self._planned(node, _Look("reuse", why), items=count, reused=count)
        first = next(look for look in looks if look.decision != "reuse")
        return self._planned(node, _Look("run", first.why), items=count, reused=len(reused))

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
            run=look.entry.run if look.decision == "reuse" and look.entry else "",
            items=items,
            reused_items=reused,
        )

    def _expected(self, node: Node, calls: int | None) -> float | None:
        """The median of what the step took before; of a step over items, for that many."""
        per_item = bool(node.over) and calls is not None
        took = table.durations(
            self._connection, self._graph.pipeline, node.name, _HISTORY, items=per_item
        )
        if not took:
            return None
        return statistics.median(took) * (calls if per_item and calls is not None else 1)

    def _cost(self, node: Node, seconds: float) -> float | None:
        costs, options = self._costs, node.called.options
        rate = options.cpus * costs.cpu_hour + options.gpus * costs.gpu_hour
        rate += bytes_of(options.memory) / _GB * costs.gb_hour
        return rate * seconds / 3600 if rate else None

    # What is known of values

    def _is_open(self, index: int) -> bool:
        return index not in self._known and index not in self._skipped

    def _content(self, output: Output) -> StoredValue:
        source = graph.source_of(output)
        if isinstance(source, str):
            return StoredValue(kind="frame", digest=self._data[source], format="parquet")
        found = self._value(output)
        return found or StoredValue(kind="json", digest=_UNKNOWN)

    def _value(self, output: Output) -> StoredValue | None:
        """The stored value of an output that is known; parts of plain data by digest alone."""
        source = graph.source_of(output)
        stored = self._known.get(source) if isinstance(source, int) else None
        for key in graph.path_of(output):
            if stored is None:
                return None
            if key in stored.parts:
                stored = stored.parts[key]
            elif stored.kind == "list" and key.isdecimal() and int(key) < len(stored.items):
                stored = stored.items[int(key)]
            elif stored.kind == "json":
                plain = values.load(self._blobs, stored)
                inner = plain.get(key) if isinstance(plain, dict) else None
                stored = StoredValue(
                    kind="json", format="json", digest=digests.of_bytes(encode(inner))
                )
        return stored

    def _plain(self, output: Output) -> Any:
        """The plain value of an output that is known; None for all others."""
        source, path = graph.source_of(output), list(graph.path_of(output))
        stored = self._known.get(source) if isinstance(source, int) else None
        while stored is not None and path and path[0] in stored.parts:
            stored = stored.parts[path.pop(0)]
        value = values.load(self._blobs, stored) if stored and stored.kind == "json" else None
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return value

    def _items(self, value: Any) -> list[Any] | None:
        """The items of a list that is known: plain ones, or placeholders of stored ones."""
        if not isinstance(value, Output):
            return list(value)
        stored = self._value(value)
        if stored is not None and stored.kind == "list":
            return [_item(value, index) for index in range(len(stored.items))]
        plain = self._plain(value)
        return plain if isinstance(plain, list) else None

    def _why_skipped(self, node: Node) -> str:
        for condition in node.conditions:
            source = graph.source_of(condition.output)
            if source in self._skipped:
                return f"{_words(condition.output)} is skipped"
            known = self._plain(condition.output)
            if known is not None:
                holds = choosing.truth(node, known, graph.place_of(condition.output))
                if holds is not condition.wanted:
                    return f"{_words(condition.output)} is {holds}"
        return ""

    def _choose(self, node: Node, waits_for: Sequence[str]) -> _Look:
        known = self._plain(node.arguments["condition"])
        if known is None:
            return _Look("choose", (f"it follows the result of {' and '.join(waits_for)}",))
        holds = choosing.truth(node, known, node.at)
        chosen = node.arguments["then" if holds else "otherwise"]
        stored = self._value(chosen) if isinstance(chosen, Output) else None
        if stored is not None:
            self._known[node.index] = stored
        return _Look("choose", (f"the condition is {holds}",))


def _totals(
    pipeline: Pipeline[..., Any],
    drawn: Graph,
    data: Mapping[str, str],
    steps: tuple[StepPlan, ...],
    costs: Costs,
) -> RunPlan:
    certain = [step for step in steps if step.decision == "run"]
    possible = [step for step in steps if step.decision in ("run", "depends")]
    priced = any(step.cost is not None for step in possible)
    return RunPlan(
        pipeline=pipeline.name,
        parameters=dict(drawn.parameters),
        data={name: data[name] for name in sorted(drawn.datasets)},
        steps=steps,
        model=pipeline.model,
        seconds=sum(step.seconds or 0.0 for step in certain),
        seconds_at_most=sum(step.seconds or 0.0 for step in possible),
        cost=sum(step.cost or 0.0 for step in certain) if priced else None,
        cost_at_most=sum(step.cost or 0.0 for step in possible) if priced else None,
        currency=costs.currency if priced else "",
        without_history=tuple(step.step for step in possible if step.seconds is None),
    )


def _with(
    now: Mapping[str, Any], before: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """`now`, but under these names, and below them, what was there before."""

    def counts(name: str) -> bool:
        return name in names or name.partition(".")[0] in names

    kept = {name: value for name, value in now.items() if not counts(name)}
    return kept | {name: value for name, value in before.items() if counts(name)}


def _taken(node: Node) -> list[Output]:
    return [output for _, output in graph.outputs_in(node.arguments)]


def _words(output: Output) -> str:
    return repr(output).strip("<>").replace("the result of step ", "").replace("'", "")


def _item(output: Output, index: int) -> Output:
    path = (*graph.path_of(output), str(index))
    trace, source, at = graph.drawing_of(output), graph.source_of(output), graph.place_of(output)
    return Output(trace, source, path, at)
