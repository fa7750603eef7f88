"""Filters as MLflow's clients write them: comparisons joined by AND, and their SQL."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from trueup.foundation.errors import UsageError


class Clause(NamedTuple):
    """One comparison.

    Attributes:
        kind: `attribute`, `tag`, `param` or `metric`.
        key: What is compared.
        operator: In upper case.
        value: A text, a number, a list of texts, or None for IS NULL.
    """

    kind: str
    key: str
    operator: str
    value: str | float | tuple[str, ...] | None


_PLAIN: Final[dict[str, Callable[[Any, Any], Any]]] = {
    **{"=": operator.eq, "!=": operator.ne, "IN": lambda a, b: a.in_(b)},
    **{">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le},
    "NOT IN": lambda a, b: a.not_in(b),
    "IS NULL": lambda a, _: a.is_(None),
    "IS NOT NULL": lambda a, _: a.is_not(None),
}

_TEXT: Final = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\""
_CLAUSE = re.compile(
    rf"""\s*(?:(?P<kind>[A-Za-z]+)\s*\.\s*)?(?P<key>`[^`]+`|"[^"]+"|[\w.\-/:]+)\s*
    (?P<operator>!=|>=|<=|=|>|<|NOT\s+LIKE\b|LIKE\b|ILIKE\b|NOT\s+IN\b|IN\b|IS\s+NOT\s+NULL\b|IS\s+NULL\b)
    \s*(?P<value>\(\s*(?:{_TEXT})(?:\s*,\s*(?:{_TEXT}))*\s*\)|{_TEXT}|[+-]?[\d.]+(?:[eE][+-]?\d+)?)?\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_AND = re.compile(r"AND\b", re.IGNORECASE)
_KINDS: Final = {
    **dict.fromkeys(("attribute", "attributes", "attr", "run"), "attribute"),
    **dict.fromkeys(("tag", "tags"), "tag"),
    **dict.fromkeys(("param", "params", "parameter", "parameters"), "param"),
    **dict.fromkeys(("metric", "metrics"), "metric"),
}


def parse(text: str) -> list[Clause]:
    """The comparisons of a filter.

    Raises:
        UsageError: It cannot be read.
    """
    found: list[Clause] = []
    place = 0
    while text[place:].strip():
        if found:
            joint = _AND.match(text, place)
            if joint is None:
                raise refused(text[place:])
            place = joint.end()
        match = _CLAUSE.match(text, place)
        if match is None:
            raise refused(text[place:])
        found.append(_clause(match, text[place:]))
        place = match.end()
    return found


def refused(shown: str) -> UsageError:
    """The refusal of a part of a filter."""
    return UsageError(
        "filter-unreadable",
        f"Invalid clause(s) in filter string: '{shown.strip()[:200]}'.",
        hint="trueup explain filter-unreadable",
    )


def compared(
    connection: sa.Connection, column: sa.ColumnElement[Any], clause: Clause
) -> sa.ColumnElement[bool]:
    """The SQL of comparing a column of texts or numbers."""
    value: Any = clause.value
    found: sa.ColumnElement[bool]
    if clause.operator in _PLAIN:
        found = _PLAIN[clause.operator](column, value)
    elif clause.operator == "LIKE" and connection.dialect.name == "sqlite":
        found = column.op("GLOB", is_comparison=True)(_glob(str(value)))
    elif clause.operator == "LIKE":
        found = column.like(value)
    else:
        found = sa.func.lower(column).like(str(value).lower())
    return found


def require(clause: Clause, operators: Collection[str]) -> Clause:
    """The clause, if its operator is one of these and its value fits.

    Raises:
        UsageError: It is not.
    """
    if clause.operator not in operators:
        raise UsageError(
            "filter-unreadable",
            f"Invalid comparator '{clause.operator}' for {clause.kind} '{clause.key[:100]}': it "
            f"can be compared with {', '.join(sorted(operators))}.",
            hint="trueup explain filter-unreadable",
        )
    return clause


def _clause(match: re.Match[str], shown: str) -> Clause:
    key = match["key"]
    kind = match["kind"]
    if kind is None and "." in key and key[0] not in '`"' and _KINDS.get(key.split(".")[0]):
        kind, key = key.split(".", 1)
    if key[0] in '`"':
        key = key[1:-1]
    named = "attribute" if kind is None else _KINDS.get(kind.lower())
    if named is None:
        raise refused(shown)
    how = " ".join(match["operator"].upper().split())
    raw = match["value"]
    if how.startswith("IS"):
        if raw is not None:
            raise refused(shown)
        return Clause(named, key, how, None)
    if raw is None or (how.endswith("IN") != raw.startswith("(")):
        raise refused(shown)
    if raw.startswith("("):
        return Clause(named, key, how, tuple(_text(t) for t in re.findall(_TEXT, raw)))
    if raw[0] in "'\"":
        return Clause(named, key, how, _text(raw))
    try:
        return Clause(named, key, how, float(raw))
    except ValueError as error:
        raise refused(shown) from error


def _text(raw: str) -> str:
    return raw[1:-1].replace("''", "'") if raw[0] == "'" else raw[1:-1]


def _glob(pattern: str) -> str:
    escaped = re.sub(r"[\[*?]", lambda m: f"[{m[0]}]", pattern)
    return escaped.replace("%", "*").replace("_", "?")
