"""A small real server: numpy models, a real journal, the ASGI application called directly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import TrueupError
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.records import Predictions
from trueup.lifecycle.serving.server.application import Application
from trueup.lifecycle.serving.server.routing import NOBODY, Caller

from .processes import Process

SIGNATURE = Signature(
    inputs=(
        Column(name="distance", kind="number"),
        Column(name="hour", kind="integer", nullable=False),
        Column(name="carrier", kind="text"),
    )
)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Answer(NamedTuple):
    """What the application sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def output(self, name: str) -> list[Any]:
        return next(t["data"] for t in self.json["outputs"] if t["name"] == name)


def tenth_of_distance(rows: pl.DataFrame) -> np.ndarray:
    return rows["distance"].fill_null(0.0).to_numpy() / 10


def fails_on_negative(rows: pl.DataFrame) -> np.ndarray:
    if (rows["distance"] < 0).any():
        raise ValueError("could not use the secret value 42")
    return tenth_of_distance(rows)


class MemorySource:
    """A `ModelSource` in memory: routes are assigned, models are functions."""

    def __init__(self) -> None:
        self.now: dict[str, Route] = {}
        self.predictors: dict[str, Callable[[pl.DataFrame], np.ndarray]] = {}
        self.loads: list[str] = []
        self.earlier: dict[int, Route] = {}
        self.within_s = 10.0
        self.noted: list[tuple[str, str, str]] = []

    def routes(self) -> dict[str, Route]:
        return dict(self.now)

    def load(self, model_ref: str, release: int, deployment: str = "") -> LoadedModel:
        self.loads.append(model_ref)
        predictor = self.predictors.get(model_ref, tenth_of_distance)
        return LoadedModel(model_ref, release, SIGNATURE, predictor)

    def before(self, route: Route) -> Route | None:
        return self.earlier.get(route.arms[0].release)

    def seconds_to_load(self, deployment: str) -> float:
        return self.within_s

    def served(self, deployment: str, arm: Arm, seconds: float, size: int) -> None:
        self.noted.append((deployment, arm.model_ref, ""))

    def refused(self, deployment: str, arm: Arm, error: TrueupError) -> None:
        self.noted.append((deployment, arm.model_ref, error.code))


def route(
    *arms: tuple[int, str, float], deployment: str = "late", entity: str = "tailnum"
) -> Route:
    return Route(
        deployment=deployment,
        arms=tuple(Arm(release=n, model_ref=ref, weight=w) for n, ref, w in arms),
        salt="pepper",
        entity=entity,
    )


def tensor(name: str, datatype: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data}


def request_of(distances: list[float | None], **more: Any) -> dict[str, Any]:
    n = len(distances)
    return {
        "inputs": [
            tensor("distance", "FP64", distances),
            tensor("hour", "INT64", [7] * n),
            tensor("carrier", "BYTES", ["UA"] * n),
        ],
        **more,
    }


def prediction(request: str, deployment: str = "late", **changes: Any) -> Predictions:
    fields: dict[str, Any] = {
        "deployment": deployment,
        "received_at": AT,
        "request": request,
        "key": "",
        "at": AT,
        "release": 1,
        "model_ref": "flights@1",
        "rows": [0],
        "entities": [],
        "inputs": {"distance": [1.5]},
        "scores": [0.15],
        "seconds": 0.001,
    }
    return Predictions(**(fields | changes))


class Server:
    """An application and its parts, called without a socket."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.source = MemorySource()
        self.asked: list[str] = []
        self.journal = Journal(folder)
        self.application = Application(
            self.journal,
            authorize=self._allow,
            **options,
        )

    def _allow(self, _request: object, permission: str, _deployment: str) -> Caller:
        self.asked.append(permission)
        return NOBODY

    def serve(self, *arms: tuple[int, str, float], **options: Any) -> None:
        self.application.serve(route(*arms, **options), self.source.load)

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        sent = {"host": "127.0.0.1:1", "content-type": "application/json"} | (headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(k.encode(), v.encode()) for k, v in sent.items()],
        }
        parts: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            parts.append(message)

        await self.application(scope, receive, send)
        got = {k.decode(): v.decode() for k, v in parts[0]["headers"]}
        return Answer(parts[0]["status"], got, parts[1]["body"])

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        return asyncio.run(self.call(method, path, body, headers))

    def infer(self, body: Any, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", "/v2/models/late/infer", body, named)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers on one journal folder, and closes them."""
    started: list[Server] = []

    def starter(**options: Any) -> Server:
        started.append(Server(folder, **options))
        return started[-1]

    yield starter
    for server in started:
        server.application.close()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    """A server with the model flights@1 behind the deployment `late`."""
    server = start()
    server.serve((1, "flights@1", 1.0))
    return server


@pytest.fixture
def launch(folder: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def launcher(*options: str) -> Process:
        started.append(Process(folder, *options))
        return started[-1]

    yield launcher
    for server in started:
        if server.process.poll() is None:
            server.process.kill()
        server.process.communicate()
