"""Two schedulers, real processes, and a kill -9 in the middle: a slot's run happens once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from trueup.app.running import performing
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import clock
from trueup.foundation.actor import service
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.plan.service import read as read_plan
from trueup.lifecycle.runs.requests.records import RunRequest, Wish
from trueup.lifecycle.runs.schedules import table as schedules
from trueup.lifecycle.runs.schedules.records import Schedule
from trueup.state.leases import Lease

from ..conftest import git

ACTOR = service("automation")

SLOT = clock.now() - timedelta(minutes=1)  # the one slot of today that is due
PIPELINE = """\
import os
import time
from pathlib import Path

from trueup import data, pipeline, step

PLACE = Path(__file__).resolve().parents[2]


@step(cache=False)
def wait(rows) -> int:
    with (PLACE / "began").open("a") as began:
        began.write(f"{os.getpid()}\\n")
    while not (PLACE / "go").exists():
        time.sleep(0.02)
    return rows.height


@pipeline(schedule="MINUTE HOUR * * *")
def daily():
    wait(data("rows"))
"""
PLAN = """\
[project]
name = "small"
objective = "Try things"

[datasets.rows]
path = "data/rows.csv"
"""
SCHEDULER = """\
import sys, threading
from datetime import timedelta
from pathlib import Path
from trueup.app.automation import scheduler
from trueup.app.wiring import open_workspace

scheduler.EVERY_S = 0.05
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
with open_workspace(Path.cwd()) as workspace:
    told = lambda words: print(words, file=sys.stderr, flush=True)
    scheduler.Scheduler(workspace, told, lease=timedelta(seconds=1)).run(stop)
"""


@pytest.fixture
def project(_git_knows_who: None, tmp_path: Path) -> Iterator[Workspace]:
    """A committed project whose one pipeline waits inside its step until it may go on."""
    root = tmp_path / "small"
    for folder in ("data", "pipelines"):
        (root / folder).mkdir(parents=True)
    (root / ".gitignore").write_text(".trueup/\n__pycache__/\n")
    (root / "trueup.toml").write_text(PLAN)
    (root / "data" / "rows.csv").write_text("a\n1\n2\n")
    minute, hour = SLOT.strftime("%M %H").split()
    text = PIPELINE.replace("MINUTE", minute).replace("HOUR", hour)
    (root / "pipelines" / "daily.py").write_text(text)
    git(root, "init", "--quiet")
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", "start")
    with open_workspace(root) as workspace:
        workspace.plans.adopt(workspace.owner, read_plan(root))
        yield workspace


@pytest.fixture
def start(project: Workspace) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a scheduler in a process of its own."""
    started: list[subprocess.Popen[bytes]] = []

    def one_more() -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-c", SCHEDULER], cwd=project.root, stdin=subprocess.PIPE
        )
        started.append(child)
        return child

    yield one_more
    (project.root.parent / "go").touch()
    for child in started:
        child.communicate(timeout=120)


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"it did not happen within {seconds} seconds"
        time.sleep(0.02)


def due_once(project: Workspace) -> None:
    """One slot was missed, and the next one comes tomorrow."""
    with project.state.database.writing() as connection:
        known = Schedule(
            pipeline="daily",
            schedule=f"{SLOT:%M %H} * * *",
            timezone="UTC",
            looked_at=SLOT - timedelta(minutes=1),
        )
        schedules.add(connection, known)


def began(project: Workspace) -> list[int]:
    """The processes in which the step began."""
    file = project.root.parent / "began"
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def only(project: Workspace) -> RunRequest:
    """The first slot's request."""
    return project.requests.list(ACTOR)[-1]


def runs(project: Workspace, cause: str) -> list[str]:
    return [run.state for run in project.runs.caused_by(ACTOR, cause)]


