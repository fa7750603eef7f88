"""What is special about PostgreSQL. What it has in common with SQLite is tested over both."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking.records import Point
from trueup.lifecycle.runs.tracking.service import Tracking
from trueup.state import eventlog
from trueup.state.unit import State
from trueup.testing.postgresql_server import PostgresqlServer

from ..conftest import open_state

DATABASES = ("postgresql",)


@pytest.fixture
def states(home: Path) -> Iterator[list[State]]:
    """The same project, opened by four who know nothing of each other."""
    opened = [open_state(home) for _ in range(4)]
    yield opened
    for each in opened:
        each.close()


def test_many_writers_wait_for_each_other(states: list[State], scientist: Actor) -> None:
    def work(state: State) -> None:
        tracking = Tracking(state)
        for number in range(8):
            run = tracking.start(scientist, name=f"r{number}")
            tracking.log(scientist, run.id, metrics=[Point("m", number, number, 1)])
            tracking.create_experiment(scientist, f"{run.id}")

    with ThreadPoolExecutor(len(states)) as pool:
        list(pool.map(work, states))
    with states[0].database.reading() as connection:
        events = eventlog.since(connection, 0)
        assert not states[0].log.verify(connection).problems
    assert sum(event.type == "tracked-run.started" for event in events) == 32
    assert len({event.subject for event in events if event.type == "experiment.created"}) == 33


def test_a_new_database_is_migrated_once(
    postgresql_server: PostgresqlServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_DATABASE", postgresql_server.new_database())
    with ThreadPoolExecutor(3) as pool:
        for opened in pool.map(lambda _: open_state(tmp_path / "home"), range(3)):
            opened.close()


def test_what_it_cannot_keep_is_the_senders_mistake(state: State, scientist: Actor) -> None:
    tracking = Tracking(state)
    run = tracking.start(scientist)
    with pytest.raises(UsageError, match="NUL"):
        tracking.log(scientist, run.id, params={"p": "a\0b"})
    assert tracking.show(scientist, run.id).params == {}
