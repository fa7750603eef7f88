"""The Open Inference Protocol, version 2, as JSON: reading requests. `replies.py` writes.

Nearly every request is read by one decoder in one pass. What that one does not take goes through
a slower one, column by column, which either takes it or says what is wrong with it.
"""

from __future__ import annotations

from functools import cache, reduce
from operator import attrgetter, or_
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec

from trueup.lifecycle.models.records import Column, ColumnKind
from trueup.lifecycle.serving.protocol import binary
from trueup.lifecycle.serving.protocol.binary import is_matrix
from trueup.lifecycle.serving.protocol.intake import (
    DATATYPES,
    Asked,
    Intake,
    decode,
    invalid,
    moment,
    rule,
    wanted,
)

_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_INTEGERS: Final = {f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)}
_DATATYPES: Final[dict[ColumnKind, frozenset[str]]] = {
    "number": frozenset({"FP64", "FP32", "FP16", *_INTEGERS}),
    "integer": frozenset(_INTEGERS),
    "text": frozenset({"BYTES"}),
    "boolean": frozenset({"BOOL"}),
}
_TYPES: Final[dict[ColumnKind, Any]] = {
    "number": float,
    "integer": _Int64,
    "text": str,
    "boolean": bool,
}
_ENTITY: Final = _DATATYPES["text"] | _DATATYPES["integer"] | _DATATYPES["boolean"]
_Entity = str | int | bool | None
_US = 1e-6


class _Output(msgspec.Struct):
    name: str


class _Parameters(msgspec.Struct):
    at: str = ""
    timeout: float | None = None


class _Envelope(msgspec.Struct):
    id: str | None = None
    parameters: _Parameters | None = None
    outputs: list[_Output] | None = None


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")


class _Request(_Envelope):
    inputs: list[_Tensor] = []


_decoder = msgspec.json.Decoder(_Request)


class Reader:
    """Reads requests of one intake: name, datatype and values of a tensor are checked in one pass.

    Args:
        intake: What requests must hold.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._names = tuple(intake.columns)
        self._types = tuple(_tensor_of(column) for column in intake.columns.values())
        tensor: Any = reduce(or_, self._types) if self._types else _Tensor
        request = msgspec.defstruct(
            "_Request", [("inputs", list[tensor])], bases=(_Envelope,), kw_only=True
        )
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(request)

    def read(self, body: bytes) -> Asked:
        """The request in `body`.

        Raises:
            UsageError: Naming the field and the rule it breaks.
        """
        try:
            request = self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return read_by_column(self._intake, body)
        tensors = request.inputs
        values = list(map(_data, tensors))
        if not values or tuple(map(type, tensors)) != self._types:
            return read_by_column(self._intake, body)
        rows = len(values[0])
        if list(map(_shape, tensors)).count([rows]) != len(values):
            return read_by_column(self._intake, body)
        if list(map(len, values)).count(rows) != len(values):
            return read_by_column(self._intake, body)
        columns = dict(zip(self._names, values, strict=True))
        return _gathered(self._intake, columns, None, request)


_data = attrgetter("data")
_shape = attrgetter("shape")


def _tensor_of(column: Column) -> type[msgspec.Struct]:
    """A flat tensor that holds this column: its name tells it from the others."""
    type_ = _TYPES[column.kind]
    value = type_ | None if column.nullable else type_
    return msgspec.defstruct(
        "_Column",
        [
            ("shape", list[int]),
            ("datatype", Literal[tuple(sorted(_DATATYPES[column.kind]))]),
            ("data", list[value]),  # type: ignore[valid-type]
        ],
        tag_field="name",
        tag=column.name,
        gc=False,
    )


def read_by_column(intake: Intake, body: bytes) -> Asked:
    """The request in `body`, whose tensors stand in any order and form; says what is wrong.

    Raises:
        UsageError: Naming the field and the rule it breaks.
    """
    request = decode(_decoder, body)
    if is_matrix(intake, [(tensor.name, tensor.shape) for tensor in request.inputs]):
        return binary.read(intake, body, b"")[0]
    columns: dict[str, list[Any]] = {}
    entities: list[Any] | None = None
    for tensor in request.inputs:
        name = tensor.name
        column = intake.columns.get(name)
        if column is not None:
            if name in columns:
                raise invalid(f"input '{name}' is given twice")
            columns[name] = _column(tensor, column)
        elif intake.takes_entity_apart and name == intake.entity:
            entities = _values(tensor, _ENTITY, "BYTES", _decoders(None, True))
        else:
            raise intake.unknown(name)
    return _gathered(intake, columns, entities, request)


def _gathered(
    intake: Intake,
    columns: dict[str, list[Any]],
    entities: list[Any] | None,
    request: _Envelope,
) -> Asked:
    at = timeout = None
    if (said := request.parameters) is not None:
        at = moment("parameters.at", said.at) if said.at else None
        if said.timeout is not None:
            if not said.timeout > 0:
                raise invalid("'parameters.timeout' must be a positive number of microseconds")
            timeout = said.timeout * _US
    outputs = wanted(output.name for output in request.outputs) if request.outputs else ()
    return intake.gather(
        columns, entities=entities, id=request.id, at=at, outputs=outputs, timeout=timeout
    )


def _column(tensor: _Tensor, column: Column) -> list[Any]:
    expected = DATATYPES[column.kind]
    if column.kind == "number":
        expected += " or another number type"
    decoders = _decoders(column.kind, column.nullable)
    return _values(tensor, _DATATYPES[column.kind], expected, decoders)


class _Decoders(NamedTuple):
    """Flat data, and one list per row."""

    flat: msgspec.json.Decoder[list[Any]]
    nested: msgspec.json.Decoder[list[tuple[Any]]]


@cache
def _decoders(kind: ColumnKind | None, nullable: bool) -> _Decoders:
    """For a kind of column; None stands for an entity that no model uses."""
    type_ = _Entity if kind is None else _TYPES[kind]
    value = type_ | None if nullable else type_
    return _Decoders(
        msgspec.json.Decoder(list[value]),  # type: ignore[valid-type]
        msgspec.json.Decoder(list[tuple[value]]),  # type: ignore[valid-type]
    )


def _values(
    tensor: _Tensor, datatypes: frozenset[str], expected: str, decoders: _Decoders
) -> list[Any]:
    """The values of one tensor."""
    name, shape = tensor.name, tensor.shape
    if tensor.datatype not in datatypes:
        raise invalid(f"input '{name}' must have datatype {expected}")
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        raise invalid(f"input '{name}' must have shape [n] or [n, 1]")
    data = bytes(tensor.data).lstrip()
    if not data:
        raise invalid(f"input '{name}' has no data; tensors must be sent as JSON")
    try:
        if data[1:].lstrip()[:1] == b"[":
            values = [each for (each,) in decoders.nested.decode(data)]
        else:
            values = decoders.flat.decode(data)
    except msgspec.ValidationError as error:
        raise invalid(f"input '{name}': {rule(error)}") from None
    if len(values) != shape[0]:
        raise invalid(f"input '{name}' has {len(values)} values and shape {shape[0]}")
    return values
