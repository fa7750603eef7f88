"""The Open Inference Protocol, version 2, as JSON: reading requests. `replies.py` writes.

Decoders are compiled once for the signatures that a deployment serves. Errors name the field and
the rule, never a value: values are the callers' data and errors end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from trueup.foundation import clock
from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.models.records import Column, ColumnKind, Signature

_T = TypeVar("_T")

SCORE, PREDICTION_ID, RELEASE = "score", "prediction_id", "release"
OUTPUTS: Final = {SCORE: "FP64", PREDICTION_ID: "BYTES", RELEASE: "INT64"}

_INTEGERS = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_DATATYPES: Final[dict[ColumnKind, frozenset[str]]] = {
    "number": frozenset({"FP64", "FP32", "FP16", *_INTEGERS}),
    "integer": frozenset(_INTEGERS),
    "text": frozenset({"BYTES"}),
    "boolean": frozenset({"BOOL"}),
}
DATATYPES: Final[dict[ColumnKind, str]] = {
    "number": "FP64",
    "integer": "INT64",
    "text": "BYTES",
    "boolean": "BOOL",
}
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_TYPES: Final[dict[ColumnKind, Any]] = {
    "number": float,
    "integer": _Int64,
    "text": str,
    "boolean": bool,
}


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")


class _Output(msgspec.Struct):
    name: str


class _Parameters(msgspec.Struct):
    at: str = ""


class _Envelope(msgspec.Struct):
    id: str | None = None
    parameters: _Parameters | None = None
    outputs: list[_Output] | None = None


class _Request(_Envelope):
    inputs: list[_Tensor] = []


class Asked(NamedTuple):
    """A request, understood.

    Attributes:
        rows: How many rows it has, at least 1.
        columns: Column name to values, one per row.
        entities: Whom each row is about, empty text where unknown; None without an entity.
        id: The caller's id, to be echoed.
        at: The time the rows are about, if the caller says so.
        outputs: Names of the output tensors wanted.
    """

    rows: int
    columns: dict[str, list[Any]]
    entities: list[str] | None
    id: str | None
    at: datetime | None
    outputs: tuple[str, ...]


class Intake:
    """Reads requests for models that take the given columns.

    Args:
        columns: All inputs, each once.
        entity: Input that names whom a row is about; it may be sent even if no model uses it.
    """

    def __init__(self, columns: Sequence[Column], entity: str = "") -> None:
        self._columns = {column.name: _ColumnReader(column) for column in columns}
        self._entity = entity
        self._extra = _EntityReader(entity) if entity and entity not in self._columns else None

    def read(self, body: bytes) -> Asked:
        """The request in `body`.

        Raises:
            UsageError: Naming the field and the rule it breaks.
        """
        request = decode(_request_decoder, body)
        columns: dict[str, list[Any]] = {}
        extra: list[Any] | None = None
        rows = -1
        for tensor in request.inputs:
            name = tensor.name
            reader = self._columns.get(name)
            if reader is not None:
                if name in columns:
                    raise invalid(f"input '{name}' is given twice")
                columns[name] = values = reader.read(tensor)
            elif self._extra is not None and name == self._entity:
                extra = values = self._extra.read(tensor)
            else:
                raise invalid(f"the model has no input '{name}'.{did_you_mean(name, self._names)}")
            if rows not in (-1, len(values)):
                raise invalid(
                    f"input '{name}' has {len(values)} rows and the inputs before it {rows}"
                )
            rows = len(values)
        if len(columns) < len(self._columns):
            missing = [f"'{name}'" for name in self._columns if name not in columns]
            raise invalid(f"the request lacks the input {listing(missing[:5])}")
        if rows < 1:
            raise invalid("the request has no rows")
        return Asked(
            rows=rows,
            columns=columns,
            entities=self._entities(columns.get(self._entity, extra), rows),
            id=request.id,
            at=_moment(request),
            outputs=_outputs(request),
        )

    @property
    def _names(self) -> list[str]:
        return [*self._columns, self._entity]

    def _entities(self, values: list[Any] | None, rows: int) -> list[str] | None:
        if not self._entity:
            return None
        if values is None:
            return [""] * rows
        return ["" if value is None else str(value) for value in values]


class _ColumnReader:
    """Reads the tensor of one column: flat data, or one list per row."""

    def __init__(self, column: Column) -> None:
        self.name = column.name
        self._kind = column.kind
        self._datatypes = _DATATYPES[column.kind]
        type_ = _TYPES[column.kind]
        value = type_ | None if column.nullable else type_
        self._flat = msgspec.json.Decoder(list[value]).decode  # type: ignore[valid-type]
        self._nested = msgspec.json.Decoder(list[tuple[value]]).decode  # type: ignore[valid-type]

    def read(self, tensor: _Tensor) -> list[Any]:
        if tensor.datatype not in self._datatypes:
            raise invalid(
                f"input '{self.name}' must have datatype {DATATYPES[self._kind]}"
                f"{' or another number type' if self._kind == 'number' else ''}"
            )
        shape = tensor.shape
        if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
            raise invalid(f"input '{self.name}' must have shape [n] or [n, 1]")
        values = self._values(tensor.data)
        if len(values) != shape[0]:
            raise invalid(f"input '{self.name}' has {len(values)} values and shape {shape[0]}")
        return values

    def _values(self, raw: msgspec.Raw) -> list[Any]:
        data = bytes(raw).lstrip()
        if not data:
            raise invalid(f"input '{self.name}' has no data; tensors must be sent as JSON")
        try:
            if data[1:].lstrip()[:1] == b"[":
                return [value for (value,) in self._nested(data)]
            return self._flat(data)
        except msgspec.ValidationError as error:
            raise invalid(f"input '{self.name}': {_rule(error)}") from None


class _EntityReader(_ColumnReader):
    """Reads an entity that no model uses: any text, integer or boolean."""

    def __init__(self, name: str) -> None:
        super().__init__(Column(name=name, kind="text"))
        self._datatypes = _DATATYPES["text"] | _DATATYPES["integer"] | _DATATYPES["boolean"]
        self._flat = msgspec.json.Decoder(list[str | int | bool | None]).decode
        self._nested = msgspec.json.Decoder(list[tuple[str | int | bool | None]]).decode


_request_decoder = msgspec.json.Decoder(_Request)
_envelope_decoder = msgspec.json.Decoder(_Envelope)


def envelope(body: bytes) -> tuple[str | None, tuple[str, ...]]:
    """The id and the wanted outputs of a request, whatever its inputs are."""
    request = decode(_envelope_decoder, body)
    return request.id, _outputs(request)


def merged(signatures: Sequence[Signature]) -> list[Column]:
    """The columns that a request must hold so that any of the models can answer it.

    Raises:
        ConflictError: Two models want different kinds of value under one name.
    """
    columns: dict[str, Column] = {}
    for signature in signatures:
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


def _outputs(request: _Envelope) -> tuple[str, ...]:
    if not request.outputs:
        return ()
    names = tuple(dict.fromkeys(output.name for output in request.outputs))
    for name in names:
        if name not in OUTPUTS:
            raise invalid(f"there is no output '{name}'; there are {listing(OUTPUTS)}")
    return names


def _moment(request: _Envelope) -> datetime | None:
    if request.parameters is None or not request.parameters.at:
        return None
    return moment("parameters.at", request.parameters.at)


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
        raise invalid(_rule(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("request-not-json", "The body is not valid JSON.") from None


def _rule(error: msgspec.ValidationError) -> str:
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
