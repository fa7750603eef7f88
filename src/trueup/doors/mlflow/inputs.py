"""Endpoints by which runs say what they read and made."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from trueup.doors.mlflow.asking import Call, invalid, missing
from trueup.doors.mlflow.runs import run_id
from trueup.lifecycle.runs.tracking.records import UsedDataset, UsedModel

DATASETS: Final = 1000
_OF_MODEL: Final = frozenset({"artifact_path", "flavors", "utc_time_created", "run_id"})


def log_inputs(call: Call) -> dict[str, Any]:
    """Keep datasets and models that a run read."""
    given = call.objects("datasets")
    if len(given) > DATASETS:
        raise invalid("datasets", len(given), f"at most {DATASETS} are allowed at once")
    call.workspace.inputs.add(
        call.actor,
        run_id(call),
        datasets=[_dataset(each) for each in given],
        models=_models(call, "input"),
    )
    return {}


def log_outputs(call: Call) -> dict[str, Any]:
    """Keep models that a run made."""
    if call.given.get("models") is None:
        raise missing("models")
    call.workspace.inputs.add(call.actor, run_id(call), models=_models(call, "output"))
    return {}


def log_model(call: Call) -> dict[str, Any]:
    """Keep what a client 2.x says of a model that it wrote into its run's files."""
    run, said = run_id(call), call.filled("model_json")
    try:
        found = msgspec.json.decode(said)
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid("model_json", said, "it is no JSON") from error
    lacking = _OF_MODEL - set(found) if isinstance(found, dict) else _OF_MODEL
    if lacking:
        raise invalid("model_json", said, f"it lacks {', '.join(sorted(lacking))}")
    call.workspace.curation.note_model(call.actor, run, found)
    return {}


def _dataset(call: Call) -> UsedDataset:
    inner = call.object("dataset")
    if inner is None:
        raise missing("dataset")
    return UsedDataset(
        name=inner.filled("name"),
        digest=inner.filled("digest"),
        source_type=inner.text("source_type"),
        source=inner.text("source"),
        schema=_said(inner, "schema"),
        profile=_said(inner, "profile"),
        tags=call.words("tags"),
    )


def _said(call: Call, name: str) -> str | None:
    return None if call.given.get(name) is None else call.text(name)


def _models(call: Call, way: Literal["input", "output"]) -> list[UsedModel]:
    return [
        UsedModel(model=each.filled("model_id"), way=way, step=each.whole("step", 0))
        for each in call.objects("models")
    ]
