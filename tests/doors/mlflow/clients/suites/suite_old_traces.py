"""Traces of functions as clients 2.x keep, find, tag and delete them."""

from __future__ import annotations

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

client = MlflowClient()


@mlflow.trace(span_type="RETRIEVER")
def look_up(word: str) -> list[str]:
    return [word, word[::-1]]


@mlflow.trace
def answer(question: str) -> str:
    if not question:
        raise ValueError("nothing was asked")
    return " ".join(look_up(question))


def ask(question: str) -> str:
    answer(question)
    return mlflow.get_last_active_trace_id()


def test_a_trace_comes_back_with_its_spans(experiment: str) -> None:
    found = client.get_trace(ask("abc"))
    assert (found.info.status, found.info.experiment_id) == ("OK", experiment)
    assert found.info.execution_time_ms is not None
    assert [span.name for span in found.data.spans] == ["answer", "look_up"]
    whole, lookup = found.data.spans
    assert (whole.inputs, whole.outputs) == ({"question": "abc"}, "abc cba")
    assert (lookup.span_type, lookup.parent_id) == ("RETRIEVER", whole.span_id)


def test_traces_are_found(experiment: str) -> None:
    with mlflow.start_run() as run:
        first = ask("one")
    with pytest.raises(ValueError, match="nothing"):
        answer("")
    failed = mlflow.get_last_active_trace_id()
    client.set_trace_tag(first, "team", "blue")

    def found(asked: str = "", **more: object) -> list[str]:
        page = client.search_traces([experiment], filter_string=asked or None, **more)
        return [trace.info.request_id for trace in page]

    assert found() == [failed, first]
    assert found(order_by=["timestamp_ms ASC"]) == [first, failed]
    assert found("tags.team = 'blue'") == [first]
    assert found("attributes.status = 'ERROR'") == [failed]
    assert found(f"request_metadata.`mlflow.sourceRun` = '{run.info.run_id}'") == [first]
    page = client.search_traces([experiment], max_results=1)
    after = client.search_traces([experiment], max_results=1, page_token=page.token)
    assert [each.info.request_id for each in (*page, *after)] == [failed, first]


def test_a_trace_is_begun_and_ended_by_hand(experiment: str) -> None:
    begun = client.start_trace("by-hand", inputs={"x": 1}, tags={"a": "1"})
    client.end_trace(begun.request_id, outputs={"y": 2}, attributes={"k": "v"})
    found = client.get_trace(begun.request_id)
    assert (found.info.status, found.info.tags["a"]) == ("OK", "1")
    assert found.data.spans[0].outputs == {"y": 2}


def test_traces_are_tagged_and_deleted(experiment: str) -> None:
    first, second = ask("one"), ask("two")
    client.set_trace_tag(first, "a", "1")
    client.delete_trace_tag(first, "a")
    assert "a" not in client.get_trace(first).info.tags
    assert client.delete_traces(experiment, request_ids=[first]) == 1
    with pytest.raises(MlflowException, match="not found"):
        client.get_trace(first)
    assert client.delete_traces(experiment, max_timestamp_millis=2**42, max_traces=10) == 1
    assert second != first
    assert not client.search_traces([experiment])
