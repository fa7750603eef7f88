"""Nodes come up once, in an order in which everything they need has ended."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.pipeline.drawing.graph import Condition, Graph, Node, Output
from trueup.lifecycle.pipeline.records import Place
from trueup.lifecycle.runs.execution import frontier
from trueup.lifecycle.runs.execution.frontier import Frontier

AT = Place("pipelines/x.py", 1)


def output(source: int | str) -> Output:
    return Output(None, source, (), AT)  # type: ignore[arg-type]


@st.composite
def graphs(draw: Any) -> Graph:
    """Any graph: each node takes values and conditions of earlier ones."""
    nodes = []
    for index in range(draw(st.integers(1, 12))):
        earlier = st.lists(st.integers(0, index - 1), max_size=3) if index else st.just([])
        taken, asked = draw(earlier), draw(earlier)
        arguments = {"nested": [{"a": output(i)} for i in taken], "data": output("rows")}
        conditions = tuple(Condition(output(i), True) for i in asked)
        nodes.append(Node(index, f"s{index}", None, arguments, AT, (), conditions))
    return Graph("x", {}, nodes)


@given(graphs(), st.randoms(use_true_random=False))
def test_every_node_comes_up_once_and_after_all_that_it_needs(graph: Graph, random: Any) -> None:
    border = Frontier(graph.nodes)
    ended: list[int] = []
    open_: list[int] = []
    while True:
        while (index := border.take()) is not None:
            assert frontier.dependencies(graph.nodes[index]) <= set(ended)
            open_.append(index)
        if not open_:
            break
        index = open_.pop(random.randrange(len(open_)))
        ended.append(index)
        border.end(index)
    assert sorted(ended) == list(range(len(graph.nodes)))


@given(graphs(), st.data())
def test_before_and_behind_are_two_views_of_one_thing(graph: Graph, data: Any) -> None:
    one = data.draw(st.integers(0, len(graph.nodes) - 1))
    for other in range(len(graph.nodes)):
        if other != one:
            assert (other in frontier.before(graph, one)) == (one in frontier.behind(graph, other))
    assert one in frontier.behind(graph, one)
    assert one not in frontier.before(graph, one)
