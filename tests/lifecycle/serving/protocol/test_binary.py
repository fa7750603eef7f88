"""Tensors as bytes, there and back, and what is wrong with them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import UsageError
from trueup.lifecycle.models.records import Column
from trueup.lifecycle.serving.protocol import binary, replies, tensors
from trueup.lifecycle.serving.protocol.intake import Intake

from ..conftest import prediction

ALL = (
    Column(name="n", kind="number"),
    Column(name="i", kind="integer", nullable=False),
    Column(name="t", kind="text"),
    Column(name="b", kind="boolean"),
)
NUMBERS = tuple(Column(name=name, kind="number") for name in "abc")
rows = st.lists(
    st.tuples(
        st.floats(allow_infinity=False),
        st.integers(-(2**63), 2**63 - 1),
        st.text(),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


def sent(*given_: tuple[str, str, list[int], bytes], **more: Any) -> tuple[bytes, bytes]:
    inputs = [
        {"name": n, "datatype": d, "shape": s, "parameters": {"binary_data_size": len(raw)}}
        for n, d, s, raw in given_
    ]
    return json.dumps({"inputs": inputs, **more}).encode(), b"".join(raw for *_, raw in given_)


@given(rows)
def test_values_arrive_as_they_were_sent(drawn: list[tuple[Any, ...]]) -> None:
    n, i, t, b = (list(column) for column in zip(*drawn, strict=True))
    count = [len(drawn)]
    head, tail = sent(
        ("n", "FP64", count, tensors.packed("FP64", n)),
        ("i", "INT64", [*count, 1], tensors.packed("INT64", i)),
        ("t", "BYTES", count, tensors.packed("BYTES", t)),
        ("b", "BOOL", count, tensors.packed("BOOL", b)),
    )
    asked, _ = binary.read(Intake(ALL), head, tail)
    missing = [None if np.isnan(value) else value for value in n]
    assert asked.columns == {"n": missing, "i": i, "t": t, "b": b}


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_no_bytes_whatever_break_it(noise: bytes, tail: bytes) -> None:
    head, whole = sent(("n", "FP64", [1], b"12345678"))
    for parts in ((noise, tail), (head, tail), (head + noise, whole), (head, whole + tail)):
        try:
            binary.read(Intake(ALL[:1]), *parts)
        except UsageError as error:
            assert error.code in ("request-invalid", "request-not-json")


@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "INT8", "UINT16", "INT64"])
def test_a_matrix_of_all_inputs_is_taken_by_place(datatype: str) -> None:
    values = [1, 2, 3, 4, 5, 6]
    head, tail = sent(("x", datatype, [2, 3], tensors.packed(datatype, values)))
    asked, _ = binary.read(Intake(NUMBERS), head, tail)
    assert asked.columns == {"a": [1.0, 4.0], "b": [2.0, 5.0], "c": [3.0, 6.0]}


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (("a", "FP64", [2], b"12345678"), "need 16"),
        (("a", "FP64", [-1], b""), "negative size"),
        (("a", "FP64", [2**40, 2**40], b""), "more elements than can be sent"),
        (("a", "FP128", [1], b"x" * 16), "cannot be sent as bytes"),
        (("z", "FP64", [1], b"12345678"), "no input 'z'"),
        (("t", "BYTES", [1], b"\xff\xff\xff\x7fa"), "ends before its last element"),
        (("t", "BYTES", [1], b"\x01\0\0\0\xff"), "UTF-8"),
        (("t", "BYTES", [1], b"\x01\0\0\0ab"), "bytes behind"),
        (("a", "FP64", [1, 2], b"1234567812345678"), "shape [n] or [n, 1]"),
        (("i", "FP64", [1], np.array([1.5]).tobytes()), "whole numbers"),
        (("a", "FP64", [1], np.array([np.inf]).tobytes()), "must hold numbers"),
        (("i", "FP64", [1], np.array([np.nan]).tobytes()), "must not be missing"),
    ],
)
def test_what_does_not_fit_is_named(given_: Any, words: str) -> None:
    intake = Intake((*ALL[1:3], Column(name="a", kind="number")))
    with pytest.raises(UsageError) as refused:
        binary.read(intake, *sent(given_))
    assert words in refused.value.message


def test_sizes_must_add_up() -> None:
    head, tail = sent(("a", "FP64", [1], b"12345678"))
    for wrong, words in ((tail + b"x", "belong to no input"), (tail[:-1], "more bytes than")):
        with pytest.raises(UsageError, match=words):
            binary.read(Intake(NUMBERS), head, wrong)


def test_a_body_without_a_header_is_the_only_input() -> None:
    text = Intake((Column(name="t", kind="text"),))
    assert binary.read_raw(text, b"hello").columns == {"t": ["hello"]}
    number = Intake(NUMBERS[:1])
    assert binary.read_raw(number, np.array([1.5, 2.5]).tobytes()).columns == {"a": [1.5, 2.5]}
    with pytest.raises(UsageError, match="model of one input"):
        binary.read_raw(Intake(NUMBERS), b"")


def test_outputs_come_as_bytes_where_that_is_wanted() -> None:
    record = prediction("a" * 32, rows=[0, 1], scores=[[0.25, 0.75], [0.5, 0.5]])
    some = replies.reply([record], outputs=("score", "release"), as_bytes=frozenset({"score"}))
    head = json.loads(some.body[: some.head])
    score, release = head["outputs"]
    assert score["parameters"] == {"binary_data_size": 32}
    assert (score["shape"], "data" in score, release["data"]) == ([2, 2], False, [1, 1])
    assert np.frombuffer(some.body[some.head :]).tolist() == [0.25, 0.75, 0.5, 0.5]
    everything = replies.reply([record], as_bytes=None)
    sizes = [each["parameters"]["binary_data_size"]
             for each in json.loads(everything.body[: everything.head])["outputs"]]  # fmt: skip
    assert len(everything.body) == everything.head + sum(sizes)


@pytest.mark.parametrize(
    ("request_", "outputs", "expected"),
    [
        ({}, None, frozenset()),
        ({"binary_data_output": True}, None, None),
        ({"binary_data_output": True}, [{"name": "score"}], frozenset({"score"})),
        ({}, [{"name": "score", "parameters": {"binary_data": True}}], frozenset({"score"})),
        ({"binary_data_output": True},
         [{"name": "score", "parameters": {"binary_data": False}}], frozenset()),
    ],
)  # fmt: skip
def test_each_output_overrides_what_the_request_says(
    request_: Any, outputs: Any, expected: Any
) -> None:
    head, tail = sent(
        *((name, "FP64", [1], b"12345678") for name in "abc"),
        parameters=request_,
        outputs=outputs,
    )
    assert binary.read(Intake(NUMBERS), head, tail)[1] == expected
