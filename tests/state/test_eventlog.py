"""The event log is evidence: whatever is done to it afterwards is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from trueup.backends.keys.file import Backend as FileKey
from trueup.foundation.actor import Actor, service
from trueup.state import eventlog
from trueup.state.eventlog import checkpoints, events
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")


@pytest.fixture
def log(state: State, owner: Actor) -> State:
    """Five more events, in units of one, two and two."""
    for names in (["a"], ["b", "c"], ["d", "e"]):
        with state.write(owner, "plan.write") as unit:
            for name in names:
                unit.emit("thing.made", f"run:{name}", data={"name": name})
    return state


def problems(state: State) -> list[str]:
    with state.database.reading() as connection:
        return state.log.verify(connection).problems


def size(state: State) -> int:
    with state.database.reading() as connection:
        return eventlog.last_seq(connection)


def tamper(state: State, *statements: sa.Executable) -> None:
    with state.database.writing() as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_untouched_log_verifies(log: State) -> None:
    with log.database.reading() as connection:
        found = log.log.verify(connection)
    assert found.problems == []
    assert found.size == size(log)
    assert len(found.root) == 64


def test_an_empty_log_verifies(new_state: Callable[[], State]) -> None:
    with (empty := new_state()).database.reading() as connection:
        assert empty.log.verify(connection).problems == []


EDITS = {
    "actor": "mallory",
    "why": "other reasons",
    "subject": "run:z",
    "type": "thing.unmade",
    "data": {"name": "z"},
    "before": "b3:0",
    "after": "b3:0",
    "on_behalf_of": "rita",
    "id": "0",
}


@pytest.mark.parametrize("column", EDITS)
def test_an_edited_event_is_found(log: State, column: str) -> None:
    tamper(log, events.update().where(events.c.subject == "run:b").values({column: EDITS[column]}))
    assert any("was changed" in problem for problem in problems(log))


def test_a_moved_time_is_found(log: State) -> None:
    tamper(log, sa.text("UPDATE events SET at = at + 1 WHERE subject = 'run:b'"))
    assert any("was changed" in problem for problem in problems(log))


def test_an_edit_with_a_matching_leaf_is_found_by_the_signed_root(log: State) -> None:
    with log.database.writing() as connection:
        (event,) = eventlog.about(connection, "run:b")
        fields = {name: getattr(event, name) for name in event.__struct_fields__}
        forged = eventlog.Event(**fields | {"actor": "mallory"})
        connection.execute(
            events.update()
            .where(events.c.seq == event.seq)
            .values(actor="mallory", leaf=eventlog.merkle.leaf(eventlog.encode(forged)))
        )
    assert any("signed root" in problem for problem in problems(log))


def test_a_forged_root_is_found_by_the_signature(log: State) -> None:
    end = size(log)
    tamper(log, checkpoints.update().where(checkpoints.c.size == end).values(signature=b"0" * 64))
    assert problems(log) == [f"the signature at event {end} is not by this key"]


def test_a_deleted_event_is_found(log: State) -> None:
    tamper(log, events.delete().where(events.c.subject == "run:b"))
    assert any("is missing" in problem for problem in problems(log))


def test_a_deleted_event_with_closed_ranks_is_found(log: State) -> None:
    gone = size(log) - 2
    tamper(
        log,
        events.delete().where(events.c.seq == gone),
        sa.text("UPDATE events SET seq = seq - 1 WHERE seq > :gone").bindparams(gone=gone),
    )
    assert problems(log)


def test_swapped_events_are_found(log: State) -> None:
    end = size(log)
    tamper(
        log,
        events.update().where(events.c.seq == end).values(seq=0),
        events.update().where(events.c.seq == end - 1).values(seq=end),
        events.update().where(events.c.seq == 0).values(seq=end - 1),
    )
    assert any("was changed" in problem for problem in problems(log))


def test_a_truncated_log_is_found(log: State) -> None:
    end = size(log)
    tamper(log, events.delete().where(events.c.seq > end - 2))
    assert problems(log) == [f"the log was signed at event {end}, which is gone"]


def test_a_log_of_another_key_does_not_verify(log: State, tmp_path: object) -> None:
    other = eventlog.EventLog(FileKey(f"file://{tmp_path}/other.key"))
    with log.database.reading() as connection:
        found = other.verify(connection).problems
    assert found
    assert all("not by this key" in problem for problem in found)


def test_events_come_in_order_by_type_and_in_pages(log: State, owner: Actor) -> None:
    with log.read(owner) as connection:
        everything = eventlog.since(connection, 0)
        made = eventlog.since(connection, 0, ("thing.made",))
        page = eventlog.latest(connection, limit=2)
        older = eventlog.latest(connection, limit=2, before=page[-1].seq)
    assert [event.seq for event in everything] == list(range(1, len(everything) + 1))
    assert [event.data["name"] for event in made] == ["a", "b", "c", "d", "e"]
    assert [event.data["name"] for event in [*page, *older]] == ["e", "d", "c", "b"]


def test_a_service_says_for_whom_it_acts(state: State) -> None:
    with state.write(service("automation", on_behalf_of="sam"), "runs.write") as unit:
        unit.emit("run.started", "run:1")
    with state.database.reading() as connection:
        (event,) = eventlog.about(connection, "run:1")
    assert (event.actor, event.on_behalf_of) == ("automation", "sam")
