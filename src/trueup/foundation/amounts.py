"""Amounts of memory as people write them: `512MB`, `1.5GiB`."""

from __future__ import annotations

import re
from typing import Final

from trueup.foundation.text import did_you_mean, listing

_BYTES: Final = {
    "B": 1,
    **{f"{letter}B": 1000**power for power, letter in enumerate(("k", "M", "G", "T"), 1)},
    **{f"{letter}iB": 1024**power for power, letter in enumerate(("K", "M", "G", "T"), 1)},
}
_AMOUNT = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[A-Za-z]+)")


def bytes_of(size: str) -> int:
    """An amount of memory in bytes: `512MB`, `2GB`, `1.5GiB`; 0 for an empty text.

    Raises:
        ValueError: It is no amount of memory.

    Example:
        >>> bytes_of("2GB"), bytes_of("1.5KiB")
        (2000000000, 1536)
    """
    if not size:
        return 0
    match = _AMOUNT.fullmatch(size.strip())
    if match is None:
        raise ValueError("write an amount of memory such as '512MB' or '2GB'")
    if match["unit"] not in _BYTES:
        same = [unit for unit in _BYTES if unit.lower() == match["unit"].lower()]
        near = did_you_mean(same[0], same) if same else ""
        raise ValueError(f"'{match['unit']}' is no unit here (units: {listing(_BYTES)}).{near}")
    return int(float(match["number"]) * _BYTES[match["unit"]])
