"""Pipelines that run for a commit, data, labels or an event: once each, and without loops."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from trueup.app.automation.polling import Polls
from trueup.app.automation.reacting import ACTOR
from trueup.app.automation.triggers import Triggers
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor, service
from trueup.lifecycle.plan.service import read as read_plan
from trueup.lifecycle.runs.records import Cause
from trueup.lifecycle.runs.requests.rules import BY_EVENTS, PATIENCE, QUIET, WITHIN
from trueup.lifecycle.runs.schedules.records import Declared
from trueup.state import eventlog
from trueup.state.leases import Lease

from ..conftest import git

PLAN = """\
[project]
name = "small"
objective = "Try things"

[datasets.rows]
path = "data/rows.csv"

[datasets.others]
path = "data/others.csv"
"""


class House:
    """A project, its triggers, and the moment it is."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.told: list[str] = []
        self.declared: list[Declared] = []
        self.lease = Lease(workspace.state.database, "scheduler", timedelta(hours=1))
        assert self.lease.take()
        self.triggers = Triggers(workspace, self.lease, self.told.append)

    @property
    def root(self) -> Path:
        return self.workspace.root

    def on(self, *names: str, pipeline: str = "nightly") -> None:
        """Declare triggers of a pipeline, and look at them for the first time."""
        self.declared.append(Declared(pipeline=pipeline, on=names))
        self.pump()

    def pump(self, after: timedelta = QUIET) -> None:
        """Look at all triggers some time later."""
        self.triggers.pump(self.declared, clock.now() + after)

    def add(self, rows: str, name: str = "rows", actor: Actor | None = None) -> str:
        """A new version of a dataset; returns its digest."""
        (self.root / "data" / f"{name}.csv").write_text(rows)
        who = actor or self.workspace.owner
        return self.workspace.datasets.snapshot(who, name, self.root).digest

    def happen(self, type_: str, subject: str = "alert:one", actor: Actor = ACTOR) -> None:
        with self.workspace.state.write(actor, "runs.write") as unit:
            unit.emit(type_, subject, data={})

    def run(self, pipeline: str = "nightly", cause: str = "", **data: str) -> str:
        """A run of a pipeline that goes on; returns its identifier."""
        started = self.workspace.runs.start(
            ACTOR,
            pipeline,
            parameters={},
            data=data,
            code="",
            environment="",
            cause=Cause(by=cause),
        )
        return started.id

    @property
    def asked(self) -> list[str]:
        """Why each run was asked for, the oldest first."""
        found = self.workspace.requests.list(ACTOR, limit=1000)
        return [request.reason for request in reversed(found)]

    def begin_all(self) -> None:
        """Let no request wait any more."""
        while request := self.workspace.requests.claim(ACTOR, self.lease, 1000):
            self.workspace.requests.fail(ACTOR, request.run, LookupAgain())


class LookupAgain(Exception):
    code, message, hint = "test", "over", ""


@pytest.fixture
def house(_git_knows_who: None, tmp_path: Path) -> Iterator[House]:
    root = tmp_path / "small"
    (root / "data").mkdir(parents=True)
    (root / ".gitignore").write_text(".trueup/\n")
    (root / "trueup.toml").write_text(PLAN)
    for name in ("rows", "others"):
        (root / "data" / f"{name}.csv").write_text("a\n1\n")
    git(root, "init", "--quiet", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "start")
    with open_workspace(root) as workspace:
        workspace.plans.adopt(workspace.owner, read_plan(root))
        yield House(workspace)


# --- each kind of trigger


def test_a_new_version_of_its_data_asks_for_a_run(house: House) -> None:
    house.add("a\n1\n2\n")
    house.on("data:rows")
    assert house.asked == [], "what was there before does not concern it"
    house.add("a\n1\n2\n3\n")
    house.add("b\n1\n", "others")
    house.pump()
    who = house.workspace.owner.name
    assert house.asked == [f"data.snapshot-taken of data:rows@2 by {who}"]
    (request,) = house.workspace.requests.list(ACTOR)
    (event,) = [e for e in events(house) if e.subject == "data:rows@2"]
    assert (request.pipeline, request.cause) == ("nightly", f"event:{event.id}@nightly")


