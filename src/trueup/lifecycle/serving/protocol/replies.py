"""The Open Inference Protocol, version 2, as JSON: replies and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from trueup.lifecycle.models.records import Column
from trueup.lifecycle.serving.protocol.requests import (
    DATATYPES,
    OUTPUTS,
    PREDICTION_ID,
    RELEASE,
    SCORE,
)
from trueup.lifecycle.serving.records import Predictions

_encode = msgspec.json.Encoder().encode


class _OutputTensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class _Reply(msgspec.Struct, omit_defaults=True):
    model_name: str
    model_version: str
    outputs: list[_OutputTensor]
    parameters: dict[str, str]
    id: str | None = None


def reply(
    answered: Sequence[Predictions], echo: str | None = None, outputs: Sequence[str] = ()
) -> bytes:
    """The reply to a request, from the records that were journaled for it.

    Args:
        answered: All records of the request, one per arm.
        echo: The caller's id.
        outputs: Names of the tensors wanted; `score` and `prediction_id` if none is named.
    """
    first = answered[0]
    if len(answered) == 1:
        scores, releases = first.scores, [first.release] * len(first.scores)
    else:
        scores, releases = _in_row_order(answered)
    rows = len(scores)
    data: dict[str, list[Any]] = {SCORE: scores, RELEASE: releases}
    wanted = outputs or (SCORE, PREDICTION_ID)
    if PREDICTION_ID in wanted:
        data[PREDICTION_ID] = [f"{first.request}-{row}" for row in range(rows)]
    models = dict.fromkeys(record.model_ref for record in answered)
    return _encode(
        _Reply(
            model_name=first.deployment,
            model_version=",".join(ref.rpartition("@")[2] for ref in models),
            outputs=[_OutputTensor(name, [rows], OUTPUTS[name], data[name]) for name in wanted],
            parameters={
                "model": ",".join(models),
                "release": ",".join(str(record.release) for record in answered),
            },
            id=echo,
        )
    )


def metadata(deployment: str, versions: Sequence[str], columns: Sequence[Column]) -> bytes:
    """What a deployment takes and gives, for GET /v2/models/{model}."""
    return _encode(
        {
            "name": deployment,
            "versions": list(versions),
            "platform": "trueup",
            "inputs": [
                {"name": column.name, "datatype": DATATYPES[column.kind], "shape": [-1]}
                for column in columns
            ],
            "outputs": [
                {"name": name, "datatype": datatype, "shape": [-1]}
                for name, datatype in OUTPUTS.items()
            ],
        }
    )


def _in_row_order(answered: Sequence[Predictions]) -> tuple[list[float], list[int]]:
    placed = sorted(
        (row, score, record.release)
        for record in answered
        for row, score in zip(record.rows, record.scores, strict=True)
    )
    return [score for _, score, _ in placed], [release for _, _, release in placed]
