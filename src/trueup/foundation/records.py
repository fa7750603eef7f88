"""The base of every noun: a frozen msgspec record, and its JSON.

Records hold no behaviour that touches the disk, the clock or the network.
"""

from __future__ import annotations

import math
from typing import Any, TypeVar, dataclass_transform

import msgspec

_T = TypeVar("_T")


# msgspec tells type checkers "not frozen unless said"; records are frozen without saying.
@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A noun of the lifecycle: immutable, comparable, JSON in and out.

    Example:
        >>> class Pet(Record):
        ...     name: str
        >>> encode(Pet(name="Kim"))
        b'{"name":"Kim"}'
    """


def encode(value: Any) -> bytes:
    """Compact JSON with sorted keys: equal values give equal bytes.

    Raises:
        ValueError: The value holds NaN or an infinity, which JSON cannot say.
    """
    _refuse_non_finite(msgspec.to_builtins(value))
    return msgspec.json.encode(value, order="sorted")


def decode(raw: bytes | str, type_: type[_T]) -> _T:
    """The record that `encode` wrote.

    Raises:
        msgspec.MsgspecError: These bytes are no JSON, or it does not have the shape of `type_`.
    """
    try:
        return msgspec.json.decode(raw, type=type_)
    except UnicodeDecodeError as error:  # in the name of a field; elsewhere msgspec says it itself
        raise msgspec.DecodeError(str(error)) from error


def builtins(value: Any) -> Any:
    """The value as plain dicts, lists, strings and numbers."""
    return msgspec.to_builtins(value)


def _refuse_non_finite(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} has no JSON form; leave the field out instead")
    if isinstance(value, dict):
        for item in value.values():
            _refuse_non_finite(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_non_finite(item)
