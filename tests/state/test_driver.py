"""The driver and SQLAlchemy keep and find the same, in one transaction, over either database."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from trueup.foundation.errors import BackendError
from trueup.lifecycle.runs.records import Metric, Run, StepRun
from trueup.lifecycle.runs.table import run_metrics, runs, step_runs
from trueup.state import driver
from trueup.state.schema import Table, row_as
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")

AT = datetime(2026, 11, 22, 11, 59, 59, 123457, UTC)
RUN = {
    "id": "r1",
    "pipeline": "chain",
    "model": "",
    "state": "finished",
    "parameters": {"depth": 6, "b": None, "a": [1.5, "ä%?"]},
    "commit": "c0ffee",
    "dirty": True,
    "source": "",
    "code": "b3:1",
    "data": {"numbers": "b3:2"},
    "environment": "b3:3",
    "caused_by": "",
    "reason": "%s and ?",
    "sweep": "",
    "partition": "",
    "started_by": "olga",
    "started_at": AT,
    "ended_at": None,
    "error": None,
    "candidate": None,
    "process": {"host": "h", "pid": 1},
    "beat_at": AT,
    "cancelled_by": "",
}
STEP = {
    "run": "r1",
    "position": 1,
    "step": "first",
    "state": "finished",
    "cached": False,
    "key": "b3:4",
    "why": ["it has not run before"],
    "seconds": 0.1,
    "started_at": AT,
    "place": "pipelines/chain.py:7",
    "outputs": None,
    "item": -1,
    "items": 0,
    "reused": 0,
    "attempts": 1,
    "cpu_seconds": 0.05,
    "peak_memory": 2**33,
    "worker": "",
    "log": "",
}
METRIC = {"run": "r1", "step": "first", "name": "value", "value": 1e-300, "at": AT}


@pytest.mark.parametrize(
    ("table", "type_", "row"),
    [(runs, Run, RUN), (step_runs, StepRun, STEP), (run_metrics, Metric, METRIC)],
    ids=["runs", "steps", "metrics"],
)
def test_what_either_keeps_is_the_same_to_the_byte(
    state: State, table: Table, type_: Any, row: dict[str, Any]
) -> None:
    raw, records = [], []
    for keep in (
        lambda connection: driver.insert(connection, table, [row]),
        lambda connection: connection.execute(table.insert().values(**row)),
    ):
        with state.database.writing() as connection:
            keep(connection)
            raw.append(driver.execute(connection, f"SELECT * FROM {table.name}"))
            records += driver.records(connection, type_, table, "")
            fields = [table.c[n] for n in type_.__struct_fields__ if n in table.c]
            records += [row_as(type_, found) for found in connection.execute(sa.select(*fields))]
            connection.execute(table.delete())
    assert raw[0] == raw[1]
    assert len(records) == 4
    assert all(record == records[0] for record in records)


def test_a_change_keeps_types_too(state: State) -> None:
    with state.database.writing() as connection:
        driver.insert(connection, runs, [RUN])
        changes = {"dirty": False, "ended_at": AT, "error": {"code": "x"}}
        driver.update(connection, runs, changes, "WHERE id = ?", "r1")
        found = connection.execute(sa.select(runs.c.dirty, runs.c.ended_at, runs.c.error)).one()
    assert tuple(found) == (False, AT, {"code": "x"})


def test_nothing_to_add_is_no_statement(state: State) -> None:
    with state.database.reading() as connection:
        driver.insert(connection, runs, [])


@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 100, 120])
def test_all_rows_are_added_however_many_statements_that_takes(state: State, count: int) -> None:
    head = "INSERT INTO metric_names (number, name)"
    rows = [(number, f"m{number}") for number in range(count)]
    with state.database.writing() as connection:
        driver.add_many(connection, head, rows)
        driver.add_many(connection, head, rows[::-1], "ON CONFLICT DO NOTHING")
        found = driver.execute(connection, "SELECT number, name FROM metric_names ORDER BY number")
    assert found == rows


def test_a_statement_of_sqlalchemys_joins_the_transaction(state: State) -> None:
    with pytest.raises(ValueError, match="undo"), state.database.writing() as connection:
        driver.insert(connection, runs, [RUN])
        connection.execute(runs.insert().values(**RUN | {"id": "r2"}))
        assert len(driver.records(connection, Run, runs, "")) == 2
        raise ValueError("undo")
    with state.database.writing() as connection:
        driver.insert(connection, runs, [RUN])
        connection.execute(runs.insert().values(**RUN | {"id": "r2"}))
    with state.database.reading() as connection:
        found = driver.records(connection, Run, runs, "ORDER BY id")
    assert [run.id for run in found] == ["r1", "r2"]


def test_a_reader_keeps_its_view_when_it_changes_hands(state: State) -> None:
    with state.database.reading() as reader:
        assert driver.records(reader, Run, runs, "") == []
        with state.database.writing() as writer:
            driver.insert(writer, runs, [RUN])
        assert reader.execute(sa.select(runs.c.id)).all() == []
    with state.database.reading() as reader:
        assert reader.execute(sa.select(runs.c.id)).scalars().all() == ["r1"]


def test_what_the_database_refuses_is_the_same_error_from_both(state: State) -> None:
    for again in (
        lambda connection: driver.insert(connection, runs, [RUN]),
        lambda connection: connection.execute(runs.insert().values(**RUN)),
    ):
        with pytest.raises(BackendError) as caught, state.database.writing() as connection:
            driver.insert(connection, runs, [RUN])
            again(connection)
        assert caught.value.code == "database-refused"
