"""What a deployment takes: its columns, compiled once, and the neutral form of every request.

Each way of asking (`requests.py` and its neighbours) reads columns off the wire; `Intake` sees
that they fit. Errors name the field and the rule, never a value: values are the callers' data and
errors end up in logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from trueup.foundation import clock
from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.models.records import Column, ColumnKind, Signature

_T = TypeVar("_T")

SCORE, PREDICTION_ID, RELEASE = "score", "prediction_id", "release"
OUTPUTS: Final = {SCORE: "FP64", PREDICTION_ID: "BYTES", RELEASE: "INT64"}
DATATYPES: Final[dict[ColumnKind, str]] = {
    "number": "FP64",
    "integer": "INT64",
    "text": "BYTES",
    "boolean": "BOOL",
}


class Asked(NamedTuple):
    """A request, understood, whatever it looked like on the wire.

    Attributes:
        rows: How many rows it has, at least 1.
        columns: Column name to values, one per row.
        entities: Whom each row is about, empty text where unknown; None without an entity.
        id: The caller's id, to be echoed.
        at: The time the rows are about, if the caller says so.
        outputs: Names of the output tensors wanted; none of them means the usual ones.
        timeout: Seconds that the caller waits; None for as long as it takes.
    """

    rows: int
    columns: dict[str, list[Any]]
    entities: list[str] | None = None
    id: str | None = None
    at: datetime | None = None
    outputs: tuple[str, ...] = ()
    timeout: float | None = None


class Intake:
    """What requests to a deployment must hold.

    Args:
        columns: All inputs, each once.
        entity: Input that names whom a row is about; it may be sent even if no model uses it.
    """

    def __init__(self, columns: Sequence[Column], entity: str = "") -> None:
        self.columns: Final[Mapping[str, Column]] = {column.name: column for column in columns}
        self.entity: Final = entity
        # An entity that is an input of no model is asked for beside the columns.
        self.takes_entity_apart: Final = bool(entity) and entity not in self.columns

    def gather(
        self,
        columns: Mapping[str, list[Any]],
        *,
        entities: list[Any] | None = None,
        id: str | None = None,
        at: datetime | None = None,
        outputs: tuple[str, ...] = (),
        timeout: float | None = None,
    ) -> Asked:
        """A request of these columns, whose values were seen to be of the columns' kinds.

        Args:
            columns: Name to values; only names of `columns`.
            entities: Whom each row is about, where that is no column.
            id: The caller's id.
            at: The time the rows are about.
            outputs: Wanted outputs.
            timeout: Seconds that the caller waits.

        Raises:
            UsageError: A column is missing, or columns have different numbers of rows.
        """
        if len(columns) < len(self.columns):
            missing = [f"'{name}'" for name in self.columns if name not in columns]
            raise invalid(f"the request lacks the input {listing(missing[:5])}")
        rows = -1
        for name, values in columns.items():
            if len(values) != rows:
                if rows != -1:
                    raise _uneven(name, len(values), rows)
                rows = len(values)
        if entities is not None and rows not in (-1, len(entities)):
            raise _uneven(self.entity, len(entities), rows)
        if rows < 1:
            raise invalid("the request has no rows")
        told: list[str] | None = None
        if self.entity:
            found = columns.get(self.entity, entities)
            told = [""] * rows
            if found is not None:
                told = ["" if value is None else str(value) for value in found]
        return Asked(rows, dict(columns), told, id, at, outputs, timeout)

    def unknown(self, name: str) -> UsageError:
        """The error for an input that no model has."""
        near = did_you_mean(name, [*self.columns, self.entity])
        return invalid(f"the model has no input '{name}'.{near}")


def merged(signatures: Sequence[Signature]) -> list[Column]:
    """The columns that a request must hold so that any of the models can answer it.

    Raises:
        ConflictError: Two models want different kinds of value under one name, or answer
            different questions.
    """
    columns: dict[str, Column] = {}
    for signature in signatures:
        if _answer(signature) != _answer(signatures[0]):
            raise ConflictError(
                "signature-conflict",
                "Two models that would serve together answer different questions: "
                f"{signatures[0].task} and {signature.task}, or other classes or levels.",
                hint="trueup explain signature-conflict",
            )
        for column in signature.inputs:
            known = columns.setdefault(column.name, column)
            if known.kind != column.kind:
                raise ConflictError(
                    "signature-conflict",
                    f"Two models that would serve together want input '{column.name}' as "
                    f"{known.kind} and as {column.kind}.",
                    hint="trueup explain signature-conflict",
                )
            if known.nullable and not column.nullable:
                columns[column.name] = column
    return list(columns.values())


def _answer(signature: Signature) -> tuple[object, ...]:
    return signature.task, signature.classes, signature.levels


def wanted(names: Iterable[str], known: Iterable[str] = OUTPUTS) -> tuple[str, ...]:
    """The outputs that a request names, each once.

    Raises:
        UsageError: There is no such output.
    """
    chosen = tuple(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            raise invalid(f"there is no output '{name}'; there are {listing(known)}")
    return chosen


def moment(field: str, text: str) -> datetime:
    """The moment that a field of a request holds.

    Raises:
        UsageError: It is no ISO 8601 moment.
    """
    try:
        return clock.parse_moment(text)
    except ValueError:
        raise invalid(f"'{field}' must be an ISO 8601 moment") from None


def decode(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    """The JSON in `body`.

    Raises:
        UsageError: It is no JSON or does not have the decoder's shape.
    """
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise invalid(rule(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("request-not-json", "The body is not valid JSON.") from None


def rule(error: msgspec.ValidationError) -> str:
    """The rule without the value: msgspec quotes values only in `Invalid … value` messages."""
    text = str(error)
    if not text.startswith("Invalid"):
        return text
    return (
        "the value is not allowed" + text[text.rfind(" - at") :]
        if " - at" in text
        else "the value is not allowed"
    )


def invalid(what: str) -> UsageError:
    """The error for a request that breaks a rule; `what` names the field and the rule."""
    return UsageError(
        "request-invalid",
        f"The request does not fit: {what}.",
        hint="GET /v2/models/NAME shows the inputs",
    )


def _uneven(name: str, rows: int, before: int) -> UsageError:
    return invalid(f"input '{name}' has {rows} rows and the inputs before it {before}")
