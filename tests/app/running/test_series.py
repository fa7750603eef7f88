"""Many runs of one pipeline: back-fills, sweeps and searches, stopped and gone on with."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trueup.app.running import backfill, series, sweeping
from trueup.app.running.series import How, Outcome, Part
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.plan.service import read as read_plan
from trueup.lifecycle.runs.records import Cause, RunOptions
from trueup.lifecycle.runs.series.records import Choice, Objective, Range

from ..conftest import git

PLAN = """\
[project]
name = "small"
objective = "Try things"

[datasets.rows]
path = "data/rows.csv"
"""
PIPELINES = """\
import os

from trueup import data, pipeline, step


@step
def load(rows) -> int:
    return rows.height


@step
def month(rows: int, partition: str) -> dict[str, float]:
    if partition == "2013-03":
        raise ValueError("no rows in March")
    return {"rows": float(rows)}


@step
def score(rows: int, x: float, kind: str) -> dict[str, float]:
    if kind == "crash":
        os._exit(9)
    return {"score": rows - (x - 0.3) ** 2 - (kind == "odd")}


@pipeline(partitions="monthly", start="2013-01")
def monthly(partition: str, share: float = 0.5):
    month(load(data("rows")), partition)


@pipeline
def scoring(x: float = 1.0, kind: str = "even"):
    score(load(data("rows")), x, kind)
"""
BEST = Objective(metric="score", direction="max")


BUILD = Cause(by="jenkins:train#7", reason="build 7 of train on jenkins")


class House:
    """A project, and what was told of its runs."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.told: list[tuple[str, str]] = []
        self.stop_after = 10**9
        self.cause = Cause()

    def how(self, pipeline: str) -> How:
        here = RunOptions(engine="inprocess://")
        return How(pipeline=pipeline, actor=self.workspace.owner, options=here, cause=self.cause)

    def tell(self, part: Part, outcome: Outcome) -> None:
        self.told.append((part.label, outcome.state))
        if len(self.told) == self.stop_after:
            raise KeyboardInterrupt

    def pipeline(self, name: str) -> Any:
        return discovery.find(self.workspace.root, name)

    def fill(self, partitions: str, **more: Any) -> list[tuple[str, str]]:
        """Back-fill; returns what was told."""
        self.told = []
        how, pipeline = self.how("monthly"), self.pipeline("monthly")
        parallel = more.pop("parallel", 1)
        planned = backfill.plan(
            self.workspace,
            how,
            pipeline,
            more.pop("parameters", {"share": 0.5}),
            partitions,
            **more,
        )
        for part, outcome in planned.done:
            self.tell(part, outcome)
        series.perform(self.workspace, how, planned.parts, parallel, self.tell)
        return self.told

    def sweep(self, values: list[dict[str, Any]], parallel: int = 1) -> sweeping.Swept:
        self.told = []
        how, pipeline = self.how("scoring"), self.pipeline("scoring")
        combinations = [pipeline.bind(value) for value in values]
        return sweeping.grid(
            self.workspace, how, pipeline, combinations, BEST, parallel=parallel, told=self.tell
        )

    def search(self, trials: int, seed: int = 0, parallel: int = 1) -> sweeping.Swept:
        self.told = []
        how, pipeline = self.how("scoring"), self.pipeline("scoring")
        space = {"x": Range(low=0.01, high=10, log=True), "kind": Choice(values=("odd", "even"))}
        return sweeping.search(
            self.workspace,
            how,
            pipeline,
            pipeline.bind({}),
            space,
            BEST,
            trials=trials,
            seed=seed,
            parallel=parallel,
            told=self.tell,
        )

    def tried(self, swept: sweeping.Swept) -> list[Any]:
        """The parameters of a sweep's runs, in the order in which they ran."""
        found = self.workspace.series.in_sweep(self.workspace.owner, swept.sweep)
        return [run.parameters for run in found if run.state == "finished"]

    def runs(self) -> int:
        return len(self.workspace.runs.list(self.workspace.owner, limit=1000).runs)


@pytest.fixture(scope="module")
def _made(_git_knows_who: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("series") / "small"
    for folder in ("data", "pipelines"):
        (root / folder).mkdir(parents=True)
    (root / ".gitignore").write_text(".trueup/\n__pycache__/\n")
    (root / "trueup.toml").write_text(PLAN)
    (root / "data" / "rows.csv").write_text("a\n1\n2\n")
    (root / "pipelines" / "many.py").write_text(PIPELINES)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "start")
    with open_workspace(root) as workspace:
        workspace.plans.adopt(workspace.owner, read_plan(root))
    return root


@pytest.fixture
def house(_made: Path, tmp_path: Path) -> Iterator[House]:
    subprocess.run(["cp", "-r", str(_made), str(tmp_path)], check=True)
    with open_workspace(tmp_path / "small") as workspace:
        yield House(workspace)


# --- back-fills


def test_there_is_one_run_for_each_partition_and_a_failure_stops_no_other(house: House) -> None:
    assert house.fill("2013-02..2013-04") == [
        ("2013-02", "finished"),
        ("2013-03", "failed"),
        ("2013-04", "finished"),
    ]
    newest = house.workspace.runs.list(house.workspace.owner).runs[0]
    assert (newest.partition, newest.parameters["partition"]) == ("2013-04", "2013-04")
    assert newest.reason == "partition 2013-04 of 2013-02..2013-04"


def test_each_run_of_a_series_names_the_build_that_started_it(house: House) -> None:
    house.cause = BUILD
    house.fill("2013-02")
    sweep = house.sweep([{"x": 0.1}, {"x": 0.2}]).sweep
    runs = house.workspace.runs.list(house.workspace.owner).runs
    assert {run.caused_by for run in runs} == {"jenkins:train#7"}
    assert sorted(run.reason for run in runs) == [
        f"combination 1 of 2 of sweep {sweep}; build 7 of train on jenkins",
        f"combination 2 of 2 of sweep {sweep}; build 7 of train on jenkins",
        "partition 2013-02 of 2013-02; build 7 of train on jenkins",
    ]