def events(house: House) -> list[eventlog.Event]:
    with house.workspace.state.read(ACTOR) as connection:
        return eventlog.since(connection, 0)


def test_a_commit_asks_for_a_run_once(house: House) -> None:
    house.on("commit")
    assert house.asked == []
    git(house.root, "commit", "--quiet", "--allow-empty", "-m", "more")
    house.pump()
    commit = git_says(house.root, "rev-parse", "HEAD")
    house.pump()
    house.pump()
    assert house.asked == [f"commit {commit[:12]}"]
    git(house.root, "checkout", "--quiet", "HEAD~1")
    house.begin_all()
    house.pump()
    house.pump()
    assert len(house.asked) == 1, "to go back to what was seen is no news"


def git_says(root: Path, *arguments: str) -> str:
    return subprocess.check_output(["git", "-C", str(root), *arguments], text=True).strip()


def test_a_commit_at_the_remote_repository_asks_for_a_run(house: House, tmp_path: Path) -> None:
    remote, other = tmp_path / "remote.git", tmp_path / "other"
    git(tmp_path, "clone", "--quiet", "--bare", str(house.root), str(remote))
    git(house.root, "remote", "add", "origin", str(remote))
    git(tmp_path, "clone", "--quiet", str(remote), str(other))
    polls = Polls(house.workspace, ACTOR, house.told.append, every_s=0)

    def look() -> None:
        polls.look(["main"])
        polls.wait()
        house.pump()

    house.declared = [Declared(pipeline="nightly", on=("commit:main",))]
    house.triggers.pump(house.declared, clock.now())
    house.triggers.stop()
    look()
    git(other, "commit", "--quiet", "--allow-empty", "-m", "pushed")
    git(other, "push", "--quiet", "origin", "HEAD:main")
    look()
    look()
    assert house.asked == [f"commit {git_says(other, 'rev-parse', 'HEAD')[:12]} on main"]


def test_a_remote_repository_that_is_away_is_told_once(house: House, tmp_path: Path) -> None:
    git(house.root, "remote", "add", "origin", str(tmp_path / "nowhere"))
    polls = Polls(house.workspace, ACTOR, house.told.append, every_s=0)
    for _ in range(3):
        polls.look(["main"])
        polls.wait()
    assert len(house.told) == 1
    assert "nowhere" in house.told[0]


def test_an_event_of_the_log_asks_for_a_run(house: House) -> None:
    house.on("alert.raised")
    house.happen("alert.raised")
    house.happen("alert.resolved")
    house.pump()
    assert house.asked == ["alert.raised of alert:one by automation"]


def test_enough_labels_ask_for_a_run_and_then_count_anew(house: House) -> None:
    house.on("labels:100")
    for number in (40, 59, 30, 20, 90):
        with house.workspace.state.write(ACTOR, "monitoring.run") as unit:
            unit.emit("labels.counted", "journal:journal", data={"labels": number})
        house.pump()
        house.begin_all()
    assert house.asked == ["129 new labels", "110 new labels"]


# --- many at once, the same again, a crash in between


def test_events_close_together_ask_for_one_run(house: House) -> None:
    house.on("data:rows")
    for number in range(5):
        house.add("a\n" + "1\n" * (number + 2))
        house.pump(timedelta(0))
    assert house.asked == []
    house.pump()
    (reason,) = house.asked
    assert reason.endswith(", and 4 more events before it")


def test_events_that_never_end_are_answered_all_the_same(house: House) -> None:
    house.on("alert.raised")
    with clock.held_at(clock.now() - PATIENCE):
        house.happen("alert.raised")
    house.happen("alert.raised")
    house.pump(timedelta(0))
    assert len(house.asked) == 1


