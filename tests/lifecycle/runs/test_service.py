"""The record of runs: listing, showing, and finding the lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.lifecycle.runs import process, table
from trueup.lifecycle.runs.records import Cause, Run
from trueup.lifecycle.runs.service import Runs
from trueup.state import eventlog
from trueup.state.unit import State

if TYPE_CHECKING:
    from conftest import Project


def start(state: State, actor: Actor, pipeline: str = "flights", caused_by: str = "") -> Run:
    return Runs(state).start(
        actor,
        pipeline,
        parameters={},
        data={},
        code="",
        environment="",
        cause=Cause(by=caused_by),
    )


def test_runs_are_listed_newest_first_in_pages(state: State, scientist: Actor) -> None:
    started = [start(state, scientist).id for _ in range(5)]
    runs = Runs(state)
    first = runs.list(scientist, limit=2)
    second = runs.list(scientist, limit=2, after=first.next)
    third = runs.list(scientist, limit=2, after=second.next)
    listed = [run.id for page in (first, second, third) for run in page.runs]
    assert listed == started[::-1]
    assert third.next == ""


def test_runs_are_filtered_by_pipeline_and_state(state: State, scientist: Actor) -> None:
    one, two = start(state, scientist), start(state, scientist, "weather")
    runs = Runs(state)
    runs.finish(scientist, one.id)
    assert [r.id for r in runs.list(scientist, pipeline="weather").runs] == [two.id]
    assert [r.id for r in runs.list(scientist, state="finished").runs] == [one.id]


def test_the_runs_of_an_event_can_be_found(state: State, scientist: Actor) -> None:
    run = start(state, scientist, caused_by="event-9")
    assert [r.id for r in Runs(state).caused_by(scientist, "event-9")] == [run.id]


def test_an_unknown_run_gets_the_near_one(state: State, viewer: Actor, scientist: Actor) -> None:
    run = start(state, scientist)
    with pytest.raises(NotFoundError, match=f"Did you mean '{run.id}'"):
        Runs(state).show(viewer, run.id[:-1])


def test_reading_needs_a_known_person(state: State, stranger: Actor) -> None:
    with pytest.raises(DeniedError):
        Runs(state).list(stranger)


def test_a_run_ends_once(state: State, scientist: Actor) -> None:
    run = start(state, scientist)
    Runs(state).interrupt(scientist, run.id, "stopped")
    with pytest.raises(ConflictError):
        Runs(state).finish(scientist, run.id)


def test_a_living_run_is_not_lost(state: State, scientist: Actor) -> None:
    start(state, scientist)
    assert Runs(state).mark_lost(scientist) == ()


def bury(state: State, run: Run) -> None:
    """Let the process of a run be one that has died."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    with state.database.writing() as connection:
        gone = {"machine": process.machine(), "pid": child.pid, "born": "1"}
        connection.execute(
            table.runs.update().where(table.runs.c.id == run.id).values(process=gone)
        )


def test_whoever_reads_a_run_whose_process_died_is_told_so_before_anybody_records_it(
    state: State, scientist: Actor, viewer: Actor
) -> None:
    dead, living = start(state, scientist), start(state, scientist)
    bury(state, dead)
    runs = Runs(state)

    def in_state(wanted: str) -> list[str]:
        return [run.id for run in runs.list(viewer, state=wanted).runs]

    shown = runs.show(viewer, dead.id).run
    assert (shown.state, shown.ended_at) == ("lost", dead.started_at)  # when it was last heard of
    assert shown.error is not None and shown.error.code == "run-lost"
    assert {run.id: run.state for run in runs.list(viewer).runs} == {
        dead.id: "lost",
        living.id: "running",
    }
    assert (in_state("lost"), in_state("running")) == ([dead.id], [living.id])
    [recorded] = runs.mark_lost(scientist)
    assert recorded == shown == runs.show(viewer, dead.id).run


def test_a_dead_process_leaves_a_lost_run(state: State, scientist: Actor) -> None:
    run = start(state, scientist)
    bury(state, run)
    [lost] = Runs(state).mark_lost(scientist)
    assert (lost.id, lost.state, lost.error and lost.error.code) == (run.id, "lost", "run-lost")
    with state.database.reading() as connection:
        assert [e.type for e in eventlog.about(connection, run.ref)] == ["run.started", "run.lost"]
    assert Runs(state).mark_lost(scientist) == ()


KILLED = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    import msgspec
    from tests.conftest import open_state
    from trueup.foundation.actor import Actor
    from trueup.lifecycle.data.records import DatasetVersion
    from trueup.lifecycle.pipeline import discovery
    from trueup.lifecycle.runs.execution.executing import execute
    from trueup.lifecycle.runs.records import RunOptions

    root = Path(sys.argv[1])
    (root / "pid").write_text(str(os.getpid()))
    data = msgspec.json.decode((root / "data.json").read_bytes(), type=dict[str, DatasetVersion])
    execute(open_state(root.parent / ".trueup"), Actor(name="sam"), root, discovery.find(root), {},
            data=data, options=RunOptions(engine=sys.argv[3]))
"""

KILLS = """
    import os, signal, time
    from pathlib import Path

    def kill():
        os.kill(int((Path(__file__).parent / "pid").read_text()), signal.SIGKILL)
        time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["inprocess://", "processes://"])
def test_kill_9_leaves_the_truth_and_the_next_run_goes_on(project: Project, engine: str) -> None:
    project.write(KILLS, "kills.py")
    project.edit("import polars as pl", "import polars as pl\nfrom kills import kill")
    project.edit('return {"rows"', 'kill()\n    return {"rows"')
    (project.root / "data.json").write_bytes(msgspec.json.encode(project.versions()))
    script = project.root / "killed.py"
    script.write_text(textwrap.dedent(KILLED))
    top = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), str(project.root), str(top), engine]
    done = subprocess.run(command, check=False, env=environment)
    assert done.returncode == -signal.SIGKILL

    runs = Runs(project.state)
    [killed] = runs.list(project.actor).runs
    assert [s.step for s in runs.show(project.actor, killed.id).steps] == ["clean", "split"]

    project.edit("kill()", "pass")
    project.run()
    assert project.outcome() == {"clean": "reused", "split": "reused", "measure": "finished"}
    assert runs.show(project.actor, killed.id).run.state == "lost"
