"""Drawings: nothing overlaps, all stands in the order of what follows from what."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.rendering.layers import HEIGHT, WIDTH, Point, layout

Edges = list[tuple[int, int]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, Edges]:
    count = draw(st.integers(1, 24))
    ends = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    pairs = draw(st.lists(ends, max_size=40))
    return count, [(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]]


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_boxes_never_overlap_and_lines_go_down(graph: tuple[int, Edges]) -> None:
    count, edges = graph
    laid = layout(count, edges)
    for one, other in combinations(laid.corners, 2):
        assert abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    for source, target in edges:
        assert laid.corners[source].y < laid.corners[target].y
    for line in laid.lines:
        assert line.above.y < line.below.y
    for (x, y), _ in laid.bends:  # no line passes through a box
        assert not any(c.x < x < c.x + WIDTH and c.y == y for c in laid.corners)
    assert all(0 <= c.x <= laid.width - WIDTH and c.y <= laid.height - HEIGHT for c in laid.corners)


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_connection_is_joined_from_end_to_end(graph: tuple[int, Edges]) -> None:
    count, edges = graph
    laid = layout(count, edges)
    ends = {
        (source, target)
        for source, target in edges
        for line in laid.lines
        if (line.source, line.target) == (source, target)
        and line.below == Point(round(laid.corners[target].x + WIDTH / 2, 1), line.below.y)
    }
    assert ends == set(edges)


def test_a_row_is_straight_and_branches_stand_beside_each_other() -> None:
    row = layout(4, [(0, 1), (1, 2), (2, 3)])
    assert len({corner.x for corner in row.corners}) == 1
    diamond = layout(4, [(0, 1), (0, 2), (1, 3), (2, 3)])
    top, left, right, bottom = diamond.corners
    assert left.y == right.y
    assert top.x == bottom.x == (left.x + right.x) / 2


def test_lines_do_not_cross_where_they_need_not() -> None:
    laid = layout(4, [(0, 3), (1, 2)])
    first, second, below_second, below_first = laid.corners
    assert (first.x < second.x) == (below_first.x < below_second.x)


def test_a_box_that_nothing_leads_to_stands_just_above_what_needs_it() -> None:
    laid = layout(5, [(0, 1), (1, 2), (2, 4), (3, 4)])
    assert laid.corners[3].y == laid.corners[2].y


def test_lines_of_one_box_run_down_together() -> None:
    many = [(0, target) for target in range(2, 22)] + [(at, at + 1) for at in range(1, 21)]
    laid = layout(22, many)
    assert len(laid.bends) == len({y for (_, y), _ in laid.bends})


def test_nothing_is_drawn_of_nothing() -> None:
    assert layout(0, []).corners == []
