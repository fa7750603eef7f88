"""Metrics of a run that say which logged model they measure: they are the model's, too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueup.doors.mlflow.asking import Call
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint
from trueup.lifecycle.runs.tracking.records import Point


def points(
    call: Call, run: str, given: Iterable[tuple[Call, Point]]
) -> dict[str, list[ModelPoint]]:
    """Those points of a run that name the logged model they measure, by model.

    Raises:
        NotFoundError: One names a model that does not exist.
    """
    found: dict[str, list[ModelPoint]] = {}
    for each, point in given:
        if model_id := each.text("model_id", default=""):
            measured = ModelPoint(
                *point,
                run=run,
                dataset=each.text("dataset_name", default="")[:500],
                dataset_digest=each.text("dataset_digest", default="")[:255],
            )
            found.setdefault(model_id, []).append(measured)
    for model_id in found:
        call.workspace.logged_models.show(call.actor, model_id, deleted=True)
    return found


def measure(call: Call, given: Mapping[str, list[ModelPoint]]) -> None:
    """Keep points of logged models."""
    if given:
        call.workspace.logged_models.measure(call.actor, given)
