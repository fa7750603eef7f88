"""The prediction server, called without a socket: what it answers, refuses and records."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import DeniedError, InternalError
from trueup.foundation.permissions import PERMISSIONS
from trueup.lifecycle.plan.deployments import Journaling, Limits
from trueup.lifecycle.serving.journal.reader import read
from trueup.lifecycle.serving.journal.tail import Place, Tail
from trueup.lifecycle.serving.records import Failure, Labels, Predictions
from trueup.lifecycle.serving.server.limits import Limiter
from trueup.lifecycle.serving.server.rates import Rates
from trueup.lifecycle.serving.server.routing import Caller, Route, Table

from ..conftest import Answer, Server, fails_on_negative, request_of, tensor

INFER = "/v2/models/late/infer"


def _recorded(folder: Path) -> list[Any]:
    return [record for record, _ in read(folder)]


def test_a_reply_means_recorded(server: Server, folder: Path) -> None:
    body = request_of([10.0, None], id="mine", parameters={"at": "2013-07-01T06:00:00Z"})
    body["inputs"].append(tensor("tailnum", "BYTES", ["N1", "N2"]))
    answer = server.infer(body)
    (record,) = _recorded(folder)
    assert answer.status == 200
    assert answer.json["id"] == "mine"
    assert answer.output("score") == [1.0, 0.0] == record.scores
    assert answer.output("prediction_id") == [f"{record.request}-{row}" for row in record.rows]
    assert record.inputs == {"distance": [10.0, None], "hour": [7, 7], "carrier": ["UA", "UA"]}
    assert record.entities == ["N1", "N2"]
    assert (record.release, record.model_ref, record.at.year) == (1, "flights@1", 2013)
    assert record.seconds > 0


def test_rows_of_one_request_go_to_the_arms_of_their_entities(
    start: Callable[..., Server], folder: Path
) -> None:
    server = start()
    server.source.predictors["flights@2"] = lambda rows: np.full(len(rows), 0.9)
    server.serve((1, "flights@1", 0.5), (2, "flights@2", 0.5))
    body = request_of([1.0] * 40, outputs=[{"name": "score"}, {"name": "release"}])
    body["inputs"].append(tensor("tailnum", "BYTES", [f"N{i % 20}" for i in range(40)]))
    answer = server.infer(body)
    releases = answer.output("release")
    assert set(releases) == {1, 2}
    assert releases[:20] == releases[20:], "an entity always gets the same arm"
    assert answer.output("score") == [0.1 if release == 1 else 0.9 for release in releases]
    one, two = _recorded(folder)
    assert sorted(one.rows + two.rows) == list(range(40))
    assert {one.model_ref, two.model_ref} == {"flights@1", "flights@2"}


def test_without_an_entity_whole_requests_are_assigned(start: Callable[..., Server]) -> None:
    server = start()
    server.serve((1, "flights@1", 0.5), (2, "flights@2", 0.5), entity="")
    body = request_of([1.0, 2.0], outputs=[{"name": "release"}])
    seen = [tuple(server.infer(body).output("release")) for _ in range(30)]
    assert set(seen) == {(1, 1), (2, 2)}


def test_a_model_that_fails_is_on_record_and_tells_no_values(
    start: Callable[..., Server], folder: Path
) -> None:
    server = start()
    server.source.predictors["flights@1"] = fails_on_negative
    server.serve((1, "flights@1", 1.0))
    answer = server.infer(request_of([-1.0, 2.0]))
    assert (answer.status, answer.json["code"]) == (422, "model-failed")
    assert "ValueError" in answer.json["error"]
    assert "42" not in answer.json["error"]
    (record,) = _recorded(folder)
    assert isinstance(record, Failure)
    assert (record.model_ref, record.rows, record.code) == ("flights@1", 2, "model-failed")


@pytest.mark.parametrize(
    "predictor",
    [
        lambda rows: np.full(len(rows), np.nan) if rows["distance"].max() else np.zeros(len(rows)),
        lambda rows: np.zeros(len(rows) + int(rows["distance"].max() > 0)),
    ],
)
def test_scores_that_are_none_are_a_failure(
    start: Callable[..., Server], predictor: Callable[[pl.DataFrame], np.ndarray]
) -> None:
    server = start()
    server.source.predictors["flights@1"] = predictor
    server.serve((1, "flights@1", 1.0))
    assert server.infer(request_of([0.0])).status == 200
    assert server.infer(request_of([1.0])).status == 422


@pytest.mark.parametrize("seconds", [0.0, 0.002])
def test_a_poisoned_request_fails_alone_among_those_scored_with_it(
    start: Callable[..., Server], seconds: float
) -> None:
    def slow(rows: pl.DataFrame) -> np.ndarray:
        time.sleep(seconds)
        return fails_on_negative(rows)

    server = start()
    server.source.predictors["flights@1"] = slow
    server.serve((1, "flights@1", 1.0))

    async def together() -> list[Answer]:
        distances = [-1.0 if i == 7 else float(i) for i in range(20)]
        calls = [server.call("POST", INFER, request_of([d])) for d in distances]
        return list(await asyncio.gather(*calls))

    answers = asyncio.run(together())
    assert [answer.status for answer in answers] == [422 if i == 7 else 200 for i in range(20)]
    assert [a.output("score")[0] for i, a in enumerate(answers) if i != 7] == [
        i / 10 for i in range(20) if i != 7
    ]


def test_requests_that_meet_are_scored_together(start: Callable[..., Server]) -> None:
    sizes: list[int] = []

    def counting(rows: pl.DataFrame) -> np.ndarray:
        sizes.append(len(rows))
        return np.zeros(len(rows))

    server = start()
    server.source.predictors["flights@1"] = counting
    server.serve((1, "flights@1", 1.0))
    sizes.clear()

    async def together() -> None:
        await asyncio.gather(*(server.call("POST", INFER, request_of([1.0])) for _ in range(16)))

    asyncio.run(together())
    assert sizes == [16]


def test_the_loop_stays_live_while_a_slow_model_scores(start: Callable[..., Server]) -> None:
    def slow(rows: pl.DataFrame) -> np.ndarray:
        time.sleep(0.02)
        return np.zeros(len(rows))

    server = start()
    server.source.predictors["flights@1"] = slow
    server.serve((1, "flights@1", 1.0))

    async def both() -> tuple[Answer, bool]:
        scoring = asyncio.ensure_future(server.call("POST", INFER, request_of([1.0])))
        await asyncio.sleep(0.002)
        live = await server.call("GET", "/v2/health/live")
        return live, scoring.done() or (await scoring).status != 200

    live, too_late = asyncio.run(both())
    assert live.status == 200
    assert not too_late


def test_more_rows_than_the_queue_takes_are_refused_at_once(start: Callable[..., Server]) -> None:
    server = start(queue_rows=10)
    server.serve((1, "flights@1", 1.0))

    async def burst() -> list[Answer]:
        calls = [server.call("POST", INFER, request_of([1.0] * 4)) for _ in range(4)]
        return list(await asyncio.gather(*calls))

    answers = asyncio.run(burst())
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429]
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["retry-after"] == "1"
    assert server.infer(request_of([1.0] * 11)).status == 413
    assert server.infer(request_of([1.0] * 10)).status == 200, "the queue is empty again"


def test_labels_are_recorded_before_the_reply(server: Server, folder: Path) -> None:
    ids = server.infer(request_of([1.0, 2.0])).output("prediction_id")
    body = {"predictions": ids, "labels": [1, 0.0], "at": "2013-07-02T00:00:00Z"}
    answer = server.ask("POST", "/v2/models/late/feedback", body)
    assert (answer.status, answer.json) == (200, {"recorded": 2})
    labels = _recorded(folder)[-1]
    assert isinstance(labels, Labels)
    assert (labels.predictions, labels.labels, labels.at.day) == (ids, [1.0, 0.0], 2)


@pytest.mark.parametrize(
    "body",
    [
        {"predictions": ["x"], "labels": [1]},
        {"predictions": [f"{'a' * 32}-0"], "labels": []},
        {"predictions": [f"{'a' * 32}-0"], "labels": [0.5]},
        {"predictions": [f"{'a' * 32}-0"], "labels": [1], "at": "soon"},
        {"labels": [1]},
    ],
)
def test_labels_that_make_no_sense_are_refused(server: Server, folder: Path, body: Any) -> None:
    assert server.ask("POST", "/v2/models/late/feedback", body).status == 400
    assert _recorded(folder) == []


def test_every_route_declares_a_permission_and_asks_for_it(server: Server) -> None:
    for route in server.application.routes:
        assert route.permission in PERMISSIONS
        server.asked.clear()
        server.ask(route.method, route.path.replace("{model}", "late"))
        assert server.asked == ([] if route.permission == "public" else [route.permission])


def test_only_these_paths_need_nobody(server: Server) -> None:
    public = {route.path for route in server.application.routes if route.permission == "public"}
    health = {"/v2/health/live", "/v2/health/ready", "/ping", "/health", "/version"}
    of_model = {"/v2/models/{model}/ready", "/v2/models/{model}/versions/{version}/ready"}
    assert public == health | of_model


def test_a_route_without_permission_cannot_be_built() -> None:
    async def nothing(_call: Any) -> Any: ...

    with pytest.raises(InternalError, match="declares no permission"):
        Table([Route("GET", "/back-door", "", nothing)])  # type: ignore[arg-type]


def test_who_may_not_gets_nothing_done(start: Callable[..., Server], folder: Path) -> None:
    server = start()
    server.serve((1, "flights@1", 1.0))

    def nobody(_request: object, permission: str, _deployment: str) -> Caller:
        raise DeniedError("permission-denied", f"You may not '{permission}'.")

    server.application._authorize = nobody
    for route in server.application.routes:
        status = server.ask(route.method, route.path.replace("{model}", "late")).status
        assert (status == 403) == (route.permission != "public"), route.path
    assert _recorded(folder) == []


@pytest.mark.parametrize(
    "path",
    ["/", "/v2/models", "/v2/models/late/nothing", "/v2/models/late/infer/x", "/v1", "//"],
)
def test_what_is_not_in_the_table_does_not_exist(server: Server, path: str) -> None:
    answer = server.ask("GET", path)
    assert (answer.status, answer.json["code"]) == (404, "path-not-found")


def test_other_refusals(start: Callable[..., Server]) -> None:
    limits = {"late": Limits(body_mib=2000 / 2**20)}
    server = start(limiter=Limiter(lambda: limits, Rates()), hosts=["predict.example"])
    server.serve((1, "flights@1", 1.0))
    body = request_of([1.0])

    def status(**headers: str) -> int:
        return server.infer(body, **headers).status

    assert server.ask("GET", INFER).status == 405
    assert server.ask("POST", "/v2/models/lat/infer", body).status == 404
    assert status(content_type="text/plain") == 415
    assert status(content_type="") == 415
    assert status(content_type="application/json; charset=utf-8") == 200
    assert status(content_encoding="br") == 415
    assert status(content_length="2001") == 413
    assert server.infer(b"[" + b"1," * 2000).status == 413
    assert server.infer(b"{").status == 400
    assert status(idempotency_key="k" * 256) == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LocalHost:1", 200),
        ("[::1]:8000", 200),
        ("predict.example:443", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example:8000", 421),
        ("", 421),
    ],
)
def test_only_the_names_of_the_server_are_answered(
    start: Callable[..., Server], host: str, status: int
) -> None:
    server = start(hosts=["predict.example"])
    for _ in range(2):
        assert server.ask("GET", "/v2/health/live", headers={"host": host}).status == status


def test_errors_have_the_shape_that_clients_of_the_protocol_read(server: Server) -> None:
    answer = server.ask("GET", "/v2/models/lat")
    assert answer.json["error"] == "This server serves no deployment 'lat'. Did you mean 'late'?"
    assert answer.headers["content-type"] == "application/json"


def test_health_and_metadata(start: Callable[..., Server]) -> None:
    server = start()
    assert server.ask("GET", "/v2/health/live").json == {"live": True}
    assert server.ask("GET", "/v2/health/ready").status == 503, "no model serves yet"
    server.serve((1, "flights@1", 0.9), (2, "flights@3", 0.1))
    assert server.ask("GET", "/v2/health/ready").json == {"live": True, "ready": True}
    assert server.ask("GET", "/v2").json["name"] == "trueup"
    assert server.ask("GET", "/v2/models/late/ready").json == {"name": "late", "ready": True}
    told = server.ask("GET", "/v2/models/late").json
    assert (told["name"], told["versions"]) == ("late", ["1", "3"])
    assert told["inputs"][1] == {"name": "hour", "datatype": "INT64", "shape": [-1]}
    assert [output["name"] for output in told["outputs"]] == ["score", "prediction_id", "release"]
    server.application.draining = True
    assert server.ask("GET", "/v2/health/ready").status == 503
    assert server.ask("GET", "/v2/models/late/ready").status == 503


def test_a_retired_deployment_answers_that_it_has_no_model(server: Server) -> None:
    server.application.retire("late")
    assert server.infer(request_of([1.0])).status == 503
    assert server.ask("GET", "/v2/models/late/ready").status == 503
    server.serve((1, "flights@1", 1.0))
    assert server.infer(request_of([1.0])).status == 200
    assert server.source.loads == ["flights@1"], "it was still in memory"


def test_metrics_count_what_happened(server: Server) -> None:
    server.infer(request_of([1.0, 2.0]))
    server.infer(request_of(["x"]))  # type: ignore[list-item]
    server.ask("GET", "/v2/models/made-up-1/ready")
    text = server.ask("GET", "/metrics").body.decode()
    assert 'trueup_requests_total{deployment="late",status="200"} 1' in text
    assert 'trueup_predictions_total{deployment="late",version="flights@1"} 2' in text
    assert 'trueup_errors_total{deployment="late",code="request-invalid"} 1' in text
    assert "trueup_journal_sync_seconds_count 1" in text
    assert 'trueup_batch_rows_sum{deployment="late"} 2' in text
    assert 'trueup_request_seconds_bucket{deployment="late",le="+Inf"} 2' in text
    assert "made-up" not in text, "labels must not grow with what strangers ask"


def test_when_the_journal_fails_nothing_is_acknowledged(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.infer(request_of([1.0]))
    monkeypatch.setattr(Tail, "write", _no_room)
    for _ in range(2):
        answer = server.infer(request_of([2.0]))
        assert (answer.status, answer.json["code"]) == (503, "journal-failed")
    assert server.ask("GET", "/v2/health/ready").status == 503
    assert "trueup_journal_failed 1" in server.ask("GET", "/metrics").body.decode()
    assert len([r for r in _recorded(folder) if isinstance(r, Predictions)]) == 1


def test_where_the_plan_says_count_answers_go_on_and_what_is_missing_is_counted(
    start: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start(journaling=lambda: {"late": Journaling(when_full="count")})
    server.serve((1, "flights@1", 1.0))
    monkeypatch.setattr(Tail, "write", _no_room)
    assert server.infer(request_of([1.0, 2.0])).status == 200
    assert (
        'trueup_journal_missing_total{deployment="late"} 2'
        in server.ask("GET", "/metrics").body.decode()
    )
    assert server.ask("GET", "/v2/health/ready").status == 200
    key = {"idempotency_key": "k"}
    assert server.infer(request_of([1.0]), **key).status == 503, "it must be found again"


def test_a_bug_is_told_without_its_details(server: Server) -> None:
    def broken() -> bool:
        raise KeyError("secret")

    server.application.is_ready = broken  # type: ignore[method-assign]
    answer = server.ask("GET", "/v2/health/ready")
    assert (answer.status, answer.json["code"]) == (500, "server-bug")
    assert b"secret" not in answer.body


def _no_room(_tail: Tail, _frames: object, *, durable: bool) -> list[Place]:
    raise OSError(errno.ENOSPC, "No space left on device")
