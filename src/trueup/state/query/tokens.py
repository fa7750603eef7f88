"""A filter's text cut into tokens, in one pass over it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

TokenKind = Literal["word", "number", "quoted", "backticked", "sign", "bracket", "odd"]

# A word is a name with its prefixes, whose parts may each stand in quotes: metrics."my loss".
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<number>  [-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]) )
    | (?P<word>    (?:\w+|`[^`]+`)(?:\.(?:\w+|`[^`]+`|"[^"]+"|'[^']+'))+ | \w+ )
    | (?P<backticked> `[^`]*` )
    | (?P<quoted>  '(?:[^']|'')*' | "(?:[^"]|"")*" )
    | (?P<sign>    [=!<>]+ )
    | (?P<bracket> [(),] )
    | (?P<odd>     \S )
    )""",
    re.VERBOSE,
)
_BLANK: Final = re.compile(r"\s*\Z")


class Token(NamedTuple):
    """A piece of a filter.

    Attributes:
        kind: What it is by its looks.
        text: As it is written.
        start: Where it begins.
        end: Where it ends.
    """

    kind: TokenKind
    text: str
    start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """Its tokens; what fits nowhere is `odd`, one character at a time."""
    at = 0
    while (match := _TOKEN.match(text, at)) is not None:
        kind: TokenKind = match.lastgroup  # type: ignore[assignment]
        yield Token(kind, match[kind], match.start(kind), match.end())
        at = match.end()


def unquoted(text: str) -> str:
    """A quoted text as it is meant: a doubled quote inside stands for one."""
    mark = text[0]
    return text[1:-1].replace(mark * 2, mark)
