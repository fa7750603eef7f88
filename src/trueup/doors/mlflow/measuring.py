"""Metrics of a run that say which logged model they measure: they are the model's, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from trueup.doors.mlflow.asking import Call
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint
from trueup.lifecycle.runs.tracking.records import Point


class Measured(NamedTuple):
    """A point of a run that says which logged model it measures, and on which dataset."""

    model: str
    dataset: str
    dataset_digest: str
    point: Point


def measured(given: Call, point: Point) -> list[Measured]:
    """What the request of a point says of a logged model; nothing if it names none."""
    model = given.text("model_id", default="")
    if not model:
        return []
    dataset = given.text("dataset_name", default="")
    return [Measured(model, dataset, given.text("dataset_digest", default=""), point)]


def points(call: Call, run: str, given: Iterable[Measured]) -> dict[str, list[ModelPoint]]:
    """Points of a run that measure logged models, by model.

    Raises:
        NotFoundError: One names a model that does not exist.
    """
    found: dict[str, list[ModelPoint]] = {}
    for model, dataset, digest, point in given:
        kept = ModelPoint(*point, run=run, dataset=dataset[:500], dataset_digest=digest[:255])
        found.setdefault(model, []).append(kept)
    for model in found:
        call.workspace.logged_models.show(call.actor, model, deleted=True)
    return found


def measure(call: Call, given: Mapping[str, list[ModelPoint]]) -> None:
    """Keep points of logged models."""
    if given:
        call.workspace.logged_models.measure(call.actor, given)
