"""Endpoints of traces, of their spans, and of what is said about them."""

from __future__ import annotations

import gzip
import re
import zlib
from asyncio import to_thread
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from trueup.doors.mlflow import protobuf, wire
from trueup.doors.mlflow.answers import Reply
from trueup.doors.mlflow.artifacts import PROXIED
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number, number_of
from trueup.doors.mlflow.failures import Refusal
from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.runs.tracking.traces import rules
from trueup.lifecycle.runs.tracking.traces.records import Assessment, Span, Trace, TraceState
from trueup.lifecycle.runs.tracking.traces.service import now

BODY_BYTES: Final = 64 << 20
LARGEST_PAGE: Final = 500
MOST_AT_ONCE: Final = 100
EXPERIMENTS_AT_ONCE: Final = 100

_STATES: Final[Mapping[TraceState, str]] = {
    "ok": "OK",
    "error": "ERROR",
    "in-progress": "IN_PROGRESS",
    "unspecified": "STATE_UNSPECIFIED",
}
_STATES_READ: Final = {name: state for state, name in _STATES.items()}
_SECONDS: Final = re.compile(r"(-?\d{1,12})(?:\.(\d{1,9}))?s")
# What a client may say in an assessment; the rest is told by the server.
_SAID: Final = (
    *("span_id", "source", "feedback", "expectation", "issue", "rationale", "metadata"),
    *("overrides", "valid"),
)


def create(call: Call) -> dict[str, Any]:
    """Keep a trace that has ended."""
    info = (call.object("trace") or missing_in(call)).object("trace_info") or missing_in(call)
    trace = _trace(info)
    return {"trace": {"trace_info": shown(call.workspace.traces.record(call.actor, trace))}}


def get_info(call: Call) -> dict[str, Any]:
    """One trace without its spans."""
    found = call.workspace.traces.show(call.actor, call.path["trace_id"])
    return {"trace": {"trace_info": shown(found)}}


def get(call: Call) -> dict[str, Any]:
    """One trace with those of its spans that are kept here."""
    trace_id = call.filled("trace_id")
    found = call.workspace.traces.whole(call.actor, [trace_id])
    if not found:
        call.workspace.traces.show(call.actor, trace_id)  # which says that there is none
    return {"trace": _whole(*found[0])}


def batch_get(call: Call) -> dict[str, Any]:
    """Several traces with their spans; those that do not exist are left out."""
    ids = call.texts("trace_ids")
    if len(ids) > MOST_AT_ONCE:
        raise invalid("trace_ids", len(ids), f"at most {MOST_AT_ONCE} may be asked for at once")
    found = call.workspace.traces.whole(call.actor, ids)
    return wire.listed("traces", (_whole(*each) for each in found))


def batch_get_infos(call: Call) -> dict[str, Any]:
    """Several traces without their spans; those that do not exist are left out."""
    ids = call.texts("trace_ids")
    if len(ids) > MOST_AT_ONCE:
        raise invalid("trace_ids", len(ids), f"at most {MOST_AT_ONCE} may be asked for at once")
    found = call.workspace.traces.known(call.actor, ids)
    return wire.listed("trace_infos", (shown(each) for each in found))


def search(call: Call) -> dict[str, Any]:
    """One page of traces."""
    experiments = [
        number_of("locations", (place.object("mlflow_experiment") or place).given["experiment_id"])
        for place in call.objects("locations")
        if "experiment_id" in (place.object("mlflow_experiment") or place).given
    ]
    given = call.given.get("experiment_ids")
    listed = given if isinstance(given, list) else []
    experiments += [number_of("experiment_ids", each) for each in listed]
    if len(experiments) > EXPERIMENTS_AT_ONCE:
        raise invalid("locations", len(experiments), f"at most {EXPERIMENTS_AT_ONCE} may be")
    return page(call, experiments, shown)


def page(
    call: Call, experiments: Sequence[int], show: Callable[[Trace], dict[str, Any]]
) -> dict[str, Any]:
    """The page of traces that a search asks for, each as its clients know it."""
    found, token = call.workspace.traces.search(
        call.actor,
        experiments,
        where=call.text("filter", default=""),
        order_by=call.texts("order_by"),
        limit=call.whole("max_results", 100, low=1, high=LARGEST_PAGE),
        token=call.text("page_token", default=""),
    )
    return wire.listed("traces", (show(each) for each in found), token)


