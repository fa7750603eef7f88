"""Logs as a stream of events, items by page, and cancelling, over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from trueup.app.running.logs import LogLine
from trueup.app.running.training import train
from trueup.app.wiring import Workspace

from .conftest import Speaker

Api = TestClient[Any]

PRINTING = """
from trueup import pipeline, step

@step
def say(number: int) -> int:
    print("number", number)
    return number

@pipeline
def saying():
    say.map([1, 2, 3])
"""


@pytest.fixture
def run(clinic: Workspace) -> str:
    """A run whose steps print."""
    (clinic.root / "pipelines" / "saying.py").write_text(PRINTING)
    return train(clinic, clinic.owner, "saying", {}, allow_dirty=True).run.id


@pytest.mark.slow
def test_logs_come_as_events_and_items_by_page(api: Api, run: str, speaker: Speaker) -> None:
    answer = api.get(f"/runs/{run}/logs")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [block.split("\r\n") for block in answer.text.strip().split("\r\n\r\n")]
    lines = [
        msgspec.json.decode(data.removeprefix("data: "), type=LogLine)
        for event, data in (block for block in events if block[0] == "event: line")
    ]
    assert [(line.step, line.text) for line in lines] == [
        (f"say[{n}]", f"number {n + 1}") for n in range(3)
    ]
    assert events[-1][0] == "event: end"

    page = api.get(f"/runs/{run}/steps/1/items?limit=2").json()
    assert ([item["item"] for item in page["items"]], page["next"]) == ([0, 1], 2)
    assert api.get(f"/runs/{run}/steps/1/items?start=2").json()["next"] == -1

    assert api.get(f"/runs/{run}/logs?step=tell").status_code == 404
    assert api.get("/runs/unknown/logs").status_code == 404
    answer = api.post(f"/runs/{run}/cancel", json={"reason": "late"})
    assert (answer.status_code, answer.json()["code"]) == (409, "run-ended")
    speaker.name = "mallory"
    assert api.get(f"/runs/{run}/logs").status_code == 403
    assert api.post(f"/runs/{run}/cancel", json={}).status_code == 403
