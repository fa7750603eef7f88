"""What a run records of its steps as it begins, and how they stand later."""

from __future__ import annotations

import msgspec
import pytest

from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.runs import outline
from trueup.lifecycle.runs.records import Taken
from trueup.lifecycle.runs.service import Runs

from .conftest import Project

BRANCHES = """
    from trueup import choose, data, pipeline, step

    @step
    def load(flights) -> dict[str, list[int]]:
        return {"few": [1, 2]}

    @step
    def double(number: int, by: int) -> int:
        return number * by

    @step
    def is_large(numbers: list[int]) -> bool:
        return False

    @step
    def shrink(numbers: list[int]) -> list[int]:
        return numbers[:1]

    @step(cache=False)
    def total(lists: list[list[int]], fail: bool) -> float:
        assert not fail
        return 1.0

    @step
    def after(number: float, note: object = None) -> float:
        return number

    @pipeline
    def flights(fail: bool = False):
        numbers = double.map(load(data("flights"))["few"], by=3)
        small = choose(is_large(numbers), then=lambda: shrink(numbers), otherwise=lambda: numbers)
        after(total([numbers, small], fail))
"""


@pytest.fixture
def branching(project: Project) -> Project:
    project.write(BRANCHES)
    return project


def test_each_step_names_what_it_takes(branching: Project) -> None:
    run = branching.run()
    found = Runs(branching.state).show(branching.actor, run.id).outline
    load, double, is_large, shrink, choice, total, after = found
    assert load.takes == (Taken(argument="flights", dataset="flights"),)
    assert double.takes == (Taken(argument="number", step=1, part="few"),)
    assert (double.over, double.values) == (("number",), {"by": "3"})
    assert shrink.takes == (Taken(argument="numbers", step=2), Taken(step=3, wanted=True))
    assert (choice.step, choice.values) == ("", {})
    assert [(t.argument, t.step) for t in total.takes] == [("lists.0", 2), ("lists.1", 5)]
    assert total.values == {"fail": "False"}
    words = [outline.sources(step, found) for step in (load, double, is_large, shrink, after)]
    assert words == [
        ("flights",),
        ("load.few",),
        ("double",),
        ("double", "if is_large"),
        ("total",),
    ]


def test_a_run_that_failed_is_known_to_its_end(branching: Project) -> None:
    with pytest.raises(UserCodeError) as raised:
        branching.run({"fail": True})
    detail = Runs(branching.state).show(branching.actor, raised.value.context["run"])
    states = outline.standing(detail.outline, detail.steps, {7}, detail.run.state)
    assert list(states.values()) == [
        "finished",
        "finished",
        "finished",
        "skipped",
        "finished",
        "failed",
        "not-reached",
    ]
    going_on = outline.standing(detail.outline, detail.steps[:5], {6}, "running")
    assert [going_on[6], going_on[7]] == ["running", "waiting"]


def test_a_run_without_an_outline_stands_as_its_steps_ended(branching: Project) -> None:
    run = branching.run()
    steps = Runs(branching.state).show(branching.actor, run.id).steps
    again = tuple(msgspec.structs.replace(step, cached=True) for step in steps[:2])
    assert outline.standing((), again, (), "finished") == {1: "cached", 2: "cached"}


def test_large_and_strange_values_are_named_in_short() -> None:
    class Strange:
        def __repr__(self) -> str:
            raise AssertionError("nobody asks")

    shown = outline.shortened([Strange(), "x" * 500, list(range(100))])
    assert len(shown) < 150
    assert shown.startswith("[<Strange>, 'xxx")
