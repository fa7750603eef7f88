"""Endpoints of experiments."""

from __future__ import annotations

from typing import Any

from trueup.doors.mlflow import wire
from trueup.doors.mlflow.asking import Call, invalid


def create(call: Call) -> dict[str, Any]:
    """Make an experiment."""
    name = call.filled("name")
    if len(name) > 500:
        raise invalid("name", name, "it exceeds the maximum length of 500 characters")
    made = call.workspace.tracking.create_experiment(
        call.actor,
        name,
        artifacts=call.text("artifact_location", default=""),
        tags=call.words("tags"),
    )
    return {"experiment_id": str(made.number)}


def get(call: Call) -> dict[str, Any]:
    """One experiment by identifier."""
    found = call.workspace.tracking.experiment(call.actor, number(call))
    return {"experiment": wire.experiment(found)}


def get_by_name(call: Call) -> dict[str, Any]:
    """One experiment by name."""
    name = call.filled("experiment_name")
    found = call.workspace.tracking.experiment_named(call.actor, name)
    return {"experiment": wire.experiment(found)}


def number(call: Call, name: str = "experiment_id") -> int:
    """The number of the experiment that a request names.

    Raises:
        Refusal: It names none, or what can be no number of one.
    """
    return number_of(
        name, call.filled(name) if isinstance(call.given.get(name), str) else call.whole(name)
    )


def number_of(name: str, given: object) -> int:
    """The number that an experiment's identifier stands for.

    Raises:
        Refusal: It can be none.
    """
    text = str(given)
    if isinstance(given, bool) or not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise invalid(name, given, "not a valid experiment id")
    return int(text)
