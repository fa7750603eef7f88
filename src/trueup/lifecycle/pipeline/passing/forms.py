"""What a value is, so that it is kept in the right form; and the libraries that the forms need.

No large library is imported before a value needs it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from trueup.foundation.errors import MissingExtraError
from trueup.ports import loading


@cache
def model_format(name: str) -> Any:
    """The format back end of that name, opened once."""
    return loading.load("formats", name)()


def safetensors() -> Any:
    """The library of that name.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise MissingExtraError("safetensors", "tensors") from error
    return safetensors.numpy


# What safetensors can say of NumPy's types.
_TENSOR_TYPES = frozenset({"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"})


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy."""
    return any(f"{c.__module__}.{c.__name__}" == "numpy.ndarray" for c in type(value).__mro__)


def are_tensors(value: Mapping[Any, Any]) -> bool:
    """Whether a dict holds arrays by name, all of a kind that safetensors can say."""
    return bool(value) and all(
        isinstance(name, str)
        and is_array(array)
        and array.dtype.isnative
        and array.dtype.str[1:] in _TENSOR_TYPES
        for name, array in value.items()
    )


def _is_number(value: Any) -> bool:
    """Whether a value is one number of NumPy; that library may not be imported at all."""
    return type(value).__module__ == "numpy" and hasattr(value, "item") and not is_array(value)


def is_plain(value: Any) -> bool:
    """Whether a value is plain data: JSON can say it, but for numbers that `as_json` refuses."""
    if isinstance(value, Mapping):
        return type(value) is dict and all(
            isinstance(key, str) and is_plain(item) for key, item in value.items()
        )
    if type(value) in (list, tuple):
        return all(is_plain(item) for item in value)
    if _is_number(value):
        return value.dtype.kind in "biuf"
    return value is None or isinstance(value, str | bool | int | float)


def as_json(value: Any, refuse: Callable[[str], Exception]) -> Any:
    """Plain JSON data; NumPy numbers become Python's, tuples become lists."""
    if isinstance(value, dict):
        return {key: as_json(item, refuse) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item, refuse) for item in value]
    if _is_number(value):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise refuse(f"holds {value}, which JSON cannot say; leave it out instead")
    return value
