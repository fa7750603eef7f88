"""Endpoints of traces as clients 2.x know them: begun first, then ended, words in lists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from trueup.doors.mlflow import wire
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number, number_of
from trueup.doors.mlflow.traces import page
from trueup.lifecycle.runs.tracking.traces.records import Trace, TraceState

# In the order of their numbers on the wire.
_STATES: Final[Mapping[TraceState, str]] = {
    "unspecified": "TRACE_STATUS_UNSPECIFIED",
    "ok": "OK",
    "error": "ERROR",
    "in-progress": "IN_PROGRESS",
}
_STATES_READ: Final[Mapping[str, TraceState]] = {name: state for state, name in _STATES.items()}


def begin(call: Call) -> dict[str, Any]:
    """Keep a trace that has begun."""
    trace = Trace(
        id=call.text("request_id", default="") or f"tr-{uuid.uuid4().hex}",  # given by a spool
        experiment=number(call),
        state="in-progress",
        started_at=call.whole("timestamp_ms"),
        metadata=call.words("request_metadata"),
        tags=call.words("tags"),
    )
    return {"trace_info": shown(call.workspace.traces.record(call.actor, trace))}


def end(call: Call) -> dict[str, Any]:
    """Say how a trace has ended."""
    status = call.filled("status")
    if status not in _STATES_READ:
        raise invalid("status", status)
    ended = call.workspace.traces.end(
        call.actor,
        call.path["trace_id"],
        _STATES_READ[status],
        call.whole("timestamp_ms"),
        metadata=call.words("request_metadata"),
        tags=call.words("tags"),
    )
    return {"trace_info": shown(ended)}


def get(call: Call) -> dict[str, Any]:
    """One trace without its spans."""
    return {"trace_info": shown(call.workspace.traces.show(call.actor, call.path["trace_id"]))}


def search(call: Call) -> dict[str, Any]:
    """One page of traces."""
    experiments = [number_of("experiment_ids", each) for each in call.texts("experiment_ids")]
    if not experiments:
        raise missing("experiment_ids")
    return page(call, experiments, shown)


def shown(trace: Trace) -> dict[str, Any]:
    """A trace as these clients know it."""
    return wire.lean(
        {
            "request_id": trace.id,
            "experiment_id": str(trace.experiment),
            "timestamp_ms": trace.started_at,
            "execution_time_ms": trace.took,
            "status": _STATES[trace.state],
            "request_metadata": wire.words(trace.metadata),
            "tags": wire.words(trace.tags),
        }
    )
