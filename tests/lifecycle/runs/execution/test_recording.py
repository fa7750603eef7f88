"""What a run writes, and when: together where steps are quick, at once where that matters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from tests.lifecycle.runs.conftest import Project

from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.runs.execution import recording, reports
from trueup.lifecycle.runs.execution.executing import execute
from trueup.lifecycle.runs.records import RunOptions, StepProgress
from trueup.lifecycle.runs.service import Runs

QUICK = """
    from trueup import pipeline, step

    @step
    def one(number: int) -> int:
        return number

    @step
    def same(value: int) -> int:
        return value

    @pipeline
    def many():
        value = one(0)
        for number in range(30):
            value = same(value) if number % 2 else one(value)
"""
LOOSE = """
    from trueup import pipeline, step

    @step
    def nothing(number: int) -> int:
        return number

    @step
    def last(number: int) -> int:
        return number

    @pipeline
    def many(more: int = 0):
        for number in range(30):
            nothing(number + more)
        last(0)
"""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is now, its steps count as quick."""
    for module in (recording, reports):
        monkeypatch.setattr(module, "WAIT", 3600.0)


@contextmanager
def counted(project: Project) -> Iterator[list[str]]:
    """The statements and commits that are executed in the block."""
    found: list[str] = []
    if (file := project.state.database._file) is not None:  # SQLite says itself what it does
        for _ in range(len(file._free)):
            file._free.pop().close()
        opened = file._opened

        def overheard() -> sqlite3.Connection:
            raw = opened()
            raw.set_trace_callback(found.append)
            return raw

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(file, "_opened", overheard)
            yield found
        return
    engine = project.state.database.engine

    def executed(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        found.append(statement)

    def committed(_connection: Any) -> None:
        found.append("COMMIT")

    sa.event.listen(engine, "before_cursor_execute", executed)
    sa.event.listen(engine, "commit", committed)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", executed)
        sa.event.remove(engine, "commit", committed)


def asked(statements: list[str]) -> list[str]:
    """The questions to the cache among them."""
    return [s for s in statements if s.startswith("SELECT") and "FROM step_cache" in s]


@pytest.mark.usefixtures("patient")
def test_steps_that_end_quickly_are_recorded_together(project: Project) -> None:
    project.write(LOOSE)

    with counted(project) as statements:
        run = project.run()

    assert statements.count("COMMIT") < 10
    assert len(Runs(project.state).show(project.actor, run.id).steps) == 31


@pytest.mark.usefixtures("patient")
def test_all_is_recorded_before_a_step_begins_that_may_take_long(project: Project) -> None:
    project.write(LOOSE)
    known: dict[str, int] = {}

    def look(told: StepProgress) -> None:
        if told.state == "started":
            found = Runs(project.state).show(project.actor, told.run)
            known[told.step] = len(found.steps)

    pipeline = discovery.find(project.root)
    options = RunOptions(engine="inprocess://")
    execute(
        project.state,
        project.actor,
        project.root,
        pipeline,
        {},
        data=project.versions(),
        options=options,
        progress=look,
    )

    assert known["nothing-2"] == 0 and known["last"] == 30


@pytest.mark.usefixtures("patient")
def test_a_result_is_reused_before_it_is_recorded(project: Project) -> None:
    project.write(QUICK)

    run = project.run()

    steps = Runs(project.state).show(project.actor, run.id).steps
    assert [step.cached for step in steps] == 3 * [False] + 28 * [True]
    assert {step.why[0] for step in steps if step.cached} == {
        f"nothing it depends on has changed since run {run.id}"
    }


def test_what_the_last_run_made_is_looked_up_in_one_statement(project: Project) -> None:
    project.write(QUICK)
    project.run()

    with counted(project) as statements:
        project.run()

    assert set(project.outcome().values()) == {"reused"}
    assert len(asked(statements)) == 1
    transactions = "\n".join(statements).split("\nCOMMIT")
    assert sum("INSERT INTO step_runs" in each for each in transactions) == 1


def test_what_can_be_looked_up_together_is(project: Project) -> None:
    project.write(LOOSE)
    project.run()

    with counted(project) as statements:
        project.run({"more": 15})

    assert list(project.outcome().values()).count("reused") == 16
    # One for what the last run made, one for all others, one for the newest result of `nothing`.
    assert len(asked(statements)) == 3
