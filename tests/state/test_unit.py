"""The unit of work: permission, rows and events stand or fall together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, DeniedError
from trueup.state import cursors, eventlog
from trueup.state.unit import State

ROW = {"reader": "somebody", "seq": 7}


def rows(state: State) -> list[tuple[str, int]]:
    with state.database.reading() as connection:
        return [tuple(row) for row in connection.execute(sa.select(cursors.cursors))]


def last(state: State) -> int:
    with state.database.reading() as connection:
        return eventlog.last_seq(connection)


def test_rows_and_events_are_kept_together(state: State, owner: Actor) -> None:
    before = last(state)
    with state.write(owner, "plan.write") as unit:
        unit.execute(cursors.cursors.insert().values(**ROW))
        unit.emit("thing.made", "run:1", data={"size": 3}, why="because", after="b3:1")
    with state.read(owner) as connection:
        (event,) = eventlog.since(connection, before)
    assert rows(state) == [("somebody", 7)]
    assert (event.type, event.subject, event.actor) == ("thing.made", "run:1", "olga")
    assert (event.data, event.why, event.after) == ({"size": 3}, "because", "b3:1")


def test_an_exception_undoes_rows_and_events(state: State, owner: Actor) -> None:
    before = last(state)
    with pytest.raises(ZeroDivisionError), state.write(owner, "plan.write") as unit:
        unit.execute(cursors.cursors.insert().values(**ROW))
        unit.emit("thing.made", "run:1")
        _ = 1 / 0
    assert rows(state) == []
    assert last(state) == before


def test_an_event_that_cannot_be_stored_undoes_the_rows(state: State, owner: Actor) -> None:
    with pytest.raises(ValueError, match="no JSON form"), state.write(owner, "plan.write") as unit:
        unit.execute(cursors.cursors.insert().values(**ROW))
        unit.emit("thing.made", "run:1", data={"score": float("nan")})
    assert rows(state) == []


def test_a_log_that_refuses_the_event_undoes_the_rows(state: State, owner: Actor) -> None:
    with state.database.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON events "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
    with pytest.raises(BackendError, match="disk full"), state.write(owner, "plan.write") as unit:
        unit.execute(cursors.cursors.insert().values(**ROW))
        unit.emit("thing.made", "run:1")
    assert rows(state) == []


def test_a_denied_actor_writes_nothing(state: State, viewer: Actor) -> None:
    before = last(state)
    with pytest.raises(DeniedError), state.write(viewer, "plan.write") as unit:
        unit.execute(cursors.cursors.insert().values(**ROW))
    assert rows(state) == []
    assert last(state) == before


def test_a_stranger_reads_nothing(state: State, stranger: Actor) -> None:
    with pytest.raises(DeniedError, match="nobody of that name"), state.read(stranger):
        pytest.fail("the block must not run")


def test_a_unit_without_an_event_leaves_the_log_alone(state: State, owner: Actor) -> None:
    before = last(state)
    with state.write(owner, "plan.write"):
        pass
    assert last(state) == before


def test_the_events_of_a_unit_have_its_one_moment(state: State, owner: Actor) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with clock.held_at(moment), state.write(owner, "plan.write") as unit:
        unit.emit("thing.made", "run:1")
        unit.emit("thing.moved", "run:1")
    with state.read(owner) as connection:
        assert [event.at for event in eventlog.about(connection, "run:1")] == [moment, moment]


def test_a_reader_keeps_its_view_while_another_writes(state: State, owner: Actor) -> None:
    with state.read(owner) as connection:
        before = eventlog.last_seq(connection)
        with state.write(owner, "plan.write") as unit:
            unit.emit("thing.made", "run:1")
        assert eventlog.last_seq(connection) == before
    assert last(state) == before + 1
