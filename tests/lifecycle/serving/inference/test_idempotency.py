"""The same Idempotency-Key again gives the reply that is on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.lifecycle.serving.inference import idempotency
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.writer import Journal

from ..conftest import Answer, Server, fails_on_negative, prediction, request_of, tensor

INFER = "/v2/models/late/infer"


def _recorded(folder: Path) -> int:
    return len(list(read(folder)))


def test_a_retry_gets_the_same_predictions(server: Server, folder: Path) -> None:
    first = server.infer(request_of([1.0, 2.0], id="a"), idempotency_key="k")
    again = server.infer(request_of([1.0, 2.0], id="a"), idempotency_key="k")
    assert first.body == again.body
    assert _recorded(folder) == 1


def test_also_after_a_restart_with_another_model_and_another_split(
    start: Callable[..., Server], folder: Path
) -> None:
    body = request_of([float(i) for i in range(30)], outputs=[{"name": "prediction_id"}])
    body["inputs"].append(tensor("tailnum", "BYTES", [f"N{i}" for i in range(30)]))
    before = start()
    before.serve((1, "flights@1", 0.5), (2, "flights@2", 0.5))
    first = before.infer(body, idempotency_key="k")
    before.application.close()
    after = start()
    after.serve((3, "flights@3", 1.0))
    assert after.infer(body, idempotency_key="k").body == first.body
    assert after.infer(body, idempotency_key="other").body != first.body
    assert _recorded(folder) == 3


def test_keys_of_different_deployments_do_not_meet(server: Server, folder: Path) -> None:
    server.serve((1, "flights@1", 1.0), deployment="early")
    body = request_of([1.0])
    server.infer(body, idempotency_key="k")
    server.ask("POST", "/v2/models/early/infer", body, {"idempotency-key": "k"})
    assert _recorded(folder) == 2


def test_the_same_key_with_another_body_is_refused(server: Server) -> None:
    server.infer(request_of([1.0]), idempotency_key="k")
    answer = server.infer(request_of([2.0]), idempotency_key="k")
    assert (answer.status, answer.json["code"]) == (409, "idempotency-key-reused")


def test_duplicates_that_come_together_wait_for_the_first(server: Server, folder: Path) -> None:
    async def together() -> list[Answer]:
        body = request_of([1.0])
        calls = [server.call("POST", INFER, body, {"idempotency-key": "k"}) for _ in range(10)]
        return list(await asyncio.gather(*calls))

    answers = asyncio.run(together())
    assert len({answer.body for answer in answers}) == 1
    assert _recorded(folder) == 1


def test_a_failed_request_does_not_use_up_its_key(
    start: Callable[..., Server], folder: Path
) -> None:
    server = start()
    server.source.predictors["flights@1"] = fails_on_negative
    server.serve((1, "flights@1", 1.0))
    body = request_of([-1.0])

    async def together() -> list[Answer]:
        calls = [server.call("POST", INFER, body, {"idempotency-key": "k"}) for _ in range(3)]
        return list(await asyncio.gather(*calls))

    assert [answer.status for answer in asyncio.run(together())] == [422, 422, 422]
    server.serve((2, "flights@2", 1.0))
    assert server.infer(body, idempotency_key="k").status == 200


def test_a_record_that_is_gone_is_said_so_and_not_answered_anew(
    server: Server, folder: Path
) -> None:
    server.infer(request_of([1.0]), idempotency_key="k")
    server.journal.seal()
    next(folder.glob("*.journal")).unlink()
    answer = server.infer(request_of([1.0]), idempotency_key="k")
    assert (answer.status, answer.json["code"]) == (409, "idempotency-record-gone")


def test_the_newest_keys_are_remembered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(folder, segment_bytes=600)
    for number in range(12):
        journal.write([prediction(f"{number:032x}", key=f"k{number}")])
    journal.write([prediction("f" * 32)])
    journal.close()
    found = idempotency.used_keys(folder, limit=5)
    assert list(found["late"]) == [f"k{number}" for number in range(7, 12)]

    monkeypatch.setattr(idempotency, "LIMIT", 5)
    keys = idempotency.Keys(folder, found["late"])
    for number in range(3):
        keys._remember(f"new{number}", found["late"]["k11"])
    assert list(keys._known) == ["k10", "k11", "new0", "new1", "new2"]
