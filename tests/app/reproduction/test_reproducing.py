"""A run is made again from its record alone, in a process, a folder and a state of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from trueup.app.reproduction.reproducing import reproduce
from trueup.app.running import sharing
from trueup.app.running.training import train
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.foundation.records import encode
from trueup.lifecycle.data.upkeep import live
from trueup.lifecycle.pipeline.code import capturing
from trueup.lifecycle.pipeline.code.packages import Environment
from trueup.lifecycle.plan import service as plans
from trueup.lifecycle.runs import table
from trueup.lifecycle.runs.execution.executing import nothing
from trueup.lifecycle.runs.records import RunOptions
from trueup.state import eventlog

PLAN = """\
[project]
name = "small"
objective = "Try things"

[team]
vera = ["viewer"]

[datasets.rows]
path = "data/rows.csv"
"""

WORK = """\
import random
from hidden import SHARE
from trueup import data, pipeline, step

@step
def add(rows, by: int):
    return {"total": int(rows["a"].sum()) + by}

@step
def shake(found) -> dict[str, float]:
    return {"mean": found["total"] * SHARE * (1 + NOISE)}

@pipeline
def work(by: int = 1):
    shake(add(data("rows"), by))
"""


class Home:
    """A project, and what its owner does with it."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.root = workspace.root
        self.owner = workspace.owner

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text)

    def run(self, **parameters: Any) -> str:
        return train(self.workspace, self.owner, "work", parameters, allow_dirty=True).run.id

    def again(self, run: str, **more: Any) -> Any:
        return reproduce(self.workspace, self.owner, run, **more)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@example.com"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    root = tmp_path / "project"
    root.mkdir()
    (root / "trueup.toml").write_text(PLAN)
    (root / ".gitignore").write_text(".trueup/\nhidden.py\ndata/\n")
    git(root, "init", "-q")
    with open_workspace(root) as workspace:
        made = Home(workspace)
        made.write("pipelines/work.py", WORK.replace("NOISE", "0"))
        made.write("hidden.py", "SHARE = 0.5\n")
        made.write("data/rows.csv", "a\n1\n2\n")
        git(root, "add", ".")
        git(root, "commit", "-qm", "start")
        workspace.plans.adopt(made.owner, plans.read(root))
        yield made


@pytest.mark.slow
def test_a_dirty_run_comes_out_the_same_although_everything_has_changed_since(
    home: Home, tmp_path: Path
) -> None:
    home.write("pipelines/work.py", WORK.replace("NOISE", "0").replace("+ by", "+ 2 * by"))
    home.write("new.py", "")
    run = home.run(by=3)
    home.write("pipelines/work.py", "raise ValueError('later')")
    home.write("hidden.py", "SHARE = 7\n")
    home.write("data/rows.csv", "a\n9\n")
    made = home.again(run, keep=tmp_path / "kept")
    assert (made.outcome, made.steps, made.differences, made.missing) == ("identical", 2, (), ())
    assert (tmp_path / "kept" / "repository" / "new.py").exists()
    detail = home.workspace.runs.show(home.owner, run)
    assert detail.reproductions == (made,)
    with home.workspace.state.read(home.owner) as connection:
        events = list(eventlog.about(connection, f"run:{run}"))
    assert events[-1].type == "run.reproduced"
    assert events[-1].data["outcome"] == "identical"
    assert len(home.workspace.runs.list(home.owner).runs) == 1  # the copy is not in the project


@pytest.mark.slow
def test_data_that_was_added_and_is_not_in_the_plan_is_written_back(home: Home) -> None:
    home.write("extra/more.csv", "a\n5\n")
    home.workspace.datasets.add(home.owner, "extra", home.root, "more")
    text = WORK.replace("NOISE", "0").replace(
        "by: int):\n    return", "by: int, more):\n    return"
    )
    text = text.replace('data("rows"), by', 'data("rows"), by, data("more")')
    home.write("pipelines/work.py", text)
    run = home.run()
    home.write("extra/more.csv", "a\n6\n")
    made = home.again(run)
    assert (made.outcome, made.missing, made.differences) == ("identical", (), ())


