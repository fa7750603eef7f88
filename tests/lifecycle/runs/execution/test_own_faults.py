"""A fault of our own, wherever it is, ends the run: recorded, nothing left, the next run works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from trueup.backends.engines import inprocess, processes
from trueup.backends.engines._log import BoundedLog
from trueup.backends.engines._system import children
from trueup.foundation.errors import InternalError
from trueup.lifecycle.runs import rules, table
from trueup.lifecycle.runs.execution import calls, executing, scheduler, scheduling
from trueup.lifecycle.runs.execution.lookup import Lookup
from trueup.lifecycle.runs.execution.recording import Recorder
from trueup.lifecycle.runs.execution.reports import Reports
from trueup.lifecycle.runs.execution.scheduler import Scheduler
from trueup.lifecycle.runs.execution.verification import Verification
from trueup.lifecycle.runs.execution.worker import _Worker
from trueup.lifecycle.runs.records import Run, RunOptions
from trueup.lifecycle.runs.service import Runs

if TYPE_CHECKING:
    from conftest import Project

FAULT = "name 'seconds_of' is not defined"

# The process that starts steps imports the project: there the project breaks what is asked for.
PIPELINE = """
    import os, time
    from trueup import pipeline, step

    PLACE = os.environ.get("FAULT")
    if PLACE and os.getpid() != {here}:
        from trueup.backends.engines import _child, _server, _system

        def broken(*_, **__):
            raise NameError("{fault}")

        module, _, path = PLACE.partition(".")
        owner = {{"_child": _child, "_server": _server, "_system": _system}}[module]
        *between, name = path.split(".")
        for each in between:
            owner = getattr(owner, each)
        assert hasattr(owner, name)
        setattr(owner, name, broken)

    @step
    def numbers() -> list[int]:
        print("numbers", flush=True)
        time.sleep({seconds})
        return [1, 2, 3]

    @step
    def double(number: int) -> int:
        return 2 * number

    @pipeline
    def doubles():
        double.map(numbers())
"""


def broken(*_: object, **__: object) -> NoReturn:
    raise NameError(FAULT)


@pytest.fixture(autouse=True)
def hangs_fail() -> Iterator[None]:
    def late(*_: object) -> NoReturn:
        pytest.fail("the run hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def before(project: Project) -> list[int]:
    """The pipeline is there; the children that this process has of other tests."""
    processes._idle.end()  # it imported another project
    write(project)
    return children(os.getpid())


def write(project: Project, seconds: float = 0) -> None:
    project.write(PIPELINE.format(here=os.getpid(), fault=FAULT, seconds=seconds))


def newest(project: Project) -> Run:
    return Runs(project.state).list(project.actor, limit=1).runs[0]


def check_that_it_ended(project: Project, before: list[int]) -> None:
    """It is on record why, no process is left, and the next run works."""
    run = newest(project)
    assert run.state == "failed"
    assert run.error is not None
    assert (run.error.code, FAULT in run.error.message) == ("internal", True)
    detail = Runs(project.state).show(project.actor, run.id)
    assert not [step for step in detail.steps if step.state == "running"]
    processes._idle.end()
    assert children(os.getpid()) == before
    project.run()
    assert newest(project).state == "finished"


@pytest.mark.parametrize(
    ("engine", "owner", "name"),
    [
        ("inprocess://", scheduling, "room_of"),
        ("inprocess://", Scheduler, "_look"),
        ("inprocess://", Scheduler, "_begin_attempt"),
        ("inprocess://", Reports, "started"),
        ("inprocess://", Reports, "call_ended"),
        ("inprocess://", Recorder, "flush"),
        ("inprocess://", Lookup, "address"),
        ("inprocess://", Lookup, "ask"),
        ("inprocess://", Lookup, "entry"),
        ("inprocess://", calls, "seconds_of"),
        ("inprocess://", Runs, "cancelled_by"),
        ("inprocess://", Runs, "end_steps"),
        ("inprocess://", Runs, "finish"),
        ("inprocess://", _Worker, "_arguments"),
        ("inprocess://", inprocess, "_printing_to"),
        ("inprocess://", BoundedLog, "close"),
        ("processes://", executing, "_program"),
        ("processes://", Scheduler, "_attempt_ended"),
        ("processes://", Recorder, "flush"),
    ],
    ids=lambda part: getattr(part, "__name__", part),
)
def test_in_the_process_of_the_run(
    project: Project,
    before: list[int],
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    owner: Any,
    name: str,
) -> None:
    monkeypatch.setattr(scheduler, "_ASK_EVERY", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, broken)
        with pytest.raises((NameError, InternalError)):
            project.run(engine=engine)
    check_that_it_ended(project, before)


@pytest.mark.parametrize(
    ("engine", "moment"),
    [("inprocess://", "started"), ("inprocess://", "finished"), ("processes://", "finished")],
)
def test_in_what_shows_the_progress(
    project: Project, before: list[int], monkeypatch: pytest.MonkeyPatch, engine: str, moment: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(project, "told", lambda told: told.state == moment and broken())
        with pytest.raises(NameError):
            project.run(engine=engine)
    check_that_it_ended(project, before)


@pytest.mark.parametrize("name", ["takes", "compare"])
def test_in_the_verification(
    project: Project, before: list[int], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    project.run()
    with monkeypatch.context() as patch:
        patch.setattr(Verification, name, broken)
        with pytest.raises(NameError):
            project.run(options=RunOptions(verify_cache=1.0))
    check_that_it_ended(project, before)


def test_in_the_beat_while_a_step_goes_on(
    project: Project, before: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, seconds=600)
    monkeypatch.setattr(scheduler, "_ASK_EVERY", 0.01)
    monkeypatch.setattr(rules, "BEAT", timedelta(milliseconds=1))
    with monkeypatch.context() as patch:
        patch.setattr(table, "beat", broken)
        with pytest.raises(NameError):
            project.run(engine="processes://")
    write(project)
    check_that_it_ended(project, before)


@pytest.mark.parametrize(
    "place",
    [
        "_child.settle",
        "_child.send",
        "_system.outlive_parent",
        "_server.Server._start",
        "_server.Server._take_in",
        "_server.Server._ended",
        "_server.Server._tell",
    ],
)
def test_in_the_process_that_starts_steps(
    project: Project, before: list[int], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("FAULT", place)
        with pytest.raises(InternalError):
            project.run(engine="processes://")
    check_that_it_ended(project, before)
