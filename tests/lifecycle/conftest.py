"""Four registered versions of a tiny model under a plan in force: what gates and releases work on.

The coefficients are set by hand, so that it is known which version is better: 1 is fair, 2 is
good, 3 answers the wrong way round, 4 is as good as 2 but for one coefficient.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from trueup.backends.formats.skops import Backend as Skops
from trueup.foundation import toml
from trueup.foundation.actor import Actor
from trueup.foundation.questions import Question
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.gates.service import Gates
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.models.service import Models
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.plan.records import AdoptedPlan, Plan
from trueup.lifecycle.plan.service import Plans
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.releases.service import Releases
from trueup.lifecycle.runs.records import Candidate
from trueup.lifecycle.runs.service import Runs
from trueup.people.service import People
from trueup.state import eventlog
from trueup.state.eventlog import Event
from trueup.state.unit import State

from ..conftest import open_state

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)

PLAN = """\
[project]
name = "small"
objective = "Try things"

[team]
sam = ["scientist"]
sasha = ["scientist"]
rita = ["reviewer"]
omar = ["operator"]
vera = ["viewer"]

[[goals]]
id = "ranked"
claim = "Late rows score higher"
metric = "roc_auc"
gate = { at_least = 0.7, beats = "champion", margin = -0.01, min_rows = 100 }
watch = { window = "7d" }
on_breach = ["alert", "retrain"]

[deployments.desk]
model = "small"
entity = "who"

[deployments.hall]
model = "small"
strategy = "all-at-once"
"""

UNSAID = Question()
_WEIGHTS = ([1.0, 0.2], [2.0, 0.0], [-2.0, 0.0], [2.0, 0.01])


def sample(rows: int, seed: int) -> pl.DataFrame:
    """Rows whose label follows `a` and not `b`."""
    random = np.random.default_rng(seed)
    a = random.normal(size=rows)
    b = random.integers(-3, 4, size=rows)
    late = random.random(rows) < 1 / (1 + np.exp(-2 * a))
    return pl.DataFrame({"a": a, "b": b, "late": late.astype(np.int64)})


def model_of(weights: Sequence[float]) -> LogisticRegression:
    """A model with these coefficients."""
    model = LogisticRegression().fit(pl.DataFrame({"a": [0.0, 1.0], "b": [1, 0]}), [0, 1])
    model.coef_, model.intercept_ = np.array([weights]), np.zeros(1)
    return model


@dataclass(frozen=True)
class Shop:
    """The verbs over one state, and short cuts to what tests do often."""

    state: State
    plans: Plans
    runs: Runs
    models: Models
    gates: Gates
    releases: Releases
    people: People
    sam: Actor
    rita: Actor
    omar: Actor

    @classmethod
    def over(cls, state: State) -> Shop:
        people = [Actor(name=name) for name in ("sam", "rita", "omar")]
        return cls(
            state,
            Plans(state),
            Runs(state),
            Models(state),
            Gates(state),
            Releases(state),
            People(state),
            *people,
        )

    def adopt(self, *changes: tuple[str, str]) -> AdoptedPlan:
        """Put the plan in force, with parts of it replaced."""
        text = PLAN
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        return self.plans.adopt(Actor(name="olga"), toml.parse(text, "trueup.toml", Plan))

    def finish(
        self,
        model: Any,
        trained_on: pl.DataFrame,
        holdout: pl.DataFrame,
        *,
        label: str = "late",
        question: Question = UNSAID,
        format_: str = "skops",
        **more: Any,
    ) -> str:
        """The identifier of a finished run of `sam` that offers this candidate."""
        blobs = self.state.blobs
        raw = model if isinstance(model, bytes) else Skops().dump(model)
        candidate = Candidate(
            model=StoredValue(kind="model", digest=blobs.put(raw), format=format_),
            trained_on=self._frame(trained_on),
            holdout=self._frame(holdout),
            label=label,
            question=question,
        )
        run = self.start(**more)
        return self.runs.finish(self.sam, run, candidate).id

    def start(self, **more: Any) -> str:
        """The identifier of a run of `sam` that goes on."""
        origin = {"data": {}, "code": "b3:code", "environment": "b3:environment"} | more
        return self.runs.start(
            self.sam, "small", model="small", parameters={"depth": 3}, **origin
        ).id

    def register(
        self, model: Any, trained_on: pl.DataFrame, holdout: pl.DataFrame, **more: Any
    ) -> ModelVersion:
        """A new model version."""
        return self.models.register(self.sam, self.finish(model, trained_on, holdout, **more))

    def judge(self, version: int) -> Verdict:
        """The verdict about a version."""
        return self.gates.judge(self.sam, "small", str(version))

    def ask(self, version: int, place: str = "desk", **more: Any) -> Release:
        """Ask for a release of a version that was judged first."""
        self.judge(version)
        return self.releases.request(self.sam, place, "small", str(version), **more)

    def approve(self, release: Release, *, yes: bool = True) -> None:
        """Somebody else answers."""
        self.people.decide(self.rita, release.approval, yes, "because")

    def begin(self, version: int, place: str = "desk", **more: Any) -> Release:
        """Judge, ask, approve and start."""
        release = self.ask(version, place, **more)
        if self.people.approval(self.rita, release.approval).state == "asked":
            self.approve(release)
        return self.releases.start(self.omar, place, release.number, AT)

    def champion(self) -> int:
        """The version that the alias points at."""
        return self.models.aliases(self.sam, "small")["champion"]

    def states(self, place: str = "desk") -> list[str]:
        """The states of all releases of a place, in order."""
        return [r.state for r in reversed(self.releases.of_deployment(self.sam, place))]

    def events(self, *types: str) -> list[Event]:
        """All events of these types, oldest first."""
        with self.state.read(self.sam) as connection:
            return eventlog.since(connection, 0, types, 1000)

    def _frame(self, frame: pl.DataFrame) -> StoredValue:
        buffer = io.BytesIO()
        frame.write_parquet(buffer)
        digest = self.state.blobs.put(buffer.getvalue())
        columns = tuple(frame.columns)
        return StoredValue(
            kind="frame", digest=digest, format="parquet", rows=frame.height, columns=columns
        )


@pytest.fixture(scope="session")
def _stocked(_founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Path(shutil.copytree(_founded, tmp_path_factory.mktemp("stocked") / ".trueup"))
    state = open_state(home)
    shop = Shop.over(state)
    shop.adopt()
    trained_on, holdout = sample(300, seed=1), sample(600, seed=2)
    for weights in _WEIGHTS:
        shop.register(model_of(weights), trained_on, holdout)
    state.close()
    return home


@pytest.fixture
def shop(_stocked: Path, tmp_path: Path) -> Iterator[Shop]:
    """Four registered versions of the model `small`, none of them judged."""
    home = Path(shutil.copytree(_stocked, tmp_path / "stocked"))
    state = open_state(home)
    yield Shop.over(state)
    state.close()
