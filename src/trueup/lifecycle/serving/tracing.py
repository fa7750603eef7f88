"""Traces of requests for OpenTelemetry: request, score, journal. Off unless `enable` was called.

A request that carries a W3C trace context goes on with that trace. Spans name the deployment and
the status, never a value of an input.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from trueup.foundation.errors import MissingExtraError

_OFF: Final[AbstractContextManager[None]] = nullcontext()
_FAILED: Final = 500
_tracer: Any = None


def enable(exporter: Any = None) -> None:
    """Trace from now on.

    Args:
        exporter: Where spans go; if left out, where the variables OTEL_EXPORTER_OTLP_* say.

    Raises:
        MissingExtraError: OpenTelemetry is not installed.
    """
    global _tracer  # noqa: PLW0603 (one switch for the process, read on the hot path)
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            processor: Any = BatchSpanProcessor(OTLPSpanExporter())
        else:
            processor = SimpleSpanProcessor(exporter)
    except ImportError:
        raise MissingExtraError("opentelemetry-exporter-otlp-proto-http", "otel") from None
    resource = Resource({"service.name": "trueup"}).merge(Resource.create())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("trueup.serving")


def disable() -> None:
    """Trace no longer."""
    global _tracer  # noqa: PLW0603
    _tracer = None


def span(name: str) -> AbstractContextManager[Any]:
    """A part of the request that is under way."""
    return _OFF if _tracer is None else _tracer.start_as_current_span(name)


class RequestSpan:
    """The span of a request, current until it ends."""

    def __init__(self, tracer: Any, method: str, path: str, headers: Mapping[bytes, bytes]) -> None:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carrier = {
            name: headers[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in headers
        }
        before = TraceContextTextMapPropagator().extract(carrier)
        attributes = {"http.request.method": method, "url.path": path}
        self._span = tracer.start_span(
            f"{method} {path}", before, trace.SpanKind.SERVER, attributes
        )
        self._detach = context.detach
        self._token = context.attach(trace.set_span_in_context(self._span, before))

    def end(self, deployment: str, status: int) -> None:
        """The reply goes out."""
        from opentelemetry.trace import StatusCode

        self._span.set_attribute("http.response.status_code", status)
        if deployment:
            self._span.set_attribute("trueup.deployment", deployment)
        if status >= _FAILED:
            self._span.set_status(StatusCode.ERROR)
        self._detach(self._token)
        self._span.end()


def of_request(method: str, path: str, headers: Mapping[bytes, bytes]) -> RequestSpan | None:
    """The span of a request that begins; None while nothing is traced."""
    return None if _tracer is None else RequestSpan(_tracer, method, path, headers)
