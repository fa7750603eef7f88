"""Pages by key: the next page begins after the last row of this one, so that each costs the same.

An order is a list of expressions that are never NULL, the last of which tells any two rows apart.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.errors import UsageError

_WHOLE: Final = 2**63


class By(NamedTuple):
    """One expression of an order."""

    expression: sa.ColumnElement[Any]
    ascending: bool = True


def clauses(order: Sequence[By]) -> list[sa.ColumnElement[Any]]:
    """The ORDER BY."""
    return [by.expression.asc() if by.ascending else by.expression.desc() for by in order]


def after(order: Sequence[By], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    """The condition of rows that come after the one with these values."""
    ways = []
    for place, (by, value) in enumerate(zip(order, values, strict=True)):
        same = [
            earlier.expression == sa.literal(known)
            for earlier, known in zip(order[:place], values[:place], strict=True)
        ]
        follows = (
            by.expression > sa.literal(value) if by.ascending else by.expression < sa.literal(value)
        )
        ways.append(sa.and_(*same, follows))
    return sa.or_(*ways)


def token(question: object, values: Sequence[Any]) -> str:
    """What names the next page: the last row's place, and which question it belongs to."""
    raw = msgspec.json.encode([_mark(question), list(values)])
    return base64.urlsafe_b64encode(raw).decode()


def values_of(given: str, question: object, order: Sequence[By]) -> list[Any]:
    """The place that a token names.

    Raises:
        UsageError: It is none of ours, or belongs to another question.
    """
    try:
        mark, values = msgspec.json.decode(
            base64.urlsafe_b64decode(given), type=tuple[str, list[int | float | str]]
        )
    except ValueError as error:  # also binascii.Error and msgspec's
        raise _refused("it is none that this server gave") from error
    if mark != _mark(question) or len(values) != len(order):
        raise _refused("it belongs to another search")
    for by, value in zip(order, values, strict=True):
        if not _fits(value, by.expression.type.python_type):
            raise _refused("it is none that this server gave")
    return values


def _fits(value: int | float | str, wanted: type) -> bool:
    if wanted is str:
        return isinstance(value, str)
    if isinstance(value, int):
        return abs(value) < _WHOLE
    return wanted is float and isinstance(value, float)


def _mark(question: object) -> str:
    return digests.of_record(question)[3:19]


def _refused(because: str) -> UsageError:
    return UsageError(
        "page-token-malformed",
        f"The page token can't be used: {because}.",
        hint="ask for the first page again",
    )
