"""The shapes of MLflow's JSON that several endpoints share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan
from typing import Any, Final

import msgspec

from trueup.lifecycle.runs.tracking import logged
from trueup.lifecycle.runs.tracking.records import (
    Experiment,
    Point,
    State,
    TrackedRun,
    UsedDataset,
)

STATES: Final[Mapping[State, str]] = {
    "running": "RUNNING",
    "scheduled": "SCHEDULED",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "lost": "KILLED",
}
STATES_READ: Final[Mapping[str, State]] = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}


def experiment(found: Experiment) -> dict[str, Any]:
    """An experiment."""
    return lean(
        {
            "experiment_id": str(found.number),
            "name": found.name,
            "artifact_location": found.artifacts,
            "lifecycle_stage": found.life,
            "last_update_time": found.updated_at,
            "creation_time": found.created_at,
            "tags": words(found.tags),
        }
    )


def run(found: TrackedRun, text: bytes = b"") -> dict[str, Any]:
    """A run with all that belongs to it; `text` is what it logged, if it was read as a text."""
    return {
        "info": run_info(found),
        "data": msgspec.Raw(text or logged.text(found.metrics, found.params, found.tags)),
        "inputs": lean(
            {
                "dataset_inputs": [dataset(used) for used in found.datasets],
                "model_inputs": [
                    {"model_id": used.model} for used in found.models if used.way == "input"
                ],
            }
        ),
        "outputs": lean(
            {
                "model_outputs": [
                    {"model_id": used.model, "step": used.step}
                    for used in found.models
                    if used.way == "output"
                ],
            }
        ),
    }


def dataset(used: UsedDataset) -> dict[str, Any]:
    """A dataset as a run used it."""
    described = {
        "name": used.name,
        "digest": used.digest,
        "source_type": used.source_type,
        "source": used.source,
        "schema": used.schema,
        "profile": used.profile,
    }
    return lean({"tags": words(used.tags), "dataset": lean(described)})


def run_info(found: TrackedRun) -> dict[str, Any]:
    """What a run is, without what it logged."""
    info: dict[str, Any] = {
        "run_uuid": found.id,
        "run_id": found.id,
        "run_name": found.name,
        "experiment_id": str(found.experiment),
        "user_id": found.user,
        "status": STATES[found.state],
        "start_time": found.started_at,
        "artifact_uri": found.artifacts,
        "lifecycle_stage": found.life,
    }
    if found.ended_at is not None:
        info["end_time"] = found.ended_at
    return info


def number(value: float) -> float | str:
    """A number; NaN is a word, since JSON has no number for it."""
    return "NaN" if isnan(value) else value


class Metric(logged.Metric, frozen=True, gc=False, omit_defaults=True):
    """A point, and whose it is."""

    run_id: str = ""
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


def metric(point: Point, **about: str) -> Metric:
    """A point, and whose it is."""
    plain = logged.metric(point)
    return Metric(plain.key, plain.value, plain.timestamp, plain.step, **about)


def words(found: Mapping[str, str]) -> list[logged.Word]:
    """Tags or parameters."""
    return logged.listed(found)


def lean(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty lists and what is not known: the wire leaves both out."""
    return {key: value for key, value in fields.items() if value is not None and value != []}


def listed(name: str, found: Iterable[Any], token: str = "") -> dict[str, Any]:
    """A page of a list, and the token of the next one."""
    return lean({name: list(found), "next_page_token": token or None})
