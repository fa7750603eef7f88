"""Schemas of other tools become ours; what cannot be carried over is listed, never dropped."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from trueup.foundation.records import Record
from trueup.lifecycle.data.schemas.records import Column, Kind, Rule, Schema


class Left(Record):
    """Something that our schema cannot say.

    Attributes:
        where: Column, or the whole table.
        what: What the other tool calls it.
        why: Why it stays behind.
    """

    where: str
    what: str
    why: str


class Taken(Record):
    """A schema that was taken over, and what was not."""

    schema: Schema
    left: tuple[Left, ...] = ()


class Draft:
    """A schema in the making: limits come one by one, in any order."""

    def __init__(self, name: str) -> None:
        self.schema = Schema(dataset=name, further_columns="allow")
        self.left: list[Left] = []

    def taken(self) -> Taken:
        """The schema, and what it could not say."""
        return Taken(schema=self.schema, left=tuple(self.left))

    def leave(self, where: str, what: str, why: str) -> None:
        """Note something that stays behind."""
        self.left.append(Left(where=where, what=what, why=why))

    def set(self, **values: Any) -> None:
        """Say something about the whole table."""
        self.schema = msgspec.structs.replace(self.schema, **values)

    def column(self, name: str, **values: Any) -> Column:
        """Say something about a column; a first word makes it."""
        before = self.schema.columns.get(name, Column(missing=1.0))
        after = msgspec.structs.replace(before, **values)
        self.set(columns=self.schema.columns | {name: after})
        return after

    def typed(self, name: str, kind: Kind) -> bool:
        """Say what type a column has, unless it has one; whether that fits."""
        known = self.column(name).type
        if known == "any":
            self.column(name, type=kind)
            return True
        return kind in (known, "any") or {known, kind} == {"whole", "number"}

    def limit(self, name: str, holds: float, rule: str, **values: Any) -> None:
        """Limit a column's values; where it has limits with another share, as a rule."""
        before = self.schema.columns.get(name, Column(missing=1.0))
        usual = Column(missing=1.0)
        limited = any(
            getattr(before, key) != getattr(usual, key)
            for key in (
                "at_least",
                "at_most",
                "above",
                "below",
                "values",
                "never",
                "length",
                "pattern",
            )
        )
        clash = any(getattr(before, key) != getattr(usual, key) for key in values)
        if clash or (limited and before.holds != holds):
            self.rule(rule, rule, holds)
        else:
            self.column(name, holds=holds, **values)

    def rule(self, name: str, expression: str, holds: float = 1.0) -> None:
        """Demand a condition."""
        self.set(rules=(*self.schema.rules, Rule(name=name, expression=expression, holds=holds)))


def named(column: str) -> str:
    """A column in a rule."""
    return column if column.isidentifier() else f"column({json.dumps(column)})"


def literal(value: Any) -> str:
    """A value in a rule."""
    return repr(value) if isinstance(value, str) else str(value)


def kind_of_values(values: list[Any]) -> Kind:
    """The type that all values have; `any` for a mixture."""
    kinds: set[Kind] = {_KINDS.get(type(value), "any") for value in values}
    if kinds == {"whole", "number"}:
        return "number"
    return kinds.pop() if len(kinds) == 1 else "any"


_KINDS: dict[type, Kind] = {bool: "boolean", int: "whole", float: "number", str: "text"}


def kind_named(name: str) -> Kind | None:
    """The type that pandas, NumPy, Spark, SQL or Python call so; None for an unknown one."""
    plain = name.strip().lower().partition("[")[0].partition("(")[0].removeprefix("numpy.")
    plain = plain.removeprefix("np.").removesuffix("type")
    if plain.rstrip("0123456789") in (
        "int",
        "uint",
        "integer",
        "bigint",
        "smallint",
        "long",
        "tinyint",
    ):
        return "whole"
    if plain.rstrip("0123456789") in (
        "float",
        "double",
        "double_precision",
        "decimal",
        "numeric",
        "real",
        "number",
    ):
        return "number"
    return {
        "str": "text",
        "string": "text",
        "object": "text",
        "category": "text",
        "varchar": "text",
        "text": "text",
        "char": "text",
        "bool": "boolean",
        "boolean": "boolean",
        "date": "date",
        "datetime64": "datetime",
        "datetime": "datetime",
        "timestamp": "datetime",
        "timedelta64": "duration",
    }.get(plain)  # type: ignore[return-value]
