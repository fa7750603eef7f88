"""A small world to monitor: a model of late flights, its training reference, and its traffic."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trueup.foundation.actor import Actor
from trueup.lifecycle.models.records import ColumnReference, Reference
from trueup.lifecycle.monitoring.service import Monitors
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.plan.records import Gate, Goal, Plan, Project, Watch
from trueup.lifecycle.plan.service import Plans
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions
from trueup.state.unit import State
from trueup.statistics import summaries

START = datetime(2013, 4, 1, tzinfo=UTC)
PLACE = "late-arrivals"
CARRIERS = ["UA", "AA", "B6", "DL"]

_random = np.random.default_rng(7)
_TRAINED = {
    "distance": _random.normal(1000, 300, 4000).tolist(),
    "carrier": _random.choice(CARRIERS, 4000).tolist(),
    "score": _random.beta(2, 5, 4000).tolist(),
}


def _column(name: str) -> ColumnReference:
    values = _TRAINED[name]
    make = summaries.category_bins if name == "carrier" else summaries.numeric_bins
    bins = make(values)
    return ColumnReference(bins=bins, counts=tuple(summaries.count(bins, values).tolist()))


REFERENCE = Reference(rows=4000, columns={name: _column(name) for name in _TRAINED})


class World:
    """Makes journal records: the n-th request has the identifier `n` in hex."""

    def __init__(self, seed: int = 1) -> None:
        self.random = np.random.default_rng(seed)
        self.storms = np.random.default_rng(seed + 1)
        self.storm = 0.0  # how far a day shifts the log-odds of label 1 for all its rows
        self.requests = 0
        self.start = START
        self.place = PLACE
        self.reference = REFERENCE

    def request(self, at: datetime, rows: int = 20, **changes: Any) -> Predictions:
        """A request with rows as in training; `changes` replace fields of the record."""
        self.requests += 1
        random = self.random
        fields: dict[str, Any] = {
            "deployment": PLACE,
            "received_at": at,
            "request": f"{self.requests:032x}",
            "key": "",
            "at": at,
            "release": 1,
            "model_ref": "flights@1",
            "rows": list(range(rows)),
            "entities": [],
            "inputs": {
                "distance": random.normal(1000, 300, rows).tolist(),
                "carrier": random.choice(CARRIERS, rows).tolist(),
            },
            "scores": random.beta(2, 5, rows).tolist(),
            "seconds": 0.003,
        }
        return Predictions(**fields | changes)

    def labels(
        self, record: Predictions, later: timedelta, bad: float = 0.0, shift: float = 0.0
    ) -> Labels:
        """Labels drawn from the scores; a share `bad` of the rows gets a coin flip instead."""
        scores = np.array(record.scores)
        shifted = scores / (scores + (1 - scores) * np.exp(-shift))
        chance = np.where(self.random.random(scores.size) < bad, 0.3, shifted)
        return Labels(
            deployment=PLACE,
            received_at=record.received_at + later,
            predictions=[f"{record.request}-{row}" for row in record.rows],
            labels=(self.random.random(scores.size) < chance).astype(float).tolist(),
            at=record.at + later,
        )

    def days(
        self, first: int, count: int, *, rows: int = 50, bad: float = 0.0, **changes: Any
    ) -> list[AnyRecord]:
        """`count` days of traffic, four requests a day, each with labels two days later."""
        records: list[AnyRecord] = []
        for day in range(first, first + count):
            shift = self.storms.normal(0, self.storm)
            for hour in (0, 6, 12, 18):
                at = START + timedelta(days=day, hours=hour, minutes=30)
                record = self.request(at, rows, **changes)
                records += [record, self.labels(record, timedelta(days=2), bad, shift)]
        return records

    def failure(self, at: datetime, rows: int = 1) -> Failure:
        """A request that failed."""
        return Failure(
            deployment=PLACE,
            received_at=at,
            request=f"{at.timestamp():.0f}",
            at=at,
            model_ref="flights@1",
            rows=rows,
            code="model-failed",
        )


def late_flights(**watch: Any) -> Plan:
    """A plan with one goal: late flights rank above punctual ones."""
    goal = Goal(
        id="accurate",
        claim="Late flights rank above punctual ones",
        metric="roc_auc",
        gate=Gate(at_least=0.62),
        watch=Watch(**watch),
        on_breach=("alert", "retrain"),
    )
    return Plan(
        project=Project(name="flights", objective="Warn passengers"),
        team={
            "olga": ("owner",),
            "omar": ("operator",),
            "sam": ("scientist",),
            "vera": ("viewer",),
        },
        goals=(goal,),
        deployments={PLACE: Deployment(model="flights@champion")},
    )


@pytest.fixture
def world() -> World:
    """Records to ingest."""
    return World()


@pytest.fixture
def make_plan() -> Callable[..., Plan]:
    """Makes the plan, given fields of the goal's watch."""
    return late_flights


@pytest.fixture
def monitors(state: State, owner: Actor) -> Monitors:
    """The verbs, under a plan with one goal."""
    Plans(state).adopt(owner, late_flights())
    return Monitors(state, lambda _model_ref: REFERENCE)
