"""Batches: the first starts the run, the same again changes nothing, all of one or nothing."""

from __future__ import annotations

import math

import msgspec
import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.runs.tracking.logged import metric
from trueup.lifecycle.runs.tracking.receiving.records import Batch, packed, unpacked
from trueup.lifecycle.runs.tracking.receiving.service import Receiving
from trueup.lifecycle.runs.tracking.records import Point
from trueup.lifecycle.runs.tracking.service import Tracking
from trueup.state import eventlog
from trueup.state.unit import State

SAM = Actor(name="sam")
RUN = "a" * 32
FIRST = Batch(
    run=RUN,
    experiment="flights",
    started_at=1000,
    points=(Point("loss", 0.5, 0, 1001), Point("loss", 0.25, 1, 1002)),
    params={"depth": "6"},
    tags={"team": "blue"},
)


@pytest.fixture
def receiving(state: State) -> Receiving:
    return Receiving(state, "mlflow-artifacts:")


@pytest.fixture
def tracking(state: State) -> Tracking:
    return Tracking(state)


def test_the_first_batch_starts_the_run_in_an_experiment_of_that_name(
    receiving: Receiving, tracking: Tracking
) -> None:
    receiving.receive(SAM, FIRST)
    run = tracking.show(SAM, RUN)
    assert tracking.experiment(SAM, run.experiment).name == "flights"
    assert (run.state, run.started_at, run.params) == ("running", 1000, {"depth": "6"})
    assert run.tags["team"] == "blue"
    assert run.name


def test_the_same_batch_twice_is_once(
    receiving: Receiving, tracking: Tracking, state: State
) -> None:
    receiving.receive(SAM, FIRST)
    with state.read(SAM) as connection:
        before = eventlog.latest(connection, 100)
    assert receiving.receive(SAM, FIRST).refused == ()
    assert tracking.history(SAM, RUN, "loss", 10) == list(map(metric, FIRST.points))
    with state.read(SAM) as connection:
        assert eventlog.latest(connection, 100) == before


def test_the_end_is_told_once(receiving: Receiving, tracking: Tracking) -> None:
    last = msgspec.structs.replace(FIRST, state="finished", ended_at=2000)
    receiving.receive(SAM, last)
    receiving.receive(SAM, last)
    receiving.receive(SAM, FIRST)
    run = tracking.show(SAM, RUN)
    assert (run.state, run.ended_at) == ("finished", 2000)


def test_a_parameter_keeps_its_first_value_and_the_rest_is_kept(
    receiving: Receiving, tracking: Tracking
) -> None:
    receiving.receive(SAM, FIRST)
    other = msgspec.structs.replace(FIRST, params={"depth": "7", "rate": "0.1"})
    assert receiving.receive(SAM, other).refused == ("depth",)
    assert tracking.show(SAM, RUN).params == {"depth": "6", "rate": "0.1"}


def test_a_batch_with_something_wrong_is_refused_as_a_whole(
    receiving: Receiving, tracking: Tracking
) -> None:
    receiving.receive(SAM, FIRST)
    wrong = msgspec.structs.replace(FIRST, params={"rate": "1"}, tags={"../x": "1"})
    with pytest.raises(UsageError):
        receiving.receive(SAM, wrong)
    assert tracking.show(SAM, RUN).params == {"depth": "6"}


def test_a_deleted_experiment_takes_no_run(
    receiving: Receiving, tracking: Tracking, state: State
) -> None:
    made = tracking.create_experiment(SAM, "flights")
    with state.write(SAM, "runs.write") as unit:
        from trueup.lifecycle.runs.tracking import table

        table.change_experiment(unit.connection, made.number, life="deleted")
    with pytest.raises(ConflictError, match="deleted"):
        receiving.receive(SAM, FIRST)


def test_a_batch_that_comes_late_revives_a_lost_run(
    receiving: Receiving, tracking: Tracking
) -> None:
    receiving.receive(SAM, FIRST)
    tracking.change(SAM, RUN, state="lost")
    receiving.receive(SAM, msgspec.structs.replace(FIRST, points=(), params={}, tags={}))
    assert tracking.show(SAM, RUN).state == "running"


def test_nan_and_infinities_travel() -> None:
    batch = Batch(
        run=RUN, experiment="x", points=(Point("a", math.nan, 0, 0), Point("b", math.inf, 0, 0))
    )
    found = unpacked(packed(batch)).points
    assert math.isnan(found[0].value)
    assert found[1].value == math.inf
