"""The typed form of a deployment: rows as JSON objects, and its own OpenAPI document.

Both come from the same struct, which is made of the signature once.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Final

import msgspec

from trueup.lifecycle.models.records import Column, ColumnKind, Signature
from trueup.lifecycle.serving.protocol.intake import Asked, Intake, decode, moment
from trueup.lifecycle.serving.protocol.replies import in_row_order
from trueup.lifecycle.serving.records import Predictions

_MS = 1e-3
_MOST_ROWS = 100_000
_KINDS: Final[dict[ColumnKind, Any]] = {
    "number": float,
    "integer": Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)],
    "text": str,
    "boolean": bool,
}
_EXAMPLES: Final[dict[ColumnKind, Any]] = {
    "number": 1.5,
    "integer": 7,
    "text": "text",
    "boolean": True,
}
_Entity = str | int | bool | None


class Prediction(msgspec.Struct, omit_defaults=True):
    """The answer to one row.

    Attributes:
        id: By which it can be found and labelled.
        score: A number, or one for each class or level.
        release: Number of the release that answered.
        extra: What a predictor of the project gave besides.
    """

    id: str
    score: float | list[float]
    release: int
    extra: dict[str, Any] | None = None


class Reply(msgspec.Struct):
    """The answers to all rows, in their order."""

    model: str
    predictions: list[Prediction]


class Refusal(msgspec.Struct, omit_defaults=True):
    """Why there is no answer."""

    error: str
    code: str
    hint: str = ""


class Rows:
    """Reads and describes rows of one intake.

    Args:
        intake: What requests must hold.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        columns = list(intake.columns.values())
        fields: list[Any] = [_field(f"c{at}", column) for at, column in enumerate(columns)]
        rename = {f"c{at}": column.name for at, column in enumerate(columns)}
        if intake.takes_entity_apart:
            fields.append(("entity", _Entity, None))
            rename["entity"] = intake.entity
        self._row = msgspec.defstruct(
            "Row", fields, rename=rename, kw_only=True, forbid_unknown_fields=True
        )
        rows = Annotated[list[self._row], msgspec.Meta(min_length=1, max_length=_MOST_ROWS)]  # type: ignore[name-defined]
        self._request = msgspec.defstruct(
            "Request",
            [
                ("rows", rows),
                ("id", str | None, None),
                ("at", str, ""),
                ("timeout_ms", Annotated[float, msgspec.Meta(gt=0)] | None, None),
            ],
            forbid_unknown_fields=True,
        )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(self._request)
        self._take = [(column.name, attrgetter(f"c{at}")) for at, column in enumerate(columns)]

    def read(self, body: bytes) -> Asked:
        """The request in `body`.

        Raises:
            UsageError: Naming the field and the rule it breaks.
        """
        request = decode(self._decoder, body)
        rows = request.rows
        entities = [row.entity for row in rows] if self._intake.takes_entity_apart else None
        return self._intake.gather(
            {name: list(map(take, rows)) for name, take in self._take},
            entities=entities,
            id=request.id,
            at=moment("at", request.at) if request.at else None,
            timeout=None if request.timeout_ms is None else request.timeout_ms * _MS,
        )

    def openapi(self, deployment: str, signature: Signature) -> bytes:
        """The OpenAPI document (version 3.1) of the deployment's typed endpoint."""
        (request, reply, refusal), parts = msgspec.json.schema_components(
            [self._request, Reply, Refusal], ref_template="#/components/schemas/{name}"
        )
        example = {name: _EXAMPLES[column.kind] for name, column in self._intake.columns.items()}
        if self._intake.takes_entity_apart:
            example[self._intake.entity] = "somebody"
        refusals = {str(status): _answer(words, refusal) for status, words in _REFUSALS.items()}
        operation = {
            "operationId": "predict",
            "summary": f"Ask the model of {deployment}.",
            "description": f"A {signature.task} model. Each answer is on record when it is sent.",
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {"schema": request, "example": {"rows": [example]}}
                },
            },
            "responses": {"200": _answer("One prediction for each row.", reply), **refusals},
        }
        return msgspec.json.encode(
            {
                "openapi": "3.1.0",
                "info": {"title": deployment, "version": "1"},
                "paths": {f"/deployments/{deployment}/predict": {"post": operation}},
                "components": {"schemas": parts},
            }
        )


def reply(answered: Sequence[Predictions]) -> bytes:
    """The reply to a request, from the records that were journaled for it."""
    scores, releases = in_row_order(answered)
    extras: dict[int, dict[str, Any]] = {
        row: {name: values[at] for name, values in record.extra.items()}
        for record in answered
        if record.extra
        for at, row in enumerate(record.rows)
    }
    request = answered[0].request
    return msgspec.json.encode(
        Reply(
            model=",".join(dict.fromkeys(record.model_ref for record in answered)),
            predictions=[
                Prediction(f"{request}-{row}", score, release, extras.get(row))
                for row, (score, release) in enumerate(zip(scores, releases, strict=True))
            ],
        )
    )


_REFUSALS: Final = {
    400: "The request does not fit; the error names field and rule.",
    401: "Nobody knows who asks.",
    403: "The caller may not ask this deployment.",
    404: "There is no such deployment.",
    408: "The request did not come in time.",
    409: "The Idempotency-Key was used for another request.",
    413: "The request is too large.",
    415: "The body is no JSON.",
    422: "The model cannot answer these rows.",
    429: "Too much is under way; see Retry-After.",
    503: "No model serves, or nothing can be recorded.",
    504: "There was no answer in time.",
}


def _answer(words: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _field(name: str, column: Column) -> Any:
    kind = _KINDS[column.kind]
    return (name, kind | None, None) if column.nullable else (name, kind)