def delete(call: Call) -> dict[str, Any]:
    """Delete traces by name, or the oldest until a time; with the files that belong to them."""
    ids = call.texts("request_ids") or call.texts("trace_ids")
    until = call.whole_or_none("max_timestamp_millis")
    limit = call.whole_or_none("max_traces")
    if bool(ids) == (until is not None):
        raise invalid("request_ids", len(ids), "either these or max_timestamp_millis must be given")
    if ids and limit is not None:
        raise invalid("max_traces", limit, "it goes with max_timestamp_millis alone")
    gone = call.workspace.traces.delete(call.actor, number(call), ids=ids, until=until, limit=limit)
    for trace in gone:
        place = trace.tags.get(rules.FILES_TAG, "")
        if place.startswith(PROXIED):
            with suppress(NotFoundError):
                path = place.removeprefix(PROXIED).strip("/").removesuffix("/artifacts")
                call.workspace.files.delete(call.actor, path)
    return {"traces_deleted": len(gone)}


def tag(call: Call) -> dict[str, Any]:
    """Set a tag."""
    tags = {call.filled("key"): call.text("value", default="")}
    call.workspace.traces.tag(call.actor, call.path["trace_id"], tags)
    return {}


def untag(call: Call) -> dict[str, Any]:
    """Take a tag away."""
    call.workspace.traces.untag(call.actor, call.path["trace_id"], call.filled("key"))
    return {}


def assess(call: Call) -> dict[str, Any]:
    """Say something about a trace."""
    said = call.object("assessment") or missing_in(call)
    made = call.workspace.traces.assess(
        call.actor,
        call.path["trace_id"],
        said.filled("assessment_name"),
        _body(said),
        id_=said.text("assessment_id", default=""),  # of a spool
    )
    return {"assessment": _assessment(made)}


def assessment(call: Call) -> dict[str, Any]:
    """One assessment."""
    found = call.workspace.traces.assessment(
        call.actor, call.path["trace_id"], call.path["assessment_id"]
    )
    return {"assessment": _assessment(found)}


def reassess(call: Call) -> dict[str, Any]:
    """Change those parts of an assessment that the mask names."""
    said = call.object("assessment") or missing_in(call)
    mask = [
        re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", path.strip())
        for path in call.text("update_mask", default="").split(",")
    ]
    changes = {name: said.given[name] for name in mask if name in said.given}
    changed = call.workspace.traces.reassess(
        call.actor,
        call.path["trace_id"],
        call.path["assessment_id"],
        {name: changes[name] for name in changes if name in (*_SAID, "assessment_name")},
    )
    return {"assessment": _assessment(changed)}


def take_back(call: Call) -> dict[str, Any]:
    """Delete an assessment."""
    call.workspace.traces.take_back(call.actor, call.path["trace_id"], call.path["assessment_id"])
    return {}


async def export(call: Call, body: AsyncIterator[bytes]) -> Reply:
    """Keep spans as OpenTelemetry exports them."""
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-protobuf":
        raise Refusal("BAD_REQUEST", "Content-Type must be application/x-protobuf.")
    given = call.headers.get("x-mlflow-experiment-id", "")
    if not given:
        raise missing("x-mlflow-experiment-id")
    experiment = number_of("x-mlflow-experiment-id", given)
    raw = bytearray()
    async for piece in body:
        raw += piece
        if len(raw) > BODY_BYTES:
            raise Refusal("BAD_REQUEST", f"The body is larger than {BODY_BYTES} bytes.", 413)
    packed = call.headers.get("content-encoding", "")
    await to_thread(_export, call, experiment, bytes(raw), packed)
    return Reply(200, b"", ((b"content-type", b"application/x-protobuf"),))


def missing_in(call: Call) -> Any:
    """Refuse a request without what it is about."""
    raise missing("assessment" if "assessment_id" in call.path else "trace")


def shown(trace: Trace) -> dict[str, Any]:
    """A trace as the wire knows it, without spans."""
    info: dict[str, Any] = {
        "trace_id": trace.id,
        "client_request_id": trace.client_request,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": str(trace.experiment)},
        },
        "request_preview": trace.request_preview,
        "response_preview": trace.response_preview,
        "request_time": _moment(trace.started_at),
        "execution_duration": None if trace.took is None else f"{trace.took / 1000:.3f}s",
        "state": _STATES[trace.state],
        "trace_metadata": trace.metadata,
        "tags": trace.tags,
        "assessments": [_assessment(each) for each in trace.assessments],
    }
    return wire.lean(info)


