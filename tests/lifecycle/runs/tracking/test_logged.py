"""What an ended run logged stands beside it as one text, which never says anything else than the
tables: whatever changes the run takes it away."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import pytest
import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.tracking import reading, table
from trueup.lifecycle.runs.tracking.curation.service import Curation
from trueup.lifecycle.runs.tracking.inputs.service import Inputs
from trueup.lifecycle.runs.tracking.reading import AS_TEXT
from trueup.lifecycle.runs.tracking.receiving.records import Batch
from trueup.lifecycle.runs.tracking.receiving.service import Receiving
from trueup.lifecycle.runs.tracking.records import Point, UsedModel
from trueup.lifecycle.runs.tracking.search.service import Search
from trueup.lifecycle.runs.tracking.service import Tracking
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")

SAM = Actor(name="sam")
NAN = float("nan")

CHANGES: dict[str, Callable[[State, str], object]] = {
    "a point": lambda state, run: Tracking(state).log(SAM, run, metrics=[Point("loss", 0.1, 9, 9)]),
    "a new metric": lambda state, run: Tracking(state).log(
        SAM, run, metrics=[Point("a", NAN, 0, 1)]
    ),
    "a parameter": lambda state, run: Tracking(state).log(SAM, run, params={"more": 'it\'s "ä"'}),
    "a tag": lambda state, run: Tracking(state).log(SAM, run, tags={"team": "red"}),
    "its name": lambda state, run: Tracking(state).change(SAM, run, name="other"),
    "a tag less": lambda state, run: Curation(state).untag_run(SAM, run, "team"),
    "a model": lambda state, run: Inputs(state).add(
        SAM, run, models=[UsedModel(model="m-1", way="output")]
    ),
    "a batch": lambda state, run: Receiving(state, "mlflow-artifacts:").receive(
        SAM, Batch(run=run, experiment="Default", points=(Point("loss", 3.0, 7, 7),))
    ),
}


@pytest.fixture
def run(state: State) -> str:
    tracking = Tracking(state)
    started = tracking.start(SAM, name="first", tags={"team": "blue"})
    points = [Point("loss", 0.5, 0, 1), Point("loss", 0.25, 1, 2), Point("acc", 1e-7, 0, 1)]
    tracking.log(SAM, started.id, metrics=points, params={"depth": "6"})
    return started.id


def kept(state: State) -> int:
    with state.read(SAM) as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(table.run_texts)
        ).scalar_one()


def text(state: State, run: str) -> dict[str, object]:
    (found,) = Search(state).runs(SAM, [0], columns=AS_TEXT).texts
    return msgspec.json.decode(found)


def said(state: State, run: str) -> dict[str, object]:
    """The same by the tables."""
    with state.read(SAM) as connection:
        whole = reading.whole(connection, table.numbers(connection, [run])[run])
    return {
        "metrics": [
            {
                "key": key,
                "value": "NaN" if math.isnan(value) else value,
                "timestamp": at,
                "step": step,
            }
            for key, value, step, at in whole.metrics
        ],
        "params": [{"key": key, "value": value} for key, value in whole.params.items()],
        "tags": [{"key": key, "value": value} for key, value in whole.tags.items()],
    }


def test_a_run_has_a_text_once_it_has_ended(state: State, run: str) -> None:
    assert text(state, run) == said(state, run)
    assert kept(state) == 0
    Tracking(state).change(SAM, run, state="finished", ended_at=5)
    assert kept(state) == 1
    assert text(state, run) == said(state, run)
    assert text(state, run)["metrics"] == [
        {"key": "acc", "value": 1e-7, "timestamp": 1, "step": 0},
        {"key": "loss", "value": 0.25, "timestamp": 2, "step": 1},
    ]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_text_of_an_ended_run_follows_every_change(
    state: State, run: str, change: Callable[[State, str], object]
) -> None:
    Tracking(state).change(SAM, run, state="failed")
    change(state, run)
    assert text(state, run) == said(state, run)
    assert kept(state) == 1


def test_a_run_that_goes_on_has_no_text_until_it_ends_again(state: State, run: str) -> None:
    tracking = Tracking(state)
    tracking.change(SAM, run, state="finished")
    tracking.change(SAM, run, state="running")
    assert kept(state) == 0
    tracking.log(SAM, run, metrics=[Point("loss", 0.125, 2, 3)])
    tracking.change(SAM, run, state="finished")
    assert kept(state) == 1
    assert text(state, run) == said(state, run)


def test_a_refused_change_leaves_the_text(state: State, run: str) -> None:
    tracking = Tracking(state)
    tracking.change(SAM, run, state="finished")
    with pytest.raises(Exception, match="depth"):
        tracking.log(SAM, run, params={"depth": "7"})
    assert kept(state) == 1
    assert text(state, run) == said(state, run)


def test_a_run_that_logged_nothing_but_its_name_has_a_short_text(state: State) -> None:
    tracking = Tracking(state)
    empty = tracking.start(SAM, name="e")
    tracking.change(SAM, empty.id, state="killed")
    assert text(state, empty.id) == {"tags": [{"key": "mlflow.runName", "value": "e"}]}
