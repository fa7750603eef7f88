"""Endpoints of logged models, which every `log_model` of a 3.x client makes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from trueup.doors.mlflow import artifacts, wire
from trueup.doors.mlflow.answers import Stream
from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.experiments import number
from trueup.lifecycle.runs.tracking.logged_models.records import (
    Dataset,
    LoggedModel,
    ModelPoint,
    ModelState,
    Order,
)
from trueup.lifecycle.runs.tracking.records import Point

PAGE: Final = 100
MOST: Final = 10_000

# In the order of their numbers on the wire.
STATES: Final[Mapping[ModelState, str]] = {
    "unspecified": "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "pending": "LOGGED_MODEL_PENDING",
    "ready": "LOGGED_MODEL_READY",
    "failed": "LOGGED_MODEL_UPLOAD_FAILED",
}
_STATES_READ: Final = {name: state for state, name in STATES.items()}


def create(call: Call) -> dict[str, Any]:
    """Make a logged model."""
    made = call.workspace.logged_models.create(
        call.actor,
        number(call),
        name=call.text("name", default=""),
        kind=call.text("model_type", default=""),
        run=call.text("source_run_id", default=""),
        params=call.words("params"),
        tags=call.words("tags"),
        id_=call.text("model_id", default=""),  # of a spool
    )
    return {"model": shape(made)}


def get(call: Call) -> dict[str, Any]:
    """One logged model."""
    deleted = call.flag("allow_deleted")
    found = call.workspace.logged_models.show(call.actor, call.path["model_id"], deleted=deleted)
    return {"model": shape(found)}


def finalize(call: Call) -> dict[str, Any]:
    """Say whether its files are complete."""
    given = call.given.get("status")
    if given is None:
        raise missing("status")
    state = _STATES_READ.get(given) if isinstance(given, str) else None
    if isinstance(given, int) and 0 <= given < len(STATES):
        state = list(STATES)[given]
    if state is None:
        raise invalid("status", given)
    changed = call.workspace.logged_models.finalize(call.actor, call.path["model_id"], state)
    return {"model": shape(changed)}


def delete(call: Call) -> dict[str, Any]:
    """Take it out of every list."""
    call.workspace.logged_models.delete(call.actor, call.path["model_id"])
    return {}


def tag(call: Call) -> dict[str, Any]:
    """Set tags."""
    tags = call.words("tags")
    return {
        "model": shape(call.workspace.logged_models.tag(call.actor, call.path["model_id"], tags))
    }


def untag(call: Call) -> dict[str, Any]:
    """Take one tag away."""
    call.workspace.logged_models.untag(call.actor, call.path["model_id"], call.path["key"])
    return {}


def add_params(call: Call) -> dict[str, Any]:
    """Set parameters."""
    params = call.words("params")
    call.workspace.logged_models.add_params(call.actor, call.path["model_id"], params)
    return {}


def search(call: Call) -> dict[str, Any]:
    """One page of logged models."""
    experiments = call.texts("experiment_ids")
    if not experiments:
        raise missing("experiment_ids")
    found, token = call.workspace.logged_models.search(
        call.actor,
        [int(each) for each in experiments if each.isdecimal() and len(each) <= 18],
        filter_=call.text("filter", default=""),
        order=[_order(each) for each in call.objects("order_by")],
        datasets=[_dataset(each) for each in call.objects("datasets")],
        limit=call.whole("max_results", PAGE, low=1, high=MOST),
        token=call.text("page_token", default=""),
    )
    return wire.listed("models", (shape(each) for each in found), token)


def folder(call: Call) -> dict[str, Any]:
    """What lies in a folder of a logged model's files."""
    found = call.workspace.logged_models.show(call.actor, call.path["model_id"])
    path = call.text("artifact_directory_path", default="")
    return artifacts.listing(call, found.artifacts, path)


def file(call: Call) -> Stream:
    """One file of a logged model."""
    found = call.workspace.logged_models.show(call.actor, call.path["model_id"])
    return artifacts.reading(call, found.artifacts, call.filled("artifact_file_path"))


def shape(found: LoggedModel) -> dict[str, Any]:
    """A logged model on the wire."""
    info = {
        "model_id": found.id,
        "experiment_id": str(found.experiment),
        "name": found.name,
        "creation_timestamp_ms": found.created_at,
        "last_updated_timestamp_ms": found.updated_at,
        "artifact_uri": found.artifacts,
        "status": STATES[found.state],
        "model_type": found.kind or None,
        "source_run_id": found.run or None,
        "tags": wire.words(found.tags),
    }
    data = {
        "params": wire.words(found.params),
        "metrics": [_metric(found.id, point) for point in found.metrics],
    }
    return {"info": wire.lean(info), "data": wire.lean(data)}


def _metric(model_id: str, point: ModelPoint) -> wire.Metric:
    return wire.metric(
        Point(point.key, point.value, point.step, point.at),
        run_id=point.run,
        model_id=model_id,
        dataset_name=point.dataset,
        dataset_digest=point.dataset_digest,
    )


def _order(call: Call) -> Order:
    name = call.text("dataset_name", default="")
    on = Dataset(name, call.text("dataset_digest", default="")) if name else None
    return Order(call.filled("field_name"), call.flag("ascending", default=True), on)


def _dataset(call: Call) -> Dataset:
    name = call.text("dataset_name", default="")
    if not name:
        raise invalid("datasets", "", "`dataset_name` in the `datasets` clause must be specified.")
    return Dataset(name, call.text("dataset_digest", default=""))
