"""Tensors as bytes: the binary tensor data extension of the Open Inference Protocol.

Little-endian, row after row, no padding; a BOOL is one byte, an element of BYTES its length as
u32 and then so many bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from trueup.lifecycle.serving.protocol.intake import invalid

_LENGTH: Final = struct.Struct("<I")
_DTYPES: Final = {
    "BOOL": "?",
    **{f"{kind}INT{8 * size}": f"<{low}{size}" for kind, low in (("", "i"), ("U", "u"))
       for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
}  # fmt: skip
_LONGEST: Final = 1 << 31


def elements(name: str, shape: Sequence[int]) -> int:
    """How many elements a tensor of this shape has.

    Raises:
        UsageError: A dimension is negative, or the product is more than anybody can send.
    """
    if any(size < 0 for size in shape):
        raise invalid(f"input '{name}' has a negative size in its shape")
    count = math.prod(shape)
    if count > _LONGEST:
        raise invalid(f"input '{name}' has a shape of more elements than can be sent")
    return count


def unpacked(name: str, datatype: str, shape: Sequence[int], raw: bytes) -> list[Any]:
    """The elements of a tensor, flat.

    Raises:
        UsageError: The bytes do not hold exactly so many elements of this datatype.
    """
    count = elements(name, shape)
    if datatype == "BYTES":
        return _texts(name, count, raw)
    if datatype not in _DTYPES:
        raise invalid(f"input '{name}' has a datatype that cannot be sent as bytes")
    dtype = np.dtype(_DTYPES[datatype])
    if len(raw) != count * dtype.itemsize:
        raise invalid(
            f"input '{name}' has {len(raw)} bytes; its shape and datatype need "
            f"{count * dtype.itemsize}"
        )
    found: list[Any] = np.frombuffer(raw, dtype).tolist()
    return found


def packed(datatype: str, values: Sequence[Any]) -> bytes:
    """The bytes of a tensor's flat elements."""
    if datatype != "BYTES":
        return np.asarray(values, np.dtype(_DTYPES[datatype])).tobytes()
    parts: list[bytes] = []
    for value in values:
        text = str(value).encode()
        parts += (_LENGTH.pack(len(text)), text)
    return b"".join(parts)


def _texts(name: str, count: int, raw: bytes) -> list[str]:
    found: list[str] = []
    at = 0
    for _ in range(count):
        start = at + _LENGTH.size
        if start > len(raw):
            raise invalid(f"input '{name}' ends before its last element")
        at = start + _LENGTH.unpack_from(raw, at)[0]
        if at > len(raw):
            raise invalid(f"input '{name}' ends before its last element")
        try:
            found.append(raw[start:at].decode())
        except UnicodeDecodeError:
            raise invalid(f"input '{name}' must hold text in UTF-8") from None
    if at != len(raw):
        raise invalid(f"input '{name}' has bytes behind its last element")
    return found
