"""Spans as people read them, whatever the program that made them says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.runs.tracking.traces.parts import in_order, plain
from trueup.lifecycle.runs.tracking.traces.records import Span


def span(id_: str, parent: str = "", began: int = 0, **body: Any) -> Span:
    named = {"name": f"call {id_}", **body}
    return Span("tr-1", id_, parent, began * 10**6, (began + 5) * 10**6, "events" in body, named)


def said(**words: Any) -> list[dict[str, Any]]:
    return [{"key": key.replace("_", "."), "value": value} for key, value in words.items()]


def test_each_span_is_followed_by_those_inside_it() -> None:
    spans = [span("c", "a", 3), span("d", "b", 2), span("b", "a", 1), span("a")]
    rows = in_order(spans)
    assert [(row.id, row.depth) for row in rows] == [("a", 0), ("b", 1), ("d", 2), ("c", 1)]
    assert [(row.begins_ms, row.took_ms) for row in rows][:2] == [(0, 5), (1, 5)]


def test_a_span_tells_what_went_in_and_came_out_and_what_went_wrong() -> None:
    asked = {"kvlistValue": {"values": [{"key": "x", "value": {"intValue": "3"}}]}}
    failure = {"exception.type": "ValueError", "exception.message": "no"}
    event = [{"key": key, "value": {"stringValue": word}} for key, word in failure.items()]
    told = said(mlflow_spanInputs=asked, mlflow_spanOutputs={"stringValue": "six"})
    (row,) = in_order([span("a", attributes=told, events=[{"attributes": event}])])
    assert (row.asked, row.answered) == ('{\n "x": 3\n}', "six")
    assert (row.failed, row.error) == (True, "ValueError: no")


names = st.sampled_from("abcdef")


@given(st.dictionaries(names, st.tuples(st.sampled_from(["", *"abcdefz"]), st.integers(0, 9))))
def test_every_span_stands_there_once_also_when_parents_are_missing_or_go_in_a_circle(
    given_: dict[str, tuple[str, int]],
) -> None:
    rows = in_order([span(id_, parent, began) for id_, (parent, began) in given_.items()])
    assert sorted(row.id for row in rows) == sorted(given_)


def test_a_very_deep_value_ends_somewhere() -> None:
    value: dict[str, Any] = {"intValue": "1"}
    for _ in range(5000):
        value = {"arrayValue": {"values": [value]}}
    assert "…" in str(plain(value))