def _whole(trace: Trace, spans: list[Span]) -> dict[str, Any]:
    return {"trace_info": shown(trace), "spans": [span.body for span in spans]}


def _export(call: Call, experiment: int, raw: bytes, packed: str) -> None:
    if packed:
        raw = _unpacked(raw, packed)
    found = [_span(body) for body in protobuf.spans(raw)]
    call.workspace.traces.record_spans(call.actor, experiment, found)


def _unpacked(raw: bytes, packed: str) -> bytes:
    if packed not in ("gzip", "deflate"):
        raise Refusal("BAD_REQUEST", f"Content-Encoding {packed[:50]!r} is not known.")
    how = zlib.decompressobj(31 if packed == "gzip" else 15)
    try:
        found = how.decompress(raw, BODY_BYTES)
    except (zlib.error, gzip.BadGzipFile) as error:
        raise Refusal("BAD_REQUEST", f"The body is no {packed}.") from error
    if how.unconsumed_tail:
        raise Refusal("BAD_REQUEST", f"The body is larger than {BODY_BYTES} bytes.", 413)
    return found


def _span(body: dict[str, Any]) -> Span:
    trace, own, parent = (
        b64decode(body.get(name, "")).hex() for name in ("traceId", "spanId", "parentSpanId")
    )
    if len(trace) != 32 or len(own) != 16 or len(parent) not in (0, 16):
        raise invalid("spans", f"{trace}/{own}/{parent}", "identifiers have 16, 8 and 8 bytes")
    return Span(
        trace=f"tr-{trace}",
        id=own,
        parent=parent,
        started_ns=min(int(body.get("startTimeUnixNano", 0)), 2**63 - 1),
        ended_ns=min(int(body.get("endTimeUnixNano", 0)), 2**63 - 1),
        failed=body.get("status", {}).get("code") == 2,
        body=body,
    )


def _trace(info: Call) -> Trace:
    place = info.object("trace_location")
    within = place.object("mlflow_experiment") if place is not None else None
    if within is None:
        raise missing("trace_location")
    trace_id = info.filled("trace_id")
    state = info.text("state", default="STATE_UNSPECIFIED")
    if state not in _STATES_READ:
        raise invalid("state", state)
    at = now()
    said = tuple(
        Assessment(
            id=each.text("assessment_id", default="") or f"a-{index}-{trace_id}"[:40],
            trace=trace_id,
            name=each.filled("assessment_name"),
            body=_body(each),
            made_at=at,
            changed_at=at,
        )
        for index, each in enumerate(info.objects("assessments"))
    )
    return Trace(
        id=trace_id,
        experiment=number(within),
        state=_STATES_READ[state],
        started_at=_milliseconds(info.text("request_time", default=""), at),
        took=_duration(info.text("execution_duration", default="")),
        client_request=info.text("client_request_id", default="") or None,
        request_preview=info.text("request_preview", default="")[:10_000] or None,
        response_preview=info.text("response_preview", default="")[:10_000] or None,
        metadata=_words(info, "trace_metadata"),
        tags=_words(info, "tags"),
        assessments=said,
    )


def _words(info: Call, name: str) -> dict[str, str]:
    given = info.given.get(name) or {}
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        raise invalid(name, given)
    return given


def _body(said: Call) -> dict[str, Any]:
    return {name: said.given[name] for name in _SAID if said.given.get(name) is not None}


def _assessment(found: Assessment) -> dict[str, Any]:
    return {
        **found.body,
        "assessment_id": found.id,
        "assessment_name": found.name,
        "trace_id": found.trace,
        "create_time": _moment(found.made_at),
        "last_update_time": _moment(found.changed_at),
    }


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


def _milliseconds(text: str, default: int) -> int:
    if not text:
        return default
    try:
        return round(clock.parse_moment(text[:40]).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise invalid("request_time", text) from error


def _duration(text: str) -> int | None:
    if not text:
        return None
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise invalid("execution_duration", text)
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0")[:3])
