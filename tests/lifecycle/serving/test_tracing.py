"""Traces: request, score, journal, in the trace of who asks."""

from __future__ import annotations

from typing import Any

import pytest

from trueup.lifecycle.serving import tracing

from .conftest import Server, request_of

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_request_is_one_trace_with_its_parts_and_none_of_its_values(server: Server) -> None:
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter = memory.InMemorySpanExporter()
    tracing.enable(exporter)
    try:
        parent = f"00-{TRACE}-b7ad6b7169203331-01"
        assert server.infer(request_of([123456.5]), traceparent=parent).status == 200
        server.ask("GET", "/v2/health/live")
    finally:
        tracing.disable()
    score, journal, request, other = exporter.get_finished_spans()
    assert [score.name, journal.name] == ["score", "journal"]
    assert request.name == "POST /v2/models/late/infer"
    assert {span.parent.span_id for span in (score, journal)} == {request.context.span_id}
    assert {_trace(span) for span in (score, journal, request)} == {TRACE}
    assert _trace(other) != TRACE
    assert request.attributes["trueup.deployment"] == "late"
    assert request.attributes["http.response.status_code"] == 200
    assert "123456" not in "".join(span.to_json() for span in exporter.get_finished_spans())


def test_nothing_is_traced_unless_somebody_wants_it() -> None:
    assert tracing.of_request("GET", "/", {}) is None
    assert tracing.span("score") is tracing.span("journal")


def _trace(span: Any) -> str:
    return f"{span.context.trace_id:032x}"
