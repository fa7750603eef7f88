"""Endpoints of runs, and of what they log."""

from __future__ import annotations

import math
from asyncio import to_thread, wrap_future
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, TypedDict

import msgspec

from trueup.doors.mlflow import measuring, wire
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number
from trueup.doors.mlflow.failures import Refusal
from trueup.doors.mlflow.measuring import Measured
from trueup.lifecycle.runs.tracking.records import DEFAULT_EXPERIMENT, Point

_Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Posted(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A point of a batch as clients usually write it."""

    key: str
    value: float
    timestamp: _Whole
    step: _Whole = 0
    run_id: str | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class _Batch(TypedDict, total=False):
    run_id: Any
    run_uuid: Any
    metrics: list[_Posted]
    params: Any
    tags: Any


BATCH: Final = msgspec.json.Decoder(_Batch)
METRICS: Final = 1000
WORDS: Final = 100
ALL: Final = 1000


async def create(call: Call) -> dict[str, Any]:
    """Start a run."""
    has_experiment = call.given.get("experiment_id") not in (None, "")
    made = call.workspace.tracking.start_soon(
        call.actor,
        number(call) if has_experiment else DEFAULT_EXPERIMENT,
        name=call.text("run_name", default=""),
        user=call.text("user_id", default=""),
        started_at=call.whole_or_none("start_time"),
        tags=call.words("tags"),
        id_=call.text("run_id", default=""),  # of a spool; no client of MLflow's sends one
    )
    return {"run": wire.run(await wrap_future(made))}


def get(call: Call) -> dict[str, Any]:
    """One run."""
    return {"run": wire.run(call.workspace.tracking.show(call.actor, run_id(call)))}


async def update(call: Call) -> dict[str, Any]:
    """Change how a run stands, when it ended, what it is called."""
    status = call.text("status", default="")
    if status and status not in wire.STATES_READ:
        raise invalid("status", status)
    changed = call.workspace.tracking.change_soon(
        call.actor,
        run_id(call),
        state=wire.STATES_READ[status] if status else None,
        ended_at=call.whole_or_none("end_time"),
        name=call.text("run_name", default=""),
    )
    return {"run_info": wire.run_info(await wrap_future(changed))}


async def log_metric(call: Call) -> dict[str, Any]:
    """Keep one point."""
    given = point(call)
    return await _log(call, measuring.measured(call, given), metrics=[given])


async def log_parameter(call: Call) -> dict[str, Any]:
    """Keep one parameter."""
    return await _log(call, params={call.filled("key"): call.text("value", default="")})


async def set_tag(call: Call) -> dict[str, Any]:
    """Set one tag."""
    return await _log(call, tags={call.filled("key"): call.text("value", default="")})


async def log_batch(call: Call) -> dict[str, Any]:
    """Keep many points, parameters and tags at once, or none of them."""
    metrics, measured = _points(call)
    params = call.words("params", WORDS)
    _check_once(call, params)
    tags = call.words("tags", WORDS)
    if len(metrics) > METRICS or len(metrics) + len(params) + len(tags) > ALL:
        raise invalid("metrics", len(metrics), f"a batch may hold {ALL} entries in all")
    return await _log(call, measured, metrics=metrics, params=params, tags=tags)


def _points(call: Call) -> tuple[list[Point], list[Measured]]:
    """The points of a batch, and what they say of logged models."""
    posted = call.given.get("metrics")
    if isinstance(posted, list) and posted and isinstance(posted[0], _Posted):
        points = [Point(each.key, each.value, each.step, each.timestamp) for each in posted]
        return points, [
            Measured(each.model_id, each.dataset_name or "", each.dataset_digest or "", made)
            for each, made in zip(posted, points, strict=True)
            if each.model_id
        ]
    given = call.objects("metrics")
    points = [point(each) for each in given]
    pairs = zip(given, points, strict=True)
    return points, [found for pair in pairs for found in measuring.measured(*pair)]


def _check_once(call: Call, params: Mapping[str, str]) -> None:
    """Refuse a parameter that is given twice: which of its values counts, nobody could tell."""
    if len(params) == len(call.given.get("params") or ()):
        return
    given = Counter(pair.text("key") for pair in call.objects("params"))
    twice = [key for key, count in given.items() if count > 1]
    raise Refusal(
        "INVALID_PARAMETER_VALUE",
        f"Duplicate parameter keys have been submitted: {twice}. Please ensure the request "
        "contains only one param value per param key.",
    )


async def _log(call: Call, measured: Sequence[Measured] = (), **what: Any) -> dict[str, Any]:
    """Log for a run; `measured` are those of its points that measure logged models, too."""
    # In the event loop: what is hot shall not wait for a second thread besides the writer's.
    named = run_id(call)
    of_models = await to_thread(measuring.points, call, named, measured) if measured else {}
    await wrap_future(call.workspace.tracking.log_soon(call.actor, named, **what))
    if of_models:
        await to_thread(measuring.measure, call, of_models)
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
