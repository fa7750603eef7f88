"""The chain of a reference as a drawing: what it comes from above it, what came of it below.

The same thing stands once, however often the tree names it. A box leads to that thing's own chain.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Final

from trueup.app.provenance.lineage import EFFECTS, Node
from trueup.doors.web import links
from trueup.foundation.errors import UsageError
from trueup.foundation.references import parse
from trueup.foundation.text import plural
from trueup.rendering import drawing, folding, words
from trueup.rendering.drawing import Box, Edge, Shape

_NOUNS: Final = {
    "data": "dataset version",
    "feature": "feature definition",
    "model": "model version",
}
_SHAPES: Final[dict[str, Shape]] = {"data": "data", "verdict": "choice", "approval": "choice"}


def svg(tree: Node) -> str:
    """The drawing; empty when there is nothing but the thing itself, or far too much."""
    nodes, follows = _merged(tree)
    boxes, edges = _drawn(nodes, follows, _name(tree))
    boxes, edges = folding.fold(boxes, edges)
    if not 1 < len(boxes) <= drawing.MOST:
        return ""
    title = f"What {tree.ref or tree.label} comes from, and what came of it"
    said = f"{plural(len(nodes), 'thing')}, causes above effects. The tree below says the same."
    return drawing.svg(boxes, edges, title, said, "lineage")


def _merged(tree: Node) -> tuple[dict[str, Node], dict[str, set[str]]]:
    """Things by name, and for each what it follows from."""
    nodes: dict[str, Node] = {}
    follows: dict[str, set[str]] = {}
    for node, parent in _walk(tree, None):
        name = _name(node)
        nodes.setdefault(name, node)
        follows.setdefault(name, set())
        if parent is not None and (above := _name(parent)) != name:
            later, earlier = (name, above) if node.relation in EFFECTS else (above, name)
            follows[later].add(earlier)
    return nodes, follows


def _walk(node: Node, parent: Node | None) -> Iterator[tuple[Node, Node | None]]:
    yield node, parent
    for child in node.children:
        yield from _walk(child, node)


def _name(node: Node) -> str:
    return node.ref or f"{node.label} {sorted(node.facts.items())}"


def _drawn(
    nodes: dict[str, Node], follows: dict[str, set[str]], here: str
) -> tuple[list[Box], list[Edge]]:
    order = _ordered(follows)
    place = {name: number for number, name in enumerate(order)}
    boxes = [_box(nodes[name], name == here) for name in order]
    edges = [
        Edge(place[earlier], place[later])
        for later in order
        for earlier in sorted(follows[later], key=place.__getitem__)
    ]
    return boxes, edges


def _ordered(follows: dict[str, set[str]]) -> list[str]:
    """Causes before effects; of things that are both to each other one line is left out."""
    while True:
        try:
            return list(TopologicalSorter(follows).static_order())
        except CycleError as error:
            circle = error.args[1]  # each follows from the one before it
            follows[circle[1]].discard(circle[0])


def _box(node: Node, is_here: bool) -> Box:
    kind, short = _kind(node)
    state = words.state(node.facts.get("outcome") or node.facts.get("state", ""))
    noun = _NOUNS.get(kind, kind) or node.label
    return Box(
        label=short or node.label,
        note=f"{noun}, {state.word}" if state.word else noun if short else "",
        mark=state.mark if state.word else "",
        tone=state.tone if state.word else "quiet",
        shape=_SHAPES.get(kind, "step"),
        href=links.why(node.ref) if node.ref and not is_here else "",
        kin="" if is_here or not kind else f"{kind} {state.word}",
        noun=noun,
        is_here=is_here,
    )


def _kind(node: Node) -> tuple[str, str]:
    try:
        ref = parse(node.ref)
    except UsageError:
        return "", ""
    return ref.kind, f"{ref.name}@{ref.selector}" if ref.selector else ref.name
