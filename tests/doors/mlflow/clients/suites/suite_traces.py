"""Traces of functions: kept, found, tagged, judged and deleted."""

from __future__ import annotations

from typing import Any

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource
from mlflow.exceptions import MlflowException

client = MlflowClient()
pytestmark = pytest.mark.client_3


@mlflow.trace(span_type="RETRIEVER", attributes={"depth": 2})
def look_up(word: str) -> list[str]:
    return [word, word[::-1]]


@mlflow.trace
def answer(question: str) -> str:
    if not question:
        raise ValueError("nothing was asked")
    with mlflow.start_span("inner") as span:
        span.set_inputs({"x": 1.5, "nested": {"a": [1, None, True]}})
        span.add_event(mlflow.entities.SpanEvent("seen", attributes={"n": 1}))
    return " ".join(look_up(question))


def ask(question: str, **tags: str) -> str:
    answer(question)
    trace_id = mlflow.get_last_active_trace_id()
    mlflow.flush_trace_async_logging()
    for key, value in tags.items():
        client.set_trace_tag(trace_id, key, value)
    return trace_id


def test_a_trace_comes_back_with_its_spans(experiment: str) -> None:
    found = client.get_trace(ask("abc"))
    assert (found.info.state.value, found.info.experiment_id) == ("OK", experiment)
    assert [span.name for span in found.data.spans] == ["answer", "inner", "look_up"]
    whole, inner, lookup = found.data.spans
    assert (whole.inputs, whole.outputs) == ({"question": "abc"}, "abc cba")
    assert (lookup.span_type, lookup.parent_id) == ("RETRIEVER", whole.span_id)
    assert inner.inputs == {"x": 1.5, "nested": {"a": [1, None, True]}}
    assert inner.events[0].name == "seen"
    assert lookup.attributes["depth"] == 2
    assert found.info.execution_duration is not None


def test_a_failure_is_seen(experiment: str) -> None:
    with pytest.raises(ValueError, match="nothing"):
        answer("")
    mlflow.flush_trace_async_logging()
    (found,) = mlflow.search_traces(return_type="list", locations=[experiment])
    assert found.info.state.value == "ERROR"
    assert found.data.spans[0].events[0].name == "exception"


def test_spans_of_any_program_become_a_trace(experiment: str) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    asked = ExportTraceServiceRequest()
    scope = asked.resource_spans.add().scope_spans.add()
    for name, own, parent in (("inside", b"2" * 8, b"1" * 8), ("outside", b"1" * 8, b"")):
        span = scope.spans.add(
            name=name, trace_id=b"t" * 16, span_id=own, parent_span_id=parent, kind=2
        )
        span.start_time_unix_nano, span.end_time_unix_nano = 2 * 10**18, 2 * 10**18 + 5 * 10**6
        span.attributes.add(key="n").value.int_value = -7
        span.attributes.add(key="f").value.double_value = 0.5
        values = span.attributes.add(key="l").value.array_value.values
        values.add().string_value, values.add().bool_value = "ü", True
    reply = requests.post(
        f"{mlflow.get_tracking_uri()}/v1/traces",
        data=asked.SerializeToString(),
        headers={
            "content-type": "application/x-protobuf",
            "x-mlflow-experiment-id": experiment,
        },
        timeout=20,
    )
    assert reply.status_code == 200, reply.text
    found = client.get_trace(f"tr-{(b't' * 16).hex()}")
    assert (found.info.state.value, found.info.execution_duration) == ("OK", 5)
    assert found.info.tags["mlflow.traceName"] == "outside"
    spans = {span.name: span for span in found.data.spans}
    assert spans["inside"].parent_id == spans["outside"].span_id
    shown = spans["inside"].attributes
    assert (shown["n"], shown["f"], list(shown["l"])) == (-7, 0.5, ["ü", True])


