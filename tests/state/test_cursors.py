"""Readers of the event log get every event at least once, in order, each at its own pace."""

from __future__ import annotations

import pytest

from trueup.foundation.actor import Actor
from trueup.state.cursors import Reader
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")


@pytest.fixture
def log(state: State, owner: Actor) -> State:
    for name in "abc":
        with state.write(owner, "plan.write") as unit:
            unit.emit("thing.made", f"run:{name}")
    return state


def subjects(reader: Reader) -> list[str]:
    return [event.subject for event in reader.pending(("thing.made",))]


def test_an_event_comes_again_until_it_is_acknowledged(log: State) -> None:
    reader = Reader(log.database, "mail")
    assert subjects(reader) == subjects(reader) == ["run:a", "run:b", "run:c"]
    reader.acknowledge(reader.pending(("thing.made",))[0].seq)
    assert subjects(reader) == ["run:b", "run:c"]


def test_a_new_process_goes_on_where_the_last_one_was(log: State) -> None:
    first = Reader(log.database, "mail")
    first.acknowledge(first.pending(("thing.made",))[1].seq)
    assert subjects(Reader(log.database, "mail")) == ["run:c"]


def test_readers_do_not_disturb_each_other(log: State) -> None:
    mail, web = Reader(log.database, "mail"), Reader(log.database, "web")
    mail.acknowledge(mail.pending()[-1].seq)
    assert subjects(mail) == []
    assert len(subjects(web)) == 3


def test_a_cursor_never_moves_back(log: State) -> None:
    reader = Reader(log.database, "mail")
    end = reader.pending()[-1].seq
    reader.acknowledge(end)
    reader.acknowledge(1)
    assert reader.pending() == []


def test_a_limit_gives_the_oldest_first(log: State) -> None:
    reader = Reader(log.database, "mail")
    (event,) = reader.pending(("thing.made",), limit=1)
    assert event.subject == "run:a"
