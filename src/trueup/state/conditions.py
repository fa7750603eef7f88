"""What a filter's tree means in SQL; each noun says itself what stands behind its fields."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any as Anything
from typing import Final

import sqlalchemy as sa

from trueup.state.query.tree import All, Any, Comparison, Node, Not

Condition = sa.ColumnElement[bool]

_PLAIN: Final[dict[str, Callable[[Anything, Anything], Anything]]] = {
    **{"=": operator.eq, "!=": operator.ne, "IN": lambda a, b: a.in_(b)},
    **{">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le},
    "NOT IN": lambda a, b: a.not_in(b),
    "IS NULL": lambda a, _: a.is_(None),
    "IS NOT NULL": lambda a, _: a.is_not(None),
}
_GLOB: Final = str.maketrans({"*": "[*]", "?": "[?]", "[": "[[]", "%": "*", "_": "?"})


def condition(tree: Node, leaf: Callable[[Comparison], Condition]) -> Condition:
    """The condition of a tree, given that of a comparison; that must never be NULL."""
    match tree:
        case All(parts=parts):
            return sa.and_(*(condition(part, leaf) for part in parts))
        case Any(parts=parts):
            return sa.or_(*(condition(part, leaf) for part in parts))
        case Not(part=part):
            return sa.not_(condition(part, leaf))
    return leaf(tree)


def comparisons(tree: Node | None) -> Iterator[Comparison]:
    """All comparisons of a filter."""
    match tree:
        case All(parts=parts) | Any(parts=parts):
            for part in parts:
                yield from comparisons(part)
        case Not(part=part):
            yield from comparisons(part)
        case Comparison():
            yield tree


def compared(
    connection: sa.Connection, column: sa.ColumnElement[Anything], clause: Comparison
) -> Condition:
    """A column compared as the clause says."""
    value: Anything = clause.value
    found: Condition
    if clause.comparator in _PLAIN:
        found = _PLAIN[clause.comparator](column, value)
    elif connection.dialect.name != "sqlite":
        like = column.ilike if clause.comparator == "ILIKE" else column.like
        found = like(value, escape="")
    elif clause.comparator == "ILIKE":
        found = column.op("LIKE", is_comparison=True)(value)
    else:  # SQLite's LIKE knows no case; its GLOB does.
        found = column.op("GLOB", is_comparison=True)(str(value).translate(_GLOB))
    return found


def among_words(
    connection: sa.Connection,
    words: sa.Table,
    owner: Callable[[sa.Table], Condition],
    clause: Comparison,
) -> Condition:
    """Whether the words of an owner, such as its tags, hold what the clause says."""
    there = sa.select(sa.literal(1)).where(owner(words), words.c.key == clause.field.key)
    if clause.comparator == "IS NULL":
        return sa.not_(there.exists())
    if clause.comparator == "IS NOT NULL":
        return there.exists()
    return there.where(compared(connection, words.c.value, clause)).exists()
