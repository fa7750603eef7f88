"""The Open Inference Protocol, version 2, as JSON: replies and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.serving.protocol import tensors
from trueup.lifecycle.serving.protocol.intake import (
    DATATYPES,
    OUTPUTS,
    PREDICTION_ID,
    RELEASE,
    SCORE,
)
from trueup.lifecycle.serving.records import Predictions, Score

_encode = msgspec.json.Encoder().encode


class _OutputTensor(msgspec.Struct, omit_defaults=True):
    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, int] | None = None


class _Reply(msgspec.Struct, omit_defaults=True):
    model_name: str
    model_version: str
    outputs: list[_OutputTensor]
    parameters: dict[str, str]
    id: str | None = None


class Sent(NamedTuple):
    """A reply on the wire.

    Attributes:
        body: JSON, and the bytes of tensors behind it.
        head: How many bytes of it are JSON.
    """

    body: bytes
    head: int


def reply(
    answered: Sequence[Predictions],
    echo: str | None = None,
    outputs: Sequence[str] = (),
    as_bytes: frozenset[str] | None = frozenset(),
) -> Sent:
    """The reply to a request, from the records that were journaled for it.

    Args:
        answered: All records of the request, one per arm.
        echo: The caller's id.
        outputs: Names of the tensors wanted; `score` and `prediction_id` if none is named.
        as_bytes: Those of them that are wanted as bytes; None for all.
    """
    first = answered[0]
    if len(answered) == 1:
        scores, releases = first.scores, [first.release] * len(first.scores)
    else:
        scores, releases = in_row_order(answered)
    rows = len(scores)
    data: dict[str, list[Any]] = {SCORE: scores, RELEASE: releases}
    wanted = outputs or (SCORE, PREDICTION_ID)
    if PREDICTION_ID in wanted:
        data[PREDICTION_ID] = [f"{first.request}-{row}" for row in range(rows)]
    models = dict.fromkeys(record.model_ref for record in answered)
    tensors_ = [_tensor(name, rows, OUTPUTS[name], data[name]) for name in wanted]
    tail = _bytes_of(tensors_, as_bytes)
    head = _encode(
        _Reply(
            model_name=first.deployment,
            model_version=",".join(ref.rpartition("@")[2] for ref in models),
            outputs=tensors_,
            parameters={
                "model": ",".join(models),
                "release": ",".join(str(record.release) for record in answered),
            },
            id=echo,
        )
    )
    return Sent(head + tail, len(head))


def _bytes_of(outputs: list[_OutputTensor], as_bytes: frozenset[str] | None) -> bytes:
    """Take the data of these tensors out of the JSON."""
    if as_bytes is not None and not as_bytes:
        return b""
    parts: list[bytes] = []
    for tensor in outputs:
        if as_bytes is None or tensor.name in as_bytes:
            parts.append(tensors.packed(tensor.datatype, tensor.data or []))
            tensor.data = None
            tensor.parameters = {"binary_data_size": len(parts[-1])}
    return b"".join(parts)


def _tensor(name: str, rows: int, datatype: str, data: list[Any]) -> _OutputTensor:
    if isinstance(data[0], list):  # several numbers a row: row after row
        flat = [value for row in data for value in row]
        return _OutputTensor(name, [rows, len(data[0])], datatype, flat)
    return _OutputTensor(name, [rows], datatype, data)


def metadata(
    deployment: str, versions: Sequence[str], columns: Sequence[Column], signature: Signature
) -> bytes:
    """What a deployment takes and gives, for GET /v2/models/{model}.

    Args:
        deployment: Its name.
        versions: What serves.
        columns: All inputs.
        signature: Of a model that serves; all of them answer the same question.
    """
    said: dict[str, Any] = {"task": signature.task}
    if signature.classes:
        said["classes"] = ",".join(map(str, signature.classes))
    if signature.levels:
        said["levels"] = ",".join(f"{level:g}" for level in signature.levels)
    shapes = {SCORE: [-1, signature.width]} if signature.width else {}
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
                {"name": name, "datatype": datatype, "shape": shapes.get(name, [-1])}
                for name, datatype in OUTPUTS.items()
            ],
            "parameters": said,
        }
    )


def in_row_order(answered: Sequence[Predictions]) -> tuple[list[Score], list[int]]:
    """Scores and release numbers of all rows of a request, whichever arm answered them."""
    placed = {
        row: (score, record.release)
        for record in answered
        for row, score in zip(record.rows, record.scores, strict=True)
    }
    in_order = [placed[row] for row in range(len(placed))]
    return [score for score, _ in in_order], [release for _, release in in_order]
