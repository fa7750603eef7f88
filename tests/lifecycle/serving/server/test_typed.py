"""A deployment's own typed form, its OpenAPI document, and what MLflow's clients send."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.lifecycle.models.records import Column
from trueup.lifecycle.serving.protocol import mlflow
from trueup.lifecycle.serving.protocol.intake import Intake
from trueup.lifecycle.serving.protocol.rows import Rows

from ..conftest import SIGNATURE, Answer, Server

PREDICT, INVOKE = "/deployments/late/predict", "/deployments/late/invocations"
ROW = {"distance": 5.0, "hour": 7, "carrier": "UA"}


@pytest.fixture
def server(start: Any) -> Server:
    made: Server = start()
    made.serve((1, "flights@1", 1.0))
    return made


def predicted(server: Server, **body: Any) -> Answer:
    return server.ask("POST", PREDICT, body)


def invoked(server: Server, body: Any, kind: str = "application/json") -> Answer:
    return server.ask("POST", INVOKE, body, {"content-type": kind})


# --- rows


def test_rows_are_answered_in_their_order_and_recorded(server: Server) -> None:
    answer = predicted(server, rows=[ROW, ROW | {"distance": 2, "tailnum": "N1"}]).json
    assert [row["score"] for row in answer["predictions"]] == [0.5, 0.2]
    assert answer["model"] == "flights@1"
    ids = [row["id"] for row in answer["predictions"]]
    told = server.ask("POST", "/v2/models/late/feedback", {"predictions": ids, "labels": [0, 1]})
    assert told.json == {"recorded": 2}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"rows": []}, "length >= 1"),
        ({}, "required field `rows`"),
        ({"rows": [ROW | {"distance": "far"}]}, "got `str` - at `$.rows[0].distance`"),
        ({"rows": [ROW | {"wind": 3}]}, "unknown field `wind`"),
        ({"rows": [{"distance": 3}]}, "required field `hour`"),
        ({"rows": [ROW], "row": 1}, "unknown field `row`"),
        ({"rows": [ROW], "timeout_ms": 0}, "> 0"),
        ({"rows": [ROW], "at": "noon"}, "'at' must be an ISO 8601 moment"),
    ],
)  # fmt: skip
def test_an_error_names_field_and_rule(server: Server, body: Any, words: str) -> None:
    answer = server.ask("POST", PREDICT, body)
    assert answer.status == 400
    assert words in answer.json["error"]
    assert "far" not in answer.json["error"]


def test_the_document_describes_exactly_what_is_taken(server: Server) -> None:
    document = server.ask("GET", "/deployments/late/openapi.json").json
    assert document["openapi"] == "3.1.0"
    operation = document["paths"][PREDICT]["post"]
    example = operation["requestBody"]["content"]["application/json"]["example"]
    assert server.ask("POST", PREDICT, example).status == 200
    row = document["components"]["schemas"]["Row"]
    assert set(row["properties"]) == {"distance", "hour", "carrier", "tailnum"}
    assert row["required"] == ["hour"]
    assert row["additionalProperties"] is False


@settings(max_examples=60)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["rows", "hour", "data", "columns", "inputs"]), inner),
    max_leaves=8,
))  # fmt: skip
def test_no_body_whatever_breaks_a_reader(body: Any) -> None:
    intake = Intake(SIGNATURE.inputs, "tailnum")
    raw = json.dumps(body).encode()
    for form in ("dataframe_split", "dataframe_records", "instances", "inputs"):
        for read in (Rows(intake).read, lambda raw: mlflow.read(intake, raw)):
            for each in (raw, json.dumps({form: body}).encode()):
                try:
                    assert read(each).rows >= 1
                except Exception as error:
                    assert getattr(error, "http_status", 500) == 400, error


def test_names_of_columns_may_be_anything() -> None:
    odd = [Column(name=name, kind="number") for name in ("a b", "class", "", "rows", "ü$")]
    rows = Rows(Intake(odd))
    body = msgspec.json.encode({"rows": [{column.name: 1.5 for column in odd}]})
    assert rows.read(body).columns == {column.name: [1.5] for column in odd}


# --- what MLflow's clients send


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["hour", "distance", "carrier", "more"],
                             "data": [[7, 5.0, "UA", 1], [7, 2, None, 2]]}},
        {"dataframe_split": {"index": [0, 1], "columns": ["distance", "hour", "carrier"],
                             "data": [[5, 7.0, "UA"], [2, 7, "AA"]]}},
        {"dataframe_records": [ROW, ROW | {"distance": 2}]},
        {"instances": [ROW, ROW | {"distance": 2}], "params": {}},
        {"instances": [[5, 7, "UA"], [2, 7, "UA"]]},
        {"inputs": {"distance": [5, 2], "hour": [7, 7], "carrier": ["UA", "UA"]}},
        {"inputs": [[5, 7, "UA"], [2, 7, "UA"]]},
    ],
    ids=lambda body: next(iter(body)),
)  # fmt: skip
def test_all_kinds_of_payload_are_answered(server: Server, body: Any) -> None:
    answer = invoked(server, body)
    assert (answer.status, answer.json["predictions"]) == (200, [0.5, 0.2])


def test_csv_is_answered(server: Server) -> None:
    text = b"carrier,distance,hour\nUA,5,7\n,2.0,7\n"
    answer = invoked(server, text, "text/csv; charset=utf-8")
    assert answer.json["predictions"] == [0.5, 0.2]


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        ({"instances": [[1, 2]]}, "application/json", 400, "3 are needed"),
        ({}, "application/json", 400, "exactly one of"),
        ({"instances": [], "inputs": []}, "application/json", 400, "exactly one of"),
        ({"instances": []}, "application/json", 400, "no rows"),
        ({"instances": [[5, 7.5, "UA"]]}, "application/json", 400, "'hour' must hold whole"),
        (b"{", "application/json", 400, "not valid JSON"),
        (b"a,b\n1", "text/csv", 400, "lacks the input"),
        (b"distance,hour\nfar,7", "text/csv", 400, "no CSV"),
        (b"", "text/csv", 400, "no CSV"),
        (b"x", "text/plain", 415, "content type"),
        (b"x", "text/csv; charset=latin-1", 415, "content type"),
    ],
)
def test_what_does_not_fit_is_told_as_mlflow_tells_it(
    server: Server, body: Any, kind: str, status: int, words: str
) -> None:
    answer = invoked(server, body, kind)
    assert (answer.status, answer.json["error_code"]) == (status, "BAD_REQUEST")
    assert words in answer.json["message"]


def test_a_server_of_one_deployment_needs_no_name(server: Server) -> None:
    assert server.ask("GET", "/ping").status == 200
    assert server.ask("POST", "/invocations", {"instances": [[5, 7, "UA"]]}).status == 200
    server.serve((1, "flights@1", 1.0), deployment="early")
    answer = server.ask("POST", "/invocations", {"instances": [[5, 7, "UA"]]})
    assert (answer.status, answer.json["code"]) == (404, "deployment-unnamed")
