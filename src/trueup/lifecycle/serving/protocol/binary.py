"""Requests of the Open Inference Protocol that hold tensors as bytes, or one matrix of all inputs.

What Triton's clients send by default. `requests.py` reads the rest.
"""

from __future__ import annotations

from typing import Any

import msgspec

from trueup.lifecycle.serving.protocol import tensors
from trueup.lifecycle.serving.protocol.columns import columns_of_matrix, values_of
from trueup.lifecycle.serving.protocol.intake import (
    DATATYPES,
    Asked,
    Intake,
    decode,
    invalid,
    moment,
    wanted,
)

_ITEM_BYTES = {"number": 8, "integer": 8, "boolean": 1}
_US = 1e-6


class _OfTensor(msgspec.Struct):
    binary_data_size: int | None = None


class _OfOutput(msgspec.Struct):
    binary_data: bool | None = None


class _OfRequest(msgspec.Struct):
    at: str = ""
    timeout: float | None = None
    binary_data_output: bool = False


class _Tensor(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: _OfTensor = msgspec.field(default_factory=_OfTensor)
    data: list[Any] | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: _OfOutput = msgspec.field(default_factory=_OfOutput)


class _Request(msgspec.Struct):
    inputs: list[_Tensor] = []
    id: str | None = None
    parameters: _OfRequest = msgspec.field(default_factory=_OfRequest)
    outputs: list[_Output] | None = None


_decoder = msgspec.json.Decoder(_Request)


def read(intake: Intake, head: bytes, tail: bytes) -> tuple[Asked, frozenset[str] | None]:
    """A request of a JSON head and the bytes behind it.

    Returns:
        The request, and the names of the outputs that are wanted as bytes; None for all of them.

    Raises:
        UsageError: Naming the field and the rule it breaks.
    """
    request = decode(_decoder, head)
    values = [_elements(tensor, tail, at) for tensor, at in _placed(request, tail)]
    columns, entities = _columns(intake, request.inputs, values)
    of_request = request.parameters
    timeout = of_request.timeout
    if timeout is not None and not timeout > 0:
        raise invalid("'parameters.timeout' must be a positive number of microseconds")
    outputs = request.outputs or []
    asked = intake.gather(
        columns,
        entities=entities,
        id=request.id,
        at=moment("parameters.at", of_request.at) if of_request.at else None,
        outputs=wanted(output.name for output in outputs),
        timeout=None if timeout is None else timeout * _US,
    )
    return asked, _as_bytes(outputs, of_request.binary_data_output)


def read_raw(intake: Intake, body: bytes) -> Asked:
    """A request that is the bytes of the only input and nothing else.

    Raises:
        UsageError: There are several inputs, or the bytes do not fit.
    """
    if len(intake.columns) != 1:
        raise invalid("a body without a JSON header needs a model of one input")
    (column,) = intake.columns.values()
    datatype = DATATYPES[column.kind]
    if datatype == "BYTES":
        found: list[Any] = tensors.unpacked(
            column.name, "BYTES", [1], len(body).to_bytes(4, "little") + body
        )
    else:
        size = _ITEM_BYTES[column.kind]
        found = tensors.unpacked(column.name, datatype, [len(body) // size], body)
    return intake.gather({column.name: values_of(column, found)})


def _placed(request: _Request, tail: bytes) -> list[tuple[_Tensor, int]]:
    """Each tensor, and where its bytes begin."""
    placed: list[tuple[_Tensor, int]] = []
    at = 0
    for tensor in request.inputs:
        size = tensor.parameters.binary_data_size
        placed.append((tensor, at))
        if size is None:
            continue
        if tensor.data is not None:
            raise invalid(f"input '{tensor.name}' has both data and binary_data_size")
        if size < 0 or at + size > len(tail):
            raise invalid(f"input '{tensor.name}' says more bytes than the body has")
        at += size
    if at != len(tail):
        raise invalid(f"the body has {len(tail) - at} bytes that belong to no input")
    return placed


def _elements(tensor: _Tensor, tail: bytes, at: int) -> list[Any]:
    size = tensor.parameters.binary_data_size
    if size is not None:
        return tensors.unpacked(tensor.name, tensor.datatype, tensor.shape, tail[at : at + size])
    if tensor.data is None:
        raise invalid(f"input '{tensor.name}' has no data")
    found = _flat(tensor.data)
    if len(found) != tensors.elements(tensor.name, tensor.shape):
        raise invalid(f"input '{tensor.name}' has {len(found)} values, unlike its shape")
    return found


def _flat(data: list[Any]) -> list[Any]:
    if not any(isinstance(value, list) for value in data):
        return data
    if not all(isinstance(value, list) for value in data):
        raise invalid("data of an input is nested unevenly")
    return _flat([value for row in data for value in row])


def _columns(
    intake: Intake, given: list[_Tensor], values: list[list[Any]]
) -> tuple[dict[str, list[Any]], list[Any] | None]:
    if is_matrix(intake, [(tensor.name, tensor.shape) for tensor in given]):
        (tensor,) = given
        width = len(intake.columns)
        rows = [values[0][at : at + width] for at in range(0, len(values[0]), width)]
        return columns_of_matrix(intake, rows, f"input '{tensor.name}'"), None
    columns: dict[str, list[Any]] = {}
    entities: list[Any] | None = None
    for tensor, found in zip(given, values, strict=True):
        name, shape = tensor.name, tensor.shape
        if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
            raise invalid(f"input '{name}' must have shape [n] or [n, 1]")
        column = intake.columns.get(name)
        if column is not None:
            if name in columns:
                raise invalid(f"input '{name}' is given twice")
            columns[name] = values_of(column, found)
        elif intake.takes_entity_apart and name == intake.entity:
            entities = found
        else:
            raise intake.unknown(name)
    return columns, entities


def is_matrix(intake: Intake, given: list[tuple[str, list[int]]]) -> bool:
    """Whether a request holds one matrix of all inputs, in their order."""
    if len(given) != 1 or len(given[0][1]) != 2:
        return False
    name, shape = given[0]
    return name not in intake.columns and shape[1] == len(intake.columns)


def _as_bytes(outputs: list[_Output], usually: bool) -> frozenset[str] | None:
    chosen = {
        output.name
        for output in outputs
        if (usually if output.parameters.binary_data is None else output.parameters.binary_data)
    }
    return None if usually and not outputs else frozenset(chosen)
