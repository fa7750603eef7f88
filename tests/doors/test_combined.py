"""One server of three applications, of which it makes those that are asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from trueup.doors.combined import Combined, Later


class Echo:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.draining = False
        self.closed = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])

    def close(self) -> None:
        self.closed = True


def ask(app: Any, *paths: str) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(app({"path": path}, None, None) for path in paths))

    asyncio.run(all_at_once())


def test_each_path_goes_to_its_door() -> None:
    predictions, tracking, pages = Echo(), Echo(), Echo()
    combined = Combined(Later(lambda: predictions), tracking, pages)
    ask(combined, "/v2/models/a/infer", "/api/2.0/mlflow/runs/get", "/api/v1/plan", "/", "/health")
    assert predictions.asked == ["/v2/models/a/infer"]
    assert tracking.asked == ["/api/2.0/mlflow/runs/get", "/health"]
    assert pages.asked == ["/api/v1/plan", "/"]


def test_a_later_application_is_made_once_when_first_asked() -> None:
    made = []

    def make() -> Echo:
        made.append(Echo())
        return made[-1]

    later = Later(make)
    assert made == []
    ask(later, "/a", "/b", "/c")
    assert [sorted(echo.asked) for echo in made] == [["/a", "/b", "/c"]]


def test_what_was_never_made_need_not_drain_or_close() -> None:
    predictions = Echo()
    combined = Combined(Later(lambda: predictions), Echo(), Echo())
    combined.draining = True
    combined.close()
    assert combined.draining
    assert not predictions.closed


def test_what_was_made_drains_and_closes() -> None:
    predictions = Echo()
    combined = Combined(Later(lambda: predictions), Echo(), Echo())
    combined.predictions.open()
    combined.draining = True
    combined.close()
    assert predictions.draining
    assert predictions.closed
