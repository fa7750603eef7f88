"""The nouns of secrets. None of them holds a value."""

from __future__ import annotations

from typing import Literal

from trueup.foundation.records import Record


class KnownSecret(Record):
    """A secret that has a value here.

    Attributes:
        name: What steps call it.
        origin: Where the value comes from; a variable comes before a file.
    """

    name: str
    origin: Literal["file", "variable"]
