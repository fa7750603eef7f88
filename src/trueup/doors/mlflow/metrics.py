"""Endpoints of metric histories."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec

from trueup.doors.mlflow import wire
from trueup.doors.mlflow.asking import Call, invalid
from trueup.doors.mlflow.runs import run_id
from trueup.lifecycle.runs.tracking.logged import Metric

MOST: Final = 25_000


def history(call: Call) -> dict[str, Any]:
    """All points of one metric, page by page; a token names the last point of its page."""
    key = call.filled("metric_key")
    limit = min(call.whole("max_results", MOST, low=1), MOST)
    token = call.text("page_token", default="")
    after = _after(token, key) if token else None
    named = run_id(call)
    # One more than a page: clients ask for no page that is empty.
    found = call.workspace.tracking.history(call.actor, named, key, limit + 1, after)
    following = _token(found[limit - 1]) if len(found) > limit else ""
    return wire.listed("metrics", found[:limit], following)


def _token(last: Metric) -> str:
    raw = msgspec.json.encode([last.step, last.timestamp, last.value])
    return base64.urlsafe_b64encode(raw).decode()


def _after(token: str, key: str) -> Metric:
    try:
        step, at, value = msgspec.json.decode(
            base64.urlsafe_b64decode(token), type=tuple[int, int, float | str]
        )
        return Metric(key, float(value), at, step)
    except ValueError as error:
        raise invalid("page_token", token) from error
