"""One cause asks once, one process sees to it, and whoever comes late is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import (
    BackendError,
    ConflictError,
    DeniedError,
    NotFoundError,
    UsageError,
)
from trueup.lifecycle.runs.requests import table
from trueup.lifecycle.runs.requests.records import Wish
from trueup.lifecycle.runs.requests.service import Requests
from trueup.state import eventlog
from trueup.state.leases import Lease
from trueup.state.unit import State

HOUR = timedelta(hours=1)


def wish(cause: str = "slot:p@1", pipeline: str = "p") -> Wish:
    return Wish(pipeline=pipeline, kind="slot", cause=cause, reason="it is time")


def lease(state: State) -> Lease:
    held = Lease(state.database, "scheduler", HOUR)
    assert held.take()
    return held


def test_the_same_cause_asks_once(state: State, automation: Actor) -> None:
    requests = Requests(state)
    first = requests.ask(automation, wish())
    assert requests.ask(automation, wish()) == first
    with state.read(automation) as connection:
        asked = [e for e in eventlog.since(connection, 0) if e.type == "run.requested"]
    assert [(e.subject, e.why) for e in asked] == [(first.ref, "it is time")]


def test_the_database_itself_refuses_the_second(state: State, automation: Actor) -> None:
    first = Requests(state).ask(automation, wish())
    row = {name: getattr(first, name) for name in first.__struct_fields__}
    refused = pytest.raises(BackendError, match="UNIQUE")
    with refused, state.database.writing() as connection:
        connection.execute(table.requests.insert().values(row | {"id": "x", "run": "x"}))


def test_of_many_that_ask_at_once_one_is_heard(state: State, automation: Actor) -> None:
    barrier = Barrier(8)

    def ask(_: int) -> str:
        barrier.wait()
        return Requests(state).ask(automation, wish()).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1


def test_who_has_lost_the_lease_claims_nothing(state: State, automation: Actor) -> None:
    requests, old = Requests(state), lease(state)
    requests.ask(automation, wish())
    old.release()
    new = lease(state)
    with pytest.raises(ConflictError, match="Another process has taken over"):
        requests.claim(automation, old, 5)
    assert requests.claim(automation, new, 5) is not None


def test_pipelines_wait_for_themselves_and_all_for_the_limit(
    state: State, automation: Actor
) -> None:
    requests, held = Requests(state), lease(state)
    for number, pipeline in enumerate("aabc"):
        requests.ask(automation, wish(f"slot:{number}", pipeline))
    claimed = [requests.claim(automation, held, 2) for _ in range(3)]
    assert [c.pipeline if c else None for c in claimed] == ["a", "b", None]
    assert claimed[0] is not None
    requests.fail(automation, claimed[0].run, UsageError("step-failed", "It failed."))
    again = requests.claim(automation, held, 2)
    assert again is not None
    assert (again.pipeline, again.cause) == ("a", "slot:1")


def test_what_was_given_back_is_nobody_elses_under_its_old_name(
    state: State, automation: Actor
) -> None:
    requests, held = Requests(state), lease(state)
    asked = requests.ask(automation, wish())
    requests.claim(automation, held, 1)
    requests.give_back(automation, asked.run)
    with pytest.raises(ConflictError, match="may not begin"):
        requests.take_over(automation, asked.run)
    again = requests.claim(automation, held, 1)
    assert again is not None
    assert again.run != asked.run
    with pytest.raises(ConflictError, match=f"is started as run {again.run}"):
        requests.take_over(automation, asked.run)
    assert requests.take_over(automation, again.run).id == asked.id
    assert requests.show(automation, asked.run) == requests.show(automation, again.run)


def test_who_may_not_run_may_not_ask(state: State, viewer: Actor) -> None:
    with pytest.raises(DeniedError):
        Requests(state).ask(viewer, wish())
    with pytest.raises(NotFoundError, match="Nothing has asked for a run 'nothing'"):
        Requests(state).show(viewer, "nothing")
