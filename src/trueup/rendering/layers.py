"""Where the boxes of a drawing stand: in layers from top to bottom, everything above what needs it.

The four parts of Sugiyama's method, each small: layers, the order in them, places, and lines. A
line that passes layers gets a bend in each; lines of one box share their bends, so that a value
that many need runs down as one line that branches. `drawing.py` draws the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

WIDTH: Final = 184
HEIGHT: Final = 46
_ASIDE: Final = 20  # between neighbours
_BELOW: Final = 34  # between layers
_BEND: Final = 8  # the room that a line takes in a layer that it passes
_SWEEPS: Final = 6
_STRAIGHT: Final = 8.0  # how much more a bend insists on its place than a box

_Item = tuple[int, int]  # a box and -1, or the box that a line comes from and its layer
_Neighbours = Mapping[_Item, Sequence[_Item]]


class Point(NamedTuple):
    """A place on the drawing."""

    x: float
    y: float


class Line(NamedTuple):
    """A piece of a connection, from the bottom of a layer to the top of the next.

    Attributes:
        above: Where it begins.
        below: Where it ends.
        source: The box that it comes from.
        target: The box that it reaches; -1 when it only passes.
    """

    above: Point
    below: Point
    source: int
    target: int


class Layout(NamedTuple):
    """Where everything stands.

    Attributes:
        corners: The upper left corner of each box.
        lines: The pieces of lines between layers.
        bends: Where a line passes a layer from its top down, and the box that it comes from.
        width: Of the whole.
        height: Of the whole.
    """

    corners: list[Point]
    lines: list[Line]
    bends: list[tuple[Point, int]]
    width: float
    height: float


def layout(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """Place `count` boxes; each edge goes from a box to one with a higher number."""
    edges = list(dict.fromkeys(edges))
    layer_of = _layers(count, edges)
    above, below = _neighbours(edges, layer_of)
    layers: list[list[_Item]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    for box in range(count):
        layers[layer_of[box]].append((box, -1))
    for item in above:
        if item[1] >= 0:
            layers[item[1]].append(item)
    layers = _ordered(layers, above, below)
    centres = _placed(layers, above, below)
    return _laid(count, layers, centres, above)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from the top; what only one box needs moves down to it, with all above it."""
    found = [0] * count
    targets: dict[int, list[int]] = {}
    sources: dict[int, list[int]] = {}
    for source, target in sorted(edges):
        found[target] = max(found[target], found[source] + 1)
        targets.setdefault(source, []).append(target)
        sources.setdefault(target, []).append(source)
    for box in reversed(range(count)):
        if box in targets and all(targets[source] == [box] for source in sources.get(box, ())):
            found[box] = min(found[target] for target in targets[box]) - 1
    return found


def _neighbours(
    edges: Sequence[tuple[int, int]], layer_of: Sequence[int]
) -> tuple[dict[_Item, list[_Item]], dict[_Item, list[_Item]]]:
    """For each item, those it is joined to in the layer above and in the layer below."""
    above: dict[_Item, list[_Item]] = {}
    below: dict[_Item, list[_Item]] = {}
    joined = set()
    for source, target in edges:
        bends = [(source, at) for at in range(layer_of[source] + 1, layer_of[target])]
        for pair in pairwise([(source, -1), *bends, (target, -1)]):
            if pair not in joined:
                joined.add(pair)
                below.setdefault(pair[0], []).append(pair[1])
                above.setdefault(pair[1], []).append(pair[0])
    return above, below