def test_traces_are_found(experiment: str) -> None:
    with mlflow.start_run() as run:
        first = ask("one", team="blue")
    second = ask("two", team="green")

    def found(asked: str = "", **more: Any) -> list[str]:
        traces = client.search_traces(locations=[experiment], filter_string=asked, **more)
        return [trace.info.trace_id for trace in traces]

    assert found() == [second, first]
    assert found(order_by=["timestamp_ms ASC"]) == [first, second]
    assert found("tags.team = 'blue'") == [first]
    assert found("trace.status = 'OK' AND attributes.name = 'answer'") == [second, first]
    assert found(f"attributes.run_id = '{run.info.run_id}'") == [first]
    page = client.search_traces(locations=[experiment], max_results=1)
    after = client.search_traces(locations=[experiment], max_results=1, page_token=page.token)
    assert [page[0].info.trace_id, after[0].info.trace_id, after.token] == [second, first, None]
    with pytest.raises(MlflowException, match="Invalid"):
        found("nonsense = 1")


def test_traces_are_tagged_and_deleted(experiment: str) -> None:
    first, second = ask("one", a="1"), ask("two")
    client.delete_trace_tag(first, "a")
    assert "a" not in client.get_trace(first).info.tags
    with pytest.raises(MlflowException, match="No trace tag"):
        client.delete_trace_tag(first, "a")
    assert client.delete_traces(experiment, trace_ids=[first]) == 1
    with pytest.raises(MlflowException, match="not found"):
        client.get_trace(first)
    assert client.delete_traces(experiment, max_timestamp_millis=2**42, max_traces=10) == 1
    assert not client.search_traces(locations=[experiment])
    assert second != first


def test_traces_are_judged(experiment: str) -> None:
    trace_id = ask("one")
    person = AssessmentSource(source_type="HUMAN", source_id="ada")
    made = mlflow.log_feedback(
        trace_id=trace_id, name="good", value=True, rationale="as asked", source=person
    )
    mlflow.log_expectation(trace_id=trace_id, name="expected", value={"a": [1]}, source=person)
    names = {each.name: each for each in client.get_trace(trace_id).info.assessments}
    assert names["good"].feedback.value is True
    assert (names["good"].rationale, names["good"].source.source_id) == ("as asked", "ada")
    assert names["expected"].expectation.value == {"a": [1]}
    changed = mlflow.entities.Feedback(name="good", value=False, rationale="on reflection")
    mlflow.update_assessment(
        trace_id=trace_id, assessment_id=made.assessment_id, assessment=changed
    )
    found = mlflow.get_assessment(trace_id=trace_id, assessment_id=made.assessment_id)
    assert (found.feedback.value, found.rationale) == (False, "on reflection")
    mlflow.delete_assessment(trace_id=trace_id, assessment_id=made.assessment_id)
    assert [each.name for each in client.get_trace(trace_id).info.assessments] == ["expected"]


def test_traces_are_linked_to_runs_and_prompts(experiment: str, name: str) -> None:
    prompt = mlflow.genai.register_prompt(name=name, template="Say {{word}}")
    trace_id = ask("one")
    run = client.create_run(experiment).info.run_id
    client.link_traces_to_run([trace_id], run)
    client.link_prompt_versions_to_trace([prompt], trace_id)

    def found(asked: str) -> list[str]:
        traces = client.search_traces(locations=[experiment], filter_string=asked)
        return [trace.info.trace_id for trace in traces]

    assert found(f"attributes.run_id = '{run}'") == [trace_id]
    assert found(f"prompt = '{name}/1'") == [trace_id]
    assert found(f"prompt = '{name}/2'") == []
    assert name in client.get_trace(trace_id).info.tags["mlflow.linkedPrompts"]
    with pytest.raises(MlflowException, match="not found"):
        client.link_traces_to_run([trace_id], "0" * 32)


def test_filters_that_go_together_are_told(experiment: str) -> None:
    ask("one", team="blue", slow="yes")
    ask("two", team="green")
    from mlflow.tracking import _get_store

    def together(first: str, second: str) -> tuple[int, int, int, int]:
        said = _get_store().calculate_trace_filter_correlation([experiment], first, second)
        return said.filter1_count, said.filter2_count, said.joint_count, said.total_count

    assert together("tags.team = 'blue'", "tags.slow = 'yes'") == (1, 1, 1, 2)
    assert together("tags.team = 'green'", "tags.slow = 'yes'") == (1, 1, 0, 2)
