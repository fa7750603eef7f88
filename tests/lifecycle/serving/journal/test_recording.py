"""A deployment is recorded as its plan says; what is not recorded is never silent."""

from __future__ import annotations

import asyncio
from pathlib import Path

from trueup.lifecycle.plan.deployments import Journaling
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.recording import Recorder, way
from trueup.lifecycle.serving.journal.tail import Place
from trueup.lifecycle.serving.journal.writer import NOWHERE, Journal
from trueup.lifecycle.serving.records import AnyRecord, Labels, Predictions

from ..conftest import AT, prediction

REQUESTS = [f"{i:032x}" for i in range(200)]
LABELS = Labels(deployment="late", received_at=AT, predictions=["x-0"], labels=[1], at=AT)


def _recorded(
    folder: Path, plan: Journaling, *records: AnyRecord
) -> tuple[list[Place], list[AnyRecord]]:
    journal = Journal(folder)
    recorder = Recorder(journal, lambda: plan)

    async def send() -> list[Place]:
        return await asyncio.gather(*(recorder.append([record]) for record in records))

    places = asyncio.run(send())
    journal.close()
    return places, [record for record, _ in read(folder)]


def test_a_sample_says_how_large_it_is_and_keeps_whole_requests(folder: Path) -> None:
    plan = Journaling(mode="sampled", sample=0.25)
    asked = [prediction(request) for request in REQUESTS]
    places, found = _recorded(folder, plan, *asked)
    kept = [record for record in found if isinstance(record, Predictions)]
    assert 25 < len(kept) < 75
    assert {record.sample for record in kept} == {0.25}
    assert places.count(NOWHERE) == len(asked) - len(kept)
    shadows = [prediction(request, shadow=True) for request in REQUESTS]
    _, both = _recorded(folder, plan, *shadows)
    requests = [record.request for record in both if isinstance(record, Predictions)]
    assert all(requests.count(record.request) == 2 for record in kept)


def test_labels_and_requests_with_a_key_are_always_recorded(folder: Path) -> None:
    plan = Journaling(mode="sampled", sample=1e-9, when_full="count")
    places, found = _recorded(folder, plan, prediction(REQUESTS[0], key="k"), LABELS)
    assert len(found) == 2
    assert NOWHERE not in places
    for records in ([prediction(REQUESTS[0], key="k")], [LABELS]):
        assert way(records, plan).durable
        assert not way(records, plan).may_miss


def test_dropped_inputs_are_never_written(folder: Path) -> None:
    asked = prediction(REQUESTS[0], inputs={"distance": [1.5], "name": ["Rita Vrataski"]})
    _, (found,) = _recorded(folder, Journaling(drop=("name",)), asked)
    assert isinstance(found, Predictions)
    assert found.inputs == {"distance": [1.5]}
    assert all(b"Vrataski" not in path.read_bytes() for path in folder.iterdir())


def test_the_mode_says_when_an_answer_goes_out() -> None:
    asked = [prediction(REQUESTS[0])]
    assert way(asked, Journaling()).durable
    assert way(asked, Journaling(mode="sampled")).durable
    assert not way(asked, Journaling(mode="written")).durable
    assert way(asked, Journaling(when_full="count", lag_seconds=2)).may_miss
    assert way(asked, Journaling(lag_seconds=2)).lag_s == 2