def test_while_its_run_waits_more_events_ask_for_nothing_more(house: House) -> None:
    house.on("alert.raised", "alert.resolved")
    for type_ in ("alert.raised", "alert.resolved", "alert.raised"):
        house.happen(type_)
        house.pump()
    assert len(house.asked) == 1
    house.begin_all()
    house.pump()
    assert len(house.asked) == 1, "their events were seen"
    house.happen("alert.raised")
    house.pump()
    assert len(house.asked) == 2


def test_another_scheduler_reads_on_where_the_first_one_was(house: House) -> None:
    house.on("alert.raised")
    house.happen("alert.raised")
    house.pump()
    house.begin_all()
    house.triggers = Triggers(house.workspace, house.lease, house.told.append)
    house.happen("alert.raised")
    house.pump()
    assert len(house.asked) == 2


def test_the_request_and_the_cursor_are_one_transaction(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.on("alert.raised")
    house.happen("alert.raised")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trueup.state.cursors.move", crash)
        with pytest.raises(KeyboardInterrupt):
            house.pump()
    assert house.asked == []
    house.pump()
    assert len(house.asked) == 1


def test_a_paused_pipeline_is_let_alone_and_the_pause_is_not_caught_up(house: House) -> None:
    house.on("alert.raised")
    house.workspace.schedules.pause(house.workspace.owner, "nightly")
    house.happen("alert.raised")
    house.pump()
    house.workspace.schedules.resume(house.workspace.owner, "nightly")
    house.pump()
    assert house.asked == []
    house.happen("alert.raised")
    house.pump()
    assert len(house.asked) == 1


# --- loops


def test_what_its_own_run_did_does_not_start_a_pipeline(house: House) -> None:
    house.on("data:rows", "run.finished", "model-version.registered")
    run = house.run()
    own = service("automation", on_behalf_of=f"run:{run}")
    house.add("a\n5\n", actor=own)
    house.happen("model-version.registered", "small@1", own)
    house.workspace.runs.finish(own, run)
    house.pump()
    assert house.asked == []
    other = house.run("weekly")
    house.workspace.runs.finish(ACTOR, other)
    house.pump()
    assert house.asked == [f"run.finished of run:{other} by automation"]


def test_data_that_it_has_used_already_does_not_start_a_pipeline(house: House) -> None:
    house.on("data:rows")
    house.run(rows=house.add("a\n7\n"))
    house.pump()
    assert house.asked == []


def test_pipelines_that_start_each_other_do_not_go_round_in_a_circle(house: House) -> None:
    house.on("run.finished", pipeline="nightly")
    house.on("run.finished", pipeline="weekly")
    first = house.run("nightly")
    house.workspace.runs.finish(ACTOR, first)
    house.pump()
    (request,) = house.workspace.requests.list(ACTOR)
    assert request.pipeline == "weekly"
    second = house.run("weekly", cause=request.cause)
    house.begin_all()
    house.workspace.runs.finish(ACTOR, second)
    house.pump()
    assert len(house.asked) == 1


def test_a_pipeline_that_events_start_too_often_waits_and_says_so(house: House) -> None:
    house.on("alert.raised")
    for _ in range(BY_EVENTS + 3):
        house.happen("alert.raised")
        house.pump()
        house.begin_all()
    assert len(house.asked) == BY_EVENTS
    assert [words for words in house.told if "looks like a loop" in words] == house.told
    assert len(house.told) == 1
    with clock.held_at(clock.now() + WITHIN):
        assert house.lease.take()
        house.pump()
    assert house.asked[-1].endswith("and 2 more events before it")


def test_declared_triggers_are_kept_apart(house: House) -> None:
    house.on("alert.raised", "data:rows")
    house.on("alert.raised", pipeline="weekly")
    house.happen("alert.raised")
    house.pump()
    assert {r.pipeline for r in house.workspace.requests.list(ACTOR)} == {"nightly", "weekly"}
