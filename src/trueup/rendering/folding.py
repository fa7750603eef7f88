"""Large drawings made readable: boxes of one kin that stand alike or in a row become one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from trueup.foundation.text import plural
from trueup.rendering.drawing import Box, Edge

_LEAST: Final = 3  # boxes that are worth being one

_Edges = Sequence[Edge]


def fold(boxes: Sequence[Box], edges: _Edges, most: int = 40) -> tuple[list[Box], list[Edge]]:
    """The same drawing with about `most` boxes, where boxes of the same kin allow it.

    First those of one kin that follow from the same and lead to the same, then those that follow
    each other in a row. Boxes without a kin stay as they are.
    """
    kept, joined = list(boxes), list(edges)
    for find in (_alike, _rows, _alike, _rows):
        if len(kept) <= most:
            break
        kept, joined = _merged(kept, joined, find(kept, joined))
    return kept, joined


def _alike(boxes: Sequence[Box], edges: _Edges) -> list[list[int]]:
    into, out_of = _ends(boxes, edges)
    groups: dict[object, list[int]] = {}
    for number, box in enumerate(boxes):
        if box.kin:
            groups.setdefault((box.kin, into[number], out_of[number]), []).append(number)
    return [group for group in groups.values() if len(group) >= _LEAST]


def _rows(boxes: Sequence[Box], edges: _Edges) -> list[list[int]]:
    into, out_of = _ends(boxes, edges)
    rows: list[list[int]] = []
    row_of: dict[int, list[int]] = {}
    for number, box in enumerate(boxes):
        before = next(iter(into[number]), (-1, False))[0] if len(into[number]) == 1 else -1
        follows = before >= 0 and len(out_of[before]) == 1
        if follows and before in row_of and _tone(boxes[before]) == _tone(box) and box.kin:
            row_of[number] = row_of[before]
            row_of[number].append(number)
        elif box.kin:
            row_of[number] = [number]
            rows.append(row_of[number])
    return [row for row in rows if len(row) >= _LEAST]


def _tone(box: Box) -> tuple[str, str, bool]:
    return box.mark, box.tone, box.is_pale


def _ends(
    boxes: Sequence[Box], edges: _Edges
) -> tuple[list[frozenset[tuple[int, bool]]], list[frozenset[tuple[int, bool]]]]:
    into: list[set[tuple[int, bool]]] = [set() for _ in boxes]
    out_of: list[set[tuple[int, bool]]] = [set() for _ in boxes]
    for source, target, is_dashed in edges:
        into[target].add((source, is_dashed))
        out_of[source].add((target, is_dashed))
    return [frozenset(each) for each in into], [frozenset(each) for each in out_of]


def _merged(
    boxes: Sequence[Box], edges: _Edges, groups: list[list[int]]
) -> tuple[list[Box], list[Edge]]:
    """Each group becomes one box, at the place of its last member."""
    group_of = {number: group for group in groups for number in group}
    kept: list[Box] = []
    place: dict[int, int] = {}
    for number, box in enumerate(boxes):
        group = group_of.get(number)
        if group is None:
            place[number] = len(kept)
            kept.append(box)
        elif number == group[-1]:
            place |= dict.fromkeys(group, len(kept))
            kept.append(_together([boxes[member] for member in group]))
    moved = {
        Edge(place[source], place[target], is_dashed): None
        for source, target, is_dashed in edges
        if place[source] != place[target]
    }
    return kept, list(moved)


def _together(boxes: Sequence[Box]) -> Box:
    first, last = boxes[0], boxes[-1]
    many = sum(box.stands_for for box in boxes)
    counted = plural(many, first.noun)
    word = first.note.rpartition(", ")[2].partition(" · ")[0]
    return first._replace(
        label=f"{first.label.partition(' … ')[0]} … {last.label.rpartition(' … ')[2]}",
        note=f"{counted}, {word}" if word else counted,
        shape="many",
        stands_for=many,
    )