def kill(*processes: int) -> None:
    for pid in processes:
        try:
            os.killpg(os.getpgid(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue


@pytest.mark.slow
def test_a_run_outlives_its_scheduler_and_is_not_run_again(
    project: Workspace, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    due_once(project)
    holder = start()
    until(lambda: began(project))
    heir = start()
    holder.kill()
    holder.wait()
    cause = only(project).cause
    (project.root.parent / "go").touch()
    until(lambda: only(project).state == "finished")
    assert heir.poll() is None
    assert runs(project, cause) == ["finished"]
    assert only(project).attempts == 1


@pytest.mark.slow
def test_a_run_that_is_lost_with_its_scheduler_is_run_once_more(
    project: Workspace, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    due_once(project)
    holder = start()
    until(lambda: began(project))
    start()
    first = only(project)
    assert first.process is not None
    holder.kill()
    holder.wait()
    kill(first.process.pid, *began(project))
    until(lambda: len(began(project)) == 2)
    (project.root.parent / "go").touch()
    until(lambda: only(project).state == "finished")
    second = only(project)
    assert (second.cause, second.attempts) == (first.cause, 2)
    assert second.run != first.run
    assert runs(project, first.cause) == ["lost", "finished"]


@pytest.mark.slow
def test_a_scheduler_that_stops_hands_its_run_on(
    project: Workspace, start: Callable[[], subprocess.Popen[bytes]]
) -> None:
    due_once(project)
    holder = start()
    until(lambda: began(project))
    cause = only(project).cause
    holder.communicate(timeout=120)
    assert (only(project).state, runs(project, cause)) == ("waiting", ["interrupted"])
    start()
    (project.root.parent / "go").touch()
    until(lambda: only(project).state == "finished")
    assert runs(project, cause) == ["interrupted", "finished"]
    assert only(project).attempts == 1


# --- one request, in this process


def lease(project: Workspace) -> Lease:
    held = Lease(project.state.database, "scheduler", timedelta(minutes=1))
    assert held.take()
    return held


def asked(project: Workspace) -> RunRequest:
    wish = Wish(pipeline="daily", kind="call", cause="call:1", reason="somebody asked")
    return project.requests.ask(ACTOR, wish)


def test_the_run_bears_the_identifier_that_was_kept_for_it(project: Workspace) -> None:
    (project.root.parent / "go").touch()
    request = asked(project)
    with pytest.raises(NotFoundError, match="it waits for its turn") as waits:
        project.runs.show(ACTOR, request.run)
    assert waits.value.code == "run-not-begun"
    assert project.requests.claim(ACTOR, lease(project), 1) is not None
    assert performing.perform(project, request.run) == 0
    run = project.runs.show(ACTOR, request.run).run
    assert (run.state, run.reason, run.caused_by) == ("finished", "somebody asked", "call:1")
    with project.state.read(ACTOR) as connection:
        from trueup.state import eventlog

        of_run = [e for e in eventlog.since(connection, 0) if e.on_behalf_of == run.ref]
    assert {e.type for e in of_run} >= {"data.snapshot-taken", "run.started", "run.finished"}


def test_who_comes_late_may_not_begin(project: Workspace) -> None:
    (project.root.parent / "go").touch()
    first = asked(project)
    assert project.requests.claim(ACTOR, lease(project), 1) is not None
    project.requests.give_back(ACTOR, first.run)
    with pytest.raises(ConflictError, match=f"Run {first.run} may not begin"):
        performing.perform(project, first.run)
    assert project.runs.list(ACTOR).runs == ()


def test_what_cannot_begin_has_failed_and_says_why(project: Workspace) -> None:
    (project.root / "pipelines" / "daily.py").write_text("no python")
    git(project.root, "commit", "--quiet", "-am", "break it")
    request = asked(project)
    project.requests.claim(ACTOR, lease(project), 1)
    assert performing.perform(project, request.run) == 7
    failed = project.requests.show(ACTOR, request.run)
    assert failed.error is not None
    assert (failed.state, failed.error.code) == ("failed", "pipeline-import-failed")
    with pytest.raises(NotFoundError, match=r"daily\.py"):
        project.runs.show(ACTOR, request.run)


def test_while_somebody_edits_it_waits_a_minute(project: Workspace) -> None:
    with (project.root / "pipelines" / "daily.py").open("a") as edited:
        edited.write("# as it was\n")
    request, held = asked(project), lease(project)
    project.requests.claim(ACTOR, held, 1)
    performing.perform(project, request.run)
    waiting = project.requests.show(ACTOR, request.run)
    assert (waiting.state, waiting.attempts) == ("waiting", 0)
    assert project.requests.claim(ACTOR, held, 1) is None
    with clock.held_at(clock.now() + timedelta(minutes=1, seconds=1)):
        assert held.take()
        assert project.requests.claim(ACTOR, held, 1) is not None
