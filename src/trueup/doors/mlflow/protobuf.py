"""OpenTelemetry's trace messages, decoded from protobuf into what protobuf's JSON has for them.

Only the few messages that carry spans are known here; other fields are passed over.
"""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from trueup.foundation.errors import UsageError

_DEEPEST: Final = 50


class Field(NamedTuple):
    """One field of a message: its name, how it is read, and whether it repeats."""

    name: str
    read: str | dict[int, Field]
    repeats: bool = False


_VALUE: dict[int, Field] = {
    1: Field("stringValue", "text"),
    2: Field("boolValue", "flag"),
    3: Field("intValue", "signed"),
    4: Field("doubleValue", "double"),
    7: Field("bytesValue", "bytes"),
}
_PAIR: dict[int, Field] = {1: Field("key", "text"), 2: Field("value", _VALUE)}
_VALUE[5] = Field("arrayValue", {1: Field("values", _VALUE, True)})
_VALUE[6] = Field("kvlistValue", {1: Field("values", _PAIR, True)})
_EVENT: Final = {
    1: Field("timeUnixNano", "fixed64"),
    2: Field("name", "text"),
    3: Field("attributes", _PAIR, True),
    4: Field("droppedAttributesCount", "whole"),
}
_LINK: Final = {
    1: Field("traceId", "bytes"),
    2: Field("spanId", "bytes"),
    3: Field("traceState", "text"),
    4: Field("attributes", _PAIR, True),
    5: Field("droppedAttributesCount", "whole"),
    6: Field("flags", "fixed32"),
}
SPAN: Final = {
    1: Field("traceId", "bytes"),
    2: Field("spanId", "bytes"),
    3: Field("traceState", "text"),
    4: Field("parentSpanId", "bytes"),
    5: Field("name", "text"),
    6: Field("kind", "whole"),
    7: Field("startTimeUnixNano", "fixed64"),
    8: Field("endTimeUnixNano", "fixed64"),
    9: Field("attributes", _PAIR, True),
    10: Field("droppedAttributesCount", "whole"),
    11: Field("events", _EVENT, True),
    12: Field("droppedEventsCount", "whole"),
    13: Field("links", _LINK, True),
    14: Field("droppedLinksCount", "whole"),
    15: Field("status", {2: Field("message", "text"), 3: Field("code", "whole")}),
    16: Field("flags", "fixed32"),
}
_REQUEST: Final = {
    1: Field("resource", {2: Field("scope", {2: Field("spans", SPAN, True)}, True)}, True)
}


def spans(raw: bytes) -> list[dict[str, Any]]:
    """All spans of an export request, as protobuf's JSON has them.

    Raises:
        UsageError: It is no such request.
    """
    try:
        found = _message(memoryview(raw), _REQUEST, 0)
    except (ValueError, IndexError, struct.error) as error:
        raise UsageError(
            "trace-malformed",
            f"The body is no export request of OpenTelemetry: {str(error)[:200]}.",
            hint="trueup explain trace-malformed",
        ) from error
    return [
        span
        for resource in found.get("resource", ())
        for scope in resource.get("scope", ())
        for span in scope.get("spans", ())
    ]


def _message(raw: memoryview, known: dict[int, Field], depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise ValueError(f"messages stand in each other more than {_DEEPEST} deep")
    found: dict[str, Any] = {}
    for number, wire, value in _fields(raw):
        field = known.get(number)
        if field is None:
            continue
        if isinstance(field.read, dict):
            if not isinstance(value, memoryview) or wire != _SIZED:
                raise ValueError(f"field {number} is no message")
            read: Any = _message(value, field.read, depth + 1)
        else:
            wanted, how = _READ[field.read]
            if wire != wanted:
                raise ValueError(f"field {number} has wire type {wire}, not {wanted}")
            read = how(value)
        if field.repeats:
            found.setdefault(field.name, []).append(read)
        else:
            found[field.name] = read
    return found


_VARINT, _EIGHT, _SIZED, _FOUR = 0, 1, 2, 5


def _fields(raw: memoryview) -> Iterator[tuple[int, int, Any]]:
    at = 0
    while at < len(raw):
        key, at = _varint(raw, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value: Any
            value, at = _varint(raw, at)
        elif wire in (_EIGHT, _FOUR, _SIZED):
            size = {_EIGHT: 8, _FOUR: 4}.get(wire, 0)
            if wire == _SIZED:
                size, at = _varint(raw, at)
            if at + size > len(raw):
                raise ValueError("it ends in the middle of a field")
            value, at = raw[at : at + size], at + size
        else:
            raise ValueError(f"wire type {wire} is not used")
        yield number, wire, value


def _varint(raw: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value & (2**64 - 1), at
        shift += 7
        if shift > 63:
            raise ValueError("a number has too many bytes")


def _double(raw: memoryview) -> float | str:
    (value,) = struct.unpack("<d", raw)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


# How a value is read, with the wire type it must have. Numbers of 64 bits are text in JSON.
_READ: Final[dict[str, tuple[int, Callable[[Any], Any]]]] = {
    "text": (_SIZED, lambda raw: bytes(raw).decode("utf-8", "replace")),
    "bytes": (_SIZED, lambda raw: b64encode(raw).decode()),
    "flag": (_VARINT, bool),
    "whole": (_VARINT, lambda value: value & (2**32 - 1)),
    "signed": (_VARINT, lambda value: str(value - 2**64 if value >= 2**63 else value)),
    "double": (_EIGHT, _double),
    "fixed64": (_EIGHT, lambda raw: str(struct.unpack("<Q", raw)[0])),
    "fixed32": (_FOUR, lambda raw: struct.unpack("<I", raw)[0]),
}