def _ordered(
    layers: list[list[_Item]], above: _Neighbours, below: _Neighbours
) -> list[list[_Item]]:
    """The order in each layer with the fewest crossings of some sweeps down and up."""
    best, fewest = layers, _crossings(layers, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        is_down = sweep % 2 == 0
        layers = _swept(layers, above if is_down else below, is_down=is_down)
        crossings = _crossings(layers, below)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _swept(
    layers: list[list[_Item]], neighbours: _Neighbours, *, is_down: bool
) -> list[list[_Item]]:
    """Each layer sorted by the mean place of its neighbours in the layer sorted just before."""
    places: dict[_Item, int] = {}
    swept = []
    for layer in layers if is_down else reversed(layers):
        means: dict[_Item, float] = {}
        for place, item in enumerate(layer):
            near = neighbours.get(item)
            means[item] = sum(places[each] for each in near) / len(near) if near else place
        kept = sorted(layer, key=means.__getitem__)
        places |= {item: place for place, item in enumerate(kept)}
        swept.append(kept)
    return swept if is_down else swept[::-1]


def _crossings(layers: list[list[_Item]], below: _Neighbours) -> int:
    """How many pairs of lines cross."""
    total = 0
    for layer, next_ in pairwise(layers):
        places = {item: place for place, item in enumerate(next_)}
        passed: list[int] = []
        for item in layer:
            ends = sorted(places[each] for each in below.get(item, ()))
            total += sum(place > end for end in ends for place in passed)
            passed += ends
    return total


def _placed(
    layers: list[list[_Item]], above: _Neighbours, below: _Neighbours
) -> dict[_Item, float]:
    """The centre of each item: near its neighbours, in order, and with room between."""
    centres: dict[_Item, float] = {}
    for layer in layers:
        centres |= zip(layer, _apart(layer, [0.0] * len(layer)), strict=True)
    for sweep in range(_SWEEPS):
        # The last sweep goes down: what stands above decides where its result is looked for.
        is_down = sweep % 2 == 1
        near = above if is_down else below
        for layer in layers if is_down else reversed(layers):
            wanted = [
                sum(centres[each] for each in near[item]) / len(near[item])
                if near.get(item)
                else centres[item]
                for item in layer
            ]
            centres |= zip(layer, _apart(layer, wanted), strict=True)
    return centres


def _apart(layer: Sequence[_Item], wanted: Sequence[float]) -> list[float]:
    """The places nearest to those wanted, by least squares, at which nothing overlaps.

    Take the room between neighbours away and it is an isotonic regression: neighbours that would
    stand in the wrong order are pooled at their mean.
    """
    starts = [0.0]
    for left, right in pairwise(layer):
        starts.append(starts[-1] + (_width(left) + _width(right)) / 2 + _ASIDE)
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for item, place, start in zip(layer, wanted, starts, strict=True):
        mean, weight, many = place - start, 1.0 if item[1] < 0 else _STRAIGHT, 1
        while pools and pools[-1][0] > mean:
            other, its_weight, its_many = pools.pop()
            mean = (mean * weight + other * its_weight) / (weight + its_weight)
            weight, many = weight + its_weight, many + its_many
        pools.append((mean, weight, many))
    means = [mean for mean, _, many in pools for _ in range(many)]
    return [mean + start for mean, start in zip(means, starts, strict=True)]


def _laid(
    count: int, layers: list[list[_Item]], centres: Mapping[_Item, float], above: _Neighbours
) -> Layout:
    left = min((centres[item] - _width(item) / 2 for item in centres), default=0.0)
    right = max((centres[item] + _width(item) / 2 for item in centres), default=0.0)
    tops = {item: at * (HEIGHT + _BELOW) for at, layer in enumerate(layers) for item in layer}
    corners = [
        Point(round(centres[box, -1] - left - WIDTH / 2, 1), tops[box, -1]) for box in range(count)
    ]
    lines = [
        Line(
            Point(round(centres[start] - left, 1), tops[start] + HEIGHT),
            Point(round(centres[end] - left, 1), tops[end]),
            start[0],
            end[0] if end[1] < 0 else -1,
        )
        for end, starts in above.items()
        for start in starts
    ]
    bends = [
        (Point(round(centres[item] - left, 1), top), item[0])
        for item, top in tops.items()
        if item[1] >= 0
    ]
    height = len(layers) * (HEIGHT + _BELOW) - _BELOW if layers else 0
    return Layout(corners, lines, bends, round(right - left, 1), height)


def _width(item: _Item) -> int:
    return WIDTH if item[1] < 0 else _BEND
