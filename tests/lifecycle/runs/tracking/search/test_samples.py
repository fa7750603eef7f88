"""Points for drawing: evenly spread, first and last among them, however many there are."""

from __future__ import annotations

import math

import pytest

from trueup.app.wiring import Workspace
from trueup.lifecycle.runs.tracking.records import Point

from .conftest import OLGA


def run(workspace: Workspace, count: int, key: str = "loss") -> str:
    made = workspace.tracking.start(OLGA, 2)
    for start in range(0, count, 1000):
        steps = range(start, min(start + 1000, count))
        points = [Point(key, float(step), step, 1000 + step) for step in steps]
        workspace.tracking.log(OLGA, made.id, metrics=points)
    return made.id


@pytest.mark.parametrize("most", [1, 2, 10, 500])
def test_each_run_has_its_points_at_even_distances(workspace: Workspace, most: int) -> None:
    counts = {run(workspace, count): count for count in (0, 1, 9, 60, 300)}
    found: dict[str, list[int]] = {id_: [] for id_ in counts}
    for id_, point in workspace.search.samples(OLGA, list(counts), "loss", most):
        found[id_].append(point.step)
    for id_, count in counts.items():
        wanted = list(range(count))
        if count > most:
            last = count - 1
            wanted = sorted({i * last // max(most - 1, 1) for i in range(most)}) if most > 1 else []
            wanted = wanted or [last]
        assert found[id_] == wanted


def test_runs_are_told_in_the_order_they_were_named_and_other_metrics_are_not(
    workspace: Workspace,
) -> None:
    one, two = run(workspace, 3), run(workspace, 3)
    workspace.tracking.log(OLGA, one, metrics=[Point("other", 1.0, 0, 1000)])
    found = workspace.search.samples(OLGA, [two, one], "loss", 10)
    assert [id_ for id_, _ in found] == [two] * 3 + [one] * 3
    assert workspace.search.samples(OLGA, [one], "nothing", 10) == []


def test_only_the_steps_asked_for_are_spread(workspace: Workspace) -> None:
    id_ = run(workspace, 300)
    found = workspace.search.samples(OLGA, [id_], "loss", 3, (100, 200))
    assert [point.step for _, point in found] == [100, 150, 200]


def test_what_is_no_number_stays_that(workspace: Workspace) -> None:
    made = workspace.tracking.start(OLGA, 2)
    workspace.tracking.log(OLGA, made.id, metrics=[Point("loss", math.nan, 0, 1000)])
    ((_, point),) = workspace.search.samples(OLGA, [made.id], "loss", 3)
    assert math.isnan(point.value)
