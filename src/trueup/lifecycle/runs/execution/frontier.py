"""Which nodes of a graph can be looked at now, because all that they depend on has ended.

Pure: it knows the graph and what has ended, and nothing of values, caches or processes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from trueup.lifecycle.pipeline.drawing.graph import Graph, Node, outputs_in, source_of


class Frontier:
    """The border between the nodes that have ended and those that cannot begin yet."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._missing: dict[int, int] = {}
        self._followers: dict[int, list[int]] = {}
        self._ready: list[int] = []
        for node in nodes:
            before = dependencies(node)
            self._missing[node.index] = len(before)
            for index in before:
                self._followers.setdefault(index, []).append(node.index)
            if not before:
                heapq.heappush(self._ready, node.index)

    def take(self) -> int | None:
        """The first node in order that can be looked at; each is given once."""
        return heapq.heappop(self._ready) if self._ready else None

    def is_empty(self) -> bool:
        """Whether nothing can be looked at before something ends."""
        return not self._ready

    def end(self, index: int) -> None:
        """A node has ended: finished, reused or skipped."""
        for follower in self._followers.get(index, ()):
            self._missing[follower] -= 1
            if self._missing[follower] == 0:
                heapq.heappush(self._ready, follower)


def dependencies(node: Node) -> frozenset[int]:
    """The nodes whose values or conditions a node needs."""
    taken = [output for _, output in outputs_in(node.arguments)]
    taken += [condition.output for condition in node.conditions]
    return frozenset(index for index in map(source_of, taken) if isinstance(index, int))


def before(graph: Graph, index: int) -> frozenset[int]:
    """All nodes that a node depends on, near and far, without itself."""
    found: set[int] = set()
    open_ = [index]
    while open_:
        for each in dependencies(graph.nodes[open_.pop()]) - found:
            found.add(each)
            open_.append(each)
    return frozenset(found)


def behind(graph: Graph, index: int) -> frozenset[int]:
    """A node and all that depend on it, near and far."""
    found: set[int] = {index}
    for node in graph.nodes[index + 1 :]:
        if dependencies(node) & found:
            found.add(node.index)
    return frozenset(found)
