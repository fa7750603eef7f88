"""From a filter's text to its tree, in time linear in the text and to a limited depth.

metrics.loss < 0.1 AND (params.model = 'tree' OR NOT tags.`my team` IS NULL)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, cast

from trueup.foundation.errors import UsageError
from trueup.state.query import fields
from trueup.state.query.fields import refused
from trueup.state.query.tokens import Token, tokens, unquoted
from trueup.state.query.tree import All, Any, Comparator, Comparison, Field, Node, Not, Order
from trueup.state.query.vocabulary import Kind, Vocabulary

DEEPEST: Final = 40
CLAUSES: Final = 250
LISTED: Final = 10_000
LONGEST_PATTERN: Final = 8000

_SHOWN: Final = 200
_LARGEST: Final = 2**63 - 1
_SIGNS: Final = frozenset({"=", "!=", ">", ">=", "<", "<="})


def parse(text: str, vocabulary: Vocabulary) -> Node | None:
    """The tree of a filter; None for an empty one, which everything passes.

    Raises:
        UsageError: It is no filter, names a field that there is not, or compares it wrongly.
    """
    return _Parser(text, vocabulary).parsed() if text.strip() else None


def parse_orders(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Order, ...]:
    """What a list shall be sorted by, the first one first.

    Raises:
        UsageError: One is no order, names what cannot be sorted by, or comes twice.
    """
    orders = tuple(_order(text, vocabulary) for text in texts)
    if len({order.field for order in orders}) < len(orders):
        raise refused(f"`order_by` contains duplicate fields: {list(texts)}"[:_SHOWN])
    return orders


def _order(text: str, vocabulary: Vocabulary) -> Order:
    unreadable = refused(f"Invalid order_by clause '{text[:_SHOWN]}'. Could not be parsed.")
    found = list(_some(text, 5))
    descending = False
    if len(found) > 1 and found[-1].kind == "word":
        way = found.pop().text.lower()
        if way not in ("asc", "desc"):
            if way == "name" and found[0].text.lower().endswith("run"):
                found.append(Token("word", "name", 0, 0))
            else:
                raise refused(f"Invalid ordering key in order_by clause '{text[:_SHOWN]}'.")
        descending = way == "desc"
    field = fields.named(found, vocabulary)
    if field is None:
        raise unreadable
    fields.check_sortable(field, vocabulary)
    return Order(field=field, descending=descending)


def _some(text: str, most: int) -> list[Token]:
    found = []
    for token in tokens(text):
        found.append(token)
        if len(found) == most:
            break
    return found


class _Parser:
    """One pass over the tokens of one filter, one token ahead."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text = text
        self._vocabulary = vocabulary
        self._tokens = tokens(text)
        self._token: Token | None = next(self._tokens, None)
        self._clauses = 0
        self._start = 0

    def parsed(self) -> Node:
        tree = self._any(0)
        if self._token is not None:
            raise self._invalid(self._token.start)
        return tree

    def _any(self, depth: int) -> Node:
        parts = [self._all(depth)]
        while self._take("OR"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Any(parts=tuple(parts))

    def _all(self, depth: int) -> Node:
        parts = [self._one(depth)]
        while self._take("AND"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def _one(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise refused(f"Invalid filter string: it is nested deeper than {DEEPEST} levels.")
        start = self._start = self._token.start if self._token else len(self._text)
        if self._take("NOT"):
            return Not(part=self._one(depth + 1))
        if self._take("("):
            inner = self._any(depth + 1)
            if not self._take(")"):
                raise self._invalid(start)
            return inner
        self._clauses += 1
        if self._clauses > CLAUSES:
            raise refused(f"Invalid filter string: it has more than {CLAUSES} comparisons.")
        return self._comparison()

    def _comparison(self) -> Comparison:
        field = self._field()
        if self._take("IS"):
            absent: Comparator = "IS NOT NULL" if self._take("NOT") else "IS NULL"
            if not self._take("NULL"):
                raise self._invalid(self._start)
            fields.kind_of(field, absent, self._vocabulary)
            return Comparison(field=field, comparator=absent)
        if self._take("NOT"):
            if not self._take("IN"):
                raise self._invalid(self._start)
            return self._listing(field, "NOT IN")
        if self._take("IN"):
            return self._listing(field, "IN")
        comparator = self._comparator()
        kind = fields.kind_of(field, comparator, self._vocabulary)
        return Comparison(
            field=field, comparator=comparator, value=self._value(field, kind, comparator)
        )

    def _field(self) -> Field:
        first = self._next()
        taken = [first]
        if first.text.lower().endswith("run") and self._is("NAME"):
            taken.append(self._next())
        field = fields.named(taken, self._vocabulary)
        if field is None:
            raise self._invalid(self._start)
        return field

    def _comparator(self) -> Comparator:
        token = self._next()
        if token.kind == "sign":
            if token.text not in _SIGNS:
                raise refused(f"Invalid comparator '{token.text[:10]}' not one of {sorted(_SIGNS)}")
            return cast(Comparator, token.text)
        if token.kind == "word" and token.text.upper() in ("LIKE", "ILIKE"):
            return cast(Comparator, token.text.upper())
        raise self._invalid(self._start)

    def _value(self, field: Field, kind: Kind, comparator: Comparator) -> str | int | float:
        token = self._next()
        if kind.holds == "text":
            if token.kind != "quoted":
                raise refused(fields.expected_text(field, token.text[:_SHOWN]))
            value = unquoted(token.text)
            if comparator in ("LIKE", "ILIKE") and len(value) > LONGEST_PATTERN:
                raise refused(
                    f"Invalid filter string: a pattern of {len(value)} characters; "
                    f"{LONGEST_PATTERN} are allowed."
                )
            return value
        if token.kind != "number":
            raise refused(fields.expected_number(field, token.text[:_SHOWN]))
        return _number(token.text, kind)

    def _listing(self, field: Field, comparator: Comparator) -> Comparison:
        fields.kind_of(field, comparator, self._vocabulary)
        if not self._take("("):
            raise self._invalid(self._start)
        values: list[str] = []
        while not self._take(")"):
            token = self._next()
            if token.kind != "quoted":
                raise refused(
                    "While parsing a list in the query, expected string value, punctuation, or "
                    f"whitespace, but got different type in list: {token.text[:_SHOWN]}"
                )
            values.append(unquoted(token.text))
            if len(values) > LISTED:
                raise refused(f"Invalid filter string: a list of more than {LISTED} values.")
            if not self._take(",") and not self._is(")"):
                raise self._invalid(self._start)
        if not values:
            raise refused(
                "While parsing a list in the query, expected a non-empty list of string values, "
                "but got empty list"
            )
        return Comparison(field=field, comparator=comparator, value=tuple(values))

    def _is(self, word: str) -> bool:
        token = self._token
        return (
            token is not None
            and token.kind in ("word", "bracket")
            and len(token.text) == len(word)
            and token.text.upper() == word
        )

    def _take(self, word: str) -> bool:
        if not self._is(word):
            return False
        self._token = next(self._tokens, None)
        return True

    def _next(self) -> Token:
        token = self._token
        if token is None:
            raise self._invalid(self._start)
        self._token = next(self._tokens, None)
        return token

    def _invalid(self, start: int) -> UsageError:
        """The refusal of the clause that begins there; it says so much of it as helps."""
        clause = self._text[start : start + _SHOWN]
        end = re.search(r"\s+(?:and|or)\s", clause, re.IGNORECASE)
        shown = clause[: end.start()] if end and end.start() else clause
        return refused(f"Invalid clause(s) in filter string: '{shown.strip() or self._last()}'")

    def _last(self) -> str:
        return self._text.strip()[-_SHOWN:]


def _number(text: str, kind: Kind) -> int | float:
    number = float(text)
    if kind.holds == "whole" and text.lstrip("+-").isdigit():
        if len(text) < 20:
            number = int(text)
        return max(-_LARGEST - 1, min(_LARGEST, int(number) if abs(number) < 1e300 else _far(text)))
    return number


def _far(text: str) -> int:
    return -_LARGEST - 1 if text.startswith("-") else _LARGEST
