"""Every request has exactly one outcome, whatever befalls it, and the journal tells the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.foundation.errors import TrueupError
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.inference.endpoint import Endpoint
from trueup.lifecycle.serving.inference.idempotency import Keys
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.protocol.intake import Asked
from trueup.lifecycle.serving.records import Failure, Predictions

from ..conftest import SIGNATURE

QUEUE = 12
TOO_FAR = 9.0
ARM = Arm(release=1, model_ref="m@1", weight=1.0)
ROUTE = Route(deployment="late", arms=(ARM,), salt="s", entity="")

requests = st.tuples(
    st.lists(st.sampled_from([1.0, 2.0, 3.0, TOO_FAR]), min_size=1, max_size=5),
    st.sampled_from(["waits", "waits", "leaves", "in a hurry"]),
    st.integers(0, 3),  # turns of the loop before it comes
)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def breaks_on_far(rows: pl.DataFrame) -> Any:
    distances = rows["distance"].fill_null(0.0).to_numpy()
    if (distances >= TOO_FAR).any():
        raise ValueError("too far")
    return distances / 10


async def outcomes(endpoint: Endpoint, asked: list[Any]) -> list[Any]:
    async def one(distances: list[float], how: str, turns: int) -> Any:
        for _ in range(turns):
            await asyncio.sleep(0)
        rows = len(distances)
        columns = {"distance": distances, "hour": [7] * rows, "carrier": ["UA"] * rows}
        timeout = -1.0 if how == "in a hurry" else None
        answer = asyncio.ensure_future(
            endpoint.infer(endpoint.admit(), Asked(rows, columns, timeout=timeout))
        )
        if how == "leaves":
            await asyncio.sleep(0)
            answer.cancel()
        return await answer

    return await asyncio.gather(*(one(*each) for each in asked), return_exceptions=True)


def named(outcome: Any) -> str:
    if isinstance(outcome, TrueupError):
        return outcome.code
    return "cancelled" if isinstance(outcome, asyncio.CancelledError) else "answered"


@pytest.mark.parametrize("slow", [False, True], ids=["on the loop", "in a thread"])
@settings(max_examples=25, deadline=None)
@given(asked=st.lists(requests, min_size=1, max_size=10))
def test_every_request_has_one_outcome(
    pool: ThreadPoolExecutor, slow: bool, asked: list[Any]
) -> None:
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        endpoint = Endpoint("late", journal, Keys(journal.folder), queue_rows=QUEUE)
        model = LoadedModel("m@1", 1, SIGNATURE, breaks_on_far)
        serving = endpoint.prepare(ROUTE, lambda *_: model, pool)
        for scorer in serving.scorers:
            scorer._base_s = 1.0 if slow else 1e-6
        endpoint.swap(serving)
        found = asyncio.run(outcomes(endpoint, asked))
        journal.close()
        recorded = [record for record, _ in read(Path(folder))]
    assert endpoint.queued_rows == 0
    allowed = {"waits": {"answered", "model-failed", "queue-full"},
               "leaves": {"cancelled", "queue-full"},
               "in a hurry": {"request-late", "queue-full"}}  # fmt: skip
    for (distances, how, _), outcome in zip(asked, found, strict=True):
        name = named(outcome)
        assert name in allowed[how]
        assert name not in ("answered", "model-failed") or (name == "answered") == (
            TOO_FAR not in distances
        )
        if name == "answered":
            assert np.allclose(outcome[0].scores, np.array(distances) / 10, rtol=1e-12, atol=0)
    counts = Counter(map(named, found))
    told = {record.request for record in recorded if isinstance(record, Predictions)}
    answered = [outcome[0].request for outcome in found if named(outcome) == "answered"]
    assert len(answered) == len(set(answered)) and set(answered) <= told
    assert len(told) <= len(answered) + counts["cancelled"]
    failures = sum(isinstance(record, Failure) for record in recorded)
    assert counts["model-failed"] <= failures <= counts["model-failed"] + counts["cancelled"]
