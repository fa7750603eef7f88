"""Following a source: models are loaded aside and swapped in, failures leave what there was."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from trueup.foundation.errors import BackendError
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.serving.following.follower import Follower
from trueup.lifecycle.serving.inference.source import LoadedModel

from ..conftest import MemorySource, Server, request_of, route

INFER = "/v2/models/late/infer"


def _follow(server: Server) -> tuple[Follower, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    follower = Follower(
        server.source,
        server.application,
        on_failure=lambda name, error: told.append((name, getattr(error, "code", "?"))),
        every_s=0.005,
    )
    return follower, told


def _release(server: Server) -> list[int]:
    body = request_of([1.0], outputs=[{"name": "release"}])
    return server.infer(body).output("release")


def test_it_serves_what_the_source_says(start: Callable[..., Server]) -> None:
    server = start()
    follower, told = _follow(server)
    server.source.now = {"late": route((1, "flights@1", 1.0))}
    follower.refresh()
    assert _release(server) == [1]
    server.source.now = {"late": route((2, "flights@2", 1.0))}
    follower.refresh()
    assert _release(server) == [2]
    server.source.now = {}
    follower.refresh()
    assert server.application.serving() == {}
    assert told == []


def test_the_last_model_stays_loaded_so_that_going_back_takes_no_time(
    start: Callable[..., Server],
) -> None:
    server = start()
    follower, _ = _follow(server)
    for number in (1, 2, 1):
        server.source.now = {"late": route((number, f"flights@{number}", 1.0))}
        follower.refresh()
    assert _release(server) == [1]
    assert server.source.loads == ["flights@1", "flights@2"]


def test_a_new_weight_needs_no_load(start: Callable[..., Server]) -> None:
    server = start()
    follower, _ = _follow(server)
    for weight in (0.1, 0.2, 0.5):
        arms = (1, "flights@1", 1 - weight), (2, "flights@2", weight)
        server.source.now = {"late": route(*arms)}
        follower.refresh()
    assert len(server.source.loads) == 2
    assert server.application.serving()["late"].arms[1].weight == 0.5


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(start: Callable[..., Server]) -> None:
    def broken(_rows: pl.DataFrame) -> np.ndarray:
        raise ValueError

    server = start()
    follower, told = _follow(server)
    server.source.now = {"late": route((1, "flights@1", 1.0))}
    follower.refresh()
    server.source.predictors["flights@2"] = broken
    server.source.now = {"late": route((2, "flights@2", 1.0))}
    for _ in range(3):
        follower.refresh()
    assert _release(server) == [1]
    assert told == [("late", "model-failed")], "told once, and not tried without end"
    assert server.source.loads.count("flights@2") == 1


def test_a_source_that_fails_is_told_once_and_changes_nothing(
    start: Callable[..., Server],
) -> None:
    class Failing(MemorySource):
        broken = False

        def routes(self):  # type: ignore[no-untyped-def]
            if self.broken:
                raise BackendError("database-busy", "It is busy.")
            return super().routes()

    server = start()
    server.source = Failing()
    follower, told = _follow(server)
    server.source.now = {"late": route((1, "flights@1", 1.0))}
    follower.refresh()
    server.source.broken = True
    follower.refresh()
    follower.refresh()
    assert told == [("", "database-busy")]
    assert _release(server) == [1]


def test_arms_that_disagree_on_a_column_are_refused(start: Callable[..., Server]) -> None:
    server = start()
    follower, told = _follow(server)
    server.serve((1, "flights@1", 1.0))
    odd = Signature(inputs=(Column(name="hour", kind="text"),))
    load = server.source.load

    def loading(model_ref: str, release: int, _deployment: str = "") -> LoadedModel:
        model = load(model_ref, release)
        if model_ref == "flights@2":
            return LoadedModel(model_ref, release, odd, lambda rows: np.zeros(len(rows)))
        return model

    server.source.load = loading  # type: ignore[method-assign]
    server.source.now = {"late": route((1, "flights@1", 0.5), (2, "flights@2", 0.5))}
    follower.refresh()
    assert told == [("late", "signature-conflict")]
    assert _release(server) == [1]


def test_swapping_under_load_fails_no_request(start: Callable[..., Server]) -> None:
    server = start()
    follower, told = _follow(server)
    server.source.now = {"late": route((1, "flights@1", 1.0))}
    follower.refresh()
    follower.start()
    statuses: set[int] = set()
    releases: set[int] = set()

    async def ask(until: float) -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            server.source.now = {"late": route((number % 5, f"flights@{number % 5}", 1.0))}
            body = request_of([1.0], outputs=[{"name": "release"}])
            answer = await server.call("POST", INFER, body)
            statuses.add(answer.status)
            releases.update(answer.output("release"))

    async def many() -> None:
        until = time.monotonic() + 0.5
        await asyncio.gather(*(ask(until) for _ in range(8)))

    asyncio.run(many())
    follower.stop()
    assert statuses == {200}
    assert len(releases) > 1
    assert told == []
