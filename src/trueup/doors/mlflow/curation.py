"""Endpoints that keep experiments and runs in order: renamed, tagged, deleted, restored."""

from __future__ import annotations

from typing import Any

from trueup.doors.mlflow.asking import Call, invalid
from trueup.doors.mlflow.experiments import number
from trueup.doors.mlflow.runs import run_id


def update_experiment(call: Call) -> dict[str, Any]:
    """Give an experiment another name."""
    name = call.filled("new_name")
    if len(name) > 500:
        raise invalid("name", name, "it exceeds the maximum length of 500 characters")
    call.workspace.curation.rename_experiment(call.actor, number(call), name)
    return {}


def delete_experiment(call: Call) -> dict[str, Any]:
    """Delete an experiment and its runs."""
    call.workspace.curation.delete_experiment(call.actor, number(call))
    return {}


def restore_experiment(call: Call) -> dict[str, Any]:
    """Bring an experiment and its runs back."""
    call.workspace.curation.restore_experiment(call.actor, number(call))
    return {}


def tag_experiment(call: Call) -> dict[str, Any]:
    """Set a tag of an experiment."""
    key, value = call.filled("key"), call.text("value", default="")
    call.workspace.curation.tag_experiment(call.actor, number(call), key, value)
    return {}


def untag_experiment(call: Call) -> dict[str, Any]:
    """Take a tag from an experiment."""
    call.workspace.curation.untag_experiment(call.actor, number(call), call.filled("key"))
    return {}


def delete_run(call: Call) -> dict[str, Any]:
    """Delete a run."""
    call.workspace.curation.delete_run(call.actor, run_id(call))
    return {}


def restore_run(call: Call) -> dict[str, Any]:
    """Bring a run back."""
    call.workspace.curation.restore_run(call.actor, run_id(call))
    return {}


def untag_run(call: Call) -> dict[str, Any]:
    """Take a tag from a run."""
    call.workspace.curation.untag_run(call.actor, run_id(call), call.filled("key"))
    return {}