@pytest.mark.slow
def test_a_run_that_needs_a_secret_gets_the_one_of_the_project(home: Home, tmp_path: Path) -> None:
    canary = token_hex(8)  # made here: this very file is kept as code, and it must not name it
    home.workspace.secrets.keep(home.owner, "TOKEN", canary)
    text = WORK.replace("import data, pipeline", "import data, pipeline, secret")
    text = text.replace("NOISE", "0").replace("def add(rows, by: int):", "def add(rows, by: str):")
    text = text.replace("+ by}", "+ len(by)}")
    text = text.replace('rows"), by)', 'rows"), secret("TOKEN"))')
    home.write("pipelines/work.py", text)
    made = home.again(home.run(), keep=tmp_path / "again")
    assert (made.outcome, made.missing, made.differences) == ("identical", (), ())
    files = [path for path in (tmp_path / "again").rglob("*") if path.is_file()]
    assert files and not [f for f in files if canary.encode() in f.read_bytes()]


@pytest.mark.slow
def test_chance_is_found_and_named_by_step(home: Home) -> None:
    home.write("pipelines/work.py", WORK.replace("NOISE", "1e-12 * random.random()"))
    run = home.run()
    within = home.again(run, tolerance=1e-9)
    assert within.missing == ()
    assert within.outcome == "equal-within-tolerance"
    strict = home.again(run)
    assert (strict.outcome, strict.differences[0].step) == ("different", "shake")
    assert str(strict.differences[0]).startswith("step 'shake' ['mean']: was ")


@pytest.mark.slow
def test_a_step_that_fails_now_is_a_difference(home: Home) -> None:
    marker = home.root / "marker"
    marker.write_text("")
    text = WORK.replace("NOISE", "0").replace(
        "    return {", f"    __import__('os').stat({str(marker)!r})\n    return {{", 1
    )
    home.write("pipelines/work.py", text)
    run = home.run()
    marker.unlink()
    made = home.again(run)
    assert made.outcome == "different"
    assert "did not end" in str(made.differences[0])


def test_what_is_missing_is_named_and_nothing_is_run(home: Home) -> None:
    run = home.workspace.runs.show(home.owner, home.run()).run
    home.workspace.state.blobs.delete([run.source])
    made = home.again(run.id)
    assert (made.outcome, made.steps) == ("impossible", 0)
    assert made.missing == ("the record of its code is no longer kept",)


def test_a_commit_that_is_gone_is_named(home: Home) -> None:
    run = home.run()
    with home.workspace.state.database.reading() as connection:
        found = table.run(connection, run)
    assert found is not None
    (home.root / ".git").rename(home.root / "away")
    git(home.root, "init", "-q")
    made = home.again(run)
    assert made.outcome == "impossible"
    assert "Git could not read" in made.missing[0]


@pytest.mark.slow
def test_packages_that_cannot_be_installed_are_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = home.run()
    record = Environment(
        **{"python": "3.1", "implementation": "CPython", "machine": "", "system": ""},
        packages={"absent": "1.0"},
        requirements="absent==1.0\n",
    )
    digest = home.workspace.state.blobs.put(encode(record))
    with home.workspace.state.database.writing() as connection:
        connection.execute(table.runs.update().values(environment=digest))
    made = home.again(run, environment="install")
    assert made.outcome == "impossible"
    assert "the packages could not be installed: pip: " in made.missing[0]
    assert made.packages[0].startswith("Python was 3.1, is ")


def test_it_needs_the_right_to_write_runs(home: Home) -> None:
    run = home.run()
    with pytest.raises(DeniedError):
        reproduce(home.workspace, Actor(name="vera"), run)


def test_an_unknown_run_and_a_folder_that_exists_are_refused(home: Home, tmp_path: Path) -> None:
    run = home.run()
    with pytest.raises(NotFoundError):
        home.again("absent")
    with pytest.raises(ConflictError):
        home.again(run, keep=tmp_path)


def test_the_code_of_a_run_is_not_collected(home: Home) -> None:
    home.write("new.py", "N = 1")
    run = home.workspace.runs.show(home.owner, home.run()).run
    code = capturing.read(home.workspace.state.blobs, run.source)
    with home.workspace.state.read(home.owner) as connection:
        kept = live.marked(connection, home.workspace.state.blobs)
    needed = {run.source, run.environment, *code.files.values()}
    assert "new.py" in code.files
    assert {digests.key(digest) for digest in needed} <= kept.keys()


def test_a_run_that_is_made_again_reuses_nothing_of_anybody(home: Home) -> None:
    remote = "[remotes.team]\nurl = 'file:///x'\n[cache]\nremote = 'team'\n"
    home.write("trueup.toml", f"{PLAN}\n{remote}")
    assert sharing.results_of(home.workspace, RunOptions(), nothing) is not None
    assert sharing.results_of(home.workspace, RunOptions(share=False), nothing) is None
