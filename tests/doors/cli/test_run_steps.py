"""The steps of a run as a tree."""

from __future__ import annotations

from trueup.doors.cli.runs.steps import tree
from trueup.lifecycle.runs.records import PlannedStep, Taken


def planned(position: int, *takes: int, unless: int = 0) -> PlannedStep:
    found = [Taken("x", step=step) for step in takes]
    found += [Taken(step=unless, wanted=False)] if unless else []
    return PlannedStep(position, f"s{position}", "s", "", tuple(found))


def drawn(*steps: PlannedStep) -> list[str]:
    return [f"{branch}{position}" for position, branch in tree(steps)]


def test_each_step_stands_below_the_last_that_it_takes_something_from() -> None:
    found = drawn(
        planned(1), planned(2), planned(3, 1, 2), planned(4, 3), planned(5, 3, 1), planned(6, 4)
    )
    assert found == ["1", "2", "╰ 3", "  ├ 4", "  │ ╰ 6", "  ╰ 5"]


def test_a_condition_counts_where_no_value_is_taken() -> None:
    assert drawn(planned(1), planned(2, 1), planned(3, 1, unless=2), planned(4, unless=2)) == [
        "1",
        "├ 2",
        "│ ╰ 4",
        "╰ 3",
    ]


def test_a_thousand_steps_in_a_row_stay_in_sight() -> None:
    found = drawn(planned(1), *(planned(n, n - 1) for n in range(2, 1001)))
    assert len(found) == 1000
    assert max(len(line) for line in found) < 30
