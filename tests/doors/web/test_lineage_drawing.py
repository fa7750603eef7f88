"""The drawing of a chain: each thing once, causes above effects, large ones folded."""

from __future__ import annotations

import re

from trueup.app.provenance.lineage import Node
from trueup.doors.web import lineage_graph


def thing(ref: str, relation: str = "", *children: Node, **facts: str) -> Node:
    return Node(label=ref, ref=ref, relation=relation, facts=facts, children=children)


def heights(svg: str) -> dict[str, float]:
    """How far down each box stands, by its label."""
    found = re.findall(r'<text x="[\d.]+" y="([\d.]+)">([^<]+)</text>', svg)
    return {label: float(y) for y, label in found}


def test_causes_stand_above_and_effects_below() -> None:
    run = thing("run:r1", "made by", thing("data:rows@1", "from data"), state="finished")
    effects = thing("release:late@1", "released as", thing("alert:a1", "led to", state="open"))
    drawn = lineage_graph.svg(thing("flights@1", "", run, effects))
    at = heights(drawn)
    assert at["rows@1"] < at["r1"] < at["flights@1"] < at["late@1"] < at["a1"]
    assert "▲ alert, open" in drawn
    assert "✓ run, finished" in drawn


def test_a_box_leads_to_its_own_chain_and_the_thing_itself_nowhere() -> None:
    drawn = lineage_graph.svg(thing("flights@1", "", thing("run:r1", "made by")))
    assert re.findall(r'href="([^"]+)"', drawn) == ["/why/run:r1"]
    assert drawn.count(" here") == 1


def test_what_the_tree_names_twice_is_drawn_once() -> None:
    data = thing("data:rows@1", "from data")
    tree = thing("deployment:d", "", thing("run:r1", "release", data), thing("run:r2", "x", data))
    assert lineage_graph.svg(tree).count(">rows@1<") == 1


def test_things_without_a_reference_are_told_apart_by_what_they_say() -> None:
    commits = [Node(label="commit", relation="at commit", facts={"commit": c}) for c in "ab"]
    assert lineage_graph.svg(thing("run:r1", "", *commits)).count(">commit</text>") == 2


def test_two_things_that_are_each_others_cause_are_drawn_all_the_same() -> None:
    back = thing("alert:a1", "because of", thing("run:r1", "made by"))
    drawn = lineage_graph.svg(thing("run:r1", "", back))
    assert drawn.count("<a ") == 1


def test_very_many_effects_become_one_box_with_their_number() -> None:
    made = [thing(f"flights@{n}", "trained") for n in range(1, 3000)]
    drawn = lineage_graph.svg(thing("data:rows@1", "", *made))
    assert "2,999 model versions" in drawn
    assert len(drawn) < 3000


def test_words_are_never_markup_and_one_thing_alone_is_no_drawing() -> None:
    drawn = lineage_graph.svg(thing("run:r1", "", Node(label="<script>", relation="x")))
    assert "<script>" not in drawn
    assert lineage_graph.svg(thing("run:r1")) == ""
