"""Traces over the wire: what cannot be kept is refused in words, and nothing of it is written."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.doors.mlflow import protobuf
from trueup.foundation.errors import UsageError

from .conftest import Client

DATABASES = ("sqlite", "postgresql")

V3 = "http://localhost/api/3.0/mlflow/traces"
EXPORT = "http://localhost/v1/traces"
HEADERS = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "0"}


def info(**more: Any) -> dict[str, Any]:
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}}
    time = "2026-05-03T10:00:00.250Z"
    return {"trace_id": "tr-1", "trace_location": place, "request_time": time, "state": "OK"} | more


def record(client: Client, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = client.post(V3, trace={"trace_info": info(**more)})
    return found["trace"]["trace_info"]


def sized(number: int, raw: bytes) -> bytes:
    high, low = divmod(len(raw), 128)
    length = bytes([low | 128, high]) if high else bytes([low])
    return bytes([number << 3 | 2]) + length + raw


def request(*spans: bytes) -> bytes:
    return sized(1, sized(2, b"".join(sized(2, span) for span in spans)))


SPAN = sized(1, b"t" * 16) + sized(2, b"s" * 8) + sized(5, b"whole")


def test_a_trace_comes_back_as_it_was(client: Client) -> None:
    made = record(client, execution_duration="1.5s", tags={"a": "b"}, trace_metadata={"c": "d"})
    assert made["request_time"] == "2026-05-03T10:00:00.250Z"
    assert (made["execution_duration"], made["state"]) == ("1.500s", "OK")
    place = "mlflow-artifacts:/0/traces/tr-1/artifacts"
    assert made["tags"] == {"a": "b", "mlflow.artifactLocation": place}
    assert client.get(f"{V3}/tr-1")["trace"]["trace_info"]["trace_metadata"] == {"c": "d"}
    assert record(client)["trace_id"] == "tr-1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"trace_id": "../x"},
        {"trace_id": ""},
        {"request_time": "yesterday"},
        {"execution_duration": "1e400s"},
        {"state": "PERHAPS"},
        {"tags": {"k" * 251: ""}},
        {"tags": {"k": "v" * 8001}},
        {"tags": {"k": 1}},
        {"trace_location": {}},
        {"assessments": [{}]},
    ],
)
def test_what_cannot_be_kept_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    status, name, _ = client.refused("POST", V3, json={"trace": {"trace_info": info(**wrong)}})
    assert (status, name) == (400, "INVALID_PARAMETER_VALUE")
    asked = {"locations": [info()["trace_location"]]}
    assert client.post(f"{V3}/search", **asked) == {}


def test_what_is_not_there_is_told(client: Client) -> None:
    for method, path in (("GET", ""), ("PATCH", "/tags"), ("GET", "/assessments/a-1")):
        status, name, message = client.refused(method, f"{V3}/tr-9{path}", json={"key": "k"})
        assert (status, name) == (404, "RESOURCE_DOES_NOT_EXIST")
        assert "not found" in message


def test_what_was_said_elsewhere_keeps_its_identifier(client: Client) -> None:
    record(client)
    record(client, trace_id="tr-2")
    said = {"assessment_name": "good", "feedback": {"value": True}, "assessment_id": "a-1"}
    for _ in range(2):
        made = client.post(f"{V3}/tr-1/assessments", assessment=said)["assessment"]
        assert made["assessment_id"] == "a-1"
    (only,) = client.get(f"{V3}/tr-1")["trace"]["trace_info"]["assessments"]
    assert only == made
    for path, id_ in (("tr-2", "a-1"), ("tr-1", "x"), ("tr-1", "a-" + "0" * 39)):
        body = {"assessment": {**said, "assessment_id": id_}}
        assert client.refused("POST", f"{V3}/{path}/assessments", json=body)[0] == 400


def test_spans_are_kept_packed_or_not(client: Client) -> None:
    packed = {**HEADERS, "content-encoding": "gzip"}
    for headers, raw in ((HEADERS, request(SPAN)), (packed, gzip.compress(request(SPAN)))):
        assert client.ask("POST", EXPORT, content=raw, headers=headers).status_code == 200
    (found,) = client.get(f"{V3}/batchGet", trace_ids=f"tr-{(b't' * 16).hex()}")["traces"]
    assert [span["name"] for span in found["spans"]] == ["whole"]


@pytest.mark.parametrize(
    ("raw", "more"),
    [
        (b"\xff" * 20, {}),
        (request(SPAN)[:-3], {}),
        (request(sized(1, b"short")), {}),
        (request(SPAN), {"content-type": "application/json"}),
        (request(SPAN), {"content-encoding": "gzip"}),
        (request(SPAN), {"content-encoding": "br"}),
        (request(SPAN), {"x-mlflow-experiment-id": "x"}),
        (gzip.compress(bytes(80 << 20)), {"content-encoding": "gzip"}),
    ],
)
def test_what_are_no_spans_is_refused(client: Client, raw: bytes, more: dict[str, str]) -> None:
    reply = client.ask("POST", EXPORT, content=raw, headers={**HEADERS, **more})
    assert reply.status_code in (400, 413), reply.text


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    for body in (raw, request(SPAN + raw[:90])):
        try:
            assert isinstance(protobuf.spans(body), list)
        except UsageError:
            continue


def test_messages_within_messages_end() -> None:
    value = sized(1, b"x")
    for _ in range(40):
        value = sized(5, sized(1, value))
    with pytest.raises(UsageError, match="deep"):
        protobuf.spans(request(sized(9, sized(2, value))))
