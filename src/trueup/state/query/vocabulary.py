"""What one noun lets people ask: its fields, what they hold, and how they may be compared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal

from trueup.foundation.records import Record

EQUALITY: Final = ("=", "!=")
TEXT: Final = (*EQUALITY, "LIKE", "ILIKE")
NUMBER: Final = (*EQUALITY, ">", ">=", "<", "<=")
LIST: Final = ("IN", "NOT IN")
PRESENCE: Final = ("IS NULL", "IS NOT NULL")


class Kind(Record):
    """What a field holds, and how it may be compared.

    Attributes:
        holds: Texts, any numbers, or whole numbers of at most 64 bits.
        comparators: In the order in which messages list them.
    """

    holds: Literal["text", "number", "whole"]
    comparators: tuple[str, ...]


class Vocabulary(Record):
    """The fields of one noun.

    Attributes:
        own: Its own fields, by name; they need no prefix.
        families: Families of fields by their canonical prefix. A kind means that any key may be
            asked for; a mapping names the keys there are.
        prefixes: Other ways to write a prefix; `attribute` is the one of its own fields.
        names: Other ways to write the name of one of its own fields.
        sorted_by: Its own fields that it may be sorted by.
        sorted_families: Prefixes of families that it may be sorted by.
    """

    own: Mapping[str, Kind]
    families: Mapping[str, Kind | Mapping[str, Kind]] = {}
    prefixes: Mapping[str, str] = {}
    names: Mapping[str, str] = {}
    sorted_by: Collection[str] = ()
    sorted_families: Collection[str] = ()
