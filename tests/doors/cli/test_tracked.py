"""`trueup runs` over runs that their own code reports: listed, shown, grouped, tagged by steps."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trueup.app.wiring import Workspace, open_workspace
from trueup.lifecycle.runs.tracking.records import Point

from .conftest import HERE, Trueup

INSIDE = """\
import trueup
from trueup import pipeline, step


@step(cache=False)
def learn() -> int:
    with trueup.run("inside", wait=0, capture=False) as run:
        run.log(loss=0.5)
    return 1


@pipeline
def learning():
    learn()
"""


@pytest.fixture
def workspace(project: Path) -> Iterator[Workspace]:
    with open_workspace(project) as opened:
        yield opened


@pytest.fixture
def run(workspace: Workspace) -> str:
    """A run of the experiment `flights` that ended, and one of `trains` that goes on."""
    tracking, owner = workspace.tracking, workspace.owner
    flights = tracking.create_experiment(owner, "flights").number
    trains = tracking.create_experiment(owner, "trains").number
    tracking.start(owner, trains, name="slow")
    made = tracking.start(owner, flights, name="first", user="ada", started_at=1_000)
    points = [Point("loss", 0.25, 3, 1), Point("odd", math.nan, 0, 1)]
    tracking.log(owner, made.id, metrics=points, params={"depth": "6"})
    tracking.change(owner, made.id, state="finished", ended_at=3_500)
    return made.id


def test_experiments_tell_what_became_of_their_runs(trueup: Trueup, run: str) -> None:
    ran = trueup("runs", "experiments")
    assert [line.split() for line in ran.out.splitlines()[1:3]] == [
        ["trains", "1", "1", "running"],
        ["flights", "1", "1", "finished"],
    ]
    assert "trueup runs list --experiment trains" in ran.err


def test_runs_of_one_experiment_are_listed(trueup: Trueup, run: str) -> None:
    ran = trueup("runs", "list", "--experiment", "flights")
    assert "slow" not in ran.out
    (line,) = ran.out.splitlines()[1:]
    assert line.startswith(f"run:{run}")
    assert all(word in line for word in ("flights", "first", "finished", "2.5 s", "ada"))
    assert "run:" in trueup("runs", "list", "--state", "running").out
    assert run not in trueup("runs", "list", "--state", "running").out


def test_an_unknown_experiment_is_told_with_the_near_name(trueup: Trueup, run: str) -> None:
    ran = trueup("runs", "list", "--experiment", "fligths")
    assert ran.code == 3
    assert "Did you mean 'flights'?" in ran.err


def test_a_run_is_shown_with_what_it_logged(trueup: Trueup, run: str) -> None:
    ran = trueup("runs", "show", f"run:{run}")
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["depth", "6"] in rows
    assert ["loss", "0.25", "3"] in rows
    data = trueup("runs", "show", f"run:{run}", "--json").data
    assert isinstance(data, dict)
    assert [metric[:2] for metric in data["metrics"]] == [["loss", 0.25], ["odd", None]]


def test_a_run_inside_a_step_says_where_it_belongs(
    trueup: Trueup, project: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "")  # nobody ships by itself
    monkeypatch.delenv("TRUEUP_URL", raising=False)
    (project / "pipelines" / "learning.py").write_text(INSIDE)
    ran = trueup("run", "learning", *HERE, "--allow-dirty", "--json")
    assert ran.code == 0, ran.out
    trueup("runs", "ship")
    found = trueup("runs", "list", "--experiment", "inside", "--json").data
    assert isinstance(found, dict)
    (made,) = found["tracked"]
    shown = trueup("runs", "show", f"run:{made['id']}", "--json").data
    assert isinstance(shown, dict)
    (whole,) = workspace.runs.list(workspace.owner).runs
    assert (shown["tags"]["trueup.run"], shown["tags"]["trueup.step"]) == (whole.ref, "learn")
