"""What the values of a run are, once they exist: stored values of outputs, items, conditions.

It reads the blob store and writes only what has no stored form yet, such as one part of plain data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.data import tables
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.pipeline.drawing import choosing, graph, mapping
from trueup.lifecycle.pipeline.drawing.graph import Condition, Graph, Node, Output
from trueup.lifecycle.pipeline.passing import keeping, values
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.runs.records import Candidate
from trueup.ports.blobs import Blobs


class Items(msgspec.Struct, frozen=True):
    """The items of one argument of a step that goes over lists: plain data or stored values."""

    written: Sequence[Any] = ()
    plain: Sequence[Any] = ()
    stored: Sequence[StoredValue] = ()
    placeholder: Output | None = None

    def __len__(self) -> int:
        return len(self.written) or len(self.plain) or len(self.stored)


class Resolution:
    """The values of one run."""

    def __init__(self, blobs: Blobs, drawn: Graph, data: Mapping[str, DatasetVersion]) -> None:
        self._blobs = blobs
        self._graph = drawn
        self._data = data
        self.stored: dict[int, StoredValue] = {}
        self.pipeline = drawn.pipeline

    def content(self, output: Output) -> StoredValue:
        """The stored value of an output, as a cache key sees it: a dataset by its digest."""
        source = graph.source_of(output)
        if isinstance(source, str):
            digest = self._data[source].digest
            return StoredValue(kind="frame", digest=digest, format="parquet")
        return self.resolved(output)

    def resolved(self, output: Output) -> StoredValue:
        """The stored value of an output.

        Raises:
            UserCodeError: The step returned no such part.
        """
        source, at = graph.source_of(output), graph.place_of(output)
        if isinstance(source, str):
            frame = tables.load(self._blobs, self._data[source])
            return keeping.store(self._blobs, frame, f'data("{source}")', at)
        stored, name = self.stored[source], self._graph.nodes[source].name
        for key in graph.path_of(output):
            if stored.kind == "list" and key.isdecimal() and int(key) < len(stored.items):
                stored = stored.items[int(key)]
            else:
                stored = values.part(self._blobs, stored, key, name, at)
        return stored

    def load(self, output: Output) -> Any:
        """The value of an output."""
        return values.load(self._blobs, self.resolved(output))

    def lists(self, node: Node) -> dict[str, Items]:
        """The items of each argument that a node goes over.

        Raises:
            UserCodeError: A value is no list, or the lists differ in length.
        """
        found = {name: self.items(node, name) for name in node.over}
        mapping.count(node, {name: len(items) for name, items in found.items()})
        return found

    def items(self, node: Node, name: str) -> Items:
        """The items of one argument that a node goes over.

        Raises:
            UserCodeError: The value is no list.
        """
        value = node.arguments[name]
        if not isinstance(value, Output):
            return Items(written=list(value))
        stored = self.resolved(value)
        if stored.kind == "list":
            return Items(stored=stored.items, placeholder=value)
        plain = values.items(self._blobs, stored)
        if plain is None:
            at = node.at
            raise UserCodeError(
                "map-not-a-list",
                f"{at}: step '{node.name}' goes over '{name}', which is no list ({stored.kind}).",
                hint=f"pass a list at {at}",
                context={"file": at.file, "line": at.line, "step": node.name},
            )
        return Items(plain=plain)

    def holds(self, node: Node, condition: Condition) -> bool:
        """Whether a condition is as a node wants it.

        Raises:
            UserCodeError: It is neither True nor False.
        """
        return self.truth(node, condition.output) is condition.wanted

    def truth(self, node: Node, output: Output) -> bool:
        """The value of a condition.

        Raises:
            UserCodeError: It is neither True nor False.
        """
        stored = self.resolved(output)
        value = values.load(self._blobs, stored) if stored.kind == "json" else stored.kind
        return choosing.truth(node, value, graph.place_of(output))

    def choose(self, node: Node) -> tuple[StoredValue, bool]:
        """The value of a choice, and which way it went.

        Raises:
            UserCodeError: Its condition is neither True nor False.
        """
        wanted = self.truth(node, node.arguments["condition"])
        chosen = node.arguments["then" if wanted else "otherwise"]
        if isinstance(chosen, Output):
            return self.resolved(chosen), wanted
        plain = graph.replaced(chosen, self.load)
        return keeping.store(self._blobs, plain, node.name, node.at), wanted

    def candidate(self) -> Candidate | None:
        """What the run offers as a model version.

        Raises:
            UserCodeError: It cannot become one.
        """
        offered = self._graph.candidate
        if offered is None:
            return None
        found = {
            name: self.resolved(getattr(offered, name))
            for name in ("model", "trained_on", "holdout")
        }
        wrong = ""
        if found["model"].kind != "model":
            wrong = f"model is a {found['model'].kind}, not a fitted model"
        for name in ("trained_on", "holdout"):
            if found[name].kind != "frame":
                wrong = wrong or f"{name} is a {found[name].kind}, not a frame"
            elif offered.label not in found[name].columns:
                wrong = wrong or f"{name} has no column '{offered.label}'"
            elif not found[name].rows:
                wrong = wrong or f"{name} has no rows"
            elif (group := offered.question.group) and group not in found[name].columns:
                wrong = wrong or f"{name} has no column '{group}' to rank by"
        if wrong:
            raise UserCodeError(
                "candidate-invalid",
                f"{offered.at}: the candidate cannot become a model version: {wrong}.",
                hint=f"correct the candidate(…) call at {offered.at}",
                context={"file": offered.at.file, "line": offered.at.line},
            )
        return Candidate(label=offered.label, question=offered.question, **found)


def item_of(output: Output, index: int) -> Output:
    """The placeholder of one item of a stored list."""
    path = (*graph.path_of(output), str(index))
    return Output(graph.drawing_of(output), graph.source_of(output), path, graph.place_of(output))


def arguments_of(node: Node, lists: Mapping[str, Items], item: int) -> dict[str, Any]:
    """The arguments of the call for one item, as a cache key sees them."""
    found = dict(node.arguments)
    for name, items in lists.items():
        if items.placeholder is not None:
            found[name] = item_of(items.placeholder, item)
        else:
            found[name] = (items.written or items.plain)[item]
    return found
