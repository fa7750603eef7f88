"""Pages: what they are sorted by, and the token that says where the last one ended.

A token holds the values that its last row was sorted by, so that a page is found by its place and
not by counting: page 1,000 costs what page 1 costs, and nothing comes twice when rows are added.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import sqlalchemy as sa

from trueup.foundation.errors import UsageError
from trueup.foundation.records import encode

_LONGEST: Final = 1 << 20
_WHOLE: Final = 2**63


class Key(NamedTuple):
    """One expression that rows are sorted by; it is never NULL. The last one tells any two apart.

    Attributes:
        expression: In SQL.
        descending: The largest first.
        holds: What it gives: `int`, `float` or `str`; what its column holds if left out.
    """

    expression: sa.ColumnElement[Any]
    descending: bool = False
    holds: type | None = None


def ordered(keys: Sequence[Key]) -> list[sa.ColumnElement[Any]]:
    """The ORDER BY of keys."""
    return [key.expression.desc() if key.descending else key.expression for key in keys]


def beyond(keys: Sequence[Key], last: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Whether a row comes after the one that had these values."""
    ways = []
    for place, (key, value) in enumerate(zip(keys, last, strict=True)):
        same = [
            each.expression == _bound(each, given)
            for each, given in zip(keys[:place], last[:place], strict=True)
        ]
        bound = _bound(key, value)
        after = key.expression < bound if key.descending else key.expression > bound
        ways.append(sa.and_(*same, after))
    first, edge = keys[0], _bound(keys[0], last[0])
    # Said twice, for the database sees a range only outside of OR.
    near = first.expression <= edge if first.descending else first.expression >= edge
    return sa.and_(near, sa.or_(*ways))


def token(question: object, values: Sequence[Any]) -> str:
    """What continues an answer to `question` after a row with these values."""
    return base64.urlsafe_b64encode(msgspec.json.encode([_mark(question), *values])).decode()


def place(text: str, question: object, keys: Sequence[Key]) -> list[Any]:
    """The values that a token holds.

    Raises:
        UsageError: It is none, or was made for another question.
    """
    if len(text) > _LONGEST:
        raise _no_token(text)
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text), type=list[Any])
    except (ValueError, RecursionError) as error:
        raise _no_token(text) from error
    if len(found) != len(keys) + 1 or found[0] != _mark(question):
        raise _no_token(text)
    values = found[1:]
    for key, value in zip(keys, values, strict=True):
        if not _fits(value, _held(key)):
            raise _no_token(text)
    return values


def _bound(key: Key, value: Any) -> Any:
    return sa.literal(value, sa.Float(53)) if _held(key) is float else sa.literal(value)


def _held(key: Key) -> type:
    return key.holds or key.expression.type.python_type


def _fits(value: object, wanted: type) -> bool:
    if wanted is str or isinstance(value, str | bool):
        return wanted is str and isinstance(value, str)
    if isinstance(value, int):
        return abs(value) < _WHOLE
    return wanted is float and isinstance(value, float)


def _mark(question: object) -> int:
    return zlib.crc32(encode(question))


def _no_token(text: str) -> UsageError:
    return UsageError(
        "page-token-malformed",
        f"'{text[:100]}' is no page token of this search.",
        hint="ask for the first page again",
        context={"token": text[:200]},
    )
