"""Shadows score what others answer: recorded under the same id, told nobody, dropped first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.inference.scoring import Scorer
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.records import Failure, Predictions

from ..conftest import SIGNATURE, Server, request_of

LIVE = Arm(release=1, model_ref="flights@1", weight=1.0)
SHADOW = Arm(release=2, model_ref="flights@2", weight=0.0, shadow=True)
INFER = "/v2/models/late/infer"


def fifth(rows: pl.DataFrame) -> np.ndarray:
    return rows["distance"].fill_null(0.0).to_numpy() / 5


@pytest.fixture
def shaded(start: Callable[..., Server]) -> Server:
    server = start()
    server.source.predictors["flights@2"] = fifth
    both = Route(deployment="late", arms=(LIVE, SHADOW), salt="s", entity="tailnum")
    server.application.serve(both, server.source.load)
    return server


def asked(server: Server, *requests: Any) -> list[Any]:
    async def ask() -> list[Any]:
        answers = [await server.call("POST", INFER, request) for request in requests]
        for _ in range(200):  # the shadows come after the answers
            await asyncio.sleep(0.005)
            if not server.application.endpoints["late"].shaded_rows:
                break
        return answers

    return asyncio.run(ask())


def journaled(folder: Path) -> list[Any]:
    return [record for record, _ in read(folder)]


def test_its_scores_are_recorded_beside_the_answer_and_never_sent(
    shaded: Server, folder: Path
) -> None:
    (answer,) = asked(shaded, request_of([5.0, 2.0]))
    assert answer.json["outputs"][0]["data"] == [0.5, 0.2]
    assert answer.json["model_version"] == "1"
    live, shadow = journaled(folder)
    assert (live.shadow, live.scores, live.release) == (False, [0.5, 0.2], 1)
    assert (shadow.shadow, shadow.scores, shadow.release) == (True, [1.0, 0.4], 2)
    assert shadow.request == live.request
    assert shadow.weights == {1: 1.0, 2: 0.0}


def test_it_takes_no_row_whatever_the_entity(shaded: Server, folder: Path) -> None:
    body = request_of([1.0] * 50)
    tail = {"name": "tailnum", "shape": [50], "datatype": "BYTES"}
    body["inputs"].append(tail | {"data": [f"N{row}" for row in range(50)]})
    asked(shaded, body)
    answered = [r for r in journaled(folder) if isinstance(r, Predictions) and not r.shadow]
    assert [record.release for record in answered] == [1]


def test_its_failure_is_on_record_and_nobody_hears_of_it(shaded: Server, folder: Path) -> None:
    def broken(rows: pl.DataFrame) -> np.ndarray:
        if rows["distance"].max() == 9.0:
            raise ValueError("nine")
        return fifth(rows)

    shaded.source.predictors["flights@3"] = broken
    other = Arm(release=3, model_ref="flights@3", weight=0.0, shadow=True)
    both = Route(deployment="late", arms=(LIVE, other), salt="s", entity="tailnum")
    shaded.application.serve(both, shaded.source.load)
    (answer,) = asked(shaded, request_of([9.0]))
    assert answer.status == 200
    failure = journaled(folder)[-1]
    assert isinstance(failure, Failure)
    assert (failure.shadow, failure.release) == (True, 3)


def test_what_finds_no_room_is_dropped_and_counted(shaded: Server, folder: Path) -> None:
    (answer,) = asked(shaded, request_of([1.0] * 3000))
    assert answer.status == 200
    assert [record.shadow for record in journaled(folder)] == [False]
    text = shaded.ask("GET", "/metrics").body.decode()
    assert 'trueup_shadows_dropped_total{deployment="late"} 3000' in text


@pytest.mark.parametrize(
    "column",
    [
        Column(name="wind", kind="number"),
        Column(name="distance", kind="text"),
        Column(name="distance", kind="number", nullable=False),
    ],
    ids=["more", "another kind", "never missing"],
)
def test_one_that_needs_more_than_callers_send_is_refused(shaded: Server, column: Column) -> None:
    signature = Signature(inputs=(column, *(c for c in SIGNATURE.inputs if c.name != column.name)))
    other = Arm(release=3, model_ref="flights@3", weight=0.0, shadow=True)
    both = Route(deployment="late", arms=(LIVE, other), salt="s", entity="tailnum")

    def load(model_ref: str, release: int, deployment: str) -> LoadedModel:
        made = shaded.source.load(model_ref, release)
        zero = lambda rows: np.zeros(rows.height)  # noqa: E731
        return LoadedModel(model_ref, release, signature, zero) if release == 3 else made

    with pytest.raises(ConflictError, match="callers do not send"):
        shaded.application.serve(both, load)
    assert asked(shaded, request_of([5.0]))[0].status == 200


# --- what is under way


def scored(scorer: Scorer, *jobs: tuple[list[float], float]) -> list[Any]:
    async def ask() -> list[Any]:
        now = asyncio.get_running_loop().time()
        futures = [
            scorer.score({"distance": rows, "hour": [7] * len(rows), "carrier": ["UA"] * len(rows)},
                         len(rows), now + wait)
            for rows, wait in jobs
        ]  # fmt: skip
        return await asyncio.gather(*futures, return_exceptions=True)

    return asyncio.run(ask())


@pytest.fixture
def scorer(start: Callable[..., Server]) -> Scorer:
    def at_most_8(rows: pl.DataFrame) -> np.ndarray:
        if (rows["distance"] > 8).any():
            raise ValueError("too far")
        return rows["distance"].to_numpy() / 10

    server = start()
    server.source.predictors["flights@1"] = at_most_8
    server.serve((1, "flights@1", 1.0))
    serving = server.application.endpoints["late"].serving
    assert serving is not None
    return serving.scorers[0]


def test_what_nobody_waits_for_any_more_is_not_scored(scorer: Scorer) -> None:
    late, in_time = scored(scorer, ([1.0], -1.0), ([2.0], 60.0))
    assert (late.code, in_time[0]) == ("request-late", [0.2])


def test_a_row_that_breaks_the_model_is_named_and_harms_no_other_request(scorer: Scorer) -> None:
    jobs = [([1.0], 9.0), ([1.0, 2.0, 9.0, 3.0], 9.0), ([4.0], 9.0), ([9.0], 9.0), ([5.0], 9.0)]
    first, second, third, fourth, fifth_ = scored(scorer, *jobs)
    assert (first[0], third[0], fifth_[0]) == ([0.1], [0.4], [0.5])
    assert second.message.endswith("raised ValueError (row 3 of 4).")
    assert fourth.message.endswith("raised ValueError.")


def test_a_timeout_in_the_request_is_answered_with_504(shaded: Server) -> None:
    answer = shaded.infer(request_of([1.0], parameters={"timeout": 1e-6}))
    assert (answer.status, answer.json["code"]) == (504, "request-late")
    assert shaded.infer(request_of([1.0], parameters={"timeout": 60e6})).status == 200
