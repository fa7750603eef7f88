"""Endpoints of runs, and of what they log."""

from __future__ import annotations

import math
from typing import Any, Final

from trueup.doors.mlflow import measuring, wire
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number
from trueup.lifecycle.runs.tracking.records import DEFAULT_EXPERIMENT, Point

METRICS: Final = 1000
WORDS: Final = 100
ALL: Final = 1000


def create(call: Call) -> dict[str, Any]:
    """Start a run."""
    has_experiment = call.given.get("experiment_id") not in (None, "")
    made = call.workspace.tracking.start(
        call.actor,
        number(call) if has_experiment else DEFAULT_EXPERIMENT,
        name=call.text("run_name", default=""),
        user=call.text("user_id", default=""),
        started_at=call.whole_or_none("start_time"),
        tags=call.words("tags"),
    )
    return {"run": wire.run(made)}


def get(call: Call) -> dict[str, Any]:
    """One run."""
    return {"run": wire.run(call.workspace.tracking.show(call.actor, run_id(call)))}


def update(call: Call) -> dict[str, Any]:
    """Change how a run stands, when it ended, what it is called."""
    status = call.text("status", default="")
    if status and status not in wire.STATES_READ:
        raise invalid("status", status)
    changed = call.workspace.tracking.change(
        call.actor,
        run_id(call),
        state=wire.STATES_READ[status] if status else None,
        ended_at=call.whole_or_none("end_time"),
        name=call.text("run_name", default=""),
    )
    return {"run_info": wire.run_info(changed)}


def log_metric(call: Call) -> dict[str, Any]:
    """Keep one point."""
    named, kept = run_id(call), point(call)
    of_models = measuring.points(call, named, [(call, kept)])
    call.workspace.tracking.log(call.actor, named, metrics=[kept])
    measuring.measure(call, of_models)
    return {}


def log_parameter(call: Call) -> dict[str, Any]:
    """Keep one parameter."""
    params = {call.filled("key"): call.text("value", default="")}
    call.workspace.tracking.log(call.actor, run_id(call), params=params)
    return {}


def set_tag(call: Call) -> dict[str, Any]:
    """Set one tag."""
    tags = {call.filled("key"): call.text("value", default="")}
    call.workspace.tracking.log(call.actor, run_id(call), tags=tags)
    return {}


def log_batch(call: Call) -> dict[str, Any]:
    """Keep many points, parameters and tags at once, or none of them."""
    named = run_id(call)
    metrics = call.objects("metrics")
    params = call.words("params", WORDS)
    tags = call.words("tags", WORDS)
    if len(metrics) > METRICS or len(metrics) + len(params) + len(tags) > ALL:
        raise invalid("metrics", len(metrics), f"a batch may hold {ALL} entries in all")
    points = [point(each) for each in metrics]
    of_models = measuring.points(call, named, zip(metrics, points, strict=True))
    call.workspace.tracking.log(call.actor, named, metrics=points, params=params, tags=tags)
    measuring.measure(call, of_models)
    return {}


def run_id(call: Call) -> str:
    """The run that a request names; old clients know it as `run_uuid`.

    Raises:
        Refusal: It names none.
    """
    found = call.text("run_id", "run_uuid", default="")
    if not found:
        raise missing("run_id")
    return found


def point(call: Call) -> Point:
    """A point; its value may be a number or the word NaN, Infinity or -Infinity.

    Raises:
        Refusal: A part of it is missing or wrong.
    """
    return Point(
        key=call.filled("key"),
        value=_value(call),
        step=call.whole("step", 0),
        at=call.whole("timestamp"),
    )


def _value(call: Call) -> float:
    given = call.given.get("value")
    if given is None:
        raise missing("value")
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise invalid("value", given)
    try:
        return float(given)
    except ValueError as error:
        raise invalid("value", given) from error
    except OverflowError:  # a whole number beyond the largest float
        return math.inf if given > 0 else -math.inf  # type: ignore[operator]
