"""The Open Inference Protocol as this server speaks it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.serving.protocol import intake as protocol
from trueup.lifecycle.serving.protocol import replies, requests
from trueup.lifecycle.serving.protocol.intake import Intake

from ..conftest import SIGNATURE, prediction, request_of, tensor

ONE_OF_EACH = (
    Column(name="n", kind="number"),
    Column(name="i", kind="integer"),
    Column(name="t", kind="text"),
    Column(name="b", kind="boolean", nullable=False),
)


def _read(body: Any, entity: str = "tailnum") -> protocol.Asked:
    return requests.Reader(Intake(SIGNATURE.inputs, entity)).read(json.dumps(body).encode())


def _refusal(body: Any) -> str:
    with pytest.raises(UsageError) as refused:
        _read(body)
    return refused.value.message


def _with_distance(**changes: Any) -> dict[str, Any]:
    body = request_of([1.5])
    body["inputs"][0].update(changes)
    return body


rows = st.lists(
    st.tuples(
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(),
        st.booleans(),
    ),
    min_size=1,
    max_size=20,
)


@given(rows, st.booleans())
def test_values_arrive_as_they_were_sent(rows: list[tuple[Any, ...]], nested: bool) -> None:
    columns = {name: [row[i] for row in rows] for i, name in enumerate("nitb")}
    inputs = [
        tensor(name, datatype, columns[name])
        for name, datatype in zip("nitb", ("FP64", "INT64", "BYTES", "BOOL"), strict=True)
    ]
    if nested:
        inputs = [
            one | {"shape": [len(rows), 1], "data": [[value] for value in one["data"]]}
            for one in inputs
        ]
    asked = requests.Reader(Intake(ONE_OF_EACH)).read(json.dumps({"inputs": inputs}).encode())
    assert asked.rows == len(rows)
    assert asked.columns == columns
    assert asked.entities is None


def test_the_parts_of_a_request_that_are_no_inputs() -> None:
    body = request_of([1.0], id="my-id", parameters={"at": "2013-07-01T06:00:00+02:00", "x": 1})
    asked = _read(body | {"outputs": [{"name": "score"}, {"name": "release"}]})
    assert asked.id == "my-id"
    assert asked.at == datetime(2013, 7, 1, 4, tzinfo=UTC)
    assert asked.outputs == ("score", "release")


def test_the_entity_may_be_sent_though_no_model_uses_it() -> None:
    body = request_of([1.0, 2.0])
    assert _read(body).entities == ["", ""]
    body["inputs"].append(tensor("tailnum", "BYTES", ["N14228", None]))
    assert _read(body).entities == ["N14228", ""]
    assert "tailnum" not in _read(body).columns
    assert _read(request_of([1.0]), entity="hour").entities == ["7"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (_with_distance(datatype="BYTES"), "'distance' must have datatype FP64"),
        (_with_distance(data=["secret"]), "'distance': Expected `float | null`, got `str`"),
        (_with_distance(data=[[["secret"]]]), "'distance': Expected `float | null`, got `array`"),
        (_with_distance(shape=[2]), "'distance' has 1 values and shape 2"),
        (_with_distance(shape=[1, 3]), "'distance' must have shape [n] or [n, 1]"),
        (_with_distance(shape=[]), "'distance' must have shape"),
        (_with_distance(shape=[0], data=[]), "'hour' has 1 rows and the inputs before it 0"),
        (_with_distance(name="distanze"), "no input 'distanze'. Did you mean 'distance'?"),
        (_with_distance(name="hour", datatype="INT64", data=[1]), "input 'hour' is given twice"),
        ({"inputs": request_of([1.0])["inputs"][:1]}, "lacks the input 'hour' and 'carrier'"),
        ({"inputs": []}, "lacks the input"),
        ({"inputs": {"a": 1}}, "Expected `array`, got `object` - at `$.inputs`"),
        (request_of([1.0], parameters={"at": "secret"}), "'parameters.at' must be an ISO 8601"),
        (request_of([1.0], outputs=[{"name": "scor"}]), "there is no output 'scor'"),
        ([1], "Expected `object`, got `array`"),
    ],
)
def test_a_request_that_does_not_fit_is_told_field_and_rule(body: Any, words: str) -> None:
    message = _refusal(body)
    assert words in message
    assert "secret" not in message


def test_null_is_taken_only_where_a_value_may_be_missing() -> None:
    assert _read(request_of([None])).columns["distance"] == [None]
    body = request_of([1.0])
    body["inputs"][1]["data"] = [None]
    assert "'hour': Expected `int`, got `null`" in _refusal(body)


def test_numbers_that_the_datatype_cannot_hold_are_refused() -> None:
    body = request_of([1.0])
    for wrong in (1.5, 2**63, True, "7"):
        body["inputs"][1]["data"] = [wrong]
        assert "input 'hour'" in _refusal(body)


def test_binary_tensors_are_refused_in_words() -> None:
    body = request_of([1.0])
    body["inputs"][0].pop("data")
    assert "'distance' has no data; tensors must be sent as JSON" in _refusal(body)


@given(st.binary(max_size=60))
def test_any_other_bytes_are_refused_as_usage(noise: bytes) -> None:
    with pytest.raises(UsageError):
        requests.Reader(Intake(SIGNATURE.inputs)).read(noise)


def test_a_reply_holds_scores_and_ids_in_the_order_of_the_rows() -> None:
    request = "a" * 32
    first = prediction(request, rows=[0, 2], scores=[0.1, 0.3])
    second = prediction(request, rows=[1], scores=[0.2], release=2, model_ref="flights@2")
    told = json.loads(
        replies.reply([first, second], "my-id", ("score", "prediction_id", "release")).body
    )
    assert told == {
        "model_name": "late",
        "model_version": "1,2",
        "id": "my-id",
        "parameters": {"model": "flights@1,flights@2", "release": "1,2"},
        "outputs": [
            tensor("score", "FP64", [0.1, 0.2, 0.3]),
            tensor("prediction_id", "BYTES", [f"{request}-{row}" for row in range(3)]),
            tensor("release", "INT64", [1, 2, 1]),
        ],
    }


def test_by_default_a_reply_holds_scores_and_ids() -> None:
    told = json.loads(replies.reply([prediction("a" * 32)]).body)
    assert [output["name"] for output in told["outputs"]] == ["score", "prediction_id"]
    assert "id" not in told


def test_models_that_serve_together_ask_for_all_their_columns() -> None:
    more = Signature(
        inputs=(
            Column(name="distance", kind="number", nullable=False),
            Column(name="wind", kind="number"),
        )
    )
    merged = {column.name: column for column in protocol.merged([SIGNATURE, more])}
    assert list(merged) == ["distance", "hour", "carrier", "wind"]
    assert not merged["distance"].nullable, "one of them cannot do without it"


def test_models_that_disagree_on_a_column_cannot_serve_together() -> None:
    other = Signature(inputs=(Column(name="hour", kind="text"),))
    with pytest.raises(ConflictError, match="'hour' as integer and as text"):
        protocol.merged([SIGNATURE, other])


values = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3)
)
tensors = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.sampled_from(["n", "i", "t", "b", "e", "x"]),
            "shape": st.sampled_from([[1], [2], [1, 1], [2, 1], []]),
            "datatype": st.sampled_from(["FP64", "INT64", "BYTES", "BOOL", "?"]),
            "data": st.lists(values, min_size=1, max_size=2) | st.lists(st.lists(values)),
        }
    ),
    max_size=5,
)


@given(tensors, st.permutations(range(4)), st.lists(values, min_size=2, max_size=2))
def test_the_quick_way_reads_as_the_slow_one(
    noise: list[dict[str, Any]], order: list[int], drawn: list[Any]
) -> None:
    plain = [
        tensor("n", "FP64", [1.5, 2]),
        tensor("i", "INT64", [3, None]),
        tensor("t", "BYTES", ["x", None]),
        tensor("b", "BOOL", [True, False]),
    ]
    changed = [dict(plain[place]) for place in order]
    changed[0] |= {"data": drawn}
    for inputs in (plain, changed, noise):
        body = json.dumps({"inputs": inputs}).encode()
        intake = Intake(ONE_OF_EACH, "e")
        quick = _outcome(requests.Reader(intake).read, body)
        assert quick == _outcome(partial(requests.read_by_column, intake), body)


def _outcome(read: Any, body: bytes) -> Any:
    try:
        asked = read(body)
    except UsageError as error:
        return error.code, error.message
    return asked._replace(columns={name: repr(asked.columns[name]) for name in asked.columns})
