"""What a filter says, as a tree of comparisons; and what a list is sorted by."""

from __future__ import annotations

from typing import Literal

from trueup.foundation.records import Record

Comparator = Literal[
    "=", "!=", ">", ">=", "<", "<=", "LIKE", "ILIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"
]


class Field(Record):
    """What a comparison looks at.

    Attributes:
        entity: The family of fields, such as `metric`; the noun's own are `attribute`.
        key: Which one of the family.
    """

    entity: str
    key: str


class Comparison(Record):
    """One clause. Something that has no such field fails every comparison but `IS NULL`.

    Attributes:
        field: What is compared.
        comparator: How.
        value: With what: a text, a number, several texts for lists, None when nothing is named.
    """

    field: Field
    comparator: Comparator
    value: str | int | float | tuple[str, ...] | None = None


class All(Record):
    """Every part must hold."""

    parts: tuple[Node, ...]


class Any(Record):
    """One part must hold."""

    parts: tuple[Node, ...]


class Not(Record):
    """The part must not hold."""

    part: Node


Node = Comparison | All | Any | Not


class Order(Record):
    """One thing that a list is sorted by."""

    field: Field
    descending: bool = False
