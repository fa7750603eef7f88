"""The writer's thread: each write succeeds or fails by itself, and none is lost."""

from __future__ import annotations

import threading
from concurrent.futures import wait

import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, DeniedError
from trueup.state import driver, eventlog
from trueup.state.unit import State, Unit

SAM = Actor(name="sam")


def emit(word: str) -> object:
    return lambda unit: unit.emit("thing.done", word)


def subjects(state: State) -> list[str]:
    with state.read(SAM) as connection:
        events = eventlog.latest(connection, 1000, type_="thing.done")
    return [event.subject for event in reversed(events)]


def test_what_was_handed_in_is_there_when_its_future_is_done(state: State) -> None:
    assert state.submit(SAM, "runs.write", lambda unit: unit.at.year).result() > 2000
    state.submit(SAM, "runs.write", emit("a")).result()
    assert subjects(state) == ["a"]


def test_writes_are_kept_in_the_order_in_which_they_came(state: State) -> None:
    words = [str(number) for number in range(300)]
    wait([state.submit(SAM, "runs.write", emit(word)) for word in words])
    assert subjects(state) == words


def test_one_that_fails_undoes_its_own_writes_alone(state: State) -> None:
    def fails(unit: Unit) -> None:
        driver.execute(unit.connection, "DELETE FROM people")
        raise ValueError("no")

    gate = threading.Event()
    first = state.submit(SAM, "runs.write", lambda unit: gate.wait(5))
    before = state.submit(SAM, "runs.write", emit("before"))
    failing = state.submit(SAM, "runs.write", fails)
    after = state.submit(SAM, "runs.write", emit("after"))  # in one transaction with the others
    gate.set()
    with pytest.raises(ValueError, match="no"):
        failing.result()
    wait([first, before, after])
    assert subjects(state) == ["before", "after"]


def test_who_may_not_is_refused_and_the_others_are_not(state: State) -> None:
    denied = state.submit(Actor(name="vera"), "runs.write", emit("vera's"))
    allowed = state.submit(SAM, "runs.write", emit("sam's"))
    with pytest.raises(DeniedError):
        denied.result()
    allowed.result()
    assert subjects(state) == ["sam's"]


def test_an_error_of_the_database_reads_like_any_other(state: State) -> None:
    wrong = state.submit(
        SAM, "runs.write", lambda unit: driver.execute(unit.connection, "SELECT a FROM here")
    )
    with pytest.raises(BackendError, match="no such table"):
        wrong.result()


def test_closing_writes_what_was_handed_in(state: State) -> None:
    futures = [state.submit(SAM, "runs.write", emit(str(number))) for number in range(100)]
    state._writer.close()
    assert all(future.done() for future in futures)
    assert len(subjects(state)) == 100
    with pytest.raises(BackendError):
        state.submit(SAM, "runs.write", emit("late"))


def test_the_log_stays_whole_when_many_write_at_once(state: State) -> None:
    def work(name: str) -> None:
        for number in range(20):
            state.submit(SAM, "runs.write", emit(f"{name}{number}")).result()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with state.read(SAM) as connection:
        assert state.log.verify(connection).problems == []
    assert len(subjects(state)) == 80


def test_what_was_written_is_synced_within_a_second_and_when_it_closes(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = threading.Event()
    real = state.database.sync
    monkeypatch.setattr(state.database, "sync", lambda: (real(), synced.set()))
    state.submit(SAM, "runs.write", emit("a")).result()
    assert not synced.is_set()
    assert synced.wait(10)
    synced.clear()
    state.submit(SAM, "runs.write", emit("b"))
    state._writer.close()
    assert synced.is_set()
