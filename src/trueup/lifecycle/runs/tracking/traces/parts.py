"""The spans of a trace as people read them: in order, indented, with what went in and came out.

Pure functions. Spans come from programs of others: parents may be missing, or go in a circle.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.traces.records import Span

_DEEPEST: Final = 40
_LONGEST: Final = 2000
_INPUTS, _OUTPUTS, _KIND = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType"
_UNKNOWN: Final = "UNKNOWN"


class Part(Record):
    """One span of a trace, as a row.

    Attributes:
        id: That of the span.
        depth: How many spans are around it.
        name: What it is called.
        kind: What kind of work it is, such as `LLM`; empty when that is not said.
        failed: Whether it says that it failed.
        begins_ms: Since the trace began.
        took_ms: How long it took.
        asked: What went in, as text; its beginning, when it is long.
        answered: What came out.
        error: What went wrong, in its own words.
    """

    id: str
    depth: int
    name: str
    kind: str
    failed: bool
    begins_ms: float
    took_ms: float
    asked: str
    answered: str
    error: str


def in_order(spans: Sequence[Span]) -> list[Part]:
    """Every span once, each followed by those inside it, by when they began."""
    known = {span.id: span for span in spans}
    inside: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.started_ns, span.id), reverse=True):
        inside[span.parent if span.parent in known else ""].append(span)
    first = min((span.started_ns for span in spans), default=0)
    found: dict[str, Part] = {}
    waiting = [(span, 0) for span in inside[""]]
    rest = sorted(spans, key=lambda span: (span.started_ns, span.id), reverse=True)
    while waiting or rest:
        # What is left when no way leads to it stands in a circle: it begins anywhere.
        span, depth = waiting.pop() if waiting else (rest.pop(), 0)
        if span.id not in found:
            found[span.id] = _part(span, depth, first)
            waiting += [(each, depth + 1) for each in inside[span.id]]
    return list(found.values())


def plain(value: Any, depth: int = 0) -> Any:
    """A value as OpenTelemetry's JSON has it, as plain JSON.

    Example:
        >>> plain({"arrayValue": {"values": [{"intValue": "3"}, {"stringValue": "a"}]}})
        [3, 'a']
    """
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return "…" if value else None
    for kind, held in value.items():
        match kind:
            case "intValue":
                return int(held)
            case "arrayValue":
                return [plain(each, depth + 1) for each in held.get("values", ())]
            case "kvlistValue":
                return _words(held.get("values", ()), depth + 1)
            case _:
                return held
    return None


def _part(span: Span, depth: int, first: int) -> Part:
    said = _words(span.body.get("attributes", ()))
    kind = str(said.get(_KIND, ""))
    return Part(
        id=span.id,
        depth=depth,
        name=str(span.body.get("name", "")),
        kind="" if kind == _UNKNOWN else kind,
        failed=span.failed,
        begins_ms=(span.started_ns - first) / 1e6,
        took_ms=max(span.ended_ns - span.started_ns, 0) / 1e6,
        asked=_text(said.get(_INPUTS)),
        answered=_text(said.get(_OUTPUTS)),
        error=_error(span.body),
    )


def _error(body: Mapping[str, Any]) -> str:
    for event in body.get("events", ()):
        said = _words(event.get("attributes", ()))
        if "exception.type" in said or "exception.message" in said:
            words = (said.get("exception.type"), said.get("exception.message"))
            return ": ".join(str(each) for each in words if each)[:_LONGEST]
    return str(body.get("status", {}).get("message", ""))[:_LONGEST]


def _words(pairs: Sequence[Mapping[str, Any]], depth: int = 0) -> dict[str, Any]:
    return {str(pair.get("key", "")): plain(pair.get("value"), depth) for pair in pairs}


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
