"""What docs/checks.md says to paste can be pasted: the plan reads it, and its families answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from trueup.foundation import toml
from trueup.lifecycle.gates.families import family_of
from trueup.lifecycle.plan.records import Plan

PAGE = Path(__file__).parents[3] / "docs" / "checks.md"
BLOCKS = [
    block
    for block in re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    if "[[goals" in block
]
HEAD = '[project]\nname = "small"\nobjective = "Try things"\n'
GOAL = '[[goals]]\nid = "proven"\nclaim = "It is so"\n'


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_what_the_page_says_to_paste_can_be_pasted(block: str) -> None:
    text = HEAD + ("" if "[[goals]]" in block else GOAL) + block
    demands = [
        demand for goal in toml.parse(text, "checks.md", Plan).goals for demand in goal.checks
    ]
    assert demands
    for demand in demands:
        assert demand.unsound() == ""
        assert callable(family_of(demand).check)