def test_what_the_same_code_has_done_is_left_out(house: House) -> None:
    house.fill("2013-01..2013-03")
    assert house.fill("2013-01..2013-04") == [
        ("2013-01", "skipped"),
        ("2013-02", "skipped"),
        ("2013-03", "failed"),
        ("2013-04", "finished"),
    ]
    assert [s for _, s in house.fill("2013-01,2013-04", again=True)] == ["finished"] * 2
    assert [s for _, s in house.fill("2013-01", parameters={"share": 0.9})] == ["finished"]
    file = house.workspace.root / "pipelines" / "many.py"
    file.write_text(PIPELINES.replace("float(rows)", "float(rows + 1)"))
    git(house.workspace.root, "commit", "--quiet", "-am", "other code")
    assert [s for _, s in house.fill("2013-01")] == ["finished"]


def test_a_pipeline_without_partitions_has_none_to_fill(house: House) -> None:
    with pytest.raises(UsageError, match="does not run for one part"):
        backfill.plan(house.workspace, house.how("scoring"), house.pipeline("scoring"), {}, "2013")


@pytest.mark.slow
def test_several_run_at_once_in_processes_of_their_own(house: House) -> None:
    told = house.fill("2013-01..2013-06", parallel=2)
    assert sorted(told) == [
        (f"2013-0{month}", "failed" if month == 3 else "finished") for month in range(1, 7)
    ]
    assert house.fill("2013-01,2013-06", parallel=2) == [
        ("2013-01", "skipped"),
        ("2013-06", "skipped"),
    ]


# --- sweeps


GRID = [{"x": x, "kind": kind} for x in (0.1, 0.3) for kind in ("odd", "even")]


def test_all_combinations_are_runs_of_one_sweep_and_the_best_is_found(house: House) -> None:
    swept = house.sweep(GRID)
    assert house.tried(swept) == GRID
    assert (swept.comparison.parameters, swept.comparison.metrics) == (("kind", "x"), ("score",))
    assert swept.comparison.runs[0].parameters == {"x": 0.3, "kind": "even"}
    assert swept.comparison.best == swept.comparison.runs[0].run


def test_a_step_that_all_share_runs_once(house: House) -> None:
    swept = house.sweep(GRID)
    details = [
        house.workspace.runs.show(house.workspace.owner, c.run) for c in swept.comparison.runs
    ]
    loads = [step.cached for d in details for step in d.steps if step.step == "load"]
    assert sorted(loads) == [False, True, True, True]


def test_a_sweep_that_was_stopped_goes_on_where_it_was(house: House) -> None:
    house.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        house.sweep(GRID)
    house.stop_after = 10**9
    swept = house.sweep(GRID)
    assert [state for _, state in house.told] == ["skipped"] * 2 + ["finished"] * 2
    assert (house.runs(), len(swept.comparison.runs)) == (4, 4)


def test_new_data_is_a_new_sweep(house: House) -> None:
    first = house.sweep(GRID[:1])
    (house.workspace.root / "data" / "rows.csv").write_text("a\n1\n2\n3\n")
    git(house.workspace.root, "commit", "--quiet", "-am", "more rows")
    assert house.sweep(GRID[:1]).sweep != first.sweep
    assert house.runs() == 2


@pytest.mark.slow
def test_a_combination_that_kills_its_process_fails_alone(house: House) -> None:
    swept = house.sweep([GRID[0], {"x": 0.1, "kind": "crash"}, *GRID[1:]], parallel=2)
    states = {part.parameters["kind"]: o.state for part, o in swept.outcomes}
    assert states == {"odd": "finished", "crash": "failed", "even": "finished"}
    assert len(swept.comparison.runs) == 4


# --- searches


@pytest.mark.slow
def test_a_search_follows_from_its_seed_and_goes_on_as_it_would_have_gone_on(
    house: House,
) -> None:
    house.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        house.search(7)
    house.stop_after = 10**9
    stopped = house.search(7)
    assert [state for _, state in house.told] == ["skipped"] * 3 + ["finished"] * 4
    tried = house.tried(stopped)
    clean = house.workspace.root.parent / "clean"
    subprocess.run(["git", "clone", "-q", str(house.workspace.root), str(clean)], check=True)
    with open_workspace(clean) as workspace:
        workspace.plans.adopt(workspace.owner, read_plan(clean))
        other = House(workspace)
        assert other.tried(other.search(7)) == tried
        assert other.tried(other.search(3, seed=7)) != tried[:3]
    scores = [run.metrics["score"] for run in stopped.comparison.runs]
    assert scores == sorted(scores, reverse=True)


def test_more_trials_go_on_with_the_same_search(house: House) -> None:
    first = house.search(3)
    more = house.search(5)
    assert more.sweep == first.sweep
    assert [state for _, state in house.told] == ["skipped"] * 3 + ["finished"] * 2
    assert house.tried(more)[:3] == house.tried(first)[:3]


def test_a_search_for_what_nobody_reports_ends_at_once(house: House) -> None:
    how, pipeline = house.how("scoring"), house.pipeline("scoring")
    with pytest.raises(UsageError, match="does not report 'profit'"):
        sweeping.search(
            house.workspace,
            how,
            pipeline,
            pipeline.bind({}),
            {"x": Range(low=0, high=1)},
            Objective(metric="profit", direction="max"),
            trials=5,
            parallel=1,
            told=house.tell,
        )
    assert house.runs() == 1
