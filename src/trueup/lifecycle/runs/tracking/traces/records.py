"""The nouns of traces. Times are in milliseconds since 1970, as on the wire."""

from __future__ import annotations

from typing import Any, Literal

from trueup.foundation.records import Record

TraceState = Literal["unspecified", "ok", "error", "in-progress"]


class Assessment(Record):
    """A word of a person or a program about a trace: feedback, or what was expected.

    Attributes:
        id: Made here.
        trace: What it is about.
        name: What is judged.
        body: All that was said, as it came.
        made_at: Since when.
        changed_at: When it was last changed.
    """

    id: str
    trace: str
    name: str
    body: dict[str, Any]
    made_at: int
    changed_at: int


class Trace(Record):
    """One call of a program.

    Attributes:
        id: As its program made it.
        experiment: Number of the experiment it belongs to.
        state: How it ended.
        started_at: When it began.
        took: How long it took; None when that is not known.
        client_request: The program's own identifier of the request.
        request_preview: The beginning of what was asked.
        response_preview: The beginning of what was answered.
        metadata: Words that never change.
        tags: Words that may.
        assessments: What is said about it.
    """

    id: str
    experiment: int
    state: TraceState
    started_at: int
    took: int | None = None
    client_request: str | None = None
    request_preview: str | None = None
    response_preview: str | None = None
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    assessments: tuple[Assessment, ...] = ()


class Span(Record):
    """One part of a trace.

    Attributes:
        trace: The trace it belongs to.
        id: Its identifier, in hexadecimal digits.
        parent: That of the span around it; empty for the whole.
        started_ns: When it began, in nanoseconds.
        ended_ns: When it ended.
        failed: Whether it says that it failed.
        body: All of it, as OpenTelemetry's JSON has it.
    """

    trace: str
    id: str
    parent: str
    started_ns: int
    ended_ns: int
    failed: bool
    body: dict[str, Any]


class Overlap(Record):
    """How many traces match one filter, another, both, and how many there are.

    Attributes:
        first: Traces that match the first filter.
        second: Traces that match the second.
        both: Traces that match both.
        total: All traces that are looked at.
    """

    first: int
    second: int
    both: int
    total: int
